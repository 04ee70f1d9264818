/**
 * MRS and MSR of registers that are used often: rows of their own, more specific than MRS and MSR (register).
 *
 * Each row has a condition under which the access cannot trap and has no consequence but the value; otherwise the
 * helper does it, as for every other register. Fine-grained traps (FEAT_FGT) and nested virtualization (FEAT_NV) would
 * make more accesses trap: these rows must go for a processor that has them.
 */
import { PE_DERIVED, PE_STATE, type StateField, SYSREG_BASE } from '../../arch/pestate.ts';
import { STORED_SYSREGS, sysregByName } from '../../arch/sysregs/index.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, type ClauseSpec, insn } from '../clause.ts';
import { HELPERS } from '../helpers.ts';

/** Says when the quick way is right; `undefined` when it always is. */
type Condition = ((b: Builder) => Val) | undefined;

const aboveEl0 = (b: Builder): Val => b.ne(b.get(PE_STATE.EL), b.i32(0));
const at =
  (el: number) =>
  (b: Builder): Val =>
    b.eq(b.get(PE_STATE.EL), b.i32(el));
/** HCR_EL2.TVM and TRVM: writes and reads of the virtual memory controls by EL1 trap to EL2. */
const HCR_TVM = 1n << 26n;
const HCR_TRVM = 1n << 30n;
/** At EL1, while a bit of HCR_EL2 is 0. */
const untrapped =
  (bit: bigint) =>
  (b: Builder): Val =>
    b.and(at(1)(b), b.eq(b.and(b.get(place('HCR_EL2')), b.i64(bit)), b.i64(0)));
/** SP_EL0 has its own place, and may be named, only while another stack pointer is selected. */
const otherStackPointer = (b: Builder): Val => b.and(aboveEl0(b), b.get(PE_STATE.SPSel));

function place(name: string): StateField {
  const index = STORED_SYSREGS.findIndex((row) => row.name === name);
  if (index < 0) throw new Error(`${name} is not a stored register`);
  return { name, offset: SYSREG_BASE + 8 * index, type: 'i64' };
}

function key(name: string): number {
  const row = sysregByName(name);
  if (!row) throw new Error(`${name} is not in the table of system registers`);
  return row.key;
}

function row(name: string, l: 0 | 1, more: ClauseSpec): Clause {
  const bits = key(name).toString(2).slice(1);
  return insn(
    `${l ? 'MRS' : 'MSR (register'}${l ? ` (${name})` : `, ${name})`}`,
    `11010101 00 ${l} 1 ${bits} Rt:5`,
    more,
  );
}

function read(name: string, condition: Condition, value: (b: Builder) => Val, fp = false): Clause {
  return row(name, 1, {
    asm: `mrs {Rt:x}, ${name.toLowerCase()}`,
    ...(fp ? { fp } : {}),
    lift: (b) => {
      const slow = (): Val => b.call(HELPERS.readSysreg, b.i32(key(name)));
      b.setX('Rt', condition ? b.choose(condition(b), () => value(b), slow) : value(b));
    },
  });
}

function write(name: string, condition: Condition, set: (b: Builder, value: Val) => void): Clause {
  return row(name, 0, {
    asm: `msr ${name.toLowerCase()}, {Rt:x}`,
    lift: (b) => {
      const value = b.x('Rt');
      const slow = (): void => void b.call(HELPERS.writeSysreg, b.i32(key(name)), value);
      if (condition) b.if(condition(b), () => set(b, value), slow);
      else set(b, value);
    },
  });
}

/** Rows of a stored register that holds all 64 bits and means nothing to the processing element. */
function plain(name: string, readable: Condition, writable: Condition): readonly Clause[] {
  const field = place(name);
  return [read(name, readable, (b) => b.get(field)), write(name, writable, (b, value) => b.set(field, value))];
}

const DAIF_BITS = 0x3c0;
/** Bits of VBAR_EL1 that are not RES0. */
const VBAR_BITS = (1n << 64n) - 0x800n;

const DAIF_WRITE = row('DAIF', 0, {
  asm: 'msr daif, {Rt:x}',
  lift: (b) => {
    const value = b.x('Rt');
    const masks = b.and(b.trunc(value), b.i32(DAIF_BITS));
    // An asserted interrupt might be let in, and clearing D may start software step: both are the helper's.
    const unmasksD = b.and(b.and(b.get(PE_STATE.DAIF), b.xor(masks, b.i32(-1))), b.get(PE_DERIVED.debugMask));
    const cause = b.or(b.get(PE_DERIVED.interruptPending), unmasksD);
    b.if(
      b.and(aboveEl0(b), b.eq(cause, b.i32(0))),
      () => b.set(PE_STATE.DAIF, masks),
      () => void b.call(HELPERS.writeSysreg, b.i32(key('DAIF')), value),
    );
  },
});

/** Clauses of this group. */
export const SYSTEM_MOVES: readonly Clause[] = [
  read('NZCV', undefined, (b) => b.zext(b.get(PE_STATE.NZCV))),
  write('NZCV', undefined, (b, value) => b.set(PE_STATE.NZCV, b.and(b.trunc(value), b.i32(0xf000_0000)))),
  read('DAIF', aboveEl0, (b) => b.zext(b.get(PE_STATE.DAIF))),
  DAIF_WRITE,
  read('CurrentEL', aboveEl0, (b) => b.zext(b.shl(b.get(PE_STATE.EL), 2))),
  read('FPCR', undefined, (b) => b.zext(b.get(PE_STATE.FPCR)), true),
  read('FPSR', undefined, (b) => b.zext(b.get(PE_STATE.FPSR)), true),
  read('SP_EL0', otherStackPointer, (b) => b.get(PE_STATE.SP_EL0)),
  write('SP_EL0', otherStackPointer, (b, value) => b.set(PE_STATE.SP_EL0, value)),
  ...plain('TPIDR_EL0', undefined, undefined),
  ...plain('TPIDRRO_EL0', undefined, aboveEl0),
  ...plain('TPIDR_EL1', aboveEl0, aboveEl0),
  ...plain('TPIDR_EL2', at(2), at(2)),
  ...plain('ELR_EL1', at(1), at(1)),
  read('SPSR_EL1', at(1), (b) => b.get(place('SPSR_EL1'))),
  ...plain('FAR_EL1', untrapped(HCR_TRVM), untrapped(HCR_TVM)),
  write('VBAR_EL1', at(1), (b, value) => b.set(place('VBAR_EL1'), b.and(value, b.i64(VBAR_BITS)))),
  ...['ESR_EL1', 'TTBR0_EL1', 'TTBR1_EL1'].map((name) => read(name, untrapped(HCR_TRVM), (b) => b.get(place(name)))),
];
