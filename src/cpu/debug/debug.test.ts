import { describe, expect, it } from 'vitest';
import { ALIAS, BareMetal, MMU_ON, MMU_TABLES, vectors } from '../../../test/support/bare-metal.ts';

/** OS Lock off. */
const UNLOCK = 'msr OSLAR_EL1, xzr\n';
const SS = 1;
const KDE = 1 << 13;
const MDE = 1 << 15;
const EC = { SVC: 0x15n, BREAK: 0x30n, STEP: 0x32n, WATCH: 0x34n, BRK: 0x3cn } as const;
const SPSR_SS = 1 << 21;

/** Runs `code` at EL0 and stops at the first exception: ESR in X20, ELR in X21, FAR in X22, SPSR in X23. */
function atEl0(setUp: string, code: string, spsr = 0): string {
  return `${MMU_ON}
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ${UNLOCK}
        mov     x0, #0x300000
        msr     CPACR_EL1, x0
${setUp}
        adr     x2, user
        ldr     x3, =0x40000000
        add     x2, x2, x3
        msr     ELR_EL1, x2
        ldr     x3, =${spsr}
        msr     SPSR_EL1, x3
        adr     x3, data
        mov     x4, #0x40000000
        add     x3, x3, x4
        mov     x4, #0
        eret
        .balign 4096
user:   ${code}
end:    svc     #0
${vectors('mrs x20, ESR_EL1\n mrs x21, ELR_EL1\n mrs x22, FAR_EL1\n mrs x23, SPSR_EL1\n b done')}
        .balign 4096
data:   .skip   8192
${MMU_TABLES}`;
}
/** X register set to a value for System registers. */
const set = (register: string, value: number | bigint | string): string => `ldr x0, =${value}\n msr ${register}, x0\n`;

function seen(g: BareMetal): { ec: bigint; iss: bigint; pc: bigint; far: bigint; ss: boolean } {
  return {
    ec: g.x(20) >> 26n,
    iss: g.x(20) & 0x1ff_ffffn,
    pc: g.x(21) >= ALIAS * 2n ? g.x(21) - ALIAS : g.x(21),
    far: g.x(22),
    ss: (g.x(23) & BigInt(SPSR_SS)) !== 0n,
  };
}

describe('software step', () => {
  const step = set('MDSCR_EL1', SS);

  it('one instruction of EL0 runs, then the exception comes: ISV, and EX only for a load-exclusive', () => {
    const cases = [
      ['add x4, x4, #1', 0x100_0022n],
      ['ldxr x5, [x3]', 0x100_0062n],
      ['ldaxp x5, x6, [x3]', 0x100_0062n],
      ['ldar x5, [x3]', 0x100_0022n],
      ['stxr w5, x6, [x3]', 0x100_0022n],
    ] as const;
    for (const [code, iss] of cases) {
      const g = new BareMetal(atEl0(step, `${code}\n add x4, x4, #2`, SPSR_SS)).run();
      expect({ code, ...seen(g) }).toMatchObject({ code, ec: EC.STEP, iss, pc: g.at('user') + 4n, ss: false });
      expect(g.x(4)).toBe(code.startsWith('add') ? 1n : 0n);
    }
  });

  it('with SPSR.SS 0 the exception comes at once, and ISV is 0', () => {
    const g = new BareMetal(atEl0(step, 'add x4, x4, #1')).run();
    expect(seen(g)).toMatchObject({ ec: EC.STEP, iss: 0x22n, pc: g.at('user'), ss: false });
    expect(g.x(4)).toBe(0n);
  });

  it('follows a branch', () => {
    const g = new BareMetal(atEl0(step, 'b far\n nop\n nop\nfar: nop', SPSR_SS)).run();
    expect(seen(g)).toMatchObject({ ec: EC.STEP, pc: g.at('far') });
  });

  it('an instruction that faults is stepped again after the return; a call is over', () => {
    const fault = new BareMetal(atEl0(step, 'ldr x5, [x4]', SPSR_SS)).run();
    expect(seen(fault)).toMatchObject({ ec: 0x24n, pc: fault.at('user'), ss: true });
    const call = new BareMetal(atEl0(step, 'svc #3', SPSR_SS)).run();
    expect(seen(call)).toMatchObject({ ec: EC.SVC, pc: call.at('user') + 4n, ss: false });
  });

  it('steps through a loop: as many exceptions as instructions', () => {
    const source = `${MMU_ON}
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ${UNLOCK}${step}
        adr     x2, user
        ldr     x3, =0x40000000
        add     x2, x2, x3
        msr     ELR_EL1, x2
        ldr     x3, =${SPSR_SS}
        msr     SPSR_EL1, x3
        mov     x5, #10
        mov     x6, #0
        eret
user:   subs    x5, x5, #1
        b.ne    user
        svc     #0
${vectors(`
        mrs     x9, ESR_EL1
        lsr     x9, x9, #26
        cmp     x9, #0x15
        b.eq    done
        add     x6, x6, #1
        mrs     x9, SPSR_EL1
        orr     x9, x9, #${SPSR_SS}
        msr     SPSR_EL1, x9
        eret`)}${MMU_TABLES}`;
    for (const slice of [1_000_000, 3, 1]) expect(new BareMetal(source).run(slice).x(6)).toBe(20n);
  });

  it('is held back by the OS Lock, and without MDSCR_EL1.SS', () => {
    for (const setUp of [`${step}mov x0, #1\n msr OSLAR_EL1, x0`, '']) {
      const g = new BareMetal(atEl0(setUp, 'nop', SPSR_SS)).run();
      expect(seen(g)).toMatchObject({ ec: EC.SVC, pc: g.at('end') + 4n, ss: false });
    }
  });

  it('at EL1 needs KDE and a clear PSTATE.D; clearing D starts it at the next instruction', () => {
    const source = (mdscr: number, clear: number) => `
        adr     x0, vectors
        msr     VBAR_EL1, x0
        mov     x20, #0
        ${UNLOCK}${set('MDSCR_EL1', mdscr)}
        msr     DAIFClr, #${clear}
at:     nop
        b       done
${vectors('mrs x20, ESR_EL1\n mrs x21, ELR_EL1\n b done')}`;
    const g = new BareMetal(source(SS | KDE, 8)).run();
    expect(seen(g)).toMatchObject({ ec: EC.STEP + 1n, iss: 0x22n, pc: g.at('at') });
    expect(new BareMetal(source(SS, 8)).run().x(20)).toBe(0n);
    expect(new BareMetal(source(SS | KDE, 4)).run().x(20)).toBe(0n);
  });

  it('WFI does not wait', () => {
    const g = new BareMetal(
      atEl0(`${step}mrs x0, SCTLR_EL1\n orr x0, x0, #0x10000\n msr SCTLR_EL1, x0`, 'wfi', SPSR_SS),
    );
    expect(seen(g.run())).toMatchObject({ ec: EC.STEP, pc: g.at('user') + 4n });
  });

  it('comes after a snapshot at every boundary just the same', () => {
    const source = atEl0(step, 'add x4, x4, #1\n add x4, x4, #1', SPSR_SS);
    const straight = new BareMetal(source).run().machine.digest();
    const cut = new BareMetal(source);
    for (let n = 0; n < 70; n++) {
      const snapshot = cut.machine.snapshot();
      cut.machine.run({ steps: 1 });
      cut.machine.restore(snapshot);
      cut.machine.run({ steps: 1 });
    }
    expect(cut.run().machine.digest()).toBe(straight);
  });
});

describe('BRK', () => {
  it('is an exception at EL1 and from EL0 whatever the OS Lock says', () => {
    const el0 = new BareMetal(atEl0('mov x0, #1\n msr OSLAR_EL1, x0', 'brk #7')).run();
    expect(seen(el0)).toMatchObject({ ec: EC.BRK, iss: 7n, pc: el0.at('user') });
  });
});

/** E, PMC or PAC, BAS all ones. */
const BREAK_EL0 = 0x1e5;
const BREAK_EL1 = 0x1e3;
const onUser = (label: string): string => `adr x0, ${label}\n mov x1, #0x40000000\n add x0, x0, x1\n`;

describe('hardware breakpoints', () => {
  const enable = set('MDSCR_EL1', MDE);
  const at = (n: number, label: string, control = BREAK_EL0): string =>
    `${onUser(label)}msr DBGBVR${n}_EL1, x0\n${set(`DBGBCR${n}_EL1`, control)}`;

  it.each([0, 1, 2, 3, 4, 5])('number %i stops before the instruction, and FAR_EL1 stays', (n) => {
    const g = new BareMetal(
      atEl0(`${set('FAR_EL1', 0x77)}${at(n, 'stop')}${enable}`, 'add x4, x4, #1\nstop: add x4, x4, #1'),
    ).run();
    expect(seen(g)).toEqual({ ec: EC.BREAK, iss: 0x22n, pc: g.at('stop'), far: 0x77n, ss: false });
    expect(g.x(4)).toBe(1n);
  });

  it('in a page that was running fast before, and only there where the address matches', () => {
    const code = 'mov x5, #5000\n1: add x4, x4, #1\n subs x5, x5, #1\n b.ne 1b\nstop: nop';
    const g = new BareMetal(atEl0(`${at(2, 'stop')}${enable}`, code)).run();
    expect(seen(g)).toMatchObject({ ec: EC.BREAK, pc: g.at('stop') });
    expect(g.x(4)).toBe(5000n);
  });

  it('entered from another page, in a call', () => {
    const code = 'bl over\n b end\n .balign 4096\nover: nop\nstop: ret';
    const g = new BareMetal(atEl0(`${at(0, 'stop')}${enable}`, code)).run();
    expect(seen(g)).toMatchObject({ ec: EC.BREAK, pc: g.at('stop') });
  });

  it.each([
    ['E is 0', at(0, 'user', BREAK_EL0 & ~1) + enable],
    ['it is for EL1 only', at(0, 'user', BREAK_EL1) + enable],
    ['it is for Secure state only', at(0, 'user', BREAK_EL0 | (2 << 14)) + enable],
    ['MDE is 0', at(0, 'user')],
    ['the OS Lock is set', `${at(0, 'user')}${enable}mov x0, #1\n msr OSLAR_EL1, x0`],
    ['the OS Double Lock is set', `${at(0, 'user')}${enable}mov x0, #1\n msr OSDLR_EL1, x0`],
    ['HMC:SSC:PMC is reserved', at(0, 'user', BREAK_EL0 | (3 << 14)) + enable],
    ['its type is reserved', at(0, 'user', BREAK_EL0 | (4 << 20)) + enable],
    ['it is linked to nothing', at(0, 'user', BREAK_EL0 | (1 << 20)) + enable],
  ])('do nothing when %s', (_why, setUp) => {
    const g = new BareMetal(atEl0(setUp, 'add x4, x4, #1')).run();
    expect(seen(g)).toMatchObject({ ec: EC.SVC, pc: g.at('end') + 4n });
  });

  it('linked to a Context ID they act in that context only', () => {
    const linked = [
      at(0, 'user', BREAK_EL0 | (1 << 20) | (4 << 16)),
      set('DBGBVR4_EL1', 0x1234),
      set('DBGBCR4_EL1', BREAK_EL0 | (3 << 20)),
    ].join('');
    const run = (context: number) =>
      seen(new BareMetal(atEl0(`${linked}${enable}${set('CONTEXTIDR_EL1', context)}`, 'nop')).run()).ec;
    expect([run(0x1234), run(0x1235)]).toEqual([EC.BREAK, EC.SVC]);
  });

  it('on a Context ID alone stop at every instruction; number 3 is not context-aware', () => {
    const whole = (n: number) => `${set(`DBGBVR${n}_EL1`, 0x55)}${set(`DBGBCR${n}_EL1`, BREAK_EL0 | (2 << 20))}`;
    const run = (n: number, context: number) =>
      seen(new BareMetal(atEl0(`${whole(n)}${enable}${set('CONTEXTIDR_EL1', context)}`, 'nop')).run()).ec;
    expect([run(5, 0x55), run(5, 0x56), run(3, 0x55)]).toEqual([EC.BREAK, EC.SVC, EC.SVC]);
  });

  it('of a host compare CONTEXTIDR_EL2: at EL2 with E2H, and at the EL0 that is its own', () => {
    const E2H_TGE = (1n << 34n) | (1n << 31n) | (1n << 27n);
    const source = (type: number, hcr: bigint, contextId2: number, level: 0 | 2) => `
        adr     x0, vectors
        msr     VBAR_EL2, x0
        ${UNLOCK}
        ${set('HCR_EL2', hcr)}${set('MDCR_EL2', 1 << 8)}isb
        ${set('CONTEXTIDR_EL2', contextId2)}${set('DBGBVR5_EL1', 0x77_0000_0077n)}
        ${set('DBGBCR5_EL1', 1 | (1 << 13) | (3 << 1) | (type << 20))}
        adr     x0, go
        msr     ELR_EL2, x0
        ${set('SPSR_EL2', level === 2 ? 9 : 0)}${set('MDSCR_EL1', MDE | KDE)}
        eret
go:     svc     #0
${vectors('mrs x20, ESR_EL2\n mrs x21, ELR_EL2\n b done')}`;
    const run = (...args: Parameters<typeof source>) =>
      seen(new BareMetal(source(...args), { el2: true }).run()).ec & ~1n;
    const [CURRENT, EL1, EL2, FULL] = [2, 6, 12, 14];
    const [HIT, NOT] = [EC.BREAK, EC.SVC & ~1n];
    const table = [CURRENT, EL1, EL2, FULL].map((type) => [
      run(type, E2H_TGE, 0x77, 2),
      run(type, E2H_TGE, 0x78, 2),
      run(type, E2H_TGE, 0x77, 0),
      run(type, 1n << 31n, 0x77, 2),
    ]);
    expect(table).toEqual([
      [HIT, NOT, HIT, NOT],
      [NOT, NOT, NOT, NOT],
      [HIT, NOT, HIT, HIT],
      [NOT, NOT, NOT, NOT],
    ]);
  });

  it('at EL1 need KDE and a clear PSTATE.D', () => {
    const source = (mdscr: number, clear: number) => `
        adr     x0, vectors
        msr     VBAR_EL1, x0
        mov     x20, #0
        ${UNLOCK}
        adr     x0, stop
        msr     DBGBVR1_EL1, x0
        ${set('DBGBCR1_EL1', BREAK_EL1)}${set('MDSCR_EL1', mdscr)}
        msr     DAIFClr, #${clear}
        nop
stop:   nop
        b       done
${vectors('mrs x20, ESR_EL1\n mrs x21, ELR_EL1\n b done')}`;
    const g = new BareMetal(source(MDE | KDE, 8)).run();
    expect(seen(g)).toMatchObject({ ec: EC.BREAK + 1n, pc: g.at('stop') });
    expect(new BareMetal(source(MDE, 8)).run().x(20)).toBe(0n);
    expect(new BareMetal(source(MDE | KDE, 4)).run().x(20)).toBe(0n);
  });

  it('an Instruction Abort at the same address comes first', () => {
    const setUp = `${set('DBGBVR0_EL1', 0x10000000)}${set('DBGBCR0_EL1', BREAK_EL0)}${enable}`;
    // The first gigabyte is not for EL0.
    expect(seen(new BareMetal(atEl0(setUp, 'mov x5, #0x10000000\n br x5')).run()).ec).toBe(0x20n);
  });

  it('and software step together: the step goes on after the breakpoint', () => {
    const g = new BareMetal(atEl0(`${at(0, 'user')}${set('MDSCR_EL1', MDE | SS)}`, 'nop', SPSR_SS)).run();
    expect(seen(g)).toMatchObject({ ec: EC.BREAK, pc: g.at('user'), ss: true });
  });

  it('go to EL2 with MDCR_EL2.TDE, BRK as well', () => {
    const source = (code: string) => `
        adr     x0, vectors
        msr     VBAR_EL2, x0
        mov     x0, #0x106
        msr     MDCR_EL2, x0
        ${UNLOCK}
        adr     x0, stop
        msr     DBGBVR0_EL1, x0
        ${set('DBGBCR0_EL1', BREAK_EL1)}${enable}
        adr     x0, one
        msr     ELR_EL2, x0
        mov     x0, #0x3c5
        msr     SPSR_EL2, x0
        eret
one:    ${code}
stop:   nop
        b       done
${vectors('mrs x20, ESR_EL2\n mrs x21, ELR_EL2\n b done')}`;
    const g = new BareMetal(source('nop'), { el2: true }).run();
    expect(seen(g)).toMatchObject({ ec: EC.BREAK, pc: g.at('stop') });
    expect(seen(new BareMetal(source('brk #1'), { el2: true }).run()).ec).toBe(EC.BRK);
    const trapped = new BareMetal(source('mrs x5, MDSCR_EL1'), { el2: true }).run();
    expect(seen(trapped)).toMatchObject({ ec: 0x18n, pc: trapped.at('one') });
  });
});

const LOAD = 1 << 3;
const STORE = 1 << 4;
const bas = (mask: number): number => mask << 5;
/** E, for EL0. */
const WATCH_EL0 = 5;

describe('watchpoints', () => {
  const watch = (n: number, offset: number, control: number): string =>
    [
      `${onUser('data')}add x0, x0, #${offset}\n msr DBGWVR${n}_EL1, x0\n`,
      set(`DBGWCR${n}_EL1`, WATCH_EL0 | control),
      set('MDSCR_EL1', MDE),
    ].join('');
  /** Runs `code`, with X3 the data of EL0, before and after the watchpoint is set. */
  const run = (setUp: string, code: string): ReturnType<typeof seen> & { readonly offset: bigint } => {
    const g = new BareMetal(atEl0(setUp, code)).run();
    const s = seen(g);
    return { ...s, offset: s.far - g.at('data') - ALIAS };
  };
  const WNR = 0x40n;

  it.each([0, 1, 2, 3])('number %i: the store does not happen, FAR_EL1 is its address, WnR is 1', (n) => {
    const g = new BareMetal(atEl0(watch(n, 8, STORE | bas(0xff)), 'mov x5, #9\nstop: str x5, [x3, #8]')).run();
    expect(seen(g)).toEqual({
      ec: EC.WATCH,
      iss: 0x22n | WNR,
      pc: g.at('stop'),
      far: g.at('data') + 8n + ALIAS,
      ss: false,
    });
    expect(g.machine.readMemory(g.at('data') + 8n, 1)[0]).toBe(0);
  });

  it('by kind of access: loads, stores, both', () => {
    const load = 'ldr x5, [x3]';
    const store = 'str x5, [x3]';
    expect(run(watch(0, 0, LOAD | bas(0xff)), load)).toMatchObject({ ec: EC.WATCH, iss: 0x22n });
    expect(run(watch(0, 0, LOAD | bas(0xff)), store).ec).toBe(EC.SVC);
    expect(run(watch(0, 0, STORE | bas(0xff)), load).ec).toBe(EC.SVC);
    expect(run(watch(0, 0, LOAD | STORE | bas(0xff)), store).iss).toBe(0x22n | WNR);
  });

  it('an atomic access: WnR is 0 if a load would have been watched too', () => {
    const code = 'ldadd x5, x6, [x3]';
    expect(run(watch(0, 0, LOAD | STORE | bas(0xff)), code)).toMatchObject({ ec: EC.WATCH, iss: 0x22n });
    expect(run(watch(0, 0, STORE | bas(0xff)), code)).toMatchObject({ ec: EC.WATCH, iss: 0x22n | WNR });
  });

  it('by byte: BAS chooses bytes of the doubleword, or of the word when VA[2] is 1', () => {
    const byte = (n: number) => `ldrb w5, [x3, #${n}]`;
    const hits = (setUp: string) => [0, 1, 2, 3, 4, 5, 6, 7].filter((n) => run(setUp, byte(n)).ec === EC.WATCH);
    expect(hits(watch(0, 0, LOAD | bas(0b0011_1000)))).toEqual([3, 4, 5]);
    expect(hits(watch(0, 4, LOAD | bas(0b0110)))).toEqual([5, 6]);
    expect(hits(watch(0, 0, LOAD | bas(0b0101)))).toEqual([]);
  });

  it('by range: MASK watches an aligned range', () => {
    const setUp = watch(0, 0, LOAD | bas(0xff) | (6 << 24));
    expect(run(setUp, 'ldrb w5, [x3, #63]').ec).toBe(EC.WATCH);
    expect(run(setUp, 'ldrb w5, [x3, #64]').ec).toBe(EC.SVC);
  });

  it('accesses of every kind that touch a watched byte: wide, pairs, vectors, unaligned, over a page', () => {
    const at8 = watch(0, 8, LOAD | STORE | bas(1));
    for (const code of [
      'ldr q0, [x3]',
      'ldp x5, x6, [x3]',
      'str q0, [x3]',
      'stp x5, x6, [x3]',
      'ldur x5, [x3, #1]',
      'ldxr x5, [x3, #8]',
    ].map((c) => (c.startsWith('ldxr') ? 'add x3, x3, #8\n ldxr x5, [x3]' : c)))
      expect({ code, ...run(at8, code) }).toMatchObject({ code, ec: EC.WATCH, offset: 8n });
    expect(run(at8, 'ldr x5, [x3]').ec).toBe(EC.SVC);
    const second = watch(0, 4096, STORE | bas(1));
    const g = new BareMetal(atEl0(second, 'mov x5, #-1\n add x3, x3, #4092\n str x5, [x3]')).run();
    expect(seen(g).ec).toBe(EC.WATCH);
    expect([...g.machine.readMemory(g.at('data') + 4092n, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('on a page that was used before, other data of the page stays usable', () => {
    const source = `
        mov     x6, #100
1:      ldr     x5, [x3]
        str     x5, [x3, #16]
        subs    x6, x6, #1
        b.ne    1b
        ldr     x5, [x3, #8]`;
    expect(run(watch(0, 8, LOAD | bas(0xff)), source)).toMatchObject({ ec: EC.WATCH, offset: 8n });
  });

  it('DC ZVA counts as a store of its block', () => {
    const enable = 'mrs x0, SCTLR_EL1\n orr x0, x0, #0x4000\n msr SCTLR_EL1, x0\n';
    const zva = (offset: number) =>
      run(enable + watch(0, 32, STORE | bas(0xff)), `add x5, x3, #${offset}\n dc zva, x5`);
    expect(zva(0)).toMatchObject({ ec: EC.WATCH, iss: 0x22n | WNR, offset: 32n });
    expect(zva(64).ec).toBe(EC.SVC);
  });

  it('unprivileged accesses of EL1 count as EL0', () => {
    const source = (code: string, control: number) => `${MMU_ON}
        adr     x0, vectors
        msr     VBAR_EL1, x0
        msr     PAN, #0
        ${UNLOCK}mov x20, #0
        adr     x3, data
        mov     x4, #0x40000000
        add     x3, x3, x4
        msr     DBGWVR0_EL1, x3
        ${set('DBGWCR0_EL1', LOAD | bas(0xff) | control)}${set('MDSCR_EL1', MDE | KDE)}
        msr     DAIFClr, #8
        ${code}
        b       done
${vectors('mrs x20, ESR_EL1\n b done')}
        .balign 4096
data:   .skip   4096
${MMU_TABLES}`;
    const ec = (code: string, control: number) => new BareMetal(source(code, control)).run().x(20) >> 26n;
    expect(ec('ldtr x5, [x3]', WATCH_EL0)).toBe(EC.WATCH + 1n);
    expect(ec('ldr x5, [x3]', WATCH_EL0)).toBe(0n);
    expect(ec('ldr x5, [x3]', 3)).toBe(EC.WATCH + 1n);
  });

  it('a Data Abort at the same address comes first', () => {
    const watched = set('DBGWVR0_EL1', 0x10000000) + set('DBGWCR0_EL1', WATCH_EL0 | LOAD | bas(0xff));
    const setUp = watched + set('MDSCR_EL1', MDE);
    expect(run(setUp, 'mov x5, #0x10000000\n ldr x6, [x5]').ec).toBe(0x24n);
  });

  it('linked to a Context ID they act in that context only', () => {
    const setUp = (context: number) =>
      `${set('DBGBVR5_EL1', 0x99)}${set('DBGBCR5_EL1', BREAK_EL0 | (3 << 20))}${set('CONTEXTIDR_EL1', context)}` +
      watch(0, 0, LOAD | bas(0xff) | (1 << 20) | (5 << 16));
    expect([run(setUp(0x99), 'ldr x5, [x3]').ec, run(setUp(0x98), 'ldr x5, [x3]').ec]).toEqual([EC.WATCH, EC.SVC]);
  });
});

describe('debug exceptions in hot code', () => {
  // The handler counts per class in X10 (step), X11 (breakpoint), X12 (watchpoint), mixes where into X13, and goes on:
  // behind a breakpoint or watchpoint by one step with MDE off, after which MDE is on again.
  const source = (iterations: number) => `${MMU_ON}
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ${UNLOCK}${onUser('stop')}msr DBGBVR3_EL1, x0
        ${set('DBGBCR3_EL1', BREAK_EL0)}${onUser('data')}
        mov     x3, x0
        add     x0, x0, #64
        msr     DBGWVR2_EL1, x0
        ${set('DBGWCR2_EL1', WATCH_EL0 | STORE | bas(0xff))}${set('MDSCR_EL1', MDE)}
        ${onUser('user')}
        msr     ELR_EL1, x0
        msr     SPSR_EL1, xzr
        ldr     x5, =${iterations}
        eret
        .balign 4096
user:   add     x4, x4, x5
        and     x6, x4, #0x1f8
        str     x4, [x3, x6]
        tst     x4, #127
        b.ne    over
        bl      other
over:   subs    x5, x5, #1
        b.ne    user
        svc     #0
        .balign 4096
other:  eor     x7, x7, x4
stop:   add     x7, x7, #1
        ret
${vectors(`
        mrs     x14, ESR_EL1
        mrs     x15, ELR_EL1
        eor     x13, x15, x13, ror #9
        lsr     x14, x14, #26
        mrs     x16, SPSR_EL1
        ldr     x17, =${MDE}
        cmp     x14, #0x15
        b.eq    done
        cmp     x14, #0x32
        b.eq    1f
        cmp     x14, #0x30
        cinc    x11, x11, eq
        cinc    x12, x12, ne
        orr     x16, x16, #${SPSR_SS}
        mov     x17, #1
        b       2f
1:      add     x10, x10, #1
2:      msr     MDSCR_EL1, x17
        msr     SPSR_EL1, x16
        eret
        .ltorg`)}
        .balign 4096
data:   .skip   4096
${MMU_TABLES}`;

  it('the same at every length of run, with snapshots or without', () => {
    const straight = new BareMetal(source(20_000)).run();
    const [steps, breaks, watches] = [10, 11, 12].map((n) => Number(straight.x(n)));
    expect(steps).toBe(breaks! + watches!);
    expect(breaks).toBeGreaterThan(100);
    expect(watches).toBeGreaterThan(100);
    for (const slice of [4099, 131]) {
      const g = new BareMetal(source(20_000)).run(slice);
      expect([10, 11, 12, 13, 7].map((n) => g.x(n))).toEqual([10, 11, 12, 13, 7].map((n) => straight.x(n)));
      expect(g.machine.digest()).toBe(straight.machine.digest());
    }
    const cut = new BareMetal(source(20_000));
    for (let n = 0; n < 50; n++) {
      cut.machine.run({ steps: 2311 });
      cut.machine.restore(cut.machine.snapshot());
    }
    expect(cut.run().machine.digest()).toBe(straight.machine.digest());
  });
});
