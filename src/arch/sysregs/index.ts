/**
 * The table of every AArch64 System register that software may name, and the ways to look one up.
 *
 * DDI 0487, "AArch64 System Register Encoding"; IHI 0069 for the GIC CPU interface; IHI 0064 for trace.
 */
import { ABSENT_REGISTERS } from './absent.ts';
import { CONTROL_REGISTERS } from './control.ts';
import { DEBUG_REGISTERS } from './debug.ts';
import { EXCEPTION_REGISTERS } from './exception.ts';
import { GIC_REGISTERS } from './gic.ts';
import { ID_REGISTERS } from './id.ts';
import { IMPDEF_REGISTERS } from './impdef.ts';
import { PMU_REGISTERS } from './pmu.ts';
import { RAS_REGISTERS } from './ras.ts';
import type { FieldMap, FieldRange, SysReg, SysRegRow } from './row.ts';
import { buildRow, genericKey, genericName, sysregKey } from './row.ts';
import { TIMER_REGISTERS } from './timer.ts';
import { TRACE_REGISTERS } from './trace.ts';
import { VHE_REGISTERS } from './vhe.ts';

/**
 * Completes rows and refuses a table that names a register, an alias, or an encoding twice, or a field outside 63:0.
 * @throws Error naming the offending row: the table is our own, so this is our own mistake
 */
export function buildSysregTable(source: readonly SysRegRow[]): readonly SysReg[] {
  const names = new Map<string, string>();
  const keys = new Map<number, string>();
  return source.map((row) => {
    const built = buildRow(row);
    for (const name of [row.name, ...(row.aliases ?? [])]) {
      const previous = names.get(name.toUpperCase());
      if (previous) throw new Error(`${row.name}: the name ${name} is already used by ${previous}`);
      names.set(name.toUpperCase(), row.name);
    }
    const holder = keys.get(built.key);
    if (holder) throw new Error(`${row.name}: encoding ${genericName(built.key)} is already used by ${holder}`);
    keys.set(built.key, row.name);
    for (const layout of [built.fields, row.e2h ?? {}, ...Object.values(row.views ?? {})])
      checkFields(row.name, layout);
    return built;
  });
}

function checkFields(register: string, fields: FieldMap): void {
  for (const [name, [msb, lsb]] of Object.entries(fields)) {
    if (lsb < 0 || msb > 63 || msb < lsb)
      throw new Error(`${register}.${name}: [${msb}:${lsb}] is not a range of bits 63:0`);
  }
}

/** Every register, in a fixed order: rooms one after the other, as written. */
export const SYSREGS: readonly SysReg[] = buildSysregTable([
  ...ID_REGISTERS,
  ...CONTROL_REGISTERS,
  ...EXCEPTION_REGISTERS,
  ...TIMER_REGISTERS,
  ...RAS_REGISTERS,
  ...DEBUG_REGISTERS,
  ...GIC_REGISTERS,
  ...PMU_REGISTERS,
  ...VHE_REGISTERS,
  ...IMPDEF_REGISTERS,
  ...ABSENT_REGISTERS,
  ...TRACE_REGISTERS,
]);

/** The rows whose model is 'stored', in table order; the place in this list is the index of the stored value. */
export const STORED_SYSREGS: readonly SysReg[] = SYSREGS.filter((row) => row.model === 'stored');

const BY_KEY = new Map(SYSREGS.map((row) => [row.key, row]));
const BY_NAME = new Map(
  SYSREGS.flatMap((row) => [row.name, ...(row.aliases ?? [])].map((name) => [name.toUpperCase(), row] as const)),
);

/**
 * The row of a name (Arm's or generic, e.g. `S3_0_C1_C0_0`; letters in either case), or undefined when there is none.
 */
export function sysregByName(name: string): SysReg | undefined {
  const found = BY_NAME.get(name.toUpperCase());
  if (found) return found;
  const key = genericKey(name);
  return key === undefined ? undefined : BY_KEY.get(key);
}

/** The row of a packed encoding (`sysregKey`), or undefined when the table does not name it. */
export function sysregByKey(key: number): SysReg | undefined {
  return BY_KEY.get(key);
}

/** The row of an encoding, or undefined when the table does not name it. */
export function sysregByEncoding(op0: number, op1: number, CRn: number, CRm: number, op2: number): SysReg | undefined {
  return BY_KEY.get(sysregKey(op0, op1, CRn, CRm, op2));
}

/** How to write an encoding: Arm's name where the table has one, else the generic name. */
export function sysregName(key: number): string {
  return BY_KEY.get(key)?.name ?? genericName(key);
}

/** The key of a name: Arm's, or generic for any encoding with op0 2 or 3; undefined when it is neither. */
export function sysregKeyOf(name: string): number | undefined {
  return sysregByName(name)?.key ?? genericKey(name);
}

/**
 * The bits of a field.
 * @throws Error when the table has no such register or field: names come from our own code
 */
export function fieldOf(register: string, field: string): FieldRange {
  const row = sysregByName(register);
  if (!row) throw new Error(`fieldOf: no register ${register}`);
  const range = row.fields[field];
  if (!range)
    throw new Error(`fieldOf: ${register} has no field ${field}; it has ${Object.keys(row.fields).join(', ')}`);
  return range;
}

/** The value of one field of a register's value. */
export function getField(register: string, field: string, value: bigint): bigint {
  const [msb, lsb] = fieldOf(register, field);
  return (value >> BigInt(lsb)) & ((1n << BigInt(msb - lsb + 1)) - 1n);
}

/**
 * A register's value from its fields; fields not given are zero, `res1` bits are not added.
 * @throws Error when a field does not exist or its value does not fit
 */
export function registerValue(register: string, values: Readonly<Record<string, number | bigint>>): bigint {
  let result = 0n;
  for (const [field, value] of Object.entries(values)) {
    const [msb, lsb] = fieldOf(register, field);
    const wide = BigInt(value);
    if (wide < 0n || wide >> BigInt(msb - lsb + 1) !== 0n) {
      throw new Error(`${register}.${field}: ${wide} does not fit in bits ${msb}:${lsb}`);
    }
    result |= wide << BigInt(lsb);
  }
  return result;
}

export * from './row.ts';
