/** Where the guest of a conformance case keeps what it keeps: RAM with the MMU off. */

/** Start of RAM on the board. */
export const RAM_PA = 0x4000_0000n;
/** What the guest asks of the host: operation, three arguments, steps to wait before it is done; 8 bytes each. */
export const HOST_PA: bigint = RAM_PA + 0x1000n;
/** What PE 0 asks of the others, 256 bytes each: function, four arguments, result. */
export const SERVANT_PA: bigint = RAM_PA + 0x2000n;
/** Bytes of the words of one PE there. */
export const SERVANT_BYTES = 0x100n;
/** Words that cases use as they like, zero at the start. */
export const SCRATCH_PA: bigint = RAM_PA + 0x4000n;
/** Notes of handlers: a count, then pairs of a tag and a value. */
export const NOTES_PA: bigint = RAM_PA + 0x8000n;
/** Tops of the stacks of the PEs, 4 KiB apart. */
export const STACKS_PA: bigint = RAM_PA + 0x1_0000n;

/** Machine code that a case brings. */
export const CODE_PA: bigint = RAM_PA + 0x2_0000n;

/** What a guest can ask of the host. */
export const HOST_REQUEST = {
  NONE: 0n,
  /** Level of an interrupt line: INTID, level, PE. */
  LINE: 1n,
  /** Raise an explicit event as the firmware does: event, PE. */
  RAISE: 2n,
  /** The case holds. */
  PASSED: 3n,
  /** An interrupt becomes one of Secure software, as firmware could decide at any time: INTID, PE. */
  SECURE: 4n,
} as const;
