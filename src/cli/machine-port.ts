import type { BlockBackend } from '../devices/virtio/block-store.ts';

/** What the command asks for when it makes a machine; sizes in bytes. */
export interface MachineRequest {
  readonly kernel?: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly append?: string;
  readonly dtb?: Uint8Array;
  /** A boot loader in flash; the kernel and what goes with it are in fw_cfg then. */
  readonly bios?: Uint8Array;
  /** What a hypervisor given as `kernel` is to start. */
  readonly guest?: { readonly kernel: Uint8Array; readonly initrd?: Uint8Array; readonly append?: string };
  /** Further bytes in RAM. */
  readonly programs?: readonly { readonly bytes: Uint8Array; readonly addrPa: bigint }[];
  readonly tables?: 'dt' | 'acpi' | 'both';
  /** Error records that the store behind ERST holds at first. */
  readonly ras?: { readonly erstRecords: Uint8Array };
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly cpu?: 'full' | 'cortex-a57';
  readonly el2?: boolean;
  readonly gic?: 2 | 3;
  readonly sdei?: false | { readonly version?: '1.0' | '1.1'; readonly profile?: 'spec' | 'tf-a' };
  /** Disks, in order; the command owns their files. */
  readonly drives?: readonly { readonly backend: BlockBackend }[];
  readonly engine?: 'compiled' | 'interpreter';
  readonly watchdog?: true | { readonly second: 'reset' };
  readonly virtioRng?: boolean;
  readonly net?: 'null' | 'loopback';
}

/**
 * Why `run` returned.
 *
 * - `poweroff`, `reset`: the guest asked for it (PSCI SYSTEM_OFF, SYSTEM_RESET).
 * - `limit`: the given number of steps was taken.
 * - `idle`: every PE waits, nothing is due and nothing that could come.
 * - `stopped`: a hook called `stop()`.
 * - `waiting-for-input`: as `idle`, but `inputPossible` is true.
 * - `waiting-for-time`: every PE waits and the next due event lies after `idleUntilNs`.
 */
export type RunReason = 'poweroff' | 'reset' | 'limit' | 'idle' | 'stopped' | 'waiting-for-input' | 'waiting-for-time';

/** Limits of one call of `run`. */
export interface RunLimits {
  /** At most this many further steps; without it, no limit. */
  readonly steps?: number;
  /** While every PE waits, virtual time may jump up to this instant and no further; without it, to any instant. */
  readonly idleUntilNs?: bigint;
}

/** The guest's console as the command sees it. */
export interface ConsolePort {
  /** Bytes the guest transmitted, handed over during the step that did it. */
  onOutput(listener: (bytes: Uint8Array) => void): void;
  /** Bytes for the guest, queued at the current boundary (during a step: the boundary after it). */
  input(bytes: Uint8Array): void;
  /**
   * False while the guest is not listening yet, so that text piped in from the first step on is not lost to a driver
   * that empties the receive FIFO when it starts. Absent means always true.
   */
  readonly acceptsInput?: boolean;
  /** Bytes given to `input` that the guest's UART has not taken yet. Absent means 0. */
  readonly queuedBytes?: number;
}

/** Something that is in memory when the guest starts. */
export interface BootSegment {
  /** `kernel`, `initrd`, `dtb`, `acpi` and a signature, or `efi` and a name. */
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** The part of a machine that the command needs. */
export interface MachinePort {
  run(limits: RunLimits): { readonly reason: RunReason };
  /** Steps since the machine was made; a reset does not set it back. */
  readonly steps: number;
  /** Virtual time since the machine was made, in ns; a reset does not set it back. */
  readonly timeNs: bigint;
  digest(): string;
  /** What a reset loads; undefined or absent where there is no kernel. */
  readonly boot?: { readonly segments: readonly BootSegment[] } | undefined;
  /** Starts again from the same images, as PSCI SYSTEM_RESET asks. */
  reset(): void;
  readonly console: ConsolePort;
  /** Runs `action` at the boundary after `step` steps; at the current boundary when that is past. */
  at(step: number, action: () => void): void;
  /** Runs `action` at the first boundary whose virtual time is `timeNs` or later. */
  atTimeNs(timeNs: bigint, action: () => void): void;
  /** Called in a hook: ends `run` at the current boundary (during a step: the boundary after it). */
  stop(): void;
  /** Set by the command: true while a key or a pipe may still bring input. */
  inputPossible: boolean;
  /** Virtual time of the next due event, or undefined when nothing is due. */
  nextDueNs(): bigint | undefined;
  readonly log: { onReport(listener: (message: string) => void): void };
}

/** Makes a machine, or throws a user error (`MachineError`, `BootError`) that says what is wrong with the request. */
export type MachineFactory = (request: MachineRequest) => MachinePort;
