import type { InterruptBank } from './gicv3/bank.ts';
import { PRIORITY_IDLE } from './gicv3/groups.ts';

/** What a GIC, of either architecture version, opens to {@link FirmwareInterrupts}. */
export interface FirmwareGicParts {
  readonly pes: number;
  /** Implemented bits of a priority byte. */
  readonly priorityMask: number;
  /** Priority below which nothing is signalled to a PE, PRIORITY_IDLE for all; part of the GIC's own state. */
  readonly held: Uint8Array;
  exists(intid: number): boolean;
  /** Two security states are in force. */
  twoStates(): boolean;
  /** Bank, word and bit of an interrupt, and its place among the priorities of the bank. */
  place(intid: number, pe: number): { bank: InterruptBank; word: number; bit: number; n: number };
  /** IROUTER of an SPI; a GIC without affinity routing ignores it. */
  route(intid: number, low: number, high: number): void;
  updateAll(): void;
}

/** GICD_IROUTER.Interrupt_Routing_Mode. */
const IRM = 1 << 31;

/**
 * The interrupt controller as firmware at EL3 uses it: interrupts that it takes for itself.
 *
 * A taken interrupt is disabled, and with two security states in Group 0, so that Non-secure software finds RAZ/WI
 * there; its wire goes to `intercept` and not to the GIC. IHI 0069 and IHI 0048, "Interrupt grouping".
 */
export class FirmwareInterrupts {
  /** Hears of every wire first; true when it keeps the change. */
  intercept: ((intid: number, level: boolean, pe: number) => boolean) | undefined;
  private readonly parts: FirmwareGicParts;

  constructor(parts: FirmwareGicParts) {
    this.parts = parts;
  }

  /** A PPI or SPI of that number is implemented. */
  exists(intid: number): boolean {
    return Number.isInteger(intid) && intid >= 16 && intid < 1020 && this.parts.exists(intid);
  }
  /** Group 1, and Non-secure where there are two states; with one state every interrupt counts. */
  nonSecure(intid: number, pe: number): boolean {
    const { bank, word, bit } = this.parts.place(intid, pe);
    return !this.parts.twoStates() || (bank.group[word]! & bit) !== 0;
  }
  active(intid: number, pe: number): boolean {
    const { bank, word, bit } = this.parts.place(intid, pe);
    return (bank.active[word]! & bit) !== 0;
  }
  edgeTriggered(intid: number, pe: number): boolean {
    const { bank, word, bit } = this.parts.place(intid, pe);
    return (bank.edge[word]! & bit) !== 0;
  }

  /** Disabled, not pending, Group 0 at `priority`; gives the level of the wire, which the GIC then sees low. */
  take(intid: number, pe: number, priority: number): boolean {
    const { bank, word, bit, n } = this.parts.place(intid, pe);
    const level = (bank.line[word]! & bit) !== 0;
    bank.line[word]! &= ~bit;
    bank.enabled[word]! &= ~bit;
    bank.latch[word]! &= ~bit;
    if (this.parts.twoStates()) {
      bank.group[word]! &= ~bit;
      bank.groupModifier[word]! &= ~bit;
      bank.priority[n] = priority & this.parts.priorityMask;
    }
    this.parts.updateAll();
    return level;
  }
  /** Non-secure Group 1 again, at the lowest priority, disabled and not pending by itself; the wire as it is. */
  giveBack(intid: number, pe: number, level: boolean): void {
    const { bank, word, bit, n } = this.parts.place(intid, pe);
    bank.enabled[word]! &= ~bit;
    bank.latch[word]! &= ~bit;
    if (level) bank.line[word]! |= bit;
    if (this.parts.twoStates()) {
      bank.group[word]! |= bit;
      bank.priority[n] = 0xff & this.parts.priorityMask;
    }
    this.parts.updateAll();
  }
  /**
   * The interrupt is being handled by firmware, or no more. Non-secure software reads it in ISACTIVER only when it has
   * been given back meanwhile; with one security state the GIC never saw the interrupt.
   */
  activate(intid: number, pe: number, active: boolean): void {
    if (!this.parts.twoStates()) return;
    const { bank, word, bit } = this.parts.place(intid, pe);
    if (active) bank.active[word]! |= bit;
    else bank.active[word]! &= ~bit;
    this.parts.updateAll();
  }
  /** The route of a taken SPI: affinity as in MPIDR_EL1, or any PE. With one security state it stays the guest's. */
  route(intid: number, affinity: bigint | undefined): void {
    if (!this.parts.twoStates()) return;
    if (affinity === undefined) this.parts.route(intid, IRM, 0);
    else this.parts.route(intid, Number(affinity & 0xff_ffffn), Number((affinity >> 32n) & 0xffn));
    this.parts.updateAll();
  }
  /**
   * While a priority is given, that is the running priority of the PE: nothing is signalled to it, whatever software
   * does to its masks.
   */
  hold(pe: number, priority: number | undefined): void {
    this.parts.held[pe] = priority ?? PRIORITY_IDLE;
    this.parts.updateAll();
  }
}
