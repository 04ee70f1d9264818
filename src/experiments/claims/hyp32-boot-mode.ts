import { BOOT_CPU_MODE_MISMATCH } from '../../os/hyp/arm32/boot.ts';
import { hint32, stop } from '../../os/hyp/arm32/effects.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import { DATA, PA } from '../../os/hyp/arm32/layout.ts';
import { MODE } from '../../os/hyp/arm32/psr.ts';
import type { Experiment } from '../experiment.ts';

/** Words of memory that differ, the ones a kernel writes anyway left out. */
function strayStores(machine: Kernel32['machine'], before: ReadonlyMap<number, number>): number[] {
  const stray: number[] = [];
  for (const [pa, word] of before) if (machine.memory.word(pa) !== word) stray.push(pa);
  return stray;
}

/** One processor in HYP, one in SVC. */
export const hyp32BootMode: Experiment = {
  name: 'hyp32-boot-mode',
  claim:
    'A secondary processor that is entered in another mode than the first sets bit 31 of the boot-mode word and changes ' +
    'no other memory: HYP then counts as not available.',
  source: 'Linux, `compare_cpu_mode_with_primary`; its repair "ARM: hyp-stub: fix cpu mode mismatch store"',
  control: 'the macro of 2012, whose registers do not match its parameters',
  run({ control }) {
    const kernel = new Kernel32({
      abi: 'arm 4.12',
      modes: ['HYP', 'SVC'],
      boot: { modeStoreBug: control },
      *main(k) {
        yield* k.bringUp(1);
        for (let n = 0; n < 60; n++) yield* hint32('nop');
        yield* stop('both are up');
      },
    });
    const { machine } = kernel;
    const text = new Map<number, number>();
    for (let pa = PA.kernel; pa < PA.kernel + 0x4000; pa += 4) text.set(pa, machine.memory.word(pa));
    machine.run();
    const word = machine.memory.word(DATA.bootMode);
    const stray = strayStores(machine, text);
    const flagged = word === (MODE.HYP | BOOT_CPU_MODE_MISMATCH) >>> 0;
    return {
      holds: flagged && stray.length === 0,
      evidence: [
        `boot-mode word 0x${word.toString(16)}; words of kernel text changed: ` +
          (stray.map((pa) => `0x${pa.toString(16)}`).join(', ') || 'none'),
      ],
    };
  },
};
