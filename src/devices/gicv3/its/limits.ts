/** What the ITS and the LPIs are built for, and every loop that a guest can drive in them. */

/** First INTID that is an LPI. IHI 0069, "INTIDs". */
export const LPI_FIRST = 8192;

/** Bits of an INTID, as GICD_TYPER.IDbits and GITS_TYPER say: the `virt` board has 16. Less than 8192 bits of table. */
export const LPI_INTID_BITS_MAX = 16;

/** INTIDs from here on do not exist. */
export const LPI_END: number = 2 ** LPI_INTID_BITS_MAX;

/** Bits of a DeviceID, GITS_TYPER.Devbits + 1: as many as PCIe has for the functions of one segment. */
export const DEVICE_ID_BITS_MAX = 16;

/** Bits of an EventID, GITS_TYPER.ID_bits + 1. */
export const EVENT_ID_BITS_MAX = 16;

/** Bits of a collection's number, GITS_TYPER.CIDbits + 1. */
export const COLLECTION_ID_BITS_MAX = 16;

/**
 * Commands that the ITS takes at one boundary; INVALL and MOVALL, which look at every LPI, end a boundary's work. A
 * driver that waits for each command never meets it, and a full queue (32,768 commands) costs 128 boundaries.
 */
export const ITS_BOUNDARY_COMMANDS_MAX = 256;

/** Virtual time until the next commands are taken when a boundary was not enough, so that the guest runs meanwhile. */
export const ITS_PAUSE_NS = 1000;
