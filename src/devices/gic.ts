import type { Device, PlainData } from './device.ts';
import type { FirmwareInterrupts } from './gic-firmware.ts';
import type { IccContext, IccName, IccOutcome } from './gicv3/icc.ts';
import type { MsiOutcome } from './gicv3/its/its.ts';

/** What a user of a GIC's wires and messages can get wrong. */
export type GicErrorCode = 'E_LINE' | 'E_MSI';

/** A mistake of whoever raises interrupts from outside: what was asked, what was found, what to do. */
export class GicError extends Error {
  override readonly name = 'GicError';
  readonly code: GicErrorCode;

  constructor(code: GicErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A GIC as far as the check of a wire needs it. */
interface Wires {
  readonly pes: number;
  exists(intid: number): boolean;
}

/**
 * Checks that a GIC has a wire.
 *
 * @throws GicError `E_LINE` for an SGI, an LPI, an interrupt that is not implemented, a PE that does not exist
 */
export function checkLine({ pes, exists }: Wires, intid: number, pe: number): void {
  const wrong = (what: string): never => {
    throw new GicError('E_LINE', `interrupt line ${intid}: ${what}`);
  };
  if (!Number.isInteger(intid) || intid < 0) wrong('no INTID. Give that of a PPI, 16 to 31, or of an SPI, from 32 on.');
  if (intid < 16) wrong('an SGI has no line. Software sends it, with ICC_SGI1R_EL1 or GICD_SGIR.');
  if (intid >= 8192) wrong('an LPI has no line. Use sendMsi with a DeviceID and an EventID.');
  if (intid >= 1020 || !exists(intid)) wrong('this GIC has no such interrupt. See GICD_TYPER.ITLinesNumber.');
  if (!(Number.isInteger(pe) && pe >= 0 && pe < pes)) wrong(`there is no PE ${pe}. This machine has 0 to ${pes - 1}.`);
}

/** What an interrupt controller tells of an interrupt; `generated` is a software generated interrupt that was sent. */
export type GicHappening = 'raised' | 'lowered' | 'generated' | 'acknowledged' | 'ended' | 'deactivated';
/** Hears what becomes of interrupts: on which PE, what, which INTID, and of an SGI to which PE. */
export type GicObserver = (pe: number, what: GicHappening, intid: number, target?: number) => void;
/** In place of a PE where a wire belongs to none. */
export const NO_PE = -1;

/** What the machine needs of an interrupt controller, whichever architecture version it is. */
export interface Gic {
  /** Frames on the bus: offset of each from the base of the distributor is the board's to say. */
  readonly distributor: Device;
  /** The controller as firmware uses it: interrupts that it takes, and PEs that it holds. */
  readonly firmware: FirmwareInterrupts;
  /** Set while somebody listens: hears of every interrupt, and must change nothing. */
  observer: GicObserver | undefined;
  /** The level of an input wire; `pe` says whose for INTID 16 to 31. */
  setLine(intid: number, level: boolean, pe?: number): void;
  /**
   * The level of an interrupt line from outside of the machine, which stays until it is set again. A device of the
   * board that drives the same line goes on doing so.
   *
   * @param intid - 16 to 31 for a PPI of `pe`, default 0; 32 and up for an SPI
   * @throws GicError `E_LINE` for what is no line
   */
  set(intid: number, level: boolean, of?: { readonly pe?: number }): void;
  /**
   * A message-signalled interrupt as a device with that DeviceID would send it, by a write to GITS_TRANSLATER.
   *
   * @param deviceId - 0 to 2^32 - 1
   * @param eventId - 0 to 2^32 - 1
   * @returns the LPI that is pending now and at which PE, or why the message was dropped, which is reported as well
   * @throws GicError `E_MSI` where there is no ITS, or for what is no 32-bit number
   */
  sendMsi(deviceId: number, eventId: number): MsiOutcome;
  /** Reads an ICC register that `iccAccess` let through. */
  iccRead(pe: number, name: IccName, ctx: IccContext): bigint;
  iccWrite(pe: number, name: IccName, value: bigint, ctx: IccContext): void;
  iccAccess(name: IccName, direction: 'read' | 'write', ctx: IccContext, pe?: number): IccOutcome;
  /** Exception level, security state or routing of one PE changed, or of all. */
  update(pe?: number): void;
  /** What firmware leaves to a Non-secure operating system, on one PE or everywhere. */
  initNonSecure(only?: number): void;
  state(): PlainData;
  load(state: PlainData): void;
  reset(): void;
}
