import { describe, expect, it } from 'vitest';
import { PeRig } from '../../test/support/pe-rig.ts';
import { assemble } from '../isa/text/assemble.ts';
import { accessSyndrome } from './aborts.ts';

const RW = 1n << 31n;
const VM = 1n;
const PTW = 4n;
const EC = { dataLower: 0x24n, fetchLower: 0x20n };
/** Stage 2: level 1 blocks of 1 GiB each; IPA 0x4000_0000 is RAM, 0x8000_0000 is the same RAM once more. */
const TABLE = 0x4030_0000n;
const RAM_BLOCK = 0x4000_0000n | 0xc0n | (15n << 2n) | 0x401n;
const VTCR = RW | 25n | (1n << 6n) | (5n << 16n);
const DATA = 0x4020_0000n;

function put(pe: PeRig, addrPa: bigint, ...values: readonly bigint[]): void {
  pe.machine.writeMemory(addrPa, new Uint8Array(BigUint64Array.from(values).buffer));
}
/** A guest at EL1 with stage 2 on: IPA of RAM maps to itself, nothing else does. */
function guest(hcr = 0n): PeRig {
  const pe = new PeRig();
  put(pe, TABLE, 0n, RAM_BLOCK, 0n);
  return pe
    .write('VTCR_EL2', VTCR)
    .write('VTTBR_EL2', TABLE)
    .write('HCR_EL2', RW | VM | hcr);
}
const hpfar = (ipa: bigint): bigint => (ipa >> 12n) << 4n;

describe('aborts of stage 2 (DDI 0487, "HPFAR_EL2" and "ISS encoding for an exception from a Data Abort")', () => {
  it.each([
    ['ldr x5, [x1]', 0x1c5_8005n],
    ['ldr w5, [x1, #4]', 0x185_0005n],
    ['ldrh w5, [x1]', 0x145_0005n],
    ['ldrsb x5, [x1]', 0x125_8005n],
    ['ldrsh w5, [x1]', 0x165_0005n],
    ['ldrsw x5, [x1]', 0x1a5_8005n],
    ['str x5, [x1]', 0x1c5_8045n],
    ['strb wzr, [x1]', 0x11f_0045n],
    ['ldur x5, [x1, #-8]', 0x1c5_8005n],
    ['ldtr w5, [x1]', 0x185_0005n],
    ['ldr x5, [x1, x2]', 0x1c5_8005n],
    ['ldar x5, [x1]', 0x1c5_c005n],
    ['stlrh w5, [x1]', 0x145_4045n],
    // No syndrome: more than one register, writeback, exclusives, SIMD.
    ['ldp x5, x6, [x1]', 0x5n],
    ['ldr x5, [x1], #8', 0x5n],
    ['str x5, [x1, #8]!', 0x45n],
    ['ldxr x5, [x1]', 0x5n],
    ['ldr d5, [x1]', 0x5n],
  ])('%s where nothing is mapped: ISS, FAR_EL2 and HPFAR_EL2', (text, iss) => {
    const pe = guest()
      .write('X1', 0x8012_3008n)
      .write('X2', 0n)
      .write('CPACR_EL1', 3n << 20n);
    expect(pe.run(text, 1)).toMatchObject({ el: 2, vectorOffset: 0x400, ec: EC.dataLower, iss });
    expect(pe.read('FAR_EL2') >> 12n).toBe(0x8_0123n);
    expect(pe.read('HPFAR_EL2')).toBe(hpfar(0x8012_3000n));
  });

  it('a fetch, a level and a permission', () => {
    const pe = guest();
    put(pe, TABLE + 8n, RAM_BLOCK | (1n << 54n));
    expect(pe.run('nop', 1)).toMatchObject({ el: 2, ec: EC.fetchLower, iss: 0xdn });
    put(pe, TABLE + 8n, RAM_BLOCK & ~0x80n);
    pe.write('X1', DATA);
    expect(pe.run('str x0, [x1]', 0)).toMatchObject({ el: 2, ec: EC.dataLower, iss: 0x1c0_804dn });
    expect(pe.run('ldr x0, [x1]', 0)).toBeUndefined();
  });

  it('a walk of stage 1: S1PTW, the address of the descriptor, no instruction; HCR_EL2.PTW', () => {
    const pe = guest()
      .write('TCR_EL1', 25n | (5n << 32n))
      .write('TTBR0_EL1', 0x8000_0000n)
      .write('X1', 8n);
    // The code itself is fetched through the same tables, so the fetch is what faults.
    pe.write('SCTLR_EL1', 1n);
    expect(pe.run('ldr x0, [x1]', 1)).toMatchObject({ el: 2, ec: EC.fetchLower, iss: 0x85n });
    expect(pe.read('HPFAR_EL2')).toBe(hpfar(0x8000_0000n));
    const walked = guest(PTW)
      .write('TCR_EL1', 25n | (5n << 32n))
      .write('TTBR0_EL1', DATA)
      .write('SCTLR_EL1', 1n);
    put(walked, TABLE + 8n, RAM_BLOCK & ~(15n << 2n));
    expect(walked.run('nop', 1)).toMatchObject({ el: 2, ec: EC.fetchLower, iss: 0x8dn });
    walked.write('HCR_EL2', RW | VM);
    expect(walked.run('nop', 1)).toMatchObject({ el: 1, ec: 0x21n });
  });

  it('faults of stage 1 stay at EL1, and EL2 and EL3 know no stage 2', () => {
    const pe = guest().write('X1', 0x8000_0000n);
    expect(pe.run('ldr x0, [x1]', 2)?.iss).toBe(0x10n);
    expect(pe.run('ldr x0, [x1]', 3)?.iss).toBe(0x10n);
    pe.write('X1', 1n << 52n);
    expect(pe.run('ldr x0, [x1]', 1)).toMatchObject({ el: 1, ec: 0x25n, iss: 0n });
  });

  it('what stage 2 says is never stale: a store to its tables shows at the next load, without a TLBI', () => {
    const pe = guest();
    const other = 0x4040_0000n;
    const [l2, l3] = [0x4031_0000n, 0x4032_0000n];
    put(pe, TABLE + 8n, l2 | 3n);
    put(pe, l2, 0x4000_0000n | 0xfdn | 0x401n, l3 | 3n, 0x4040_0000n | 0xfdn | 0x401n);
    // IPA DATA is a page of level 3.
    put(pe, l3, DATA | 0xfdn | 0x403n);
    put(pe, DATA, 0x11n);
    put(pe, other, 0x22n);
    pe.write('X1', DATA)
      .write('X2', l3)
      .write('X3', other | 0xfdn | 0x403n);
    expect(pe.run('ldr x4, [x1]\n ldr x4, [x1]', 1)).toBeUndefined();
    expect(pe.read('X4')).toBe(0x11n);
    // The hypervisor, with its own MMU off, changes the descriptor.
    expect(pe.run('str x3, [x2]', 2)).toBeUndefined();
    expect(pe.run('ldr x4, [x1]', 1)).toBeUndefined();
    expect(pe.read('X4')).toBe(0x22n);
    // Another virtual machine: other tables, and back.
    const second = 0x4033_0000n;
    put(pe, second, 0n, RAM_BLOCK, 0n);
    pe.write('VTTBR_EL2', second | (7n << 48n));
    expect(pe.run('ldr x4, [x1]', 1)).toBeUndefined();
    expect(pe.read('X4')).toBe(0x11n);
    pe.write('VTTBR_EL2', TABLE);
    expect(pe.run('ldr x4, [x1]', 1)).toBeUndefined();
    expect(pe.read('X4')).toBe(0x22n);
    pe.write('HCR_EL2', RW);
    expect(pe.run('ldr x4, [x1]', 1)).toBeUndefined();
    expect(pe.read('X4')).toBe(0x11n);
  });

  it('HCR_EL2.DC: stage 1 is off and cacheable, and stage 2 on without VM', () => {
    const pe = guest()
      .write('HCR_EL2', RW | (1n << 12n))
      .write('SCTLR_EL1', 1n)
      .write('X1', DATA | 1n);
    // Unaligned: Normal memory, where without DC it would be Device.
    expect(pe.run('ldr x0, [x1]', 1)).toBeUndefined();
    pe.write('X1', 0x8000_0000n);
    expect(pe.run('ldr x0, [x1]', 1)).toMatchObject({ el: 2, ec: EC.dataLower });
  });
});

describe('AT with stage 2', () => {
  const F = 1n;
  it('S12E1R gives the physical address, S1E1R the IPA', () => {
    const pe = guest();
    put(pe, TABLE + 16n, RAM_BLOCK);
    pe.write('X1', 0x8020_0000n);
    expect(pe.run('at s12e1r, x1', 2)).toBeUndefined();
    expect(pe.read('PAR_EL1') & 0xffff_ffff_f001n).toBe(0x4020_0000n);
    expect(pe.run('at s1e1r, x1', 2)).toBeUndefined();
    expect(pe.read('PAR_EL1') & 0xffff_ffff_f001n).toBe(0x8020_0000n);
    expect(pe.run('at s1e1r, x1', 1)).toBeUndefined();
    expect(pe.read('PAR_EL1') & 0xffff_ffff_f001n).toBe(0x8020_0000n);
  });
  it('a fault of stage 2 shows in PAR_EL1 at EL2 (S, PTW), and on the walk of a guest is taken', () => {
    const pe = guest().write('X1', 0x8000_0000n);
    expect(pe.run('at s12e1w, x1', 2)).toBeUndefined();
    expect(pe.read('PAR_EL1')).toBe(0x800n | (1n << 9n) | (5n << 1n) | F);
    pe.write('TCR_EL1', 25n | (5n << 32n))
      .write('TTBR0_EL1', 0x8000_0000n)
      .write('SCTLR_EL1', 1n);
    expect(pe.run('at s12e0r, x1', 2)).toBeUndefined();
    expect(pe.read('PAR_EL1')).toBe(0x800n | (3n << 8n) | (5n << 1n) | F);
    expect(pe.run('at s1e1r, x1', 2)).toBeUndefined();
    expect(pe.read('PAR_EL1')).toBe(0x800n | (3n << 8n) | (5n << 1n) | F);
  });
  it('of a host: S1E1 is the EL2&0 regime', () => {
    const pe = guest()
      .write('HCR_EL2', RW | VM | (1n << 34n) | (1n << 27n))
      .write('X1', 0x8000_0000n);
    pe.write('SCTLR_EL1', 1n).write('TTBR0_EL1', 0n).write('TCR_EL1', 25n);
    expect(pe.run('at s1e1r, x1', 2)).toBeUndefined();
    expect(pe.read('PAR_EL1') & 0xffff_ffff_f001n).toBe(0x8000_0000n);
  });
});

describe('accessSyndrome', () => {
  it('knows nothing of what is no load or store', () => {
    for (const text of ['nop', 'add x0, x1, x2', 'dc zva, x0', 'prfm pldl1keep, [x0]', 'ldadd x0, x1, [x2]']) {
      const word = new DataView(assemble(text, { origin: 0n }).bytes.buffer).getUint32(0, true);
      expect(accessSyndrome(word), text).toBeUndefined();
    }
  });
});
