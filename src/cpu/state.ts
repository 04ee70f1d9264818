import {
  PE_DERIVED,
  PE_STATE,
  PE_STRIDE_BYTES,
  SLOT_SP,
  type StateField,
  SYSREG_BASE,
  SYSREG_CAPACITY,
  X_BASE,
} from '../arch/pestate.ts';
import { type ImplementedEls, implementedSysregs, type Profile } from '../arch/profiles.ts';
import { STORED_SYSREGS, type SysReg, type SysRegLayout } from '../arch/sysregs/index.ts';
import type { GuestMemory } from '../engine/memory.ts';

if (STORED_SYSREGS.length > SYSREG_CAPACITY)
  throw new Error(`PE state: ${STORED_SYSREGS.length} stored system registers`);

const STACK_POINTERS: readonly StateField[] = [PE_STATE.SP_EL0, PE_STATE.SP_EL1, PE_STATE.SP_EL2, PE_STATE.SP_EL3];
/** Where the selected stack pointer lies in a PE's block. */
const SP_OFFSET = X_BASE + SLOT_SP * 8;
const OFFSETS = new Map(STORED_SYSREGS.map((row, i) => [row.name, SYSREG_BASE + i * 8]));

/**
 * Offset of a stored system register in a PE's block.
 *
 * @throws Error when no stored register has the name: names come from our own code
 */
export function sysregOffset(name: string): number {
  const offset = OFFSETS.get(name);
  if (offset === undefined) throw new Error(`PE state: ${name} is not a stored system register`);
  return offset;
}

/** A system register as one PE has it. */
export interface PeSysreg extends SysRegLayout {
  readonly row: SysReg;
  /** Offset of its stored value, or -1. */
  readonly offset: number;
}

/** What the state of a PE looks like from TypeScript: its registers by name, in the machine's memory. */
export class PeState {
  readonly index: number;
  /** Start of this PE's block. */
  readonly base: number;
  readonly profile: Profile;
  readonly els: ImplementedEls;
  readonly sysregs: ReadonlyMap<number, PeSysreg>;
  readonly view: DataView;
  readonly i32: Int32Array;
  private readonly u8: Uint8Array;

  constructor(memory: GuestMemory, index: number, profile: Profile, els: ImplementedEls) {
    this.index = index;
    this.base = index * PE_STRIDE_BYTES;
    this.profile = profile;
    this.els = els;
    this.view = memory.view;
    this.i32 = memory.i32;
    this.u8 = memory.u8;
    this.sysregs = new Map(
      implementedSysregs(profile, els).map((r) => [r.row.key, { ...r, offset: OFFSETS.get(r.row.name) ?? -1 }]),
    );
  }

  // --- fields ---

  get32(field: StateField): number {
    return this.i32[(this.base + field.offset) >> 2]!;
  }
  set32(field: StateField, value: number): void {
    this.i32[(this.base + field.offset) >> 2] = value;
  }
  get64(field: StateField): bigint {
    return this.view.getBigUint64(this.base + field.offset, true);
  }
  set64(field: StateField, value: bigint): void {
    this.view.setBigUint64(this.base + field.offset, value, true);
  }
  /** Stored system register by offset. */
  sys(offset: number): bigint {
    return this.view.getBigUint64(this.base + offset, true);
  }
  setSys(offset: number, value: bigint): void {
    this.view.setBigUint64(this.base + offset, value, true);
  }
  /** Writes a stored system register given as two halves. */
  setSysHalves(offset: number, high: number, low: number): void {
    const at = (this.base + offset) >> 2;
    this.i32[at] = low;
    this.i32[at + 1] = high;
  }
  /** The 64-bit word at one offset of the PE's block plus a small number goes to another, modulo 2^64. */
  copySum(from: number, plus: number, to: number): void {
    const at = (this.base + from) >> 2;
    const sum = (this.i32[at]! >>> 0) + plus;
    const high = this.i32[at + 1]! + (sum > 0xffff_ffff ? 1 : 0);
    const into = (this.base + to) >> 2;
    this.i32[into] = sum;
    this.i32[into + 1] = high;
  }
  /** Low 32 bits of a stored system register, signed. */
  sysLow(offset: number): number {
    return this.i32[(this.base + offset) >> 2]!;
  }
  /** High 32 bits of a stored system register, signed. */
  sysHigh(offset: number): number {
    return this.i32[(this.base + offset + 4) >> 2]!;
  }

  // --- registers ---

  x(n: number): bigint {
    return n === 31 ? 0n : this.view.getBigUint64(this.base + n * 8, true);
  }
  setX(n: number, value: bigint): void {
    if (n !== 31) this.view.setBigUint64(this.base + n * 8, value, true);
  }
  get sp(): bigint {
    return this.view.getBigUint64(this.base + SLOT_SP * 8, true);
  }
  set sp(value: bigint) {
    this.view.setBigUint64(this.base + SLOT_SP * 8, value, true);
  }
  get pc(): bigint {
    return this.get64(PE_STATE.PC);
  }
  set pc(value: bigint) {
    this.set64(PE_STATE.PC, value);
  }
  /** PC moves on to the next instruction. */
  nextInstruction(): void {
    this.copySum(PE_STATE.PC.offset, 4, PE_STATE.PC.offset);
  }
  get el(): number {
    return this.get32(PE_STATE.EL);
  }

  private bankedSp(): StateField {
    return STACK_POINTERS[this.get32(PE_STATE.SPSel) ? this.el : 0]!;
  }
  /** Changes Exception level and stack pointer selection, banking SP. */
  setMode(el: number, spSel: number): void {
    this.copySum(SP_OFFSET, 0, this.bankedSp().offset);
    this.set32(PE_STATE.EL, el);
    this.set32(PE_STATE.SPSel, spSel);
    this.copySum(this.bankedSp().offset, 0, SP_OFFSET);
  }
  /** SP_EL0 to SP_EL3, whether selected or not. */
  stackPointer(level: number): bigint {
    const field = STACK_POINTERS[level]!;
    return field === this.bankedSp() ? this.sp : this.get64(field);
  }
  setStackPointer(level: number, value: bigint): void {
    const field = STACK_POINTERS[level]!;
    if (field === this.bankedSp()) this.sp = value;
    else this.set64(field, value);
  }

  /** Makes equal states equal bytes: places that mean nothing now hold what they would if they never had. */
  settle(): void {
    this.set64(this.bankedSp(), this.sp);
    if (!this.get32(PE_STATE.exclusiveValid)) {
      this.set32(PE_STATE.exclusiveSizeBytes, 0);
      this.set64(PE_STATE.exclusivePa, 0n);
      this.set64(PE_STATE.exclusiveVa, 0n);
    }
    if (!this.get32(PE_STATE.serrorPending)) this.set64(PE_STATE.serrorSyndrome, 0n);
  }

  /** PSTATE in the layout of SPSR_ELx, unsigned. */
  pstate(): number {
    return (
      (this.get32(PE_STATE.NZCV) |
        this.get32(PE_STATE.DAIF) |
        (this.get32(PE_STATE.EL) << 2) |
        this.get32(PE_STATE.SPSel) |
        (this.get32(PE_STATE.IL) << 20) |
        (this.get32(PE_STATE.SS) << 21) |
        (this.get32(PE_STATE.PAN) << 22) |
        (this.get32(PE_STATE.UAO) << 23)) >>>
      0
    );
  }

  /** Highest implemented Exception level. */
  get highestEl(): 1 | 2 | 3 {
    return this.els.el3 ? 3 : this.els.el2 ? 2 : 1;
  }

  /** Everything back to what it is after a cold reset, PC excepted; the PE is at its highest Exception level. */
  reset(): void {
    this.u8.fill(0, this.base, this.base + PE_DERIVED.budget.offset);
    for (const r of this.sysregs.values()) if (r.offset >= 0) this.setSys(r.offset, r.reset);
    this.set32(PE_STATE.EL, this.highestEl);
    this.set32(PE_STATE.SPSel, 1);
    this.set32(PE_STATE.DAIF, 0x3c0);
  }
}
