import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FeatureName } from '../features.ts';
import { featureId } from '../features.ts';
import { SYSREG_CAPACITY } from '../pestate.ts';
import type { FieldMap, SysRegRow } from './index.ts';
import {
  bits,
  buildSysregTable,
  fieldOf,
  genericKey,
  genericName,
  getField,
  registerValue,
  STORED_SYSREGS,
  SYSREGS,
  storedAfterWrite,
  sysregByEncoding,
  sysregByKey,
  sysregByName,
  sysregEncoding,
  sysregKey,
  sysregKeyOf,
  sysregLayout,
  sysregName,
} from './index.ts';
import {
  BARRIER_OPTIONS,
  HINTS,
  PSTATE_IMMEDIATES,
  SYS_OPS,
  sysOpByEncoding,
  sysOpByName,
  sysOpPresent,
} from './sysops.ts';

const OBJDUMP = 'aarch64-linux-gnu-objdump';
const noObjdump = spawnSync(OBJDUMP, ['--version']).status !== 0;

/** What GNU objdump makes of the words, lower case, without comments, one string for each. */
function disassemble(words: readonly number[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'sysregs-'));
  try {
    const file = join(folder, 'words.bin');
    writeFileSync(file, Buffer.from(Uint32Array.from(words).buffer));
    const text = execFileSync(OBJDUMP, ['-D', '-z', '-b', 'binary', '-m', 'aarch64', file], {
      maxBuffer: 1 << 28,
    }).toString();
    const lines = text.split('\n').filter((line) => /^\s*[0-9a-f]+:\t/.test(line));
    return lines.map((line) => line.split('\t').slice(2).join(' ').split('//')[0].trim());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const mrs = (key: number): number => 0xd530_0000 + ((key & 0x7fff) << 5);
const msr = (key: number): number => 0xd510_0000 + ((key & 0x7fff) << 5);
const sys = (key: number, Rt: number): number => 0xd508_0000 + ((key & 0x3fff) << 5) + Rt;

const ALL_KEYS = Array.from({ length: 0x8000 }, (_, n) => 0x8000 + n);

/** Names objdump gives to each encoding, from MRS and MSR; encodings it writes generically are left out. */
function gnuNames(): Map<number, Set<string>> {
  const found = new Map<number, Set<string>>();
  const add = (key: number, name: string) => {
    if (/^s[23]_/.test(name)) return;
    found.set(key, (found.get(key) ?? new Set()).add(name));
  };
  for (const [n, text] of disassemble(ALL_KEYS.map(mrs)).entries()) add(ALL_KEYS[n], text.replace(/^mrs x0, /, ''));
  for (const [n, text] of disassemble(ALL_KEYS.map(msr)).entries())
    add(ALL_KEYS[n], text.replace(/^msr (.*), x0$/, '$1'));
  return found;
}

/** Encodings that GNU names and this table does not, with the reason. */
const NOT_OURS: readonly (readonly [RegExp, string])[] = [
  [/^teecr32_el1$|^teehbr32_el1$/, 'T32EE, removed from Armv8 before issue A'],
  [/^mpuir_|^pr(bar|lar|enr|selr)\d*_/, 'Armv8-R'],
];

/** Names of ours that GNU binutils 2.40 does not know. */
const NOT_GNU =
  /^(ID_AA64DFR2_EL1|(L2CTLR|L2ECTLR|L2ACTLR|CPUACTLR|CPUECTLR|CPUMERRSR|L2MERRSR|CBAR)_EL1|S3_0_C0_C[1-7]_[0-7])$/;

describe('the table of System registers', () => {
  it.skipIf(noObjdump)('has every encoding under the name that GNU binutils has for it', () => {
    const gnu = gnuNames();
    const wrong: string[] = [];
    for (const row of SYSREGS) {
      const ours = [row.name, ...(row.aliases ?? [])].map((name) => name.toLowerCase());
      const theirs = gnu.get(row.key);
      if (theirs ? [...theirs].some((name) => !ours.includes(name)) : !NOT_GNU.test(row.name)) {
        wrong.push(`${row.name} ${genericName(row.key)}: ${[...(theirs ?? [])]}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(gnu.size).toBeGreaterThan(900);
  });

  it.skipIf(noObjdump)('names every register that GNU binutils names, apart from those listed with a reason', () => {
    const missing = [...gnuNames()]
      .filter(([key]) => !sysregByKey(key))
      .flatMap(([, names]) => [...names])
      .filter((name) => !NOT_OURS.some(([pattern]) => pattern.test(name)));
    expect(missing).toEqual([]);
  });

  it('has fields that lie in 63:0 and do not overlap, in every layout of every register', () => {
    const layouts = SYSREGS.flatMap((row): [string, FieldMap][] => [
      [row.name, row.fields],
      ...Object.entries(row.views ?? {}).map(([view, fields]): [string, FieldMap] => [`${row.name} (${view})`, fields]),
    ]);
    for (const [name, fields] of layouts) {
      let used = 0n;
      for (const [field, [msb, lsb]] of Object.entries(fields)) {
        expect(used & bits(msb, lsb), `${name}.${field}`).toBe(0n);
        used |= bits(msb, lsb);
      }
    }
  });

  it('never calls a bit writable that reads as one, and resets with those ones set', () => {
    for (const features of [new Set<FeatureName>(), new Set<FeatureName>(['FEAT_PAN', 'FEAT_ExS', 'FEAT_PMUv3'])]) {
      for (const row of SYSREGS) {
        const layout = sysregLayout(row, { features, el2: true, el3: true });
        expect(layout.writable & layout.res1, row.name).toBe(0n);
        expect(layout.reset & layout.res1, row.name).toBe(layout.res1);
        if (row.access === 'RO') expect(layout.writable, row.name).toBe(0n);
      }
    }
  });

  it('names an existing register as what an _EL12 or _EL02 name reaches', () => {
    for (const row of SYSREGS.filter((r) => r.accesses)) {
      const target = sysregByName(row.accesses ?? '');
      expect(target, row.name).toBeDefined();
      expect([row.op0, row.CRn, row.CRm, row.op2]).toEqual([target?.op0, target?.CRn, target?.CRm, target?.op2]);
    }
  });

  it('has no more stored registers than the state block of a PE has room for', () => {
    expect(STORED_SYSREGS.length).toBeLessThanOrEqual(SYSREG_CAPACITY);
    expect(new Set(STORED_SYSREGS.map((row) => row.key)).size).toBe(STORED_SYSREGS.length);
  });

  it('finds each feature field it refers to', () => {
    for (const row of SYSREGS) {
      const id = row.feature && featureId(row.feature);
      if (id) expect(() => fieldOf(id.register, id.field)).not.toThrow();
    }
  });
});

describe('names and encodings', () => {
  it('a register is found by name in any case, by generic name, by alias and by encoding', () => {
    const row = sysregByName('sctlr_EL1');
    expect(row?.name).toBe('SCTLR_EL1');
    expect(sysregByName('S3_0_C1_C0_0')).toBe(row);
    expect(sysregByEncoding(3, 0, 1, 0, 0)).toBe(row);
    expect(sysregByName('ICV_IAR1_EL1')).toBe(sysregByName('ICC_IAR1_EL1'));
    expect(sysregByName('DBGDTRTX_EL0')).toBe(sysregByName('DBGDTRRX_EL0'));
    expect(sysregByName('NO_SUCH_EL1')).toBeUndefined();
  });

  it('generic names, keys and encodings are each other’s inverses over the whole space', () => {
    for (const key of ALL_KEYS) {
      expect(genericKey(genericName(key))).toBe(key);
      expect(sysregKey(...sysregEncoding(key))).toBe(key);
    }
  });

  it('an encoding without a row has a generic name that leads back to it', () => {
    const key = sysregKey(3, 3, 15, 15, 7);
    expect(sysregByKey(key)).toBeUndefined();
    expect(sysregName(key)).toBe('S3_3_C15_C15_7');
    expect(sysregKeyOf('s3_3_c15_c15_7')).toBe(key);
  });

  it.each(['S4_0_C0_C0_0', 'S3_8_C0_C0_0', 'S3_0_C16_C0_0', 'S3_0_C0_C0_8', 'S1_0_C7_C5_0', 'S3_0_C0_C0', ''])(
    '%o is not a generic register name',
    (text) => expect(genericKey(text)).toBeUndefined(),
  );

  it('a field is found by name, and an unknown one is refused with the names there are', () => {
    expect(fieldOf('TCR_EL1', 'TG1')).toEqual([31, 30]);
    expect(getField('TCR_EL1', 'TG1', 0x8000_0000n)).toBe(2n);
    expect(() => fieldOf('CNTV_CTL_EL0', 'FLAG')).toThrow(/ENABLE, IMASK, ISTATUS/);
    expect(() => fieldOf('NOPE', 'FLAG')).toThrow(/NOPE/);
    expect(() => registerValue('TCR_EL1', { TG1: 4 })).toThrow(/31:30/);
  });
});

describe('the builder', () => {
  const row = (name: string, op2: number, more: Partial<SysRegRow> = {}): SysRegRow => ({
    ...{ name, at: [3, 3, 15, 0, op2], access: 'RW', el: 1, doc: 'test' },
    ...more,
  });

  it.each([
    ['a name used twice', [row('A', 0), row('a', 1)], /name a/],
    ['an alias that is a name', [row('A', 0), row('B', 1, { aliases: ['A'] })], /name A/],
    ['an encoding used twice', [row('A', 0), row('B', 0)], /S3_3_C15_C0_0/],
    ['a field outside the register', [row('A', 0, { fields: { X: [64, 60] } })], /A\.X/],
    ['a field upside down', [row('A', 0, { fields: { X: [3, 4] } })], /A\.X/],
  ])('refuses %s', (_, table, message) => {
    expect(() => buildSysregTable(table)).toThrow(message);
  });
});

describe('layouts', () => {
  const none = { features: new Set<FeatureName>(), el2: true, el3: true };
  const layoutOf = (name: string, impl: Parameters<typeof sysregLayout>[1] = none) => {
    const row = sysregByName(name);
    if (!row) throw new Error(name);
    return sysregLayout(row, impl);
  };

  it('SCTLR_EL1.SPAN reads as one without FEAT_PAN and can be cleared with it', () => {
    const span = 1n << 23n;
    expect(layoutOf('SCTLR_EL1').res1).toBe(0x30d0_0980n);
    const without = layoutOf('SCTLR_EL1');
    expect(storedAfterWrite(without, without.reset, 0n) & span).toBe(span);
    const withPan = layoutOf('SCTLR_EL1', { ...none, features: new Set(['FEAT_PAN']) });
    expect(withPan.reset & span).toBe(span);
    expect(storedAfterWrite(withPan, withPan.reset, 0n) & span).toBe(0n);
    expect(storedAfterWrite(withPan, 0n, span) & span).toBe(span);
  });

  it('a write of all ones leaves RES0 bits zero and RES1 bits one', () => {
    const ones = (1n << 64n) - 1n;
    expect(storedAfterWrite(layoutOf('SCTLR_EL2'), 0n, ones)).toBe(0x30cd_183fn);
    expect(storedAfterWrite(layoutOf('VBAR_EL1'), 0n, ones)).toBe(ones - 0x7ffn);
    expect(storedAfterWrite(layoutOf('CPACR_EL1'), 0n, ones)).toBe(0x30_0000n);
    expect(storedAfterWrite(layoutOf('SCR_EL3'), 0n, ones)).toBe(0x3fbfn);
    expect(storedAfterWrite(layoutOf('SCR_EL3'), 0n, 0n)).toBe(0x430n);
    expect(storedAfterWrite(layoutOf('HCR_EL2'), 0n, 0n)).toBe(0x8000_0000n);
    expect(storedAfterWrite(layoutOf('CPTR_EL2'), 0n, 0n)).toBe(0x33ffn);
    expect(storedAfterWrite(layoutOf('MDSCR_EL1'), 0n, ones)).toBe(0xb001n);
    expect(storedAfterWrite(layoutOf('CNTFRQ_EL0'), 0n, ones)).toBe(0xffff_ffffn);
  });

  it('HCR_EL2.HCD is writable only without EL3, SCR_EL3.HCE only with EL2', () => {
    const hcd = 1n << 29n;
    expect(layoutOf('HCR_EL2').writable & hcd).toBe(0n);
    expect(layoutOf('HCR_EL2', { ...none, el3: false }).writable & hcd).toBe(hcd);
    const hce = 1n << 8n;
    expect(layoutOf('SCR_EL3').writable & hce).toBe(hce);
    expect(layoutOf('SCR_EL3', { ...none, el2: false }).writable & hce).toBe(0n);
  });

  it('an EL2 register is RES0 for EL3 when EL2 is missing, and UNDEFINED when EL3 is missing too', () => {
    expect(layoutOf('VBAR_EL2').presence).toBe('present');
    expect(layoutOf('VBAR_EL2', { ...none, el2: false }).presence).toBe('res0');
    expect(layoutOf('VBAR_EL2', { ...none, el2: false, el3: false }).presence).toBe('undefined');
    expect(layoutOf('VBAR_EL3', { ...none, el3: false }).presence).toBe('undefined');
    expect(layoutOf('SP_EL1', { ...none, el2: false }).presence).toBe('present');
  });

  it('RVBAR_ELx exists for the highest Exception level only', () => {
    const present = (el2: boolean, el3: boolean) =>
      [1, 2, 3].filter((el) => layoutOf(`RVBAR_EL${el}`, { ...none, el2, el3 }).presence === 'present');
    expect([present(false, false), present(true, false), present(true, true), present(false, true)]).toEqual([
      [1],
      [2],
      [3],
      [3],
    ]);
  });

  it('a register of a missing feature is UNDEFINED, and so is one that is not modelled', () => {
    expect(layoutOf('PMCR_EL0').presence).toBe('undefined');
    expect(layoutOf('PMCR_EL0', { ...none, features: new Set(['FEAT_PMUv3']) }).presence).toBe('present');
    expect(layoutOf('ZCR_EL1', { ...none, features: new Set(['FEAT_SVE']) }).presence).toBe('undefined');
    expect(layoutOf('DBGBVR5_EL1').presence).toBe('present');
    expect(layoutOf('DBGBVR6_EL1').presence).toBe('undefined');
    expect(layoutOf('DBGWVR4_EL1').presence).toBe('undefined');
  });
});

describe('SYS instructions', () => {
  it.skipIf(noObjdump)('have the names and operands that GNU binutils has for them', () => {
    const texts = disassemble(SYS_OPS.map((row) => sys(row.key, row.takesXt ? 3 : 31)));
    expect(texts).toEqual(SYS_OPS.map((row) => row.name.toLowerCase().replace(/ /, ' ') + (row.takesXt ? ', x3' : '')));
  });

  it.skipIf(noObjdump)('are all that GNU binutils names', () => {
    const keys = Array.from({ length: 0x4000 }, (_, n) => n);
    const named = [31, 3].flatMap((Rt) =>
      disassemble(keys.map((key) => sys(key, Rt))).flatMap((text, key) =>
        /^(ic|dc|at|tlbi|cfp|dvp|cpp) /.test(text) ? [key] : [],
      ),
    );
    const missing = [...new Set(named)].filter(
      (key) => !sysOpByEncoding(...(sysregEncoding(key).slice(1) as [number, number, number, number])),
    );
    expect(missing.map(genericName)).toEqual([]);
    expect(named.length).toBeGreaterThan(120);
  });

  it('are found by name and by encoding', () => {
    expect(sysOpByName('tlbi vae1is')).toMatchObject({ op1: 0, CRn: 8, CRm: 3, op2: 1, el: 1, takesXt: true });
    expect(sysOpByEncoding(3, 7, 4, 1)?.name).toBe('DC ZVA');
    expect(sysOpByEncoding(0, 8, 7, 2)?.name).toBe('TLBI ASIDE1');
    expect(sysOpByEncoding(0, 0, 0, 0)).toBeUndefined();
  });

  it('exist as their Exception level and feature exist', () => {
    const present = (name: string, el2: boolean, el3: boolean, ...features: FeatureName[]) => {
      const row = sysOpByName(name);
      if (!row) throw new Error(name);
      return sysOpPresent(row, { features: new Set(features), el2, el3 });
    };
    expect(present('TLBI VAE2', false, true)).toBe(false);
    expect(present('TLBI ALLE1', false, true)).toBe(true);
    expect(present('TLBI ALLE1', false, false)).toBe(false);
    expect(present('AT S1E1RP', true, true)).toBe(false);
    expect(present('AT S1E1RP', false, false, 'FEAT_PAN2')).toBe(true);
    expect(present('TLBI VMALLE1OS', true, true)).toBe(false);
  });
});

describe('MSR (immediate), hints and barriers', () => {
  it.skipIf(noObjdump)('have the names that GNU binutils has for them', () => {
    const immediates = PSTATE_IMMEDIATES.map((p) => 0xd500_401f | (p.op1 << 16) | (1 << 8) | (p.op2 << 5));
    expect(disassemble(immediates)).toEqual(PSTATE_IMMEDIATES.map((p) => `msr ${p.name.toLowerCase()}, #0x1`));
    const hints = disassemble(HINTS.map((h) => 0xd503_201f | (h.imm << 5)));
    // DGH is newer than the assembler's default architecture, so it stays a number there.
    expect(hints).toEqual(HINTS.map((h) => (h.name === 'DGH' ? 'hint #0x6' : h.name.toLowerCase())));
    const options = Object.keys(BARRIER_OPTIONS).map(Number);
    expect(disassemble(options.map((CRm) => 0xd503_30bf | (CRm << 8)))).toEqual(
      options.map((n) => `dmb ${BARRIER_OPTIONS[n].toLowerCase()}`),
    );
  });
});
