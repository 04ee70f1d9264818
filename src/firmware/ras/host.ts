/** What the error firmware asks of the machine around it. */

/** What became of an SDEI event. */
export type SdeiRaised = 'accepted' | 'refused' | 'unregistered';

/** The machine as the error firmware sees it. */
export interface RasHost {
  readonly peCount: number;
  /** MPIDR_EL1 of a PE. */
  mpidr(pe: number): bigint;
  readonly midr: bigint;
  /** Bytes of RAM at a physical address, of which the caller knows that they are there. */
  readMemory(addrPa: bigint, sizeBytes: number): Uint8Array;
  writeMemory(addrPa: bigint, bytes: Uint8Array): void;
  /** RAM has a byte at this address. */
  ramContains(addrPa: bigint): boolean;
  /** Seconds since 1970 as the RTC shows them. */
  seconds(): number;
  nowNs(): number;
  /** Calls `work` at the first boundary at or after an instant; undefined: not at all. */
  wakeAt(timeNs: number | undefined): void;
  /** Raises an SDEI event; a private one on the PE. */
  raiseSdei(event: number, pe: number): SdeiRaised;
  /** Tells the generic event device that an error source has something. */
  raiseGed(): void;
  /** A PE runs at EL0, where an operating system can attribute an abort. */
  atEl0(pe: number): boolean;
  /** Makes a PE at EL0 take a synchronous External abort without a valid fault address, or an SError, at a boundary. */
  abort(pe: number, kind: 'sea' | 'sei'): void;
  /** From now on loads from the page raise a synchronous External abort. */
  poison(addrPa: bigint): void;
  /** The machine resets at this boundary. */
  systemReset(): void;
  report(message: string): void;
}
