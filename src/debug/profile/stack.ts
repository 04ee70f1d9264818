/** Who called whom, by the frame records that AAPCS64 code keeps: AAPCS64, "The Frame Pointer". */
import type { Machine } from '../../machine/machine.ts';

/** Most frames of a stack; callers beyond are left out. */
export const STACK_FRAMES_MAX = 64;

/** A frame record is two registers: the caller's frame record, the return address. */
const RECORD_BYTES = 16;
/** Addresses without tag and pointer authentication code: bits 47:0, bit 55 repeated above. */
const ADDRESS_BITS = 48;

/** What is used of a machine. */
export type StackMachine = Pick<Machine, 'pes' | 'readRegister' | 'translate' | 'readMemory'>;

function withoutCode(address: bigint): bigint {
  const upper = (address >> 55n) & 1n;
  return BigInt.asUintN(64, BigInt.asIntN(64, upper ? address | (-1n << BigInt(ADDRESS_BITS)) : address) & mask(upper));
}
const mask = (upper: bigint): bigint => (upper ? -1n : (1n << BigInt(ADDRESS_BITS)) - 1n);

/**
 * Addresses of a PE's stack, innermost first: PC, then the calls that have not returned. A chain that leaves its page
 * of memory, turns back, or is not one, ends it.
 */
export function stackOf(machine: StackMachine, pe: number): readonly bigint[] {
  const stack = [machine.readRegister(pe, 'PC')];
  let frame = machine.readRegister(pe, 'X29');
  while (stack.length < STACK_FRAMES_MAX && frame !== 0n && frame % 8n === 0n) {
    const record = readRecord(machine, pe, frame);
    if (!record || record.caller === 0n) break;
    // A call instruction lies before its return address; so a call at the end of a function is that function's.
    stack.push(withoutCode(record.caller) - 4n);
    if (record.frame <= frame) break;
    frame = record.frame;
  }
  return stack;
}

function readRecord(machine: StackMachine, pe: number, va: bigint): { frame: bigint; caller: bigint } | undefined {
  if (va % 4096n > 4096n - BigInt(RECORD_BYTES)) return undefined;
  const pa = machine.translate(pe, va);
  if (pa === undefined) return undefined;
  try {
    const bytes = machine.readMemory(pa, RECORD_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return { frame: view.getBigUint64(0, true), caller: view.getBigUint64(8, true) };
  } catch {
    // Outside RAM: no stack lies in a device.
    return undefined;
  }
}
