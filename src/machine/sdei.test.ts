import { describe, expect, test } from 'vitest';
import { BareMetal, GIC_ON, MMU_ON, MMU_TABLES, vectors } from '../../test/support/bare-metal.ts';
import { SDEI_FUNCTIONS, type SdeiFunction } from '../firmware/sdei/functions.ts';
import { MachineError } from './errors.ts';
import { Machine } from './machine.ts';
import type { MachineOptions } from './options.ts';

const [NORMAL, CRITICAL] = [3000, 3001];
const SPI = 40;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** The machines: which instruction calls, and at which Exception level the client is. */
const MACHINES: [name: string, conduit: 'smc' | 'hvc', el: 1 | 2, options: MachineOptions][] = [
  ['EL3 and EL1', 'smc', 1, {}],
  ['EL1 alone', 'hvc', 1, { el3: false }],
  ['EL3, EL1 and a GICv2', 'smc', 1, { gic: 2 }],
  ['EL1 alone and a GICv2', 'hvc', 1, { el3: false, gic: 2 }],
  ['EL3, EL2 and EL1', 'smc', 2, { el2: true }],
  ['EL2 and EL1', 'smc', 2, { el3: false, el2: true }],
];

/** Instructions that call a function; arguments are what `mov` or `ldr =` takes. Changes X0 to X5. */
function call(name: SdeiFunction, args: readonly (string | number)[] = [], conduit = 'smc'): string {
  const load = args.map((arg, n) => (typeof arg === 'number' ? `ldr x${n + 1}, =${arg}` : `adr x${n + 1}, ${arg}`));
  return [...load, `ldr x0, =${SDEI_FUNCTIONS[name]}`, `${conduit} #0`, ''].join('\n');
}
const ready = (event: number, handler: string, conduit = 'smc'): string =>
  call('SDEI_EVENT_REGISTER', [event, handler, 0x1234, 0, 0], conduit) +
  call('SDEI_EVENT_ENABLE', [event], conduit) +
  call('SDEI_PE_UNMASK', [], conduit);
const complete = (conduit = 'smc'): string => `${call('SDEI_EVENT_COMPLETE', [0], conduit)} b .\n`;
/** A handler that counts in X`counter` and completes; it destroys what a handler may. */
const counting = (counter: number): string => `add x${counter}, x${counter}, #1\n mov x9, #77\n mov x17, #78\n`;

describe.each(MACHINES)('on a machine with %s', (_name, conduit, el, options) => {
  const mode = el === 2 ? 0x3c9n : 0x3c5n;

  test('a signalled event runs its handler and COMPLETE goes on as if nothing had been', () => {
    const guest = new BareMetal(
      `${ready(0, 'handler', conduit)}
        ldr     x9, =0x1111
        msr     ELR_EL${el}, x9
        msr     SPSR_EL${el}, x9
        mov     x17, #5
        ldr     x0, =${SDEI_FUNCTIONS.SDEI_EVENT_SIGNAL}
        mov     x1, #0
        mov     x2, #0
        cmp     x1, #0
        ${conduit} #0
behind: mov     x20, x0
        mov     x21, x1
        b       end
handler: mov    x29, x0
        mov     x23, x1
        mov     x24, x2
        mov     x25, x3
        mov     x26, x17
        mrs     x27, DAIF
        mrs     x28, CurrentEL
        ${counting(19)}${complete(conduit)}
end:    mrs     x22, ELR_EL${el}
`,
      options,
    ).run();
    const x = (n: number): bigint => guest.x(n);
    expect([x(20), x(21), x(9), x(17), x(19), x(22)]).toEqual([0n, 0n, 0x1111n, 5n, 1n, 0x1111n]);
    expect([x(29), x(23), x(26), x(27), x(28)]).toEqual([0n, 0x1234n, 5n, 0x3c0n, BigInt(el) << 2n]);
    expect(x(24)).toBe(guest.symbols.get('behind'));
    expect(x(25)).toBe(0x6000_0000n | mode);
    expect(guest.machine.sdei.state().pes[0]).toEqual({ masked: false, stack: [] });
  });

  test('COMPLETE_AND_RESUME looks like an exception from the interrupted code, and ERET goes back to it', () => {
    const guest = new BareMetal(
      `${ready(0, 'handler', conduit)}
        mov     x10, #10
        ldr     x0, =${SDEI_FUNCTIONS.SDEI_EVENT_SIGNAL}
        mov     x1, #0
        mov     x2, #0
        ${conduit} #0
behind: b       end
handler: mov    x10, #99
        ${call('SDEI_EVENT_COMPLETE_AND_RESUME', ['resumed'], conduit)}
        b       .
resumed: mrs    x20, ELR_EL${el}
        mrs     x21, SPSR_EL${el}
        mrs     x22, DAIF
        mov     x23, x10
        eret
end:    mov     x24, #1
`,
      options,
    ).run();
    expect(guest.x(20)).toBe(guest.symbols.get('behind'));
    expect([21, 22, 23, 24].map((n) => guest.x(n))).toEqual([mode, 0x3c0n, 10n, 1n]);
  });

  test('critical interrupts normal, and a snapshot in the middle has the same future', () => {
    const guest = new BareMetal(
      `${ready(NORMAL, 'normal', conduit)}${ready(CRITICAL, 'critical', conduit)}
wait:   cbz     x21, wait
        b       end
normal: add     x20, x20, #1
inside: cbz     x22, inside
        mov     x21, #1
        ${complete(conduit)}
critical: add   x22, x22, #1
within: nop
        nop
        ${complete(conduit)}
end:    nop
`,
      options,
    );
    const { machine } = guest;
    const at = (name: string) => () => machine.readRegister(0, 'PC') === guest.symbols.get(name);
    machine.runUntil(at('wait'));
    expect(machine.sdei.signal(NORMAL)).toBe(true);
    machine.runUntil(at('inside'), { steps: 100 });
    machine.sdei.signal(CRITICAL);
    machine.runUntil(at('within'), { steps: 100 });
    expect(machine.sdei.state().pes[0]!.stack.map((frame) => frame.event)).toEqual([NORMAL, CRITICAL]);
    machine.sdei.signal(NORMAL);
    const snapshot = machine.snapshot();
    const before = machine.digest();
    guest.run();
    expect([guest.x(20), guest.x(22)]).toEqual([2n, 1n]);
    const after = machine.digest();
    machine.restore(snapshot);
    expect(machine.digest()).toBe(before);
    expect(guest.run().machine.digest()).toBe(after);
  });

  test('an event wakes WFI, and COMPLETE goes on behind it', () => {
    const guest = new BareMetal(
      `${ready(NORMAL, 'handler', conduit)}b end\nhandler: ${counting(20)}${complete(conduit)}end: nop`,
      options,
    );
    guest.run();
    expect(guest.machine.sdei.signal(NORMAL)).toBe(true);
    expect(guest.run().x(20)).toBe(1n);
  });

  test('the local exclusive monitor is clear behind an event', () => {
    const guest = new BareMetal(
      `${ready(NORMAL, 'handler', conduit)}
        ${el === 1 ? MMU_ON : ''}
        adr     x10, place
        ldxr    x11, [x10]
marked: nop
        stxr    w21, x11, [x10]
        ldxr    x11, [x10]
        stxr    w22, x11, [x10]
        b       end
handler: ${counting(20)}${complete(conduit)}
        .balign 64
place:  .quad   0
        ${el === 1 ? MMU_TABLES : ''}
end:    nop
`,
      options,
    );
    const { machine } = guest;
    machine.runUntil(() => machine.readRegister(0, 'PC') === guest.symbols.get('marked'), { steps: 10_000 });
    machine.sdei.signal(NORMAL);
    guest.run();
    expect([20, 21, 22].map((n) => guest.x(n))).toEqual([1n, 1n, 0n]);
  });

  test('a bound interrupt comes as the event and not as IRQ, once for each edge', () => {
    const guest = new BareMetal(
      `        ${call('SDEI_INTERRUPT_BIND', [SPI], conduit)}
        mov     x20, x0
        ldr     x10, =GICD
        mov     w11, #0x12
        str     w11, [x10]
        mov     w11, #2 << 16
        str     w11, [x10, #0xc00 + ${(SPI / 16) | 0} * 4]
        ${ready(2000, 'handler', conduit)}
        mov     w11, #1 << ${SPI - 32}
        str     w11, [x10, #0x104]
        ldr     w22, [x10, #0x104]
        b       end
handler: ${counting(21)}${complete(conduit)}
end:    nop
`,
      options,
    ).run();
    expect(guest.x(20)).toBe(2000n);
    const exceptions: string[] = [];
    guest.machine.on('exception', (_pe, target, offset) => void exceptions.push(`EL${target} ${offset.toString(16)}`));
    guest.machine.gic.setLine(SPI, true);
    expect(guest.run().x(21)).toBe(1n);
    guest.machine.gic.setLine(SPI, false);
    guest.machine.gic.setLine(SPI, true);
    expect(guest.run().x(21)).toBe(2n);
    expect(exceptions.filter((e) => e.endsWith('500'))).toHaveLength(options.el3 === false ? 0 : 2);
    // With two security states the interrupt is Group 0 while registered: its enable bit is RAZ/WI to the client.
    expect(guest.x(22)).toBe(options.el3 === false ? 1n << 8n : 0n);
  });
});

describe('what the client cannot do', () => {
  test('another Exception level, or another immediate, gets NOT_SUPPORTED', () => {
    const guest = new BareMetal(
      `        ldr     x0, =${SDEI_FUNCTIONS.SDEI_VERSION}
        smc     #1
        mov     x20, x0
        adr     x0, low
        msr     ELR_EL2, x0
        mov     x0, #0x3c5
        msr     SPSR_EL2, x0
        eret
low:    ${call('SDEI_VERSION')} mov x21, x0
`,
      { el2: true },
    ).run();
    expect([guest.x(20), guest.x(21)]).toEqual([ALL_ONES, ALL_ONES]);
  });

  test('no function exists with sdei: false, and the machine says so too', () => {
    const guest = new BareMetal(`${call('SDEI_VERSION')} mov x20, x0\n`, { sdei: false }).run();
    expect(guest.x(20)).toBe(ALL_ONES);
    expect(() => guest.machine.sdei.state()).toThrow(MachineError);
    expect(() => guest.machine.sdei.signal(0)).toThrow(/has no dispatcher/);
  });

  test('an address that is not mapped is no entry point', () => {
    const guest = new BareMetal(
      `${call('SDEI_EVENT_REGISTER', [0, 0x0900_0000, 0, 0, 0])} mov x20, x0\n
       ${call('SDEI_EVENT_REGISTER', [0, 0x1_0000_0000, 0, 0, 0])} mov x21, x0\n`,
    ).run();
    expect([guest.x(20), guest.x(21)]).toEqual([-2n & ALL_ONES, -2n & ALL_ONES]);
  });
});

describe('interrupts of the client while a handler runs', () => {
  const source = (gicOn: string): string => `
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ${gicOn}${ready(NORMAL, 'handler')}
        mov     x25, #1
        msr     DAIFClr, #2
wait:   cbz     x21, wait
        b       end
handler: mov    x20, #1
        msr     DAIFClr, #3
        mov     x10, #50
1:      sub     x10, x10, #1
        cbnz    x10, 1b
        mov     x23, x22
        ${complete()}
        ${vectors(`mov x22, #1\n mov x21, #1\n mrs x24, ESR_EL1\n mov x0, #0x3c5\n msr SPSR_EL1, x0\n eret`)}
end:    nop
`;
  test('they wait until it completes, whatever it does to DAIF', () => {
    const guest = new BareMetal(source(GIC_ON));
    const { machine } = guest;
    machine.runUntil(() => machine.readRegister(0, 'PC') === guest.symbols.get('wait'), { steps: 10_000 });
    machine.sdei.signal(NORMAL);
    machine.runUntil(() => machine.readRegister(0, 'X20') === 1n, { steps: 100 });
    machine.gic.setLine(23, true, 0);
    machine.runUntil(() => machine.readRegister(0, 'X22') === 1n, { steps: 2000 });
    // X23 is X22 as the handler saw it: the IRQ came behind it, from the code it had interrupted.
    expect([guest.x(20), guest.x(22), guest.x(23)]).toEqual([1n, 1n, 0n]);
    expect(machine.readRegister(0, 'ELR_EL1')).toBe(guest.symbols.get('wait'));
  });
});

describe('machine options', () => {
  const refused = (sdei: MachineOptions['sdei']): unknown => {
    try {
      Machine.create({ memoryBytes: 16 * 2 ** 20, sdei });
    } catch (error) {
      return error;
    }
    return undefined;
  };
  test('an impossible dispatcher is E_SDEI, events by their entry', () => {
    expect(refused({ version: '2.0' as never })).toMatchObject({
      code: 'E_SDEI',
      message: expect.stringMatching(/sdei\.version '2\.0'/),
    });
    expect(refused({ profile: 'x' as never })).toMatchObject({
      code: 'E_SDEI',
      message: expect.stringMatching(/sdei\.profile 'x'/),
    });
    const timer = { number: 9, type: 'private', priority: 'normal', interrupt: 27 } as const;
    expect(refused({ events: [timer] })).toMatchObject({
      code: 'E_SDEI',
      message: expect.stringMatching(/sdei\.events\[0\].*CNTV/),
    });
  });
  test('signal names what it was asked for', () => {
    const { sdei } = Machine.create({ memoryBytes: 16 * 2 ** 20 });
    expect(() => sdei.signal(7)).toThrow(/event 7: .* 3003/);
    expect(() => sdei.signal(1000)).toThrow(/its interrupt raises it/);
    expect(() => sdei.signal(0, { pe: 3 })).toThrow(/PE 3/);
    expect(sdei.signal(0)).toBe(false);
  });
  test('versions', () => {
    for (const [version, value] of [
      ['1.0', 0x1_0000_0000_0000n],
      ['1.1', 0x1_0001_0000_0000n],
    ] as const) {
      const guest = new BareMetal(`${call('SDEI_VERSION')} mov x20, x0\n`, { sdei: { version } }).run();
      expect(guest.x(20)).toBe(value);
    }
  });
});

test('PE 0 signals PE 1, which CPU_ON brought up masked', () => {
  const guest = new BareMetal(
    `        ldr     x0, =0xc4000003
        mov     x1, #1
        adr     x2, second
        mov     x3, #0
        smc     #0
        adr     x10, flag
1:      ldr     x11, [x10]
        cbz     x11, 1b
        ${call('SDEI_EVENT_SIGNAL', [0, 1])}
        mov     x20, x0
2:      ldr     x11, [x10, #8]
        cbz     x11, 2b
        b       end
second: ${call('SDEI_PE_MASK')}
        mov     x20, x0
        ${ready(0, 'handler')}
        adr     x10, flag
        mov     x11, #1
        str     x11, [x10]
3:      wfi
        b       3b
handler: adr    x10, flag
        mov     x11, #1
        str     x11, [x10, #8]
        ${complete()}
        .balign 8
flag:   .quad   0, 0
end:    nop
`,
    { cpus: 2 },
  ).run();
  expect([guest.x(20), guest.machine.readRegister(1, 'X20')]).toEqual([0n, 0n]);
});
