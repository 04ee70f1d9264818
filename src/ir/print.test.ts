import { describe, expect, it } from 'vitest';
import { PE_STATE } from '../arch/pestate.ts';
import { type Clause, liftConstant, liftShape, shapeFields } from '../isa/clause.ts';
import { encodeFields, extractFields } from '../isa/encoding.ts';
import { A64, fpCheck } from '../isa/table.ts';
import { Builder } from './builder.ts';
import { printFragment } from './print.ts';

const FIXTURES = '../../test/fixtures/ir';

/** Instructions whose meaning stands as text in the fixtures: file, clause, fields. */
const SHOWN: readonly (readonly [file: string, clause: string, fields: Record<string, number>])[] = [
  ['add-immediate', 'ADD (immediate)', { sf: 1, sh: 1, imm12: 5, Rn: 31, Rd: 2 }],
  ['subs-shifted', 'SUBS (shifted register)', { sf: 0, shift: 1, Rm: 3, imm6: 7, Rn: 4, Rd: 31 }],
  ['csel', 'CSEL', { sf: 1, Rm: 1, cond: 12, Rn: 2, Rd: 3 }],
  ['udiv', 'UDIV', { sf: 1, Rm: 1, Rn: 2, Rd: 3 }],
  ['b-cond', 'B.cond', { imm19: 8, cond: 1 }],
  ['blr', 'BLR', { Rn: 30 }],
  ['ldrsb-register', 'LDRSB (register, 64-bit)', { Rm: 1, option: 6, S: 0, Rn: 2, Rt: 3 }],
  ['ldp-pre-index', 'LDP (pre-index, 64-bit)', { imm7: 4, Rt2: 5, Rn: 31, Rt: 6 }],
  ['stxr', 'STXR (64-bit)', { Rs: 1, Rn: 2, Rt: 3 }],
  ['casal', 'CAS', { sz: 1, L: 1, Rs: 1, o0: 1, Rn: 2, Rt: 3 }],
  ['msr-register', 'MSR (register)', { o0: 1, op1: 0, CRn: 1, CRm: 0, op2: 0, Rt: 4 }],
  ['svc', 'SVC', { imm16: 17 }],
  ['fadd-scalar', 'FADD (scalar)', { sz: 1, Vm: 1, Vn: 2, Vd: 3 }],
  ['ext', 'EXT', { Q: 1, Vm: 1, imm4: 3, Vn: 2, Vd: 3 }],
  ['addp-vector', 'ADDP (vector)', { Q: 0, size: 2, Vm: 1, Vn: 2, Vd: 3 }],
];
function clauseNamed(name: string): Clause {
  const clause = A64.find((c) => c.name === name);
  if (!clause) throw new Error(`no clause '${name}'`);
  return clause;
}

describe('the meaning of instructions as text', () => {
  // After a change that is meant: `npx vitest run src/ir/print.test.ts -u`, and read what changed.
  it.each(SHOWN)('%s.txt shows %s', async (file, name, wanted) => {
    const clause = clauseNamed(name);
    expect(Object.keys(wanted).sort(), 'fields of the encoding').toEqual(Object.keys(clause.encoding.fields).sort());
    const word = encodeFields(clause.encoding, wanted);
    const fields = extractFields(clause.encoding, word);
    const statics = shapeFields(clause, fields);
    const text = [
      `${name}, ${clause.asm ?? 'no text'}`,
      '',
      `shape ${JSON.stringify(statics)}`,
      printFragment(liftShape(clause, statics, fpCheck)),
      '',
      `word 0x${word.toString(16).padStart(8, '0')}`,
      printFragment(liftConstant(clause, fields, fpCheck)),
      '',
    ].join('\n');
    await expect(text).toMatchFileSnapshot(`${FIXTURES}/${file}.txt`);
  });
});

describe('printFragment', () => {
  const text = (build: (b: Builder) => void): string[] => {
    const b = new Builder({ registers: undefined, immediates: undefined, immTypes: { amount: 'u8' } });
    build(b);
    return printFragment(b.finish()).split('\n');
  };

  it('numbers values as they appear and writes constants where they are used', () => {
    expect(text((b) => b.setX('Rd', b.add(b.x('Rn'), b.i64(4096))))).toEqual([
      '%0: i64 = getx Rn',
      '%1: i64 = add %0, 0x1000',
      'setx Rd, %1',
    ]);
  });

  it('writes small constants in decimal with their sign, at the width of their type', () => {
    const lines = text((b) => {
      b.setW('Rd', b.i32(-1));
      b.setX('Rd', b.i64(-255));
      b.setX('Rd', b.i64(-256));
      b.setW('Rd', b.i32(0x8000_0000));
      b.setV('Rd', b.vconst(1n, 2n));
    });
    expect(lines).toEqual([
      'setw Rd, -1',
      'setx Rd, -255',
      'setx Rd, 0xffffffffffffff00',
      'setw Rd, 0x80000000',
      'setv Rd, 0x20000000000000001',
    ]);
  });

  it('names stack pointers, later registers, state fields and immediates', () => {
    const lines = text((b) => {
      b.setXsp('Rd', b.x('Rt', 1));
      b.set(PE_STATE.NZCV, b.imm('amount'));
    });
    expect(lines).toEqual(['%0: i64 = getx Rt+1', 'setx Rd|SP, %0', '%1: i32 = imm amount', 'set NZCV, %1']);
  });

  it('shows the numbers of registers that are known', () => {
    const b = new Builder({ registers: { Rn: 5 }, immediates: undefined, immTypes: {} });
    b.branch(b.x('Rn'));
    expect(printFragment(b.finish())).toBe('%0: i64 = getx Rn=5\nbranch %0');
  });

  it('says how an access differs from a plain one', () => {
    const lines = text((b) => {
      const v = b.load(b.pc(), { bytes: 8, alwaysAligned: true, readForWrite: true });
      b.store(b.pc(), v, { bytes: 8, alignBytes: 1, unprivileged: true });
    });
    expect(lines[1]).toBe('%1: i64 = load64 %0 (always aligned, for write)');
    expect(lines[3]).toBe('store64 %2, %1 (align 1, unprivileged)');
  });

  it('indents the arms of if, and says which value each gives', () => {
    const lines = text((b) => {
      const chosen = b.choose(
        b.w('Rn'),
        () => b.x('Rm'),
        () => b.i64(0),
      );
      b.setX('Rd', chosen);
      b.if(b.w('Rn'), () => b.branch(b.x('Rm')));
    });
    expect(lines).toEqual([
      '%0: i32 = getw Rn',
      '%1: i64 = if %0',
      '  %2: i64 = getx Rm',
      '  give %2',
      'else',
      '  give 0',
      'setx Rd, %1',
      '%3: i32 = getw Rn',
      'if %3',
      '  %4: i64 = getx Rm',
      '  branch %4',
    ]);
  });

  it('prints a fragment that is not well formed too', () => {
    const b = new Builder({ registers: undefined, immediates: undefined, immTypes: {} });
    const other = new Builder({ registers: undefined, immediates: undefined, immTypes: {} });
    b.setX('Rd', other.x('Rn'));
    expect(printFragment(b.finish())).toBe('setx Rd, %?0');
  });
});
