import { describe, expect, it } from 'vitest';
import { PeRig } from '../../test/support/pe-rig.ts';
import { SYSREGS } from '../arch/sysregs/index.ts';
import { REDIRECTED } from './vhe.ts';

const EC_UNDEFINED = 0n;
const EC_DATA_ABORT = 0x24n;
const E2H = 1n << 34n;
const TGE = 1n << 27n;
const RW = 1n << 31n;
const HOST = RW | E2H | TGE;

/** DDI 0487, "Virtualization Host Extensions": what a name of EL1 or EL0 reaches at EL2, typed in from there. */
const NAMES: readonly (readonly [written: string, reached: string, alias: string])[] = [
  ['SCTLR_EL1', 'SCTLR_EL2', 'SCTLR_EL12'],
  ['CPACR_EL1', 'CPTR_EL2', 'CPACR_EL12'],
  ['TTBR0_EL1', 'TTBR0_EL2', 'TTBR0_EL12'],
  ['TTBR1_EL1', 'TTBR1_EL2', 'TTBR1_EL12'],
  ['TCR_EL1', 'TCR_EL2', 'TCR_EL12'],
  ['AFSR0_EL1', 'AFSR0_EL2', 'AFSR0_EL12'],
  ['AFSR1_EL1', 'AFSR1_EL2', 'AFSR1_EL12'],
  ['ESR_EL1', 'ESR_EL2', 'ESR_EL12'],
  ['FAR_EL1', 'FAR_EL2', 'FAR_EL12'],
  ['MAIR_EL1', 'MAIR_EL2', 'MAIR_EL12'],
  ['AMAIR_EL1', 'AMAIR_EL2', 'AMAIR_EL12'],
  ['VBAR_EL1', 'VBAR_EL2', 'VBAR_EL12'],
  ['CONTEXTIDR_EL1', 'CONTEXTIDR_EL2', 'CONTEXTIDR_EL12'],
  ['CNTKCTL_EL1', 'CNTHCTL_EL2', 'CNTKCTL_EL12'],
  ['SPSR_EL1', 'SPSR_EL2', 'SPSR_EL12'],
  ['ELR_EL1', 'ELR_EL2', 'ELR_EL12'],
  ['CNTP_TVAL_EL0', 'CNTHP_TVAL_EL2', 'CNTP_TVAL_EL02'],
  ['CNTP_CTL_EL0', 'CNTHP_CTL_EL2', 'CNTP_CTL_EL02'],
  ['CNTP_CVAL_EL0', 'CNTHP_CVAL_EL2', 'CNTP_CVAL_EL02'],
  ['CNTV_TVAL_EL0', 'CNTHV_TVAL_EL2', 'CNTV_TVAL_EL02'],
  ['CNTV_CTL_EL0', 'CNTHV_CTL_EL2', 'CNTV_CTL_EL02'],
  ['CNTV_CVAL_EL0', 'CNTHV_CVAL_EL2', 'CNTV_CVAL_EL02'],
];
/** Bits that all registers of the list keep, where they keep any. */
const MARKS: Readonly<Record<string, bigint>> = {
  SCTLR_EL1: 1n << 26n,
  CPACR_EL1: 3n << 20n,
  TCR_EL1: 1n << 32n,
  CNTKCTL_EL1: 1n << 8n,
  SPSR_EL1: 0x3c0n,
  VBAR_EL1: 0x4321_0800n,
  ESR_EL1: 0x5600_0042n,
  CONTEXTIDR_EL1: 0x77n,
  CNTP_CTL_EL0: 2n,
  CNTV_CTL_EL0: 2n,
};
const FIXED = /^A(FSR0|FSR1|MAIR)_/;
const TVAL = /TVAL/;

describe('redirection with HCR_EL2.E2H', () => {
  it('the table is the whole of what the architecture lists, and every alias is in it', () => {
    expect([...REDIRECTED].sort()).toEqual(NAMES.map(([from, to]) => [from, to]).sort());
    const aliases = SYSREGS.filter((row) => row.accesses !== undefined);
    expect(aliases.map((row) => [row.accesses, row.name]).sort()).toEqual(NAMES.map(([n, , a]) => [n, a]).sort());
  });

  it.each(NAMES)('%s at EL2 is %s, and %s is the real one', (written, reached, alias) => {
    const mark = MARKS[written] ?? 0x1234_5000n;
    for (const tge of [0n, TGE]) {
      const pe = new PeRig().write('HCR_EL2', RW | E2H | tge);
      const before = [pe.read(reached), pe.read(written)];
      pe.write('X0', mark);
      expect(pe.run(`msr ${written}, x0\n mrs x1, ${written}`, 2)).toBeUndefined();
      if (FIXED.test(written)) continue;
      if (TVAL.test(written)) {
        expect(pe.read(reached)).not.toBe(before[0]);
        expect(pe.read(written)).toBe(before[1]);
        continue;
      }
      expect(pe.read('X1') & mark, 'through the name').toBe(mark);
      expect(pe.read(reached) & mark, reached).toBe(mark);
      expect(pe.read(written), written).toBe(before[1]);
      // The other way: the alias changes the register of EL1 alone.
      const ours = pe.read(reached);
      expect(pe.run(`msr ${alias}, x0\n mrs x2, ${alias}`, 2)).toBeUndefined();
      expect(pe.read(written) & mark).toBe(mark);
      expect(pe.read('X2')).toBe(pe.read(written));
      expect(pe.read(reached)).toBe(ours);
    }
  });

  it.each(NAMES)('%s: without E2H it is itself, and %s and %s are apart or UNDEFINED', (written, reached, alias) => {
    if (FIXED.test(written) || TVAL.test(written)) return;
    const pe = new PeRig();
    const before = pe.read(reached);
    pe.write('X0', MARKS[written] ?? 0x1234_5000n);
    expect(pe.run(`msr ${written}, x0`, 2)).toBeUndefined();
    expect(pe.read(reached)).toBe(before);
    for (const el of [1, 2, 3] as const)
      expect(pe.run(`mrs x0, ${alias}`, el), `${alias} at EL${el}`).toMatchObject({ ec: EC_UNDEFINED });
    pe.write('HCR_EL2', RW | E2H);
    expect(pe.run(`mrs x0, ${alias}`, 1), `${alias} at EL1`).toMatchObject({ ec: EC_UNDEFINED });
    expect(pe.run(`mrs x0, ${alias}`, 3), `${alias} at EL3`).toBeUndefined();
  });

  it('what is not in the list is not redirected', () => {
    const pe = new PeRig().write('HCR_EL2', HOST).write('X0', 0x5000n);
    for (const name of ['TPIDR_EL1', 'PAR_EL1', 'SP_EL1', 'CSSELR_EL1', 'MDSCR_EL1']) {
      expect(pe.run(`msr ${name}, x0\n mrs x1, ${name}`, 2), name).toBeUndefined();
      expect(pe.read('X1'), name).toBe(pe.read(name));
    }
  });

  it('a Cortex-A57 has no E2H: the bit does not stay, the names are themselves', () => {
    const pe = new PeRig({ cpu: 'cortex-a57' }).write('HCR_EL2', HOST);
    expect(pe.read('HCR_EL2')).toBe(RW | TGE);
    expect(pe.run('mrs x0, SCTLR_EL12', 2)).toMatchObject({ ec: EC_UNDEFINED });
    expect(pe.run('mrs x0, TTBR1_EL2', 2)).toMatchObject({ ec: EC_UNDEFINED });
  });
});

describe('EL0 of a host', () => {
  const SYNC_FROM_EL0 = 0x400;
  const host = (): PeRig => new PeRig().write('HCR_EL2', HOST).write('CPTR_EL2', 3n << 20n);

  it('its system calls, traps and UNDEFINED instructions arrive at EL2', () => {
    expect(host().run('svc #7', 0)).toMatchObject({ el: 2, vectorOffset: SYNC_FROM_EL0, ec: 0x15n, iss: 7n });
    expect(host().run('mrs x0, MIDR_EL1', 0)).toMatchObject({ el: 2, ec: EC_UNDEFINED });
    for (const [text, bit] of [
      ['mrs x0, CTR_EL0', 15n],
      ['msr DAIFSet, #2', 9n],
      ['dc zva, x1', 14n],
      ['ic ivau, x1', 26n],
      ['wfi', 16n],
    ] as const) {
      const pe = host().write('X1', 0x4020_0000n);
      // SCTLR_EL1 says nothing about it: all of its bits are set.
      pe.write('SCTLR_EL1', 0xffff_ffffn & ~3n).write('SCTLR_EL2', 0n);
      expect(pe.run(text, 0)?.el, `${text} off`).toBe(2);
      pe.write('SCTLR_EL2', 1n << bit);
      // DC ZVA then meets memory without attributes, which is another matter.
      expect([undefined, EC_DATA_ABORT], `${text} on`).toContain(pe.run(text, 0)?.ec);
    }
  });

  it('CNTHCTL_EL2 has the controls that CNTKCTL_EL1 has for EL1’s', () => {
    for (const [text, bit] of [
      ['mrs x0, CNTPCT_EL0', 0n],
      ['mrs x0, CNTVCT_EL0', 1n],
      ['mrs x0, CNTFRQ_EL0', 1n],
      ['mrs x0, CNTV_CTL_EL0', 8n],
      ['mrs x0, CNTP_CTL_EL0', 9n],
    ] as const) {
      const pe = host().write('CNTKCTL_EL1', 0x303n).write('CNTHCTL_EL2', 0n);
      expect(pe.run(text, 0), `${text} off`).toMatchObject({ el: 2, ec: 0x18n });
      pe.write('CNTHCTL_EL2', 1n << bit);
      expect(pe.run(text, 0), `${text} on`).toBeUndefined();
    }
  });

  it('its timers are those of EL2, and there is no offset', () => {
    const pe = host()
      .write('CNTHCTL_EL2', 0x303n)
      .write('CNTVOFF_EL2', 1n << 60n)
      .write('X0', 0x7777n);
    expect(pe.run('msr CNTP_CVAL_EL0, x0\n mrs x1, CNTVCT_EL0', 0)).toBeUndefined();
    expect([pe.read('CNTHP_CVAL_EL2'), pe.read('CNTP_CVAL_EL0')]).toEqual([0x7777n, 0n]);
    expect(pe.read('X1')).toBeLessThan(1n << 32n);
    expect(pe.run('mrs x1, CNTVCT_EL0', 2)).toBeUndefined();
    expect(pe.read('X1')).toBeLessThan(1n << 32n);
    pe.write('HCR_EL2', RW | E2H);
    expect(pe.run('mrs x1, CNTVCT_EL0', 1)).toBeUndefined();
    expect(pe.read('X1')).toBeGreaterThan(1n << 62n);
  });

  it('CNTHV drives its interrupt, PPI 28, alone', () => {
    const pe = new PeRig()
      .write('HCR_EL2', HOST)
      .write('CNTHV_CVAL_EL2', 0n)
      .write('CNTVOFF_EL2', 1n << 60n);
    const heard: string[] = [];
    pe.machine.on('interrupt', (_pe, what, intid) => void heard.push(`${what} ${intid}`));
    pe.write('X0', 1n);
    expect(pe.run('msr CNTV_CTL_EL0, x0\n mrs x1, CNTHV_CTL_EL2', 2)).toBeUndefined();
    expect(heard).toEqual(['raised 28']);
    expect(pe.read('X1')).toBe(5n);
    expect(pe.run('msr CNTHV_CTL_EL2, xzr', 2)).toBeUndefined();
    expect(heard).toEqual(['raised 28', 'lowered 28']);
  });

  it('an exception from it sets PSTATE.PAN at EL2 unless SCTLR_EL2.SPAN', () => {
    for (const span of [0n, 1n]) {
      const pe = host().write('SCTLR_EL2', span << 23n);
      expect(pe.run('svc #0', 0)?.el).toBe(2);
      expect((pe.read('PSTATE') >> 22n) & 1n).toBe(1n - span);
    }
  });
});

describe('CPTR_EL2 with E2H (DDI 0487, "CPTR_EL2", FPEN)', () => {
  const EC_FP = 7n;
  /** Where an FP instruction traps, by FPEN, for {TGE, EL}. */
  const TABLE: readonly (readonly [fpen: bigint, tge: bigint, el: 0 | 1 | 2, traps: boolean])[] = [
    ...([0n, 2n] as const).flatMap((fpen) =>
      (
        [
          [0n, 0],
          [0n, 1],
          [0n, 2],
          [TGE, 0],
          [TGE, 2],
        ] as const
      ).map(([tge, el]) => [fpen, tge, el, true] as const),
    ),
    [1n, 0n, 0, false],
    [1n, 0n, 1, false],
    [1n, 0n, 2, false],
    [1n, TGE, 0, true],
    [1n, TGE, 2, false],
    [3n, 0n, 0, false],
    [3n, 0n, 1, false],
    [3n, 0n, 2, false],
    [3n, TGE, 0, false],
    [3n, TGE, 2, false],
  ];
  it.each(TABLE)('FPEN %i, TGE %i, EL%i: %s', (fpen, tge, el, traps) => {
    const pe = new PeRig().write('HCR_EL2', RW | E2H | tge).write('CPTR_EL2', (fpen << 20n) | (1n << 10n));
    // CPACR_EL1 allows a guest everything, and is nothing to a host.
    pe.write('CPACR_EL1', tge ? 0n : 3n << 20n);
    const taken = pe.run('fmov d0, #1.0', el);
    if (traps) expect(taken).toMatchObject({ el: 2, ec: EC_FP });
    else expect(taken).toBeUndefined();
  });
});
