import type { Device, PlainData } from './device.ts';
import type { FirmwareInterrupts } from './gic-firmware.ts';
import type { IccContext, IccName, IccOutcome } from './gicv3/icc.ts';

/** What the machine needs of an interrupt controller, whichever architecture version it is. */
export interface Gic {
  /** Frames on the bus: offset of each from the base of the distributor is the board's to say. */
  readonly distributor: Device;
  /** The controller as firmware uses it: interrupts that it takes, and PEs that it holds. */
  readonly firmware: FirmwareInterrupts;
  /** The level of an input wire; `pe` says whose for INTID 16 to 31. */
  setLine(intid: number, level: boolean, pe?: number): void;
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
