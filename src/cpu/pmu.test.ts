import { describe, expect, it } from 'vitest';
import { ALIAS, BareMetal, GIC_ON, MMU_ON, MMU_TABLES, vectors } from '../../test/support/bare-metal.ts';

const TWO32 = 2n ** 32n;
const CYCLES = 0x11n;
const RETIRED = 0x08n;
const nops = (n: number): string => 'nop\n'.repeat(n);

/** Counts `types` in counters 0, 1, .. over `code`; the counts are in X20, X21, .. afterwards and cycles in X19. */
function counting(types: readonly (bigint | number)[], code: string): string {
  const setUp = types.map((type, n) => `ldr x0, =${type}\n msr PMEVTYPER${n}_EL0, x0`).join('\n');
  const read = types.map((_, n) => `mrs x${20 + n}, PMEVCNTR${n}_EL0`).join('\n');
  return `
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ${setUp}
        ldr     x0, =0x8000003f
        msr     PMCNTENSET_EL0, x0
        mov     x1, #1
        msr     PMCR_EL0, x1                // counting starts
${code}
        msr     PMCR_EL0, xzr               // and stops
        mrs     x19, PMCCNTR_EL0
        ${read}
        mrs     x18, PMOVSCLR_EL0
        b       done
`;
}
/** A handler that goes on behind an instruction that faulted. */
const SKIP_FAULT = vectors(`
        mrs     x9, ESR_EL1
        lsr     x9, x9, #26
        cmp     x9, #0x15                   // SVC returns behind itself already
        b.eq    1f
        mrs     x9, ELR_EL1
        add     x9, x9, #4
        msr     ELR_EL1, x9
1:      eret`);

describe('Performance Monitors', () => {
  it('say what they are: PMUv3 with six counters and the events that are counted exactly', () => {
    const g = new BareMetal(`
        mrs     x1, ID_AA64DFR0_EL1
        mrs     x2, PMCR_EL0
        mrs     x3, PMCEID0_EL0
        mrs     x4, PMCEID1_EL0
    `).run();
    expect((g.x(1) >> 8n) & 15n).toBe(1n);
    expect((g.x(2) >> 11n) & 31n).toBe(6n);
    // SW_INCR, INST_RETIRED, EXC_TAKEN, EXC_RETURN, CID_WRITE_RETIRED, CPU_CYCLES, TTBR_WRITE_RETIRED, CHAIN
    expect(g.x(3)).toBe(0x5002_0f01n);
    expect(g.x(4)).toBe(0n);
  });

  it.each([0, 1, 10, 1000])('count %i instructions between start and stop, and the one that starts', (n) => {
    const g = new BareMetal(`${counting([RETIRED, CYCLES], nops(n))}\n${vectors('b .')}`).run();
    expect([g.x(19), g.x(20), g.x(21)]).toEqual([n + 1, n + 1, n + 1].map(BigInt));
  });

  it('an instruction that faults takes a cycle but is not retired; SVC and ERET are', () => {
    const g = new BareMetal(
      `${counting([RETIRED, CYCLES, 0x09, 0x0a], 'svc #1\n udf #0\n ldr x3, =0x3fffffff\n ldr x4, [x3]')}${SKIP_FAULT}`,
    ).run();
    // start, svc and 5 of its handler, udf and 8, ldr, ldr of nothing and 8
    const cycles = 1n + 6n + 9n + 1n + 9n;
    expect([g.x(19), g.x(21)]).toEqual([cycles, cycles]);
    expect(g.x(20)).toBe(cycles - 2n);
    expect([g.x(22), g.x(23)]).toEqual([3n, 3n]);
  });

  it('a fetch that faults takes a cycle and is not retired', () => {
    const g = new BareMetal(
      `${counting([RETIRED], 'adr x10, back\n mov x3, #0x10000000\n br x3\nback:')}${vectors('msr ELR_EL1, x10\n eret')}`,
    ).run();
    expect([g.x(19), g.x(20)]).toEqual([7n, 6n]);
  });

  it('count writes of CONTEXTIDR_EL1, TTBR0_EL1 and TTBR1_EL1', () => {
    const code = 'msr CONTEXTIDR_EL1, x1\n msr TTBR0_EL1, x1\n msr TTBR1_EL1, x1\n msr TPIDR_EL1, x1';
    const g = new BareMetal(`${counting([0x0b, 0x1c], code)}${vectors('b .')}`).run();
    expect([g.x(20), g.x(21)]).toEqual([1n, 2n]);
  });

  it('stand still while the PE waits', () => {
    const code = `
        mrs     x0, CNTVCT_EL0
        add     x0, x0, #1000
        msr     CNTV_CVAL_EL0, x0
        mov     x0, #1
        msr     CNTV_CTL_EL0, x0
        wfi
        mrs     x5, CNTVCT_EL0
        mrs     x6, CNTV_CVAL_EL0
        msr     CNTV_CTL_EL0, xzr`;
    const gic = GIC_ON.replaceAll('PMU_INTID', '27');
    const g = new BareMetal(`${gic}${counting([CYCLES], code)}${vectors('b .')}`).run();
    expect(g.x(5)).toBeGreaterThanOrEqual(g.x(6));
    expect([g.x(19), g.x(20)]).toEqual([10n, 10n]);
  });

  it('filter by Exception level: P leaves EL0, U leaves EL1, and what EL1 filters out of Non-secure EL0 NSU brings back', () => {
    const code = `
        adr     x2, user
        ldr     x3, =0x40000000
        add     x2, x2, x3
        msr     ELR_EL1, x2
        msr     SPSR_EL1, xzr
        eret
user:   nop
        nop
        nop
        svc     #0
after:`;
    const types = [0x8000_0008, 0x4000_0008, 0x0000_0008, 0x5000_0008, 0xa000_0008, 0x9000_0008];
    const source = `${MMU_ON}${counting(types, code)}${vectors('adr x2, after\n br x2')}${MMU_TABLES}`;
    const g = new BareMetal(source).run();
    const el1 = 1n + 6n + 2n;
    const el0 = 4n;
    expect([20, 21, 22, 23, 24, 25].map((n) => g.x(n))).toEqual([el0, el1, el0 + el1, el0 + el1, el0 + el1, 0n]);
  });

  it('PMSWINC counts where SW_INCR is selected and enabled, and nowhere else', () => {
    const code =
      'mov x2, #7\n msr PMSWINC_EL0, x2\n msr PMSWINC_EL0, x2\n mov x3, #4\n msr PMCNTENCLR_EL0, x3\n msr PMSWINC_EL0, x2';
    const g = new BareMetal(`${counting([0, 0x0b, 0], code)}${vectors('b .')}`).run();
    expect([g.x(20), g.x(21), g.x(22)]).toEqual([3n, 0n, 2n]);
  });

  it('chain: the odd counter counts overflows of the even one, whatever made it overflow', () => {
    const preset = 'ldr x2, =0xfffffffe\n msr PMEVCNTR0_EL0, x2\n msr PMEVCNTR2_EL0, x2\n mov x3, #4\n';
    const code = `${preset}${'msr PMSWINC_EL0, x3\n'.repeat(3)}`;
    const g = new BareMetal(`${counting([CYCLES, 0x1e, 0, 0x1e], code)}${vectors('b .')}`).run();
    // ldr has set counter 0 in cycle 3 of 8
    expect([g.x(20), g.x(21)]).toEqual([g.x(19) - 3n + 0xffff_fffen - TWO32 + 1n, 1n]);
    expect([g.x(22), g.x(23)]).toEqual([1n, 1n]);
    expect(g.x(18)).toBe(0b0101n);
  });

  it('PMCR resets: P the event counters, C the cycles; the overflow flags stay', () => {
    const g = new BareMetal(`
        mov     x0, #5
        msr     PMEVCNTR3_EL0, x0
        msr     PMCCNTR_EL0, x0
        msr     PMOVSSET_EL0, x0
        mov     x1, #2
        msr     PMCR_EL0, x1
        mrs     x2, PMEVCNTR3_EL0
        mrs     x3, PMCCNTR_EL0
        mov     x1, #4
        msr     PMCR_EL0, x1
        mrs     x4, PMCCNTR_EL0
        mrs     x5, PMOVSSET_EL0
        mrs     x6, PMCR_EL0
    `).run();
    expect([2, 3, 4, 5].map((n) => g.x(n))).toEqual([0n, 5n, 0n, 5n]);
    // E, P and C read as zero, LC as one; the implementer is MIDR_EL1's
    expect(g.x(6)).toBe((6n << 11n) | 0x40n);
  });

  it('PMXEVTYPER and PMXEVCNTR are what PMSELR selects; 31 is the cycle filter', () => {
    const g = new BareMetal(`
        mov     x0, #2
        msr     PMSELR_EL0, x0
        ldr     x1, =0xffffffffffffffff
        msr     PMXEVTYPER_EL0, x1
        msr     PMXEVCNTR_EL0, x1
        mrs     x2, PMEVTYPER2_EL0
        mrs     x3, PMEVCNTR2_EL0
        mov     x0, #31
        msr     PMSELR_EL0, x0
        msr     PMXEVTYPER_EL0, x1
        mrs     x4, PMCCFILTR_EL0
        mrs     x5, PMXEVCNTR_EL0
        mov     x0, #6
        msr     PMSELR_EL0, x0
        msr     PMXEVTYPER_EL0, x1
        mrs     x6, PMXEVTYPER_EL0
    `).run();
    // With EL3 and without EL2: P, U, NSK, NSU, M and the event
    expect([2, 3, 4, 5, 6].map((n) => g.x(n))).toEqual([0xf400_03ffn, 0xffff_ffffn, 0xf400_0000n, 0n, 0n]);
  });
});

/** Interrupts after `before` further instructions; the handler puts where into X20, INTID into X21. */
function overflowing(type: bigint, before: number, body = nops(5000)): string {
  return `
${GIC_ON}
        adr     x0, vectors
        msr     VBAR_EL1, x0
        mov     x0, #${type}
        msr     PMEVTYPER0_EL0, x0
        ldr     x0, =0x100000000 - ${before}
        msr     PMEVCNTR0_EL0, x0
        mov     x0, #1
        msr     PMINTENSET_EL1, x0
        msr     PMCNTENSET_EL0, x0
        msr     DAIFClr, #2
start:  msr     PMCR_EL0, x0
        ${body}
        b       done
        ${vectors(`
        mrs     x20, ELR_EL1
        mrs     x21, ICC_IAR1_EL1
        mrs     x22, PMOVSCLR_EL0
        mrs     x23, PMEVCNTR0_EL0
        msr     PMOVSCLR_EL0, x22
        mrs     x24, PMOVSCLR_EL0
        msr     ICC_EOIR1_EL1, x21
        eret`)}`;
}

describe('overflow interrupt of the Performance Monitors', () => {
  it.each([1, 2, 3, 1000])('comes at exactly the step of the overflow: after %i instructions', (before) => {
    for (const slice of [1_000_000, 7, 1]) {
      const g = new BareMetal(overflowing(RETIRED, before)).run(slice);
      expect(g.x(20) - g.at('start')).toBe(BigInt(before) * 4n);
      expect([g.x(21), g.x(22)]).toEqual([23n, 1n]);
      // Two instructions and the read of PMOVSCLR have passed when the count is read.
      expect(g.x(23)).toBe(3n);
      expect(g.x(24)).toBe(0n);
    }
  });

  it('comes at the step of the overflow when instructions fault on the way', () => {
    const body = `${'nop\n hvc #0\n'.repeat(20)} b done`;
    // HVC is UNDEFINED without EL2; the first vector entries are replaced by a handler that skips it.
    const source = overflowing(RETIRED, 30, body).replaceAll('mrs     x20, ELR_EL1\n', 'b common\n nop\n');
    const g = new BareMetal(
      `${source}
common: mrs     x9, ESR_EL1
        mrs     x8, ISR_EL1
        cbnz    x8, irq
        mrs     x9, ELR_EL1
        add     x9, x9, #4
        msr     ELR_EL1, x9
        eret
irq:    mrs     x20, ELR_EL1
        mrs     x21, ICC_IAR1_EL1
        mrs     x22, PMOVSCLR_EL0
        msr     PMOVSCLR_EL0, x22
        msr     ICC_EOIR1_EL1, x21
        eret`,
      { el3: false },
    ).run();
    expect(g.x(22)).toBe(1n);
    expect(g.x(21)).toBe(23n);
  });

  it('comes with a chained pair when the odd counter overflows', () => {
    const g = new BareMetal(`
${GIC_ON}
        adr     x0, vectors
        msr     VBAR_EL1, x0
        mov     x0, #0x11
        msr     PMEVTYPER0_EL0, x0
        mov     x0, #0x1e
        msr     PMEVTYPER1_EL0, x0
        ldr     x0, =0x100000000 - 50
        msr     PMEVCNTR0_EL0, x0
        ldr     x0, =0xffffffff
        msr     PMEVCNTR1_EL0, x0
        mov     x0, #2
        msr     PMINTENSET_EL1, x0
        mov     x0, #3
        msr     PMCNTENSET_EL0, x0
        mov     x0, #1
        msr     DAIFClr, #2
start:  msr     PMCR_EL0, x0
${nops(100)}
        b       done
${vectors('mrs x20, ELR_EL1\n mrs x22, PMOVSCLR_EL0\n msr PMCR_EL0, xzr\n eret')}`).run();
    expect([g.x(20) - g.at('start'), g.x(22)]).toEqual([200n, 3n]);
  });

  it('is a level: held while flag, enable and PMCR.E are set', () => {
    const g = new BareMetal(`
${GIC_ON}
        mov     x0, #1
        msr     PMOVSSET_EL0, x0
        mrs     x1, ISR_EL1
        msr     PMINTENSET_EL1, x0
        mrs     x2, ISR_EL1
        msr     PMCR_EL0, x0
        mrs     x3, ISR_EL1
        msr     PMINTENCLR_EL1, x0
        mrs     x4, ISR_EL1
        msr     PMINTENSET_EL1, x0
        msr     PMOVSCLR_EL0, x0
        mrs     x5, ISR_EL1`).run();
    expect([1, 2, 3, 4, 5].map((n) => g.x(n))).toEqual([0n, 0n, 0x80n, 0n, 0n]);
  });

  it('the same with snapshots on the way: restored machines go on to the same digest', () => {
    const straight = new BareMetal(overflowing(RETIRED, 777)).run();
    const cut = new BareMetal(overflowing(RETIRED, 777));
    for (let n = 0; n < 20; n++) {
      cut.machine.run({ steps: 61 });
      const snapshot = cut.machine.snapshot();
      const digest = cut.machine.digest();
      cut.machine.run({ steps: 500 });
      cut.machine.restore(snapshot);
      expect(cut.machine.digest()).toBe(digest);
    }
    cut.run(100);
    expect(cut.machine.digest()).toBe(straight.machine.digest());
  });
});

/** Runs `code` at EL0; the syndrome of what it ended with is in X20, its address in X21. */
function atEl0(setUp: string, code: string): string {
  return `${MMU_ON}
        adr     x0, vectors
        msr     VBAR_EL1, x0
${setUp}
        adr     x2, user
        ldr     x3, =0x40000000
        add     x2, x2, x3
        msr     ELR_EL1, x2
        msr     SPSR_EL1, xzr
        eret
user:   ${code}
        svc     #0
${vectors('mrs x20, ESR_EL1\n mrs x21, ELR_EL1\n b done')}${MMU_TABLES}`;
}

describe('Performance Monitors and EL0', () => {
  const TRAPPED = 0x18n;
  const SVC = 0x15n;
  const cases: readonly (readonly [
    string,
    number,
    readonly [granted: readonly string[], refused: readonly string[]],
  ])[] = [
    ['nothing', 0, [['mrs x1, PMUSERENR_EL0'], ['mrs x1, PMCR_EL0', 'mrs x1, PMCCNTR_EL0', 'msr PMSWINC_EL0, x1']]],
    ['EN', 1, [['mrs x1, PMCR_EL0', 'msr PMCNTENSET_EL0, x1', 'msr PMSWINC_EL0, x1', 'msr PMEVCNTR0_EL0, x1'], []]],
    ['SW', 2, [['msr PMSWINC_EL0, x1'], ['mrs x1, PMCCNTR_EL0', 'mrs x1, PMSELR_EL0']]],
    ['CR', 4, [['mrs x1, PMCCNTR_EL0'], ['msr PMCCNTR_EL0, x1', 'mrs x1, PMEVCNTR0_EL0']]],
    [
      'ER',
      8,
      [
        ['mrs x1, PMEVCNTR0_EL0', 'mrs x1, PMXEVCNTR_EL0', 'msr PMSELR_EL0, x1'],
        ['msr PMEVCNTR0_EL0, x1', 'mrs x1, PMCCNTR_EL0'],
      ],
    ],
  ];
  it.each(cases)('PMUSERENR_EL0 with %s', (_name, value, [granted, refused]) => {
    const ec = (code: string) => {
      const g = new BareMetal(atEl0(`mov x0, #${value}\n msr PMUSERENR_EL0, x0`, code)).run();
      return g.x(20) >> 26n;
    };
    expect(granted.map(ec)).toEqual(granted.map(() => SVC));
    expect(refused.map(ec)).toEqual(refused.map(() => TRAPPED));
  });

  it('the trap names the register; PMINTENSET_EL1 and a write of PMUSERENR_EL0 are UNDEFINED', () => {
    const trap = new BareMetal(atEl0('', 'mrs x7, PMCCNTR_EL0')).run();
    // op0 3, op1 3, CRn 9, CRm 13, op2 0, Rt 7, read
    expect(trap.x(20) & 0x1ff_ffffn).toBe((3n << 20n) | (3n << 14n) | (9n << 10n) | (7n << 5n) | (13n << 1n) | 1n);
    expect(trap.x(21)).toBe(trap.at('user') + ALIAS);
    for (const code of ['mrs x1, PMINTENSET_EL1', 'msr PMUSERENR_EL0, x1', 'mrs x1, PMEVCNTR6_EL0'])
      expect(new BareMetal(atEl0('mov x0, #15\n msr PMUSERENR_EL0, x0', code)).run().x(20) >> 26n).toBe(0n);
  });
});

describe('Performance Monitors and EL2', () => {
  const EL2_VECTORS = vectors('mrs x20, ESR_EL2\n mrs x21, ELR_EL2\n b done', 'vectors2');
  const toEl1 = (setUp: string, code: string): string => `
        adr     x0, vectors2
        msr     VBAR_EL2, x0
${setUp}
        adr     x0, one
        msr     ELR_EL2, x0
        mov     x0, #0x3c5
        msr     SPSR_EL2, x0
        eret
one:    ${code}
        hvc     #0
${EL2_VECTORS}`;

  it('HPMN is the number of counters after reset, and what EL1 sees as PMCR_EL0.N', () => {
    const all = new BareMetal(toEl1('mrs x1, MDCR_EL2', 'mrs x2, PMCR_EL0'), { el2: true }).run();
    expect([all.x(1), (all.x(2) >> 11n) & 31n]).toEqual([6n, 6n]);
    const some =
      'mov x0, #4\n msr MDCR_EL2, x0\n mov x0, #0x3f\n msr PMCNTENSET_EL0, x0\n mrs x3, PMCNTENSET_EL0\n mrs x4, PMCR_EL0';
    const g = new BareMetal(toEl1(some, 'mrs x1, PMCR_EL0\n mrs x2, PMCNTENSET_EL0'), { el2: true }).run();
    expect([(g.x(1) >> 11n) & 31n, g.x(2), g.x(3), (g.x(4) >> 11n) & 31n]).toEqual([4n, 0xfn, 0x3fn, 6n]);
    expect(g.x(20) >> 26n).toBe(0x16n);
  });

  it('a counter of EL2 traps there when EL1 names it', () => {
    const g = new BareMetal(toEl1('mov x0, #4\n msr MDCR_EL2, x0', 'mrs x1, PMEVCNTR4_EL0'), { el2: true }).run();
    expect([g.x(20) >> 26n, g.x(21)]).toEqual([0x18n, g.at('one')]);
  });

  it('TPM traps every register, TPMCR only PMCR_EL0', () => {
    const ec = (mdcr: number, code: string) =>
      new BareMetal(toEl1(`mov x0, #${mdcr}\n msr MDCR_EL2, x0`, code), { el2: true }).run().x(20) >> 26n;
    expect(ec(0x46, 'mrs x1, PMCCNTR_EL0')).toBe(0x18n);
    expect(ec(0x26, 'mrs x1, PMCR_EL0')).toBe(0x18n);
    expect(ec(0x26, 'mrs x1, PMCCNTR_EL0')).toBe(0x16n);
  });

  it('counters from HPMN on are enabled by HPME, and EL2 is counted with NSH only', () => {
    const setUp = `
        mov     x0, #0x85                   // HPME, HPMN 5
        msr     MDCR_EL2, x0
        ldr     x0, =0x08000008             // NSH
        msr     PMEVTYPER5_EL0, x0
        mov     x0, #0x20
        msr     PMCNTENSET_EL0, x0
        mrs     x1, PMEVCNTR5_EL0
        mov     x0, #8
        msr     PMEVTYPER5_EL0, x0
        mrs     x2, PMEVCNTR5_EL0
        nop
        mrs     x3, PMEVCNTR5_EL0`;
    const g = new BareMetal(toEl1(setUp, 'nop'), { el2: true }).run();
    expect([g.x(1), g.x(2), g.x(3)]).toEqual([1n, 3n, 3n]);
  });
});

describe('Performance Monitors in hot code', () => {
  // Samples each 1009 instructions: X25 mixes where, X26 what PMCCNTR_EL0 said; X27 the counts the loop itself read.
  const source = `
${GIC_ON}
        adr     x0, vectors
        msr     VBAR_EL1, x0
        mov     x0, #8
        msr     PMEVTYPER0_EL0, x0
        ldr     x10, =0x100000000 - 1009
        msr     PMEVCNTR0_EL0, x10
        mov     x0, #1
        msr     PMINTENSET_EL1, x0
        ldr     x0, =0x80000001
        msr     PMCNTENSET_EL0, x0
        mov     x0, #1
        msr     PMCR_EL0, x0
        msr     DAIFClr, #2
        ldr     x1, =40000
loop:   mrs     x2, PMCCNTR_EL0
        eor     x27, x2, x27, ror #7
        eor     x3, x2, x1
        mrs     x2, PMEVCNTR0_EL0
        eor     x27, x27, x2
        subs    x1, x1, #1
        b.ne    loop
        msr     DAIFSet, #2
        b       done
${vectors(`
        mrs     x20, ELR_EL1
        eor     x25, x20, x25, ror #11
        mrs     x21, PMCCNTR_EL0
        eor     x26, x21, x26, ror #13
        add     x24, x24, #1
        msr     PMEVCNTR0_EL0, x10
        mov     x22, #1
        msr     PMOVSCLR_EL0, x22
        mrs     x22, ICC_IAR1_EL1
        msr     ICC_EOIR1_EL1, x22
        eret`)}`;

  it('the same at every length of run, with snapshots or without', () => {
    const straight = new BareMetal(source).run();
    expect(straight.x(24)).toBeGreaterThan(250n);
    for (const slice of [4099, 131]) {
      const g = new BareMetal(source).run(slice);
      expect([24, 25, 26, 27].map((n) => g.x(n))).toEqual([24, 25, 26, 27].map((n) => straight.x(n)));
      expect(g.machine.digest()).toBe(straight.machine.digest());
    }
    const cut = new BareMetal(source);
    for (let n = 0; n < 100; n++) {
      cut.machine.run({ steps: 2311 });
      cut.machine.restore(cut.machine.snapshot());
    }
    expect(cut.run().machine.digest()).toBe(straight.machine.digest());
  });
});
