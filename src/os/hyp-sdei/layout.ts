/**
 * Where the hypervisor keeps what it keeps: 2 MiB of RAM that its guest cannot reach. All of it is there, so that a
 * snapshot, or who moves the guest elsewhere, needs nothing else.
 */

/** Bytes of the hypervisor's own memory, and its alignment. */
export const HYP_BYTES = 0x20_0000n;
/** Most PEs of a guest. */
export const PES_MAX = 8;
/** Start of RAM on the board. */
export const RAM_PA = 0x4000_0000n;
/** Most bytes of RAM of the machine: one table of stage 2. */
export const RAM_BYTES_MAX = 0x4000_0000n;

/** Offsets of words of 8 bytes. */
export const WORD = {
  lock: 0x00n,
  /** A bit for each PE that the guest has turned on. */
  power: 0x08n,
  /** Requests from outside: how many were made, how many were served. */
  asked: 0x10n,
  served: 0x18n,
  /** What the guest wrote to GICD_CTLR. */
  gicdCtlr: 0x20n,
  /** PEs that have saved themselves, a bit each; 0 while nobody asks for it. */
  saving: 0x28n,
  saved: 0x30n,
  /** The guest is restored and not started. */
  restoring: 0x38n,
  /** Lines of the log that were ever written. */
  logged: 0x40n,
  /** CNTPCT at which the watchdog fires next. */
  watchdog: 0x48n,
  /** CNTVOFF_EL2 of every PE. */
  virtualOffset: 0x50n,
  /** CNTPCT at which the guest was saved. */
  savedAt: 0x58n,
} as const;

/** Requests from outside: a ring of entries of 16 bytes, operation and operand. */
export const REQUESTS = { at: 0x100n, count: 16, bytes: 16n } as const;
/** Bits of INTIDs, 32 in each word of 8 bytes: taken from the guest for events (SPIs), and never the guest's. */
export const TAKEN_SPIS_AT = 0x200n;
/** See `TAKEN_SPIS_AT`. */
export const OWNED_AT = 0x280n;

/** Events: words of packed handlers, of interrupt and route, and the route that the guest had given. */
export const EVENTS = { at: 0x1000n, bytes: 24n } as const;
/** Handlers: entry point and argument, 16 bytes for each PE of each event. */
export const HANDLERS = { at: 0x2000n, bytes: 16n } as const;

/** Areas of PEs. */
const PES = { at: 0x6000n, bytes: 0x400n } as const;
/** Offsets in the area of a PE. */
export const PE = {
  /** Mask and stack of events: see `sdei-state.ts`. */
  events: 0x00n,
  /** Where the guest starts, and its X0. */
  startPc: 0x08n,
  startX0: 0x10n,
  /** What the guest wrote to GICR_WAKER. */
  waker: 0x18n,
  /** PPIs and SGIs that are taken from the guest. */
  taken: 0x20n,
  /** Interrupts that wait for a list register: 32 INTIDs in each of eight words. */
  waiting: 0x40n,
  /** Registers of the virtual CPU interface, while the PE is suspended or saved. */
  interface: 0x80n,
  /** What events interrupted: two of X0 to X17, PC, PSTATE. */
  frames: 0x100n,
} as const;
/** Words of one frame. */
export const FRAME_WORDS = 20;

/** The log: lines of up to 120 characters behind their length. */
export const LOG = { at: 0x8000n, lines: 64, bytes: 128n } as const;
/** Tables of stage 2: level 1, then level 2 of the first and of the second GiB. */
export const TABLES_AT = 0x1_0000n;
/** Registers of PEs that are saved: 0x1000 bytes each; and of the interrupt controller. */
export const SAVED = { at: 0x2_0000n, bytes: 0x1000n, gicAt: 0x3_0000n } as const;
/** Machine code. */
export const CODE_AT = 0x4_0000n;

/** Offset of the area of a PE. */
export function areaAt(pe: number): bigint {
  return PES.at + BigInt(pe) * PES.bytes;
}
/** Offset of what is kept of a handler, `n` being the place of its event. */
export function handlerAt(n: number, pe: number): bigint {
  return HANDLERS.at + BigInt(n * PES_MAX + pe) * HANDLERS.bytes;
}
/** Offset of what an event interrupted. */
export function frameAt(pe: number, depth: number): bigint {
  return areaAt(pe) + PE.frames + BigInt(depth * FRAME_WORDS * 8);
}

/** What can be asked from outside. */
export const REQUEST = {
  /** Raise an explicit event: number | PE << 32. */
  RAISE: 1n,
  /** Every PE saves its registers and waits. */
  SAVE: 2n,
} as const;

/** Interrupts that are the hypervisor's. */
export const HYP_INTIDS = {
  /** A PE is to look what there is to do. */
  doorbell: 15,
  maintenance: 25,
  timer: 26,
  /** Somebody outside asks. */
  management: 250,
} as const;
/** INTID behind the last SPI of the board. */
export const INTID_END = 256;
