import { hvc32, ldr, stop, str } from '../../os/hyp/arm32/effects.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import { DATA, STAGE2_VTCR, TABLES, writeStage2 } from '../../os/hyp/arm32/layout.ts';
import type { Experiment } from '../experiment.ts';

const OLD_KERNEL = 0x5000_0000;
const ELSEWHERE = 0x5020_0000;
const SECRET = 0x600d_da7a;
const HYP_PA = 0x4c00_0000;

/** A dump describes memory as the kernel saw it. */
export const hyp32DumpFromHyp: Experiment = {
  name: 'hyp32-dump-from-hyp',
  claim:
    'Under a hypervisor whose stage 2 is not the identity a crash kernel in HYP reads other bytes at the addresses of ' +
    'the dump than one in SVC.',
  source: '"ARM: soft-reboot into same mode that we entered the kernel", thread: in which mode kdump should be entered',
  control: 'stage 2 maps every address to itself',
  run({ control }) {
    const { machine } = new Kernel32({
      abi: 'arm 4.12',
      modes: ['SVC'],
      images: {
        guard: {
          pa: HYP_PA,
          source: {
            isa: 'A32',
            vectors: { guard: { hypTrap: 'reads' } },
            // What a crash kernel would do in HYP: stage 2 does not count there.
            functions: {
              *reads() {
                yield* str(DATA.notes + 4, yield* ldr(OLD_KERNEL));
                yield* stop('both have read');
              },
            },
          },
        },
      },
      *main() {
        const linear = 0x8000_0000;
        yield* str(DATA.notes + linear, yield* ldr(OLD_KERNEL + linear));
        yield* hvc32(1);
      },
    });
    const { memory } = machine;
    const liesAt = control ? OLD_KERNEL : ELSEWHERE;
    writeStage2(memory, OLD_KERNEL, liesAt);
    memory.setWord(liesAt, SECRET);
    const cpu = machine.cpus[0]!;
    cpu.setCp('HVBAR', HYP_PA);
    cpu.setCp('VTCR', STAGE2_VTCR);
    cpu.setCp('VTTBR', BigInt(TABLES.stage2) | (1n << 48n));
    cpu.setCp('HCR', 1);
    machine.run();
    const [fromSvc, fromHyp] = [memory.word(DATA.notes), memory.word(DATA.notes + 4)];
    return {
      holds: fromSvc === SECRET && fromHyp !== SECRET,
      evidence: [`at 0x${OLD_KERNEL.toString(16)}: SVC reads 0x${fromSvc.toString(16)}, HYP 0x${fromHyp.toString(16)}`],
    };
  },
};
