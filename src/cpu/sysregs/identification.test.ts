import { describe, expect, it } from 'vitest';
import { PeRig } from '../../../test/support/pe-rig.ts';
import { PROFILES } from '../../arch/profiles.ts';
import { mpidrOf } from './identification.ts';

function read(pe: PeRig, register: string, el: 0 | 1 | 2 | 3): bigint {
  expect(pe.run(`mrs x0, ${register}`, el)).toBeUndefined();
  return pe.read('X0');
}

describe('identification registers', () => {
  it('MPIDR_EL1: bit 31 is one, the affinities are where Arm has them', () => {
    expect(mpidrOf(0x0102)).toBe(0x8000_0102n);
  });

  it('MIDR_EL1 and MPIDR_EL1 at EL1 are what EL2 says, elsewhere what they are', () => {
    const pe = new PeRig().write('VPIDR_EL2', 0x1234n).write('VMPIDR_EL2', 0x8000_0005n);
    expect([read(pe, 'MIDR_EL1', 1), read(pe, 'MPIDR_EL1', 1)]).toEqual([0x1234n, 0x8000_0005n]);
    for (const el of [2, 3] as const)
      expect([read(pe, 'MIDR_EL1', el), read(pe, 'MPIDR_EL1', el)]).toEqual([PROFILES.full.midr, 0x8000_0000n]);
  });

  it('in Secure state, and without EL2, EL1 sees what they are', () => {
    const secure = new PeRig().write('VPIDR_EL2', 0x1234n).write('SCR_EL3', 0x400n);
    expect(read(secure, 'MIDR_EL1', 1)).toBe(PROFILES.full.midr);
    expect(read(new PeRig({ el2: false, cpu: 'cortex-a57' }), 'MIDR_EL1', 1)).toBe(PROFILES['cortex-a57'].midr);
  });

  it('VPIDR_EL2 and VMPIDR_EL2 start as the real ones', () => {
    const pe = new PeRig();
    expect([read(pe, 'VPIDR_EL2', 2), read(pe, 'VMPIDR_EL2', 2)]).toEqual([PROFILES.full.midr, 0x8000_0000n]);
  });

  it('CCSIDR_EL1 describes the cache that CSSELR_EL1 selects, and reads as zero where there is none', () => {
    const pe = new PeRig();
    const values = [0n, 1n, 2n, 3n, 4n, 14n].map((selection) => {
      pe.write('CSSELR_EL1', selection);
      return read(pe, 'CCSIDR_EL1', 1);
    });
    expect(values.slice(0, 3)).toEqual([0, 1, 2].map((n) => PROFILES.full.ccsidr.get(n)));
    expect(values.slice(3)).toEqual([0n, 0n, 0n]);
  });

  it('DCZID_EL0.DZP at EL0 says whether SCTLR_EL1.DZE prohibits DC ZVA', () => {
    const pe = new PeRig().write('SCTLR_EL1', 0n);
    expect(read(pe, 'DCZID_EL0', 0)).toBe(0x14n);
    expect(read(pe, 'DCZID_EL0', 1)).toBe(4n);
    pe.write('SCTLR_EL1', 1n << 14n);
    expect(read(pe, 'DCZID_EL0', 0)).toBe(4n);
  });

  it('on a machine of several PEs each has its own affinity', () => {
    const pe = new PeRig({ cpus: 3 });
    expect([0, 1, 2].map((n) => pe.machine.readRegister(n, 'MPIDR_EL1'))).toEqual([
      0x8000_0000n,
      0x8000_0001n,
      0x8000_0002n,
    ]);
  });
});
