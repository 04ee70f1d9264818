import { PE_DERIVED, PE_STATE } from '../../arch/pestate.ts';
import type { HelperSignature, IrNode, MemAccess } from '../../ir/types.ts';
import { OP } from '../wasm/opcodes.ts';
import { CPU, type Emission } from './emission.ts';
import { hostAddress, probe } from './memory.ts';

/** Writes what a call comes to where the data TLB answers, or falls back on the call. */
type Inline = (e: Emission, args: readonly IrNode[], call: () => void) => void;

/** Bytes of a block of DC ZVA that is zeroed inline. */
const ZERO_BLOCK_BYTES = 64;

/** The access of an exclusive whose size is the call's second argument. */
function exclusive(size: IrNode): MemAccess | undefined {
  return size.op === 'const32' ? { bytes: size.value as MemAccess['bytes'], alwaysAligned: true } : undefined;
}

/** Makes of the hit on the stack: the hit, and physical addresses can be told. */
function andPaKnown({ code }: Emission): void {
  code.get(CPU).mem(OP.i64_load, PE_DERIVED.ramPaOffset.offset).op(OP.i64_eqz, OP.i32_eqz, OP.i32_and);
}
/** Leaves the physical address of a VA that hit. */
function physical(e: Emission, va: number, entry: number): void {
  hostAddress(e, va, entry);
  e.code.op(OP.i64_extend_i32_u).get(CPU).mem(OP.i64_load, PE_DERIVED.ramPaOffset.offset).op(OP.i64_add);
}

/** The reservation of a load-exclusive: see `ExclusiveMonitor.mark`. */
function markExclusive(e: Emission, [address, size]: readonly IrNode[], call: () => void): void {
  const access = exclusive(size!);
  if (!access) return call();
  const c = e.code;
  const { va, entry } = probe(e, address!, access, false);
  andPaKnown(e);
  c.if();
  c.get(CPU).i32(1).mem(OP.i32_store, PE_STATE.exclusiveValid.offset);
  c.get(CPU).i32(access.bytes).mem(OP.i32_store, PE_STATE.exclusiveSizeBytes.offset);
  c.get(CPU);
  physical(e, va, entry);
  c.mem(OP.i64_store, PE_STATE.exclusivePa.offset);
  c.get(CPU).get(va).mem(OP.i64_store, PE_STATE.exclusiveVa.offset);
  c.else();
  call();
  c.end();
}

/** Whether a store-exclusive may store: see `ExclusiveMonitor.check`. */
function checkExclusive(e: Emission, [address, size]: readonly IrNode[], call: () => void): void {
  const access = exclusive(size!);
  if (!access) return call();
  const c = e.code;
  const { va, entry } = probe(e, address!, access, true);
  andPaKnown(e);
  c.if('i32');
  c.get(CPU).mem(OP.i32_load, PE_STATE.exclusiveValid.offset);
  c.get(CPU).mem(OP.i32_load, PE_STATE.exclusiveSizeBytes.offset).i32(access.bytes).op(OP.i32_eq, OP.i32_and);
  c.get(CPU).mem(OP.i64_load, PE_STATE.exclusivePa.offset);
  physical(e, va, entry);
  c.op(OP.i64_eq, OP.i32_and);
  c.get(CPU).i32(0).mem(OP.i32_store, PE_STATE.exclusiveValid.offset);
  c.else();
  call();
  c.end();
}

/** DC ZVA of a page that may be written freely. */
function zeroBlock(e: Emission, [address]: readonly IrNode[], call: () => void): void {
  const c = e.code;
  const { va, entry } = probe(e, address!, { bytes: 1 }, true);
  c.get(CPU).mem(OP.i32_load, PE_DERIVED.zeroBlockBytes.offset).i32(ZERO_BLOCK_BYTES).op(OP.i32_eq, OP.i32_and).if();
  const host = c.local('i32');
  hostAddress(e, va, entry);
  c.i32(-ZERO_BLOCK_BYTES).op(OP.i32_and).set(host);
  for (let at = 0; at < ZERO_BLOCK_BYTES; at += 8) c.get(host).i64(0n).mem(OP.i64_store, at);
  c.else();
  call();
  c.end();
}

/** Helpers that need TypeScript only where the data TLB does not answer. */
const INLINE: Readonly<Record<string, Inline>> = { markExclusive, checkExclusive, zeroBlock };

/**
 * Writes a call into TypeScript, or around it the way that does without in the usual case.
 *
 * @param call - writes the call itself
 */
export function emitInline(e: Emission, helper: HelperSignature, args: readonly IrNode[], call: () => void): void {
  const inline = INLINE[helper.name];
  if (inline) inline(e, args, call);
  else call();
}
