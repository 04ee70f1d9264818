/** What a machine's methods take and give. */
import type { PeExtraState } from '../cpu/pe.ts';
import type { WaitState } from '../cpu/waiting.ts';
import type { PlainData } from '../devices/device.ts';
import type { GicHappening } from '../devices/gic.ts';
import type { HostedImage } from '../engine/hosted/activation.ts';
import type { RamImage } from '../engine/memory.ts';
import type { MmioHook } from './bus.ts';

/** Why a run ended; see `Machine.run`. */
export type RunReason = 'poweroff' | 'reset' | 'limit' | 'idle' | 'stopped' | 'waiting-for-input' | 'waiting-for-time';

/** How far a run goes. */
export interface RunLimits {
  /** At most this many further steps, up to 2^53 - 1; without it, no limit. */
  readonly steps?: number;
  /** While every PE waits, virtual time may jump up to this instant and no further; without it, to any instant. */
  readonly idleUntilNs?: bigint;
}

/** Everything the future of a machine depends on, except what comes from outside; in memory, for this machine only. */
export interface Snapshot {
  readonly machine: symbol;
  readonly ram: RamImage;
  readonly pes: readonly { readonly block: Uint8Array; readonly extra: PeExtraState }[];
  readonly devices: PlainData;
  readonly time: { readonly steps: number; readonly timeNs: number };
  readonly schedule: PlainData;
  /** Suspended hosted code. */
  readonly hosted: HostedImage;
  readonly ended: 'poweroff' | 'reset' | undefined;
  /** By PE: the PC of which `breakAt` listeners were told at this boundary. Not part of the machine. */
  readonly arrivals?: readonly (bigint | undefined)[];
}

/** Listeners of a machine; each is called during the boundary or step it is about. */
export interface MachineHooks {
  /** Before each step; while somebody listens the machine runs step by step. */
  step(pe: number, pc: bigint): void;
  /** An exception was taken: the PE is at the vector, ELR, SPSR and ESR of the target Exception level are set. */
  exception(pe: number, targetEl: number, vectorOffset: number): void;
  /**
   * An exception return left an Exception level, the firmware's own returns from EL3 included: the PE is where it
   * returned to.
   */
  exceptionReturn(pe: number, fromEl: number): void;
  /** An access to a device, or to nothing. */
  mmio: MmioHook;
  /** Every SMC or HVC that the firmware answered. */
  call(pe: number, name: string, args: readonly bigint[], result: bigint | undefined): void;
  /**
   * An MRS or MSR of a System register by Arm's name, before it acts, also one that is going to trap. MSR (immediate)
   * has the name of its field: `DAIFSet`, `DAIFClr`, `SPSel`, `PAN`, `UAO`.
   */
  sysreg(pe: number, name: string, write: boolean): void;
  /**
   * What happened to an interrupt, and on which PE; a wire of an SPI belongs to none, which is -1. `target` is the PE
   * that a software generated interrupt was sent to.
   */
  interrupt(pe: number, what: GicHappening, intid: number, target?: number): void;
  /** A PE began to wait, was turned off or on, or runs again; heard at the boundary at which that shows. */
  power(pe: number, state: WaitState, before: WaitState): void;
  /** The machine was reset. */
  reset(): void;
  /** A snapshot was put back. */
  restore(): void;
}
