/** Masking of interrupts: the operations of an operating system, in the ways there are to do them. */
import type { Hosted } from '../../engine/hosted/effects.ts';
import { DAIF_FLAGS } from './daif.ts';
import { pmrFlags } from './pmr.ts';
import { RFC_FLAGS } from './rfc.ts';

/** Contexts for `daifRestore`, as bits of PSTATE.DAIF at their places in an SPSR. */
export const DAIF = { D: 0x200n, A: 0x100n, I: 0x80n, F: 0x40n } as const;
/** DAIF with nothing masked; interrupts masked; SErrors as well; everything. */
export const DAIF_CONTEXT = { PROCCTX: 0n, PROCCTX_NOIRQ: 0xc0n, ERRCTX: 0x1c0n, MASK: 0x3c0n } as const;

/** One way of masking. A value of `save` is opaque: only `restore` and `disabled` of the same way know it. */
export interface IrqFlags {
  readonly name: 'daif' | 'pmr' | 'rfc';
  /** Priorities mask: interrupts can be NMIs. */
  readonly priorities: boolean;
  /** Interrupts in. */
  enable(): Hosted;
  /** Interrupts out; NMIs stay in where priorities mask. */
  disable(): Hosted;
  save(): Hosted<bigint>;
  /** What was saved had interrupts out. */
  disabled(flags: bigint): boolean;
  saveAndDisable(): Hosted<bigint>;
  restore(flags: bigint): Hosted;
  /** Everything out, NMIs too. */
  daifMask(): Hosted;
  /** DAIF as it would be if it alone masked. */
  daifSave(): Hosted<bigint>;
  daifRestore(daif: bigint): Hosted;
  /** A synchronous exception goes on with what it interrupted. */
  daifInherit(pstate: bigint, pmr: bigint): Hosted;
  /** First in an exception, its frame being at `framePa`: gives the mask that was interrupted, 0 where there is none. */
  enter(framePa: bigint): Hosted<bigint>;
  /** Last before the return, all of DAIF being masked. */
  leave(framePa: bigint): Hosted;
  /** The interrupted code had interrupts out. */
  wasDisabled(pstate: bigint, pmr: bigint): boolean;
  /** Waits for an interrupt, with interrupts out before and after; what woke it is taken once they are in. */
  idle(): Hosted;
}

/** What is chosen at boot, as the kernel keeps it in memory: the number that stands for a way. */
export const MASKING = { daif: 0n, pmrRelaxed: 1n, pmrForced: 2n, rfc: 3n } as const;
/** Name of one. */
export type Masking = keyof typeof MASKING;

const WAYS: readonly IrqFlags[] = [DAIF_FLAGS, pmrFlags(false), pmrFlags(true), RFC_FLAGS];

/** The way with a number. @throws Error (assertion) for another number: the word was overwritten */
export function irqFlags(masking: bigint): IrqFlags {
  const way = WAYS[Number(masking)];
  if (!way) throw new Error(`assertion: ${masking} is no way of masking interrupts: the kernel's word was overwritten`);
  return way;
}
