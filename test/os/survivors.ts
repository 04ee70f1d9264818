/** Deleted lines that nothing can notice: which, and why they are there all the same. */
import type { Deletion } from './deletions.ts';

/** A family of lines and why their absence does not show. */
interface Survivor {
  /** Matches `file: text (behind the line before it)`. */
  readonly line: RegExp;
  readonly reason: string;
}

/** Every family. What survives and is in none of them is a gap of the tests. */
export const SURVIVORS: readonly Survivor[] = [
  {
    line: /ghes\/fixmap\.ts: yield\* flush\(/,
    reason: 'translations never go stale on this machine, so a window needs no TLBI; on hardware it does',
  },
  {
    line: /ghes\/estatus\.ts: yield\* unmapSlot\(.*\(behind yield\* copyBytes/,
    reason: 'the same window is mapped anew and unmapped when the block is given back, and nobody reads it meanwhile',
  },
  {
    line: /kit\/smp\.ts: (?:yield\* cpu\.irq\.disable\(\);|yield\* msrImmediate\('DAIFSet', 15\);)/,
    reason:
      'each of two lines masks interrupts; an SError or NMI that one of them leaves in is handled as anywhere else',
  },
  {
    line: /kit\/boot\.ts: yield\* msrImmediate\('DAIFClr', 12\);/,
    reason:
      'the next line writes all of DAIF; debug exceptions and SErrors are let in first, as on the way out of reset',
  },
  {
    line: /kit\/smp\.ts: const flags = yield\* irq\.saveAndDisable\(\)/,
    reason: 'a function that is called on its own CPU shares nothing with an interrupt in the kernels tried here',
  },
  {
    line: /sdei\/lifecycle\.ts: yield\* cpu\.mutexLock\((?:client\.)?memory\.events\);/,
    reason: 'nobody else uses the interface while the system is frozen; its rule has no exception for that',
  },
  {
    line: /sdei\/(?:lifecycle|client)\.ts: const flags = yield\* cpu\.spinLock\((?:this\.)?memory\.list\)/,
    reason:
      'the hotplug lock keeps callbacks and calls apart, and a new slot gets its number last; a list with pointers, as ' +
      'Linux has, would be followed while it changes',
  },
  {
    line: /kit\/cpu\.ts: yield\* this\.mutexLock\(this\.kernel\.words\.hotplug\)/,
    reason: 'callbacks are installed at probe and removed for a freeze or a reboot: nobody brings CPUs up or down then',
  },
  {
    line: /ghes\/notify\.ts: yield\* irq\.daifRestore\(0xc0n\)/,
    reason: 'the deferred work runs with SErrors and NMIs out instead: they come later, and none is lost',
  },
  {
    line: /ghes\/notify\.ts: (?:yield\* msr\('DAIF', 0x1c0n\)|yield\* msrImmediate\('DAIFSet', 15\))/,
    reason: 'only debug exceptions are let in and kept out again: SErrors, IRQs and FIQs are out since the entry',
  },
  {
    line: /irqflags\/nmi\.ts: yield\* msr\('ICC_PMR_EL1', pmr\)/,
    reason: "until the NMI's end its running priority masks as well, and the way out takes the mask from the frame",
  },
  {
    line: /irqflags\/pmr\.ts: yield\* msr\('ICC_PMR_EL1', OPEN\);.*\(behind yield\* store\(framePa/,
    reason: 'PSTATE.I masks from the entry on; the marker is for checks, of which none is made before the acknowledge',
  },
  {
    line: /kit\/entry\.ts: if \(shared\) yield\* (?:un)?lock\(descriptor/,
    reason: 'the state that Linux keeps under it the kit does not; it is there for what takes NMIs by the same path',
  },
];

/** Why a deletion cannot be noticed, or undefined. */
export function survivorReason({ file, text, behind }: Deletion): string | undefined {
  return SURVIVORS.find(({ line }) => line.test(`${file}: ${text} (behind ${behind})`))?.reason;
}
