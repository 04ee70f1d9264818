/** What a machine's methods take and give. */
import type { PeExtraState } from '../cpu/pe.ts';
import type { PlainData } from '../devices/device.ts';
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
  readonly ended: 'poweroff' | 'reset' | undefined;
}

/** Listeners of a machine; each is called during the boundary or step it is about. */
export interface MachineHooks {
  /** Before each step; while one is set the machine runs step by step. */
  step?: (pe: number, pc: bigint) => void;
  exception?: (pe: number, targetEl: number, vectorOffset: number) => void;
  mmio?: MmioHook;
  /** Every SMC or HVC that the firmware answered. */
  call?: (pe: number, name: string, args: readonly bigint[], result: bigint | undefined) => void;
}
