import { eret, type Hosted, hint, hvc, load, msr, readX, store, sys, writeX } from '../../engine/hosted/effects.ts';
import { HostedProgram } from '../../engine/hosted/program.ts';
import { TABLES } from '../../os/hyp/layout.ts';
import type { Experiment } from '../experiment.ts';
import { Rig } from '../rig.ts';

const RAM_PA = 0x4000_0000n;
/** The page that the kernel knows, and where it lies when it is not where it says. */
const PAGE_IPA: bigint = RAM_PA + 0x80_0000n;
const ELSEWHERE_PA: bigint = RAM_PA + 0xc0_0000n;
const WORDS = { fromEl1: RAM_PA + 0x10_0000n, fromEl2: RAM_PA + 0x10_0008n } as const;
const SAID = 0x1234_5678n;
const EL1H_MASKED = 0x3c5n;
/** Stage 2 with 39 bits of IPA from level 1, write-back tables: T0SZ 25, SL0 1, PS 40 bits. DDI 0487, "VTCR_EL2". */
const VTCR = 25n | (1n << 6n) | (0x35n << 8n) | (2n << 16n) | (1n << 31n);
const HCR = { VM: 1n, RW: 1n << 31n } as const;
/** Block descriptor of stage 2: valid, access flag, inner shareable, read and write, Normal write-back. */
const BLOCK = 1n | (1n << 10n) | (3n << 8n) | (3n << 6n) | (15n << 2n);
const TABLE = 3n;

/** Stage 2 over the first 16 MiB of RAM in blocks of 2 MiB. */
function* stage2(identity: boolean): Hosted {
  const second = TABLES.stage2 + 0x1000n;
  yield* store(TABLES.stage2 + 8n, second | TABLE);
  for (let n = 0n; n < 8n; n++) {
    const ipa = RAM_PA + (n << 21n);
    yield* store(second + 8n * n, (ipa === PAGE_IPA && !identity ? ELSEWHERE_PA : ipa) | BLOCK);
  }
  yield* msr('VTCR_EL2', VTCR);
  yield* msr('VTTBR_EL2', TABLES.stage2);
  yield* msr('HCR_EL2', HCR.RW | HCR.VM);
  yield* hint('isb');
  yield* sys('TLBI VMALLS12E1');
  yield* hint('dsb');
}

/** Why a dump is taken from where the memory was written. */
export const hypDumpFromHyp: Experiment = {
  name: 'hyp-dump-from-hyp',
  claim:
    'Where a stage 2 that is no identity lies under the host, a dump from EL2 shows other bytes at an address than the ' +
    'kernel that crashed had there.',
  source: 'thread of 2017 on what a dump means when it is taken from HYP; DDI 0487, "Stage 2 translation"',
  control: 'stage 2 is an identity',
  run({ control }) {
    const program: HostedProgram = new HostedProgram({
      functions: {
        *main() {
          yield* stage2(control);
          yield* msr('VBAR_EL2', program.vectors('el2'));
          yield* msr('ELR_EL2', program.address('kernel'));
          yield* msr('SPSR_EL2', EL1H_MASKED);
          yield* eret();
        },
        *kernel() {
          yield* store(PAGE_IPA, SAID);
          yield* store(WORDS.fromEl1, yield* load(PAGE_IPA));
          yield* hvc(1n);
        },
        // The crash kernel, where it is entered at EL2: stage 2 does not apply to it.
        *crash() {
          yield* writeX(1, yield* load(PAGE_IPA));
          yield* store(WORDS.fromEl2, yield* readX(1));
          yield* hint('wfi');
        },
      },
      vectors: { el2: { lower64: { sync: 'crash' } } },
    });
    const rig = new Rig({ hosted: program, entry: 'main', el2: true });
    rig.machine.run({ steps: 200 });
    const [own, dumped] = [rig.word(WORDS.fromEl1), rig.word(WORDS.fromEl2)];
    return {
      holds: own === SAID && dumped !== SAID,
      evidence: [
        `the kernel had 0x${own.toString(16)}; a dump from EL2 has 0x${dumped.toString(16)} at the same address`,
      ],
    };
  },
};
