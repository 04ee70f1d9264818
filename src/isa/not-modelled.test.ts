import { describe, expect, it } from 'vitest';
import { Rng } from '../../test/support/rng.ts';
import { PROFILES } from '../arch/profiles.ts';
import { Decoder } from './decoder.ts';
import { describeUndefined, NOT_MODELLED } from './not-modelled.ts';
import { A64 } from './table.ts';

const full = PROFILES.full.features;

describe('the name of an UNDEFINED encoding', () => {
  it.each([
    [0x9ac13041, 'PACGA, of FEAT_PAuth'],
    [0xdac103e0, 'PAC*, AUT*, XPAC*, of FEAT_PAuth'],
    [0xd65f0bff, 'BRAA, BLRAA, RETAA, ERETAA, of FEAT_PAuth'],
    [0x04a0e3e0, 'SVE and SVE2, of FEAT_SVE'],
    [0x1ee02800, 'scalar half-precision arithmetic, of FEAT_FP16'],
    [0x4e829420, 'SDOT, UDOT, of FEAT_DotProd'],
    [0xce628820, 'SHA512, SHA3, SM3, SM4, of FEAT_SHA512'],
    [0x1e7e0000, 'FJCVTZS, of FEAT_JSCVT'],
    [0xd503305f, 'unallocated, in "Branches, Exception Generating and System instructions"'],
    [0x01000000, 'unallocated, in "Reserved"'],
  ])('0x%s is "%s"', (word, text) => {
    expect(describeUndefined(word, A64, full)).toContain(text);
  });

  it('says which feature the processor lacks for an instruction that another profile has', () => {
    const cas = 0xc8a07c41;
    expect(describeUndefined(cas, A64, PROFILES['cortex-a57'].features)).toMatch(/^CAS.*FEAT_LSE/);
  });

  it('no row covers an encoding that is implemented: random words of each row are undefined or decoded by a clause that is more specific', () => {
    const decoder = new Decoder(A64, full);
    const rng = new Rng('not modelled');
    for (const row of NOT_MODELLED) {
      let undefinedWords = 0;
      for (let i = 0; i < 400; i++) {
        const word = ((rng.below(2 ** 32) & ~row.encoding.mask) | row.encoding.value) >>> 0;
        if (!decoder.decode(word)) undefinedWords++;
      }
      expect(undefinedWords, row.name).toBeGreaterThan(0);
    }
  });
});
