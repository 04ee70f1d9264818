import type { BlockBackend } from '../devices/virtio/block-store.ts';
import type { Codec } from '../machine/snapshot-file/sections.ts';
import type { MachineFactory, MachinePort } from './machine-port.ts';

/** Where keys and piped input come from. */
export interface InputPort {
  /** True for a terminal: keys, raw mode, Ctrl-A; false for a pipe or a file. */
  readonly interactive: boolean;
  /** Begins to read; `onClose` is called once, at the end of input. Takes a terminal into raw mode. */
  open(onData: (bytes: Uint8Array) => void, onClose: () => void): void;
  /** Leaves further input where it is while `held`. */
  hold(held: boolean): void;
  /** Stops reading and gives a terminal back as it was. */
  close(): void;
}

/** A file that is being written; each piece is in the file when `write` returns. */
export interface TextFile {
  /** @throws the error of the system, with its `code` */
  write(content: string | Uint8Array): void;
  /** @throws the error of the system, with its `code` */
  close(): void;
}

/** Everything the command needs from the process it runs in, so that tests can be that process. */
export interface Host {
  readonly input: InputPort;
  /** True when standard output is a terminal. */
  readonly outputIsTerminal: boolean;
  /** True when standard error is one; absent means no. */
  readonly errorIsTerminal?: boolean;
  /** Writes to standard output; resolves when more may be written. */
  writeOut(bytes: Uint8Array): Promise<void>;
  /** Writes whole lines to standard error. */
  writeErr(text: string): void;
  /** Calls `listener` when standard output can no longer be written (its reader went away). */
  onOutputClosed(listener: () => void): void;
  /** Calls `listener` on SIGINT, SIGTERM or SIGHUP. */
  onSignal(listener: (name: string) => void): void;
  /** @throws the error of the system, with its `code` */
  readFile(path: string): Uint8Array;
  /** Opens a file as a disk, for reading or for both. @throws the error of the system, with its `code` */
  openDrive(path: string, writable: boolean): BlockBackend;
  /** @throws the error of the system, with its `code` */
  writeFile(path: string, content: string | Uint8Array): void;
  /**
   * Writes a file so that it is there whole or as it was before. @throws the error of the system, with its `code`
   */
  replaceFile(path: string, bytes: Uint8Array): void;
  /** Compression for the files of snapshots. */
  readonly codec: Codec;
  /** Makes a file, or empties it, to be written piece by piece. @throws the error of the system, with its `code` */
  openText(path: string): TextFile;
  /** Milliseconds of wall time from an arbitrary start. */
  nowMs(): number;
  /** Lets keys, signals and writes happen. */
  breathe(): Promise<void>;
  /** Resolves after `ms` (never, without it) or as soon as `wake` is called. */
  wait(ms: number | undefined): Promise<void>;
  wake(): void;
  readonly createMachine: MachineFactory;
  /** The embedded demonstration's machine, ready to run. */
  readonly createDemo: () => MachinePort | Promise<MachinePort>;
}
