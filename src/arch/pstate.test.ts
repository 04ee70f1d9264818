import { describe, expect, it } from 'vitest';
import { SPSR, SPSR_FIELDS, SPSR_MODES, spsrModeName, VECTOR_OFFSETS } from './pstate.ts';

describe('SPSR_ELx (DDI 0487)', () => {
  it('each single-bit mask is the bit of the field of the same name', () => {
    for (const [name, mask] of Object.entries(SPSR)) {
      if (name === 'DAIF' || name === 'NZCV') continue;
      const [msb, lsb] = SPSR_FIELDS[name as keyof typeof SPSR_FIELDS];
      expect([msb, 2 ** lsb], name).toEqual([lsb, mask]);
    }
    expect(SPSR.DAIF).toBe(SPSR.D + SPSR.A + SPSR.I + SPSR.F);
    expect(SPSR.NZCV).toBe(SPSR.N + SPSR.Z + SPSR.C + SPSR.V);
  });

  it('M[3:0] holds the Exception level in bits 3:2 and SPSel in bit 0; other values have no name', () => {
    for (let m = 0; m < 16; m++) {
      const el = m >> 2;
      const valid = (m & 2) === 0 && !(el === 0 && (m & 1) === 1);
      expect(spsrModeName(m)).toBe(valid ? `EL${el}${m & 1 ? 'h' : 't'}` : undefined);
    }
    expect(SPSR_MODES.EL1h).toBe(5);
  });

  it('an SError from AArch64 at a lower level enters at 0x580', () => {
    expect(VECTOR_OFFSETS['Lower EL using AArch64'] + VECTOR_OFFSETS.SError).toBe(0x580);
    expect(VECTOR_OFFSETS['Current EL with SP_ELx'] + VECTOR_OFFSETS.IRQ).toBe(0x280);
  });
});
