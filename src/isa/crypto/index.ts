/** Cryptographic instructions: DDI 0487, "Cryptographic Extension". PMULL is in `simd/three-different.ts`. */
import type { Clause } from '../clause.ts';
import { CRYPTO_AES } from './aes.ts';
import { CRYPTO_SHA } from './sha.ts';

/** Clauses of all groups of this folder. */
export const CRYPTO: readonly Clause[] = [...CRYPTO_AES, ...CRYPTO_SHA];
