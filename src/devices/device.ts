/** Plain data: what a snapshot holds and a digest reads. */
export type PlainData =
  | null
  | boolean
  | number
  | string
  | bigint
  | Uint8Array
  | readonly PlainData[]
  | { readonly [name: string]: PlainData };

/** Who performs an access on the bus, and how. */
export interface Access {
  /** Width of the access in bytes: 1, 2 or 4. The bus splits an 8-byte access into two of 4, lower half first. */
  readonly sizeBytes: 1 | 2 | 4;
  /** True for an access in the Non-secure physical address space. */
  readonly nonSecure: boolean;
  /** Index of the processing element that performs the access, or -1 for the debugger and the library. */
  readonly pe: number;
}

/** One level-sensitive wire; `set` reports the level each time it may have changed. */
export interface Line {
  set(level: boolean): void;
}

/** Receives what a guest did to a device that the device does not model, under the register's own name. */
export type Report = (message: string) => void;

/** What a device does with an access: a value, or 'abort' when nothing answers (external abort). */
export type ReadResult = number | 'abort';

/**
 * A device owns its registers and nothing else; time, wires and reports come in through small interfaces.
 *
 * Offsets are relative to the device's base and lie in 0..sizeBytes-1, aligned to the access.
 */
export interface Device {
  /** Name in the trace, the log and the snapshot, e.g. `pl011@9000000`. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Unsigned value, 0..2^(8*sizeBytes)-1, or 'abort'. */
  read(offset: number, access: Access): ReadResult;
  /** `value` is unsigned. Returns 'abort' when nothing answers. */
  write(offset: number, value: number, access: Access): undefined | 'abort';
  /** Everything the future depends on, as plain data; `load(state())` is the same device. */
  state(): PlainData;
  load(state: PlainData): void;
  /** Back to the state after power-on reset. */
  reset(): void;
}
