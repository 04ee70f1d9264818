import { describe, expect, it } from 'vitest';
import { guest } from '../../test/exact/guests.ts';
import { PE_STATE } from '../arch/pestate.ts';
import type { Machine } from './machine.ts';
import type { MachineOptions } from './options.ts';

const PSCI = { VERSION: 0x8400_0000, CPU_SUSPEND: 0xc400_0001, CPU_OFF: 0x8400_0002, CPU_ON: 0xc400_0003 } as const;
const SYSTEM = { AFFINITY_INFO: 0xc400_0004, OFF: 0x8400_0008, RESET: 0x8400_0009 } as const;
const NOT_SUPPORTED = 0xffff_ffff_ffff_ffffn;

/** Source of a call with a function number and up to three arguments. */
function call(id: number, ...args: readonly (number | string)[]): string {
  const loads = args.map((a, n) => (typeof a === 'string' ? `adr x${n + 1}, ${a}` : `ldr x${n + 1}, =${a}`));
  return `ldr x0, =${id}\n ${loads.join('\n ')}\n CONDUIT #0\n`;
}
function run(source: string, options: MachineOptions = {}, steps = 500): Machine {
  const conduit = options.el3 === false ? 'hvc' : 'smc';
  const { machine } = guest(source.replaceAll('CONDUIT', conduit), options);
  machine.run({ steps });
  return machine;
}

describe.each([
  ['SMC', {}],
  ['SMC, from EL2', { el2: true }],
  ['HVC, without EL3', { el3: false }],
] as const)('PSCI by %s', (_name, options) => {
  it('PSCI_VERSION is 1.1, and the call goes on behind the instruction', () => {
    const m = run(`${call(PSCI.VERSION)} mov x9, #5\n b .`, options);
    expect([m.readRegister(0, 'X0'), m.readRegister(0, 'X9')]).toEqual([0x1_0001n, 5n]);
  });

  it('an unknown function is NOT_SUPPORTED', () => {
    expect(run(`${call(0x8400_ffff)} b .`, options).readRegister(0, 'X0')).toBe(NOT_SUPPORTED);
  });

  it('takes one step, and no registers but X0 to X3 change', () => {
    const m = run(`mov x4, #4\n mov x17, #17\n mov x30, #30\n ${call(PSCI.VERSION)} b .`, options, 5);
    expect(m.steps).toBe(5);
    for (const n of [4, 17, 30]) expect(m.readRegister(0, `X${n}`)).toBe(BigInt(n));
  });

  it('SYSTEM_OFF and SYSTEM_RESET end the run', () => {
    const ends = [SYSTEM.OFF, SYSTEM.RESET].map((id) => {
      const { machine } = guest(`${call(id)} b .`.replace('CONDUIT', 'el3' in options ? 'hvc' : 'smc'), options);
      return machine.run({ steps: 100 }).reason;
    });
    expect(ends).toEqual(['poweroff', 'reset']);
  });

  it('CPU_ON starts a PE at its entry with its context, and AFFINITY_INFO follows', () => {
    const m = run(
      `${call(SYSTEM.AFFINITY_INFO, 1, 0)} mov x20, x0
       ${call(PSCI.CPU_ON, 1, 'other', 77)} mov x21, x0
       ${call(SYSTEM.AFFINITY_INFO, 1, 0)} mov x22, x0
       yield
       ${call(SYSTEM.AFFINITY_INFO, 1, 0)} mov x23, x0
       ${call(PSCI.CPU_ON, 1, 'other', 77)} mov x24, x0
       b .
other: mov x19, x0
       mrs x18, CurrentEL
       b .`,
      { ...options, cpus: 2 },
      100_000,
    );
    const OFF = 1n;
    const ON_PENDING = 2n;
    const ALREADY_ON = BigInt.asUintN(64, -4n);
    expect([20, 21, 22, 23].map((n) => m.readRegister(0, `X${n}`))).toEqual([OFF, 0n, ON_PENDING, 0n]);
    expect(m.readRegister(0, 'X24')).toBe(ALREADY_ON);
    expect([m.readRegister(1, 'X19'), m.readRegister(1, 'X18')]).toEqual([77n, 'el2' in options ? 8n : 4n]);
  });

  it('CPU_OFF turns the caller off for good', () => {
    const m = run(`${call(PSCI.CPU_OFF)} mov x9, #1\n b .`, options);
    expect(m.run({ steps: 10 }).reason).toBe('idle');
    expect(m.readRegister(0, 'X9')).toBe(0n);
  });

  it('the hook hears of each call by name', () => {
    const { machine } = guest(
      `${call(PSCI.VERSION)} b .`.replace('CONDUIT', 'el3' in options ? 'hvc' : 'smc'),
      options,
    );
    const seen: unknown[] = [];
    machine.on('call', (pe, name, _args, result) => void seen.push([pe, name, result]));
    machine.run({ steps: 50 });
    expect(seen).toEqual([[0, 'PSCI_VERSION', 0x1_0001n]]);
  });
});

describe('what firmware leaves when an operating system starts', () => {
  it.each([
    [{}, 1],
    [{ el2: true }, 2],
    [{ el3: false }, 1],
    [{ el3: false, el2: true }, 2],
  ] as const)('with %o: EL%i, masked, MMU off', (options, el) => {
    const { machine } = guest('b .', options);
    expect(machine.readRegister(0, 'PSTATE')).toBe(BigInt(0x3c0 | (el << 2) | 1));
    expect(machine.readRegister(0, 'SCTLR_EL1') & 0x1005n).toBe(0n);
    expect(machine.readRegister(0, 'CNTFRQ_EL0')).toBe(62_500_000n);
  });

  it('HVC is UNDEFINED at EL1 when SMC is the conduit and there is no EL2', () => {
    const m = run(
      'adr x0, vectors\n msr VBAR_EL1, x0\n hvc #0\n b .\n .balign 0x800\nvectors: .space 0x200\n mrs x9, ESR_EL1\n b .',
    );
    expect(m.readRegister(0, 'X9') >> 26n).toBe(0n);
  });

  it('SMC is UNDEFINED without EL3', () => {
    const source =
      'adr x0, vectors\n msr VBAR_EL1, x0\n smc #0\n b .\n .balign 0x800\nvectors: .space 0x200\n mrs x9, ELR_EL1\n b .';
    expect(run(source, { el3: false }).readRegister(0, 'X9')).toBe(0x4008_0008n);
  });
});

/** Enables the virtual timer's interrupt for this PE without letting it in. */
const TIMER_READY = `
        ldr     x1, =0x08000000
        mov     w0, #0x12
        str     w0, [x1]
        ldr     x1, =0x080b0000
        mov     w0, #1 << 27
        str     w0, [x1, #0x100]
        mov     x0, #0xf0
        msr     ICC_PMR_EL1, x0
        mov     x0, #1
        msr     ICC_IGRPEN1_EL1, x0
        mov     x0, #100
        msr     CNTV_TVAL_EL0, x0
        mov     x0, #1
        msr     CNTV_CTL_EL0, x0`;
const POWERDOWN = 0x1_0000;

describe('CPU_SUSPEND', () => {
  it('to standby comes back behind the call with SUCCESS when an interrupt is pending', () => {
    const m = run(`${TIMER_READY}\n ${call(PSCI.CPU_SUSPEND, 0, 0, 0)} mov x9, #1\n mrs x10, CNTVCT_EL0\n b .`);
    expect([m.readRegister(0, 'X0'), m.readRegister(0, 'X9')]).toEqual([0n, 1n]);
    expect(m.readRegister(0, 'X10')).toBeGreaterThanOrEqual(100n);
  });

  it('to power-down comes back at the entry with the context, reset', () => {
    const m = run(`${TIMER_READY}\n msr TPIDR_EL1, x1\n ${call(PSCI.CPU_SUSPEND, POWERDOWN, 'entry', 55)} b .
entry:  mov x9, x0
        mrs x10, CNTVCT_EL0
        b .`);
    expect(m.readRegister(0, 'X9')).toBe(55n);
    expect(m.readRegister(0, 'X10')).toBeGreaterThanOrEqual(100n);
    expect(m.readRegister(0, 'TPIDR_EL1')).toBe(0n);
  });

  it('to power-down with an interrupt already pending comes back at the entry at once, and only once', () => {
    const m = run(`${TIMER_READY}
        msr     CNTV_TVAL_EL0, xzr
        ${call(PSCI.CPU_SUSPEND, POWERDOWN, 'entry', 55)}
        b       .
entry:  add     x9, x9, #1
        // Waits again: woken this time, it must go on here.
        ${TIMER_READY}
        wfi
        mov     x12, #1
        b       .`);
    expect([m.readRegister(0, 'X9'), m.readRegister(0, 'X12')]).toEqual([1n, 1n]);
  });

  it('a restart address does not survive a system reset', () => {
    const { machine } = guest(
      `mrs x0, MPIDR_EL1
       ${call(PSCI.CPU_SUSPEND, POWERDOWN, 'entry', 55)} b .
entry: mov x9, #1
       b .`.replace('CONDUIT', 'smc'),
    );
    expect(machine.run({ steps: 100 }).reason).toBe('idle');
    machine.reset();
    machine.pes[0]!.s.set32(PE_STATE.waitState, 1);
    machine.pes[0]!.setInterruptLines(true, false);
    machine.writeRegister(0, 'PC', 0x4100_0000n);
    machine.run({ steps: 3 });
    expect(machine.readRegister(0, 'X9')).toBe(0n);
  });
});
