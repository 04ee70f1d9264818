import { describe, expect, it } from 'vitest';
import { BareMetal, MMU_ON, MMU_TABLES, vectors } from '../../../test/support/bare-metal.ts';
import { hvc, load, store, wfi } from '../../engine/hosted/effects.ts';
import { SDEI_FUNCTIONS, type SdeiFunction } from '../../firmware/sdei/functions.ts';
import { Machine } from '../../machine/machine.ts';
import type { MachineOptions } from '../../machine/options.ts';
import { SdeiHypervisor, type SdeiHypervisorOptions } from './hypervisor.ts';
import { HypOutside } from './outside.ts';

const MEMORY_BYTES = 16 * 2 ** 20;
const HYP_PA = 0x40e0_0000n;
const LOAD_PA = 0x4008_0000n;
const [EXPLICIT, CRITICAL] = [3000, 3001];
const SPI = 100;

/** A guest in machine code under the hypervisor. */
class Guest extends BareMetal {
  readonly outside: HypOutside;

  constructor(source: string, options: Partial<SdeiHypervisorOptions> = {}, machine: MachineOptions = {}) {
    const hypervisor = new SdeiHypervisor({ cpus: 1, memoryBytes: MEMORY_BYTES, guest: LOAD_PA, ...options });
    const hosted = hypervisor.program();
    const { cpus } = hypervisor.config;
    super(source, { el2: true, sdei: false, ...machine, cpus, hosted, entry: hypervisor.entry });
    this.outside = new HypOutside(this.machine, hypervisor.config);
  }
  /** Runs until PE 0 is at a label. */
  to(label: string): this {
    const at = this.at(label);
    const { reason } = this.machine.runUntil(() => this.reg('PC') === at, { steps: 200_000 });
    expect([label, reason]).toEqual([label, 'stopped']);
    return this;
  }
  word(label: string): bigint {
    return new DataView(this.machine.readMemory(this.at(label), 8).slice().buffer).getBigUint64(0, true);
  }
  setWord(label: string, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.machine.writeMemory(this.at(label), bytes);
  }
}

/** Instructions that call a function; arguments are what `adr` or `ldr =` takes. Changes X0 to X5. */
function call(name: SdeiFunction, args: readonly (string | number)[] = [], conduit = 'hvc'): string {
  const values = args.map((arg, n) => (typeof arg === 'number' ? `ldr x${n + 1}, =${arg}` : `adr x${n + 1}, ${arg}`));
  return [...values, `ldr x0, =${SDEI_FUNCTIONS[name]}`, `${conduit} #0`, ''].join('\n');
}
const ready = (event: number | string, handler: string): string =>
  call('SDEI_EVENT_REGISTER', [event, handler, 0x1234, 0, 0]) + call('SDEI_EVENT_ENABLE', [event]);
const complete = `${call('SDEI_EVENT_COMPLETE', [0])} b .\n`;
/** The interrupt controller as a guest sets it up: Group 1 on, everything let through. */
const GIC = `
        ldr     x1, =GICD
        mov     w0, #0x12
        str     w0, [x1]
        mov     x0, #0xf8
        msr     ICC_PMR_EL1, x0
        mov     x0, #1
        msr     ICC_IGRPEN1_EL1, x0
`;

describe('a guest in machine code', () => {
  it('with its own MMU registers, is interrupted and goes on; its conduit is HVC, and SMC does as well', () => {
    const guest = new Guest(`${MMU_ON}
        ${call('SDEI_VERSION', [], 'smc')}
        mov     x28, x0
        ${ready(0, 'handler')}
        ${call('SDEI_PE_UNMASK')}
        mov     x17, #5
        mov     x10, #10
        ldr     x0, =${SDEI_FUNCTIONS.SDEI_EVENT_SIGNAL}
        mov     x1, #0
        mov     x2, #0
        cmp     x1, #0
        hvc     #0
behind: mov     x20, x0
        mrs     x21, NZCV
        mov     x22, x10
        b       done
handler: mov    x23, x0
        mov     x24, x1
        mov     x25, x2
        mov     x26, x17
        mrs     x27, DAIF
        mov     x10, #99
        ${complete}
        ${MMU_TABLES}
`).run();
    const x = (n: number): bigint => guest.x(n);
    expect([x(20), x(21), x(22)]).toEqual([0n, 0x6000_0000n, 10n]);
    expect([x(23), x(24), x(25), x(26), x(27)]).toEqual([0n, 0x1234n, guest.at('behind'), 5n, 0x3c0n]);
    expect(x(28)).toBe(1n << 48n);
    expect(guest.outside.state().pes).toEqual([{ masked: false, stack: [] }]);
  });

  it('cannot register an address that it has not mapped, nor one of the hypervisor', () => {
    const source = (address: string, on = ''): string =>
      `${on}${call('SDEI_EVENT_REGISTER', [0, Number(address), 0, 0, 0])} mov x20, x0\n b done\n${MMU_TABLES}`;
    const result = (...args: Parameters<typeof source>): bigint =>
      BigInt.asIntN(64, new Guest(source(...args)).run().x(20));
    expect(result('0x40090000')).toBe(0n);
    expect(result(`${HYP_PA}`)).toBe(-2n);
    expect(result('0x9000000')).toBe(-2n);
    expect(result('0xc0000000', MMU_ON)).toBe(-2n);
    expect(result(`${HYP_PA}`, MMU_ON)).toBe(-2n);
  });

  it('finds no memory of the hypervisor: an External abort, and what is there stays', () => {
    const accesses = ['ldr x2, [x1]', 'str x2, [x1]', 'ldp x2, x3, [x1]', 'ldxr x2, [x1]', 'dc zva, x1'];
    for (const access of accesses) {
      const guest = new Guest(`
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ldr     x1, =${HYP_PA + 0x1000n}
fails:  ${access}
        b       done
        ${vectors('mrs x20, ESR_EL1\n mrs x21, ELR_EL1\n mrs x22, FAR_EL1\n mrs x23, SPSR_EL1\n b done')}`);
      guest.to('fails');
      const before = guest.machine.readMemory(HYP_PA, 0x8000).slice();
      guest.run();
      const writes = /str|zva/.test(access) ? 0x40n : 0n;
      expect([access, guest.x(20)]).toEqual([access, 0x9600_0010n | writes]);
      expect([guest.x(21), guest.x(22), guest.x(23)]).toEqual([guest.at('fails'), HYP_PA + 0x1000n, 0x3c5n]);
      expect(guest.machine.readMemory(HYP_PA, 0x8000)).toEqual(before);
    }
  });

  it('a fetch there, and a System register that is EL2’s, are exceptions of the guest', () => {
    const fetch = new Guest(`
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ldr     x1, =${HYP_PA}
        br      x1
        ${vectors('mrs x20, ESR_EL1\n mrs x21, ELR_EL1\n b done')}`).run();
    expect([fetch.x(20), fetch.x(21)]).toEqual([0x8600_0010n, HYP_PA]);
    const register = new Guest(`
        adr     x0, vectors
        msr     VBAR_EL1, x0
fails:  msr     HCR_EL2, xzr
        b       done
        ${vectors('mrs x20, ESR_EL1\n mrs x21, ELR_EL1\n b done')}`).run();
    expect([register.x(20), register.x(21)]).toEqual([0x200_0000n, register.at('fails')]);
  });
});

describe('interrupts of the guest', () => {
  it('more of them than there are list registers come in the order of their priorities', () => {
    const count = 7;
    const priorities = Array.from(
      { length: count },
      (_, n) => `mov w0, #${0x90 - 16 * n}\n strb w0, [x1, #${0x400 + SPI + n}]\n`,
    );
    const guest = new Guest(`
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ${GIC}
        ldr     x1, =GICD
        ldr     w0, =0xaaaaaaaa
        str     w0, [x1, #0xc00 + ${(SPI >> 4) * 4}]
        ${priorities.join('')}
        ldr     w0, =${((2 ** count - 1) * 2 ** (SPI & 31)) >>> 0}
        str     w0, [x1, #0x100 + ${(SPI >> 5) * 4}]
        adr     x25, list
wait:   nop
        nop
        msr     DAIFClr, #2
1:      cmp     x26, #${count}
        b.ne    1b
        b       done
        .balign 8
list:   .skip   64
        ${vectors(`
        mrs     x24, ICC_IAR1_EL1
        str     x24, [x25], #8
        add     x26, x26, #1
        msr     ICC_EOIR1_EL1, x24
        eret`)}`);
    guest.to('wait');
    for (let n = 0; n < count; n++) {
      guest.machine.gic.set(SPI + n, true);
      guest.machine.gic.set(SPI + n, false);
    }
    guest.run();
    const bytes = guest.machine.readMemory(guest.at('list'), 8 * count);
    const taken = Array.from({ length: count }, (_, n) => Number(bytes[8 * n]));
    expect(taken).toEqual(Array.from({ length: count }, (_, n) => SPI + count - 1 - n));
  });

  it('its virtual timer and its software generated interrupts arrive as without a hypervisor', () => {
    const guest = new Guest(`
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ${GIC}
        ldr     x1, =GICR
        add     x1, x1, #0x10000
        ldr     w0, =${(1 << 27) | (1 << 3)}
        str     w0, [x1, #0x100]
        mrs     x0, CNTVCT_EL0
        add     x0, x0, #100
        msr     CNTV_CVAL_EL0, x0
        mov     x0, #1
        msr     CNTV_CTL_EL0, x0
        msr     DAIFClr, #2
1:      cbz     x20, 1b
        ldr     x0, =${(3 << 24) | 1}
        msr     ICC_SGI1R_EL1, x0
2:      cbz     x21, 2b
        ldr     x0, =${(15 << 24) | 1}
        msr     ICC_SGI1R_EL1, x0
        nop
        b       done
        ${vectors(`
        mrs     x24, ICC_IAR1_EL1
        cmp     x24, #27
        b.ne    9f
        msr     CNTV_CTL_EL0, xzr
        mov     x20, #27
9:      cmp     x24, #3
        csel    x21, x24, x21, eq
        add     x22, x22, #1
        msr     ICC_EOIR1_EL1, x24
        eret`)}`).run();
    // SGI 15 is the hypervisor's: the guest cannot send it.
    expect([guest.x(20), guest.x(21), guest.x(22)]).toEqual([27n, 3n, 2n]);
  });

  it('one that is an event’s is out of reach of the registers of the distributor; its neighbours are not', () => {
    const guest = new Guest(`
        ${GIC}
        ${call('SDEI_INTERRUPT_BIND', [SPI])}
        mov     x19, x0
        mov     x1, x19
        adr     x2, handler
        mov     x3, #0
        mov     x4, #0
        mov     x5, #0
        ldr     x0, =${SDEI_FUNCTIONS.SDEI_EVENT_REGISTER}
        hvc     #0
        ldr     x10, =GICD
        mov     w11, #-1
        str     w11, [x10, #${0x100 + (SPI >> 5) * 4}]
        ldr     w20, [x10, #${0x100 + (SPI >> 5) * 4}]
        ldr     w11, =0x40404040
        str     w11, [x10, #${0x400 + SPI}]
        ldr     w21, [x10, #${0x400 + SPI}]
        ldrb    w22, [x10, #${0x400 + SPI}]
        ldr     x23, [x10, #${0x6000 + 8 * SPI}]
        mov     w11, #-1
        str     w11, [x10, #${0xc00 + (SPI >> 4) * 4}]
        ldr     w24, [x10, #${0xc00 + (SPI >> 4) * 4}]
        b       done
handler: ${complete}`).run();
    const bit = 1n << BigInt(SPI & 31);
    expect(guest.x(20)).toBe(0xffff_ffffn & ~bit);
    expect([guest.x(21), guest.x(22), guest.x(23)]).toEqual([0x4040_4000n, 0n, 0n]);
    expect(guest.x(24)).toBe(0xaaaa_aaaan & ~(3n << BigInt((SPI & 15) * 2)));
  });
});

describe('the watchdog', () => {
  const PERIOD_NS = 10_000_000_000n;
  const watchdog = { intid: SPI, periodNs: PERIOD_NS };
  const TIMES_PA = 0x4010_0000n;

  /** A guest that binds the watchdog's interrupt and sleeps; each event writes down when it came. */
  const hosted = (binds: boolean) => {
    const hypervisor = new SdeiHypervisor({ cpus: 1, memoryBytes: MEMORY_BYTES, guest: 'main', watchdog });
    const sdei = (name: SdeiFunction, ...x: bigint[]) => hvc(BigInt(SDEI_FUNCTIONS[name]), ...x);
    const program = hypervisor.program({
      functions: {
        *main() {
          if (binds) {
            const [event] = yield* sdei('SDEI_INTERRUPT_BIND', BigInt(SPI));
            yield* sdei('SDEI_EVENT_REGISTER', event!, program.address('handler'), 0n, 0n, 0n);
            yield* sdei('SDEI_EVENT_ENABLE', event!);
            yield* sdei('SDEI_PE_UNMASK');
          } else {
            yield* store(0x0800_0000n, 0x12n, 4);
            yield* store(0x0800_0100n + BigInt((SPI >> 5) * 4), 1n << BigInt(SPI & 31), 4);
          }
          for (;;) yield* wfi();
        },
        *handler() {
          const count = yield* load(TIMES_PA);
          yield* store(TIMES_PA, count + 1n);
          yield* sdei('SDEI_EVENT_COMPLETE', 0n);
        },
      },
    });
    return Machine.create({
      hosted: program,
      entry: hypervisor.entry,
      el2: true,
      sdei: false,
      memoryBytes: MEMORY_BYTES,
    });
  };
  const events = (machine: Machine): number => machine.readMemory(TIMES_PA, 1)[0]!;

  it('fires one event every 10 seconds of virtual time', () => {
    const machine = hosted(true);
    const times: bigint[] = [];
    for (let n = 1; n <= 4; n++) {
      machine.runUntil(() => events(machine) === n, { steps: 1_000_000 });
      times.push(machine.timeNs);
    }
    const gaps = times.slice(1).map((t, n) => t - times[n]!);
    for (const gap of gaps) expect(Number(gap - PERIOD_NS)).toBeCloseTo(0, -3);
    expect(times[0]! > PERIOD_NS && times[0]! < PERIOD_NS + 100_000n).toBe(true);
  });

  it('is an ordinary interrupt of the guest while no event is registered for it', () => {
    const machine = hosted(false);
    machine.run({ steps: 20_000 });
    expect(machine.timeNs > PERIOD_NS).toBe(true);
    // ICH_LR0_EL2: pending, hardware, Group 1, this INTID twice.
    const listed = machine.readRegister(0, 'ICH_LR0_EL2');
    expect(listed >> 60n).toBe(0b0111n);
    expect([listed & 0x1fffn, (listed >> 32n) & 0x1fffn]).toEqual([BigInt(SPI), BigInt(SPI)]);
    expect(events(machine)).toBe(0);
  });
});

/** PE 0 loops, PE 1 counts; the handler on PE 0 waits for a word and completes. */
const TWO_PES = `
        ldr     x0, =0xc4000003
        mov     x1, #1
        adr     x2, second
        mov     x3, #77
        hvc     #0
        ${ready(EXPLICIT, 'handler')}${ready(CRITICAL, 'critical')}
        ${call('SDEI_PE_UNMASK')}
        mov     x10, #10
        mov     x28, #0x300000
        msr     CPACR_EL1, x28
        fmov    d9, #1.5
        msr     TPIDR_EL1, x10
        adr     x19, flag
loop:   ldr     x20, [x19, #8]
        cbz     x20, loop
        mov     x21, x10
        mrs     x22, TPIDR_EL1
        fmov    x23, d9
        ldr     x24, [x19, #16]
        ldr     x25, [x19, #24]
        b       done
handler: mov    x10, #99
        adr     x11, flag
inside: ldr     x12, [x11]
        cbz     x12, inside
        mov     x12, #1
        str     x12, [x11, #8]
        ${complete}
critical: adr   x11, flag
        ldr     x12, [x11, #16]
        add     x12, x12, #1
        str     x12, [x11, #16]
        ${complete}
second: adr     x11, flag
        str     x0, [x11, #24]
1:      add     x13, x13, #1
        ldr     x12, [x11, #8]
        cbz     x12, 1b
2:      wfi
        b       2b
        .balign 8
flag:   .quad   0, 0, 0, 0
`;

describe('a guest that is saved in the middle of a handler', () => {
  const results = (guest: Guest): bigint[] => [20, 21, 22, 23, 24, 25].map((n) => guest.x(n));
  const EXPECTED = [1n, 10n, 10n, 0x3ff8_0000_0000_0000n, 1n, 77n];

  /** In the handler on PE 0, PE 1 being at its loop. */
  const inHandler = (): Guest => {
    const guest = new Guest(TWO_PES, { cpus: 2 }).to('loop');
    guest.machine.run({ steps: 50_000 });
    guest.outside.raise(EXPLICIT);
    guest.to('inside');
    guest.machine.run({ steps: 50_000 });
    return guest;
  };
  const finish = (guest: Guest): void => {
    guest.setWord('flag', 1n);
    guest.run();
  };

  it('goes on where it was, and in another machine as well, with what is nested and what waits', () => {
    const first = inHandler();
    const state = first.outside.state();
    expect(state.pes[0]!.stack.map(({ event }) => event)).toEqual([EXPLICIT]);
    const saved = first.outside.save();
    const count = first.machine.readRegister(1, 'X13');
    expect(count > 0n).toBe(true);

    const second = new Guest(TWO_PES, { cpus: 2 });
    second.machine.run({ steps: 0 });
    second.outside.restore(saved);
    second.to('inside');
    expect(second.outside.state()).toEqual(state);
    second.machine.runUntil(() => second.machine.readRegister(1, 'X13') > count, { steps: 1_000_000 });
    expect(second.machine.readRegister(1, 'X13')).toBe(count + 1n);

    for (const guest of [first, second]) {
      guest.outside.raise(CRITICAL);
      finish(guest);
      expect(results(guest)).toEqual(EXPECTED);
      expect(guest.outside.state().pes[0]).toEqual({ masked: false, stack: [] });
    }
  });

  it('goes on with the virtual time that it had', () => {
    const first = inHandler();
    const before = first.machine.readRegister(0, 'CNTVCT_EL0');
    const saved = first.outside.save();
    const second = new Guest(TWO_PES, { cpus: 2 });
    second.outside.restore(saved);
    second.machine.run({ steps: 100_000 });
    expect(Number(second.machine.readRegister(0, 'CNTVCT_EL0') - before)).toBeLessThan(20_000);
  });

  it('a machine of another shape is refused', () => {
    const saved = inHandler().outside.save();
    expect(() => new Guest(TWO_PES).outside.restore(saved)).toThrow(/a guest of 2 PEs .* in a machine of 1/);
  });

  it('a snapshot of the machine there has the same future', () => {
    const guest = inHandler();
    const snapshot = guest.machine.snapshot();
    finish(guest);
    const digest = guest.machine.digest();
    guest.machine.restore(snapshot);
    finish(guest);
    expect(guest.machine.digest()).toBe(digest);
    expect(results(guest)).toEqual([1n, 10n, 10n, 0x3ff8_0000_0000_0000n, 0n, 77n]);
  });

  it('a reset of the machine resets it: nothing is registered, every PE is masked', () => {
    const guest = inHandler();
    guest.machine.reset();
    guest.machine.run({ steps: 3_000 });
    const { events, pes } = guest.outside.state();
    expect(events.every(({ handlers }) => handlers.every(({ state }) => state === 0 || state === 3))).toBe(true);
    expect(pes.map(({ stack }) => stack)).toEqual([[], []]);
    guest.to('loop');
    expect(guest.outside.state().events.find(({ number }) => number === EXPLICIT)!.handlers[0]!.state).toBe(3);
  });
});

describe('what the hypervisor says', () => {
  it('is in its log: a handler that failed, a trigger that was dropped', () => {
    const guest = new Guest(`
        ${ready(EXPLICIT, 'handler')}
        ${call('SDEI_PE_UNMASK')}
loop:   cbz     x20, loop
        ${call('SDEI_PE_MASK')}
masked: nop
        nop
        ${call('SDEI_EVENT_UNREGISTER', [EXPLICIT])}
        b       done
handler: mov    x20, #1
        ${call('SDEI_EVENT_COMPLETE', [1])}
        b       .`).to('loop');
    guest.outside.raise(EXPLICIT);
    guest.to('masked');
    guest.outside.raise(EXPLICIT);
    guest.run();
    expect(guest.outside.log()).toEqual([
      `PE 0: SDEI event ${EXPLICIT}: its handler completed with status 1`,
      `PE 0: SDEI event ${EXPLICIT}: a trigger that waited is dropped: it was unregistered`,
    ]);
  });
  it('impossible options and requests are refused with what would do', () => {
    const make = (more: Partial<SdeiHypervisorOptions>) => () =>
      new SdeiHypervisor({ cpus: 1, memoryBytes: MEMORY_BYTES, guest: 0n, ...more });
    expect(make({ cpus: 9 })).toThrow(/1 to 8/);
    expect(make({ memoryBytes: 3 * 2 ** 20 })).toThrow(/multiple of 2 MiB/);
    const timer = { number: 9, type: 'private', priority: 'normal', interrupt: 26 } as const;
    expect(make({ events: [timer] })).toThrow(/sdei\.events\[0\].*the hypervisor/);
    const { outside } = new Guest('nop\n');
    expect(() => outside.raise(1000)).toThrow(/event 1000 cannot be raised.*3003/);
    expect(() => outside.raise(0, 1)).toThrow(/PE 1/);
    expect(() => outside.save()).toThrow(/Start it/);
  });
});
