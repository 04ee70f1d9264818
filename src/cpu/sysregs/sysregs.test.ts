import { describe, expect, it } from 'vitest';
import { PeRig } from '../../../test/support/pe-rig.ts';
import type { ProfileName } from '../../arch/profiles.ts';
import { genericName, SYSREGS, type SysReg, sysregByName } from '../../arch/sysregs/index.ts';

const EC_UNDEFINED = 0n;
const M64 = (1n << 64n) - 1n;

/** A PE on which no control traps anything. */
function openRig(cpu: ProfileName, levels: { el2: boolean; el3: boolean }): PeRig {
  const pe = new PeRig({ cpu, ...levels });
  const controls: Record<string, bigint> = {
    SCTLR_EL1: (1n << 9n) | (1n << 15n),
    CPACR_EL1: 3n << 20n,
    CNTKCTL_EL1: 0x303n,
    ...(levels.el2 ? { CNTHCTL_EL2: 3n } : {}),
  };
  for (const [name, value] of Object.entries(controls)) pe.write(name, value);
  return pe;
}

/** Registers whose access depends on more than the Exception level; they have tests of their own. */
const BY_RULES_OF_THEIR_OWN = /^(ICC_|ICH_|ICV_|PM|CNTPS_|SP_EL0$|SP_EL[123]$)/;

describe.each([
  ['full', { el2: true, el3: true }],
  ['cortex-a57', { el2: true, el3: false }],
  ['full', { el2: false, el3: true }],
  ['cortex-a57', { el2: false, el3: false }],
] as const)('access rights on %s with %o (DDI 0487, "AArch64 System Register Descriptions")', (cpu, levels) => {
  const pe = openRig(cpu, levels);
  const start = pe.machine.snapshot();
  const { s } = pe.machine.pes[0]!;
  const highest = s.highestEl;

  /** What an access of a row gives: it completes, or it is UNDEFINED. */
  function expected(row: SysReg, el: number, write: boolean): 'completes' | 'undefined' {
    const here = s.sysregs.get(row.key);
    // HCR_EL2.E2H is 0, so the _EL12 and _EL02 names are UNDEFINED.
    const present = row.model !== 'absent' && row.accesses === undefined && here?.presence === 'present';
    if (!present) {
      const reservedId = !write && el > 0 && /^S3_0_C0_C[1-7]_/.test(genericName(row.key));
      const resZero = here?.presence === 'res0' && el === 3 && row.access !== (write ? 'RO' : 'WO');
      return reservedId || resZero ? 'completes' : 'undefined';
    }
    if (row.access === (write ? 'RO' : 'WO')) return 'undefined';
    const lowest = write ? (row.writeEl === 'highest' ? highest : (row.writeEl ?? row.el)) : row.el;
    return el >= lowest ? 'completes' : 'undefined';
  }

  it.each(([0, 1, 2, 3] as const).filter((el) => el <= highest && (el !== 2 || levels.el2)))('at EL%i', (el) => {
    for (const row of SYSREGS) {
      if (BY_RULES_OF_THEIR_OWN.test(row.name)) continue;
      for (const write of [false, true]) {
        pe.machine.restore(start);
        const text = genericName(row.key);
        // What is written is what is there, so that nothing else changes.
        if (write && s.sysregs.get(row.key)?.presence === 'present') pe.write('X0', pe.read(row.name));
        const taken = pe.run(write ? `msr ${text}, x0` : `mrs x0, ${text}`, el);
        const got = taken === undefined ? 'completes' : taken.ec === EC_UNDEFINED ? 'undefined' : `EC ${taken.ec}`;
        expect(got, `${write ? 'MSR' : 'MRS'} ${row.name} at EL${el}`).toBe(expected(row, el, write));
      }
    }
  });
});

describe('values', () => {
  const CHANGES_THE_TEST_ITSELF = /^(SCTLR|TCR|TTBR0|MAIR|CPTR|MDCR)_EL3$/;

  it.each(['full', 'cortex-a57'] as const)(
    'of stored registers on %s: MSR changes what may change, RES1 stays 1, all else stays',
    (cpu) => {
      const pe = openRig(cpu, { el2: true, el3: true });
      const start = pe.machine.snapshot();
      let tried = 0;
      for (const r of pe.machine.pes[0]!.s.sysregs.values()) {
        if (r.row.model !== 'stored' || r.row.access !== 'RW' || r.presence !== 'present') continue;
        if (CHANGES_THE_TEST_ITSELF.test(r.row.name) || BY_RULES_OF_THEIR_OWN.test(r.row.name)) continue;
        const text = genericName(r.row.key);
        const read = (value: bigint): bigint => {
          pe.machine.restore(start);
          pe.write('X0', value);
          expect(pe.run(`msr ${text}, x0\n mrs x1, ${text}`, 3), r.row.name).toBeUndefined();
          return pe.read('X1');
        };
        const [zeros, ones] = [read(0n), read(M64)];
        expect(ones & ~zeros, `${r.row.name}: bits that can change`).toBe(r.writable);
        expect(zeros & r.res1, `${r.row.name}: RES1`).toBe(r.res1);
        tried++;
      }
      expect(tried).toBeGreaterThan(60);
    },
  );

  it('of SCTLR_EL1 on both profiles are those of Arm', () => {
    // Bits 11, 20, 22, 23, 28 and 29 are RES1 on Armv8.0, ITD (7) and SED (8) without AArch32 at EL0; SPAN (23) is a
    // field with FEAT_PAN.
    const values = (['full', 'cortex-a57'] as const).map((cpu) => {
      const pe = openRig(cpu, { el2: true, el3: true });
      pe.run('msr SCTLR_EL1, xzr\n mrs x1, SCTLR_EL1', 3);
      return pe.read('X1').toString(16);
    });
    expect(values).toEqual(['30500980', '30d00980']);
  });

  it('MRS of what is UNDEFINED leaves its target alone', () => {
    const pe = new PeRig().write('X5', 77n);
    expect(pe.run('mrs x5, SCTLR_EL3')).toMatchObject({ el: 1, ec: EC_UNDEFINED });
    expect(pe.read('X5')).toBe(77n);
  });

  it('the reserved part of the identification space reads as zero above EL0', () => {
    const pe = new PeRig().write('X0', 77n);
    expect(pe.run('mrs x0, S3_0_C0_C7_7')).toBeUndefined();
    expect(pe.read('X0')).toBe(0n);
    expect(pe.run('mrs x0, S3_0_C0_C7_7', 0)).toMatchObject({ ec: EC_UNDEFINED });
    expect(pe.run('msr S3_0_C0_C7_7, x0')).toMatchObject({ ec: EC_UNDEFINED });
  });

  it('what is not there is reported by its Arm name', () => {
    const pe = new PeRig();
    const reports: string[] = [];
    pe.machine.log.onReport((m) => void reports.push(m));
    pe.run('mrs x0, ZCR_EL1');
    pe.run('mrs x0, S3_3_C15_C15_7');
    expect(sysregByName('ZCR_EL1')?.model).toBe('absent');
    expect(reports.join('\n')).toMatch(/MRS ZCR_EL1 at EL1.*UNDEFINED\n.*S3_3_C15_C15_7 at EL1.*UNDEFINED/);
  });

  it('SP_EL0 is UNDEFINED while it is the stack pointer', () => {
    const pe = new PeRig();
    expect(pe.run('mrs x0, SP_EL0')).toBeUndefined();
    expect(pe.run('msr SPSel, #0\n mrs x0, SP_EL0')).toMatchObject({ el: 1, ec: EC_UNDEFINED });
  });
});
