import { PE_DERIVED } from '../arch/pestate.ts';
import type { Builder } from '../ir/builder.ts';
import { ATOMIC } from './base/atomic.ts';
import { BRANCH } from './base/branch.ts';
import { CRC32 } from './base/crc32.ts';
import { DP_IMMEDIATE } from './base/dp-immediate.ts';
import { DP_REGISTER } from './base/dp-register.ts';
import { EXCLUSIVE } from './base/exclusive.ts';
import { LOAD_STORE } from './base/load-store.ts';
import { LOAD_STORE_PAIR } from './base/load-store-pair.ts';
import { PSTATE_FIELDS, PSTATE_FIELDS_HELPED, SYSTEM_INSTRUCTIONS } from './base/system.ts';
import { SYSTEM_MOVES } from './base/system-moves.ts';
import { type Clause, insn } from './clause.ts';
import { CRYPTO } from './crypto/index.ts';
import { FLOATING_POINT } from './fpsimd/index.ts';
import { HELPERS } from './helpers.ts';
import { SIMD } from './simd/index.ts';

/** Every A64 instruction that is modelled: one row each. */
export const A64: readonly Clause[] = [
  ...DP_IMMEDIATE,
  ...DP_REGISTER,
  ...CRC32,
  ...BRANCH,
  ...LOAD_STORE,
  ...LOAD_STORE_PAIR,
  ...EXCLUSIVE,
  ...ATOMIC,
  ...SYSTEM_INSTRUCTIONS,
  ...SYSTEM_MOVES,
  ...FLOATING_POINT,
  ...SIMD,
  ...CRYPTO,
];

const QUICK: ReadonlySet<Clause> = new Set([...SYSTEM_MOVES, ...PSTATE_FIELDS]);

/**
 * The same instructions, but every MRS and MSR goes through its helper, so that somebody can listen. A row that moves a
 * System register without its helper belongs to `SYSTEM_MOVES` or `PSTATE_FIELDS`.
 */
export const A64_MOVES_HELPED: readonly Clause[] = [...A64.filter((c) => !QUICK.has(c)), ...PSTATE_FIELDS_HELPED];

/** What a word that no row has does: the exception for an UNDEFINED instruction. */
export const UNALLOCATED: Clause = insn('UNALLOCATED', 'word:32', {
  imm: { word: ['s32', (f) => f.word!] },
  dynamic: ['word'],
  lift: (b) => void b.call(HELPERS.undefinedInstruction, b.trunc(b.imm('word'))),
});

/** First nodes of every FP and SIMD instruction: the trap of CPACR_EL1, CPTR_EL2 and CPTR_EL3. */
export function fpCheck(b: Builder): void {
  b.if(b.get(PE_DERIVED.fpTrapped), () => void b.call(HELPERS.fpAccessTrap));
}
