import { PE_DERIVED, SLOT_SP, SLOT_ZR, type StateField, V_BASE, X_BASE } from '../../arch/pestate.ts';
import type { IrNode, RegOperand } from '../../ir/types.ts';
import { RECORD_IMM, RECORD_PAGE_BYTES, RECORD_REGS } from '../records.ts';
import { OP } from '../wasm/opcodes.ts';
import { CPU, type Emission, IP } from './emission.ts';

/** Leaves the address of the running instruction on the stack: the records of a page lie in its order. */
export function pushPc(e: Emission): void {
  if (e.pc) return e.pc();
  const { code } = e;
  code.get(CPU).mem(OP.i64_load, PE_DERIVED.pageVa.offset);
  code
    .get(IP)
    .i32(RECORD_PAGE_BYTES - 1)
    .op(OP.i32_and)
    .i32(2)
    .op(OP.i32_shr_u, OP.i64_extend_i32_u, OP.i64_add);
}

/** Leaves an immediate of the record on the stack: `i32` for `u8` and `u16`, `i64` for `s32` and `i64`. */
export function pushImmediate(e: Emission, name: string): void {
  const place = e.layout.immediates[name]!;
  const at = RECORD_IMM + place.at;
  const c = e.code.get(IP);
  if (place.type === 'u8') c.mem(OP.i32_load8_u, at);
  else if (place.type === 'u16') c.mem(OP.i32_load16_u, at);
  else if (place.type === 's32') c.mem(OP.i64_load32_s, at);
  else c.mem(OP.i64_load, at);
}

/** Leaves the address of a register (less its static offset) on the stack and returns the offset. */
function regAddress(e: Emission, reg: RegOperand, bytesLog2: number, base: number): number {
  const c = e.code;
  if (reg.constant !== undefined) {
    c.get(CPU);
    const n = (reg.constant + reg.plus) & 31;
    const slot = n === SLOT_ZR && e.fragment.spFields.has(reg.field) ? SLOT_SP : n;
    return base + (slot << bytesLog2);
  }
  const index = e.layout.registers.indexOf(reg.field);
  c.get(CPU)
    .get(IP)
    .mem(OP.i32_load8_u, RECORD_REGS + index);
  if (reg.plus) c.i32(reg.plus).op(OP.i32_add).i32(31).op(OP.i32_and);
  c.i32(bytesLog2).op(OP.i32_shl, OP.i32_add);
  return base;
}

/** Writes a general-purpose register; the narrow form zeroes the upper half, number 31 keeps reading as zero. */
function writeX(e: Emission, reg: RegOperand, value: IrNode, narrow: boolean): void {
  const c = e.code;
  const offset = regAddress(e, reg, 3, X_BASE);
  if (reg.constant !== undefined && offset === X_BASE + SLOT_ZR * 8) {
    c.op(OP.drop);
    return;
  }
  e.value(value);
  if (narrow) c.op(OP.i64_extend_i32_u);
  c.mem(OP.i64_store, offset);
  // A run-time register number may be 31: the zero slot is made zero again.
  if (reg.constant === undefined && !e.fragment.spFields.has(reg.field))
    c.get(CPU)
      .i64(0n)
      .mem(OP.i64_store, X_BASE + SLOT_ZR * 8);
}

function getField({ code }: Emission, { offset, type }: StateField): void {
  code.get(CPU);
  if (type === 'v128') code.simdMem(0x00, offset);
  else code.mem(type === 'i64' ? OP.i64_load : OP.i32_load, offset);
}

function setField(e: Emission, { offset, type }: StateField, value: IrNode): void {
  e.code.get(CPU);
  e.value(value);
  if (type === 'v128') e.code.simdMem(0x0b, offset);
  else e.code.mem(type === 'i64' ? OP.i64_store : OP.i32_store, offset);
}

/** Writes a node that reads or writes a register or a state field; false when the node is something else. */
export function emitState(e: Emission, node: IrNode): boolean {
  switch (node.op) {
    case 'get':
      getField(e, node.field);
      return true;
    case 'set':
      setField(e, node.field, node.args[0]!);
      return true;
    case 'getx':
    case 'getw':
      e.code.mem(node.op === 'getx' ? OP.i64_load : OP.i32_load, regAddress(e, node.reg, 3, X_BASE));
      return true;
    case 'getv':
      e.code.simdMem(0x00, regAddress(e, node.reg, 4, V_BASE));
      return true;
    case 'setx':
    case 'setw':
      writeX(e, node.reg, node.args[0]!, node.op === 'setw');
      return true;
    case 'setv': {
      const offset = regAddress(e, node.reg, 4, V_BASE);
      e.value(node.args[0]!);
      e.code.simdMem(0x0b, offset);
      return true;
    }
    default:
      return false;
  }
}
