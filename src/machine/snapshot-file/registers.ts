/** The state block of a PE by the names of its registers, so that a file does not depend on where they lie. */
import {
  ARCHITECTURAL_BYTES,
  PE_STATE,
  SLOT_SP,
  type StateField,
  SYSREG_BASE,
  V_BASE,
  X_BASE,
} from '../../arch/pestate.ts';
import { STORED_SYSREGS } from '../../arch/sysregs/index.ts';

const PLACES: readonly StateField[] = [
  ...Array.from({ length: 31 }, (_, n) => ({ name: `X${n}`, offset: X_BASE + n * 8, type: 'i64' as const })),
  { name: 'SP', offset: X_BASE + SLOT_SP * 8, type: 'i64' },
  ...Array.from({ length: 32 }, (_, n) => ({ name: `V${n}`, offset: V_BASE + n * 16, type: 'v128' as const })),
  ...Object.values(PE_STATE),
  ...STORED_SYSREGS.map((row, n) => ({
    // A System register of the name of a field of PSTATE, such as NZCV, would hide it.
    name: Object.hasOwn(PE_STATE, row.name) ? `${row.name} (System register)` : row.name,
    offset: SYSREG_BASE + n * 8,
    type: 'i64' as const,
  })),
];
const BY_NAME: ReadonlyMap<string, StateField> = new Map(PLACES.map((place) => [place.name, place]));
if (BY_NAME.size !== PLACES.length) throw new Error('assertion: two registers of a PE have the same name');

function get(view: DataView, { offset, type }: StateField): bigint {
  if (type === 'i32') return BigInt(view.getUint32(offset, true));
  const low = view.getBigUint64(offset, true);
  return type === 'i64' ? low : low | (view.getBigUint64(offset + 8, true) << 64n);
}
function put(view: DataView, { offset, type }: StateField, value: bigint): void {
  if (type === 'i32') view.setUint32(offset, Number(BigInt.asUintN(32, value)), true);
  else view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  if (type === 'v128') view.setBigUint64(offset + 8, BigInt.asUintN(64, value >> 64n), true);
}
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Every register of a block by name. */
export function registersOf(block: Uint8Array): Readonly<Record<string, bigint>> {
  const view = viewOf(block);
  const registers = Object.fromEntries(PLACES.map((place) => [place.name, get(view, place)]));
  const again = blockOf(registers, new Uint8Array(ARCHITECTURAL_BYTES));
  if (again.some((byte, n) => byte !== block[n]))
    throw new Error('assertion: the state of a PE has bytes without a name');
  return registers;
}

/** Where registers lie in a block, as offsets from and to, in bytes; what is between has none. */
export const REGISTER_SPANS: readonly (readonly [from: number, to: number])[] = [
  [X_BASE, V_BASE + 32 * 16],
  [SYSREG_BASE, SYSREG_BASE + STORED_SYSREGS.length * 8],
];

/** Registers whose values differ in two blocks, with both values, in the order in which they lie there. */
export function differingRegisters(
  a: Uint8Array,
  b: Uint8Array,
): readonly { readonly name: string; readonly a: bigint; readonly b: bigint }[] {
  const [x, y] = [viewOf(a), viewOf(b)];
  return PLACES.map((place) => ({ name: place.name, a: get(x, place), b: get(y, place) })).filter(
    (register) => register.a !== register.b,
  );
}

/** Where a register lies in a block, undefined for a name that no register has. */
export function placeOf(name: string): { readonly offset: number; readonly sizeBytes: number } | undefined {
  const place = BY_NAME.get(name);
  return place && { offset: place.offset, sizeBytes: { i32: 4, i64: 8, v128: 16 }[place.type] };
}

/**
 * The inverse of `registersOf`.
 *
 * @param base - has the values of registers that are not named: they are newer than the file
 * @throws Error for a register that does not exist here, unless it is 0
 */
export function blockOf(registers: Readonly<Record<string, bigint>>, base: Uint8Array): Uint8Array {
  const block = base.slice();
  const view = viewOf(block);
  for (const [name, value] of Object.entries(registers)) {
    const place = BY_NAME.get(name);
    if (place) put(view, place, value);
    else if (value !== 0n) throw new Error(`has the register '${name}', which is not known here`);
  }
  return block;
}
