import { describe, expect, it } from 'vitest';
import { OneInstruction } from '../../../test/support/one-instruction.ts';

const QC = 1n << 27n;
const run = new OneInstruction();

/** A vector from 64-bit halves, as it is printed: high half first. */
const vector = (high: bigint, low: bigint): bigint => (high << 64n) | low;

describe('saturation and FPSR.QC', () => {
  const fields = { size: 0, Vn: 1, Vm: 2, Vd: 0 };

  it('SQADD of bytes clamps each lane and sets QC', () => {
    run.run(
      'SQADD (vector)',
      { ...fields, Q: 1 },
      { v: { 1: vector(0x7f80_0110n, 0x7fn), 2: vector(0x01ff_0110n, 1n) } },
    );
    expect(run.v(0)).toBe(vector(0x7f80_0220n, 0x7fn));
    expect(run.state('FPSR')).toBe(QC);
  });

  it('QC stays as it was when no lane saturates', () => {
    run.run('SQADD (vector)', { ...fields, Q: 1 }, { v: { 1: 0x7en, 2: 1n } });
    expect(run.state('FPSR')).toBe(0n);
    run.run('SQADD (vector)', { ...fields, Q: 1 }, { v: { 1: 0x7en, 2: 1n }, state: { FPSR: QC } });
    expect(run.state('FPSR')).toBe(QC);
  });

  it('lanes above a 64-bit vector do not saturate and are zero in the result', () => {
    const v = { 1: vector(0x7fn, 5n), 2: vector(0x7fn, 6n) };
    run.run('SQADD (vector)', { ...fields, Q: 0 }, { v });
    expect([run.v(0), run.state('FPSR')]).toEqual([11n, 0n]);
  });

  it('the scalar form looks at the lowest element only', () => {
    const v = { 1: 0x7f05n, 2: 0x7f06n };
    run.run('SQADD (vector), scalar', fields, { v });
    expect([run.v(0), run.state('FPSR')]).toEqual([11n, 0n]);
    run.run('SQADD (vector), scalar', { ...fields, size: 1 }, { v });
    expect([run.v(0), run.state('FPSR')]).toEqual([0x7fffn, QC]);
  });

  it('SQDMULH saturates only for the square of the least value', () => {
    const least = { 1: 0x8000n, 2: 0x8000n };
    run.run('SQDMULH (vector), scalar', { ...fields, size: 1 }, { v: least });
    expect([run.v(0), run.state('FPSR')]).toEqual([0x7fffn, QC]);
    run.run('SQDMULH (vector), scalar', { ...fields, size: 1 }, { v: { ...least, 2: 0x8001n } });
    expect([run.v(0), run.state('FPSR')]).toEqual([0x7fffn, 0n]);
  });
});

describe('shifts by the whole width', () => {
  it('USHR by 64 gives zero and SSHR by 64 the sign', () => {
    const before = { v: { 1: vector(1n << 63n, 1n << 62n) } };
    run.run('USHR (immediate, D)', { Q: 1, immb: 0, Vn: 1 }, before);
    expect(run.v(0)).toBe(0n);
    run.run('SSHR (immediate, D)', { Q: 1, immb: 0, Vn: 1 }, before);
    expect(run.v(0)).toBe(vector((1n << 64n) - 1n, 0n));
  });

  it('URSHR by 64 gives the top bit, which rounds up', () => {
    run.run('URSHR (immediate, D)', { Q: 1, immb: 0, Vn: 1 }, { v: { 1: vector(1n << 63n, 1n << 62n) } });
    expect(run.v(0)).toBe(vector(1n, 0n));
  });

  it('SRSHL to the right by more than the width gives zero, also for negative operands', () => {
    const before = { v: { 1: (1n << 64n) - 1n, 2: 0x80n } };
    run.run('SRSHL (vector)', { Q: 1, size: 3, Vn: 1, Vm: 2 }, before);
    expect(run.v(0)).toBe(0n);
  });
});

describe('table lookup', () => {
  const table = { 30: 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100n, 31: 0x11n, 0: 0x22n, 1: 0x33n };
  const indices = 0xff_40_30_20_10_05n;

  it('TBL reads indices beyond the table as zero; the table goes on at V0 after V31', () => {
    run.run('TBL (4 registers)', { Q: 1, Vn: 30, Vm: 5, Vd: 6 }, { v: { ...table, 5: indices } });
    expect(run.v(6) & 0xffff_ffff_ffffn).toBe(0x00_00_33_22_11_05n);
  });

  it('TBX keeps the destination where the index is beyond the table', () => {
    run.run(
      'TBX (2 registers)',
      { Q: 0, Vn: 30, Vm: 5, Vd: 6 },
      { v: { ...table, 5: indices, 6: 0xa6a5_a4a3_a2a1_a0a9n } },
    );
    expect(run.v(6)).toBe(0x0000_a4a3_a2a1_1105n);
  });
});

describe('loads and stores of structures', () => {
  const memory = Object.fromEntries(
    [0, 1, 2, 3, 4, 5].map((i) => [0x8000 + 8 * i, 0x0706_0504_0302_0100n + BigInt(i) * 0x0808_0808_0808_0808n]),
  );

  it('LD3 puts every third byte into each register', () => {
    run.run('LD3 (multiple structures)', { Q: 1, size: 0, Rn: 1, Vt: 31 }, { x: { 1: 0x8000n }, memory });
    expect(run.v(31)).toBe(0x2d2a_2724_211e_1b18_1512_0f0c_0906_0300n);
    expect(run.v(0)).toBe(0x2e2b_2825_221f_1c19_1613_100d_0a07_0401n);
    expect(run.v(1)).toBe(0x2f2c_2926_2320_1d1a_1714_110e_0b08_0502n);
    expect(run.x(1)).toBe(0x8000n);
  });

  it('ST3 of 64-bit vectors writes 24 bytes and no more', () => {
    const v = { 4: 0x7770_6660_5550_4440_3330_2220_1110_0000n, 5: 0x1n, 6: 0x2n };
    run.run('ST3 (multiple structures)', { Q: 0, size: 1, Rn: 1, Vt: 4 }, { x: { 1: 0x8000n }, v, memory });
    expect([0, 8, 16, 24].map((at) => run.memory(0x8000 + at))).toEqual([
      0x1110_0002_0001_0000n,
      0x0000_2220_0000_0000n,
      0x0000_0000_3330_0000n,
      memory[0x8018],
    ]);
  });

  it('post-index adds the bytes that were transferred, or Rm', () => {
    const before = { x: { 1: 0x8000n, 2: 0x30n }, memory };
    run.run('LD2 (multiple structures, post-index immediate)', { Q: 0, size: 2, Rn: 1, Vt: 0 }, before);
    expect(run.x(1)).toBe(0x8010n);
    run.run('LD2 (multiple structures, post-index register)', { Q: 0, size: 2, Rn: 1, Rm: 2, Vt: 0 }, before);
    expect(run.x(1)).toBe(0x8030n);
  });

  it('a single structure changes one lane of each register', () => {
    const v = { 7: vector(0x77n, 0x77n), 8: vector(0x88n, 0x88n) };
    run.run('LD2 (single structure, S)', { Q: 1, S: 0, Rn: 1, Vt: 7 }, { x: { 1: 0x8000n }, v, memory });
    expect([run.v(7), run.v(8)]).toEqual([vector(0x0302_0100n, 0x77n), vector(0x0706_0504n, 0x88n)]);
  });

  it('LD1R fills every lane', () => {
    run.run('LD1R (H)', { Q: 0, Rn: 1, Vt: 7 }, { x: { 1: 0x8002n }, memory });
    expect(run.v(7)).toBe(0x0302_0302_0302_0302n);
  });

  it('a load that faults on its second part changes neither registers nor the base', () => {
    const end = BigInt(run.flat.memory.ramBytes) - 16n;
    const before = { x: { 1: end }, v: { 0: 0x11n, 1: 0x22n } };
    run.run('LD1 (multiple structures, 2 registers, post-index immediate)', { Q: 1, size: 0, Rn: 1, Vt: 0 }, before);
    expect(run.events).toEqual(['load']);
    expect([run.v(0), run.v(1), run.x(1)]).toEqual([0x11n, 0x22n, end]);
  });

  it('a misaligned SP as base faults while SP alignment is checked', () => {
    const fields = { Q: 1, size: 0, Rn: 31, Vt: 0 };
    const name = 'LD1 (multiple structures, 1 register)';
    run.run(name, fields, { x: { 31: 0x8008n }, memory });
    expect([run.events, run.v(0)]).toEqual([[], vector(memory[0x8010]!, memory[0x8008]!)]);
    run.run(name, fields, { x: { 31: 0x8008n }, memory, state: { spAlignMask: 15 } });
    expect([run.events, run.v(0)]).toEqual([['spAlignmentFault'], 0n]);
  });
});

describe('traps', () => {
  it('an integer SIMD instruction takes the FP access trap and does nothing else', () => {
    run.run('ADD (vector)', { Q: 1, size: 0, Vn: 1, Vm: 2 }, { v: { 1: 1n, 2: 2n }, state: { fpTrapped: 1 } });
    expect([run.events, run.v(0)]).toEqual([['fpAccessTrap'], 0n]);
  });
});

describe('moves between register files', () => {
  it('SMOV sign-extends to W or X, UMOV zero-extends', () => {
    const before = { v: { 1: 0x80_0000n } };
    run.run('SMOV (B)', { Q: 0, ix: 2, Vn: 1, Rd: 0 }, before);
    expect(run.x(0)).toBe(0xffff_ff80n);
    run.run('SMOV (B)', { Q: 1, ix: 2, Vn: 1, Rd: 0 }, before);
    expect(run.x(0)).toBe(0xffff_ffff_ffff_ff80n);
    run.run('UMOV (B)', { ix: 2, Vn: 1, Rd: 0 }, before);
    expect(run.x(0)).toBe(0x80n);
  });

  it('INS (element) moves one element and keeps the others', () => {
    run.run('INS (element, H)', { ix: 5, iy: 0, Vn: 1, Vd: 0 }, { v: { 0: vector(1n, 2n), 1: 0xffff_abcdn } });
    expect(run.v(0)).toBe(vector(0xabcd_0001n, 2n));
  });
});
