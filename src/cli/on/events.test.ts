import { describe, expect, it } from 'vitest';
import { bareKernel, POWER_OFF, PRINT } from '../../../test/support/bare-kernel.ts';
import { elf } from '../../../test/support/elf.ts';
import { FakeHost } from '../../../test/support/fake-machine.ts';
import { createMachine } from '../machine.ts';
import { main } from '../main.ts';
import { parseRule } from './rule.ts';

/** Where the machine puts a kernel of ours, and where its code begins. */
const IMAGE_PA = 0x4020_0000n;
const CODE_PA = IMAGE_PA + 64n;

/** Runs a kernel under rules with the real machine; exit code and what was said. */
async function play(
  kernel: string,
  rules: readonly string[],
  more: readonly string[] = [],
  files: Readonly<Record<string, Uint8Array>> = {},
): Promise<{ code: number; out: string; err: string }> {
  const host = new FakeHost(() => undefined);
  host.createMachine = createMachine;
  host.files.set('Image', bareKernel(kernel));
  for (const [name, bytes] of Object.entries(files)) host.files.set(name, bytes);
  const on = rules.flatMap((rule) => ['--on', rule]);
  const code = await main(['run', '--kernel', 'Image', '--memory', '16M', ...on, ...more], host, '1');
  return { code, out: host.out, err: host.err };
}

/** Registers a handler for event 0 that counts in X28 and completes, then does `then`. */
const SDEI_CLIENT = (then: string): string => `
        mov     x28, #0
        ldr     x0, =0xc4000021
        mov     x1, #0
        adr     x2, handler
        mov     x3, #0
        mov     x4, #0
        mov     x5, #0
        smc     #0
        ldr     x0, =0xc4000022
        mov     x1, #0
        smc     #0
        ldr     x0, =0xc400002c
        smc     #0
${then}
handler:
        add     x28, x28, #1
        ldr     x0, =0xc4000025
        smc     #0
        b       .
        .ltorg
`;

describe('triggers in the guest', () => {
  // mov x0; then 6 rounds of 3 instructions
  const LOOP = `mov x9, #6\n1: nop\n subs x9, x9, #1\n b.ne 1b\n ${POWER_OFF}`;

  it('pc: stops before the instruction, at the arrival that #HIT says', async () => {
    const at = `0x${(CODE_PA + 4n).toString(16)}`;
    // One step is the branch in the header.
    expect((await play(LOOP, [`pc:${at} => stop`])).err).toContain('; 2 steps');
    expect((await play(LOOP, [`pc:${at}#4 => stop`])).err).toContain('; 11 steps');
    expect((await play(LOOP, [`pc:0x${CODE_PA.toString(16)}+8#2 => stop`])).err).toContain('; 6 steps');
    const never = await play(LOOP, [`pc:${at}#7 => stop`]);
    expect(never.err).toContain('the guest powered off');
  });

  it('pc: takes the name of a function in the file of --symbols', async () => {
    const vmlinux = elf([
      { name: 'table', address: CODE_PA, type: 'object' },
      { name: 'main', address: CODE_PA + 8n, type: 'function' },
    ]);
    const run = (rule: string) => play(LOOP, [rule], ['--symbols', 'syms'], { syms: vmlinux });
    expect((await run('pc:main#2 => stop')).err).toContain('; 6 steps');
    expect((await run('pc:main+4 => stop')).err).toContain('; 4 steps');
    const unknown = await run('pc:mian => stop');
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain(
      "unmaskable: --on 'pc:mian => stop': column 4: 'mian': the file has no symbol of that name. Similar: main.",
    );
    expect((await run('pc:table => stop')).err).toMatch(/column 4: 'table': names data, not code/);
    const damaged = await play(LOOP, [], ['--symbols', 'syms'], { syms: vmlinux.slice(0, 100) });
    expect(damaged).toMatchObject({ code: 2, err: expect.stringContaining('--symbols syms: ') });
  });

  it('mmio: acts after an access to the address, whatever its width', async () => {
    const stores = `movz x1, #0x900, lsl #16\n strb wzr, [x1, #4]\n ldr w2, [x1, #0x18]\n b .`;
    expect((await play(stores, ['mmio:0x9000004 => stop'])).err).toContain('; 3 steps');
    expect((await play(stores, ['mmio:0x9000019 => stop'])).err).toContain('; 4 steps');
  });

  it('sysreg: acts after an MRS or MSR of the register, quick or slow', async () => {
    const moves = `mrs x0, TPIDR_EL1\n msr DAIFSet, #2\n msr VBAR_EL1, x0\n mrs x0, TPIDR_EL1\n b .`;
    const steps = async (rule: string) => /; (\d+) steps/.exec((await play(moves, [rule])).err)?.[1];
    expect(await steps('sysreg:TPIDR_EL1 => stop')).toBe('2');
    expect(await steps('sysreg:TPIDR_EL1#2 => stop')).toBe('5');
    expect(await steps('sysreg:DAIFSet => stop')).toBe('3');
    expect(await steps('sysreg:S3_0_C12_C0_0 => stop')).toBe('4');
  });

  it('call: acts after a firmware call, by the name of PSCI, SDEI or SMCCC, or by number', async () => {
    const calls = `ldr x0, =0x84000000\n smc #0\n ldr x0, =0xc4000020\n smc #0\n b .\n .ltorg`;
    const steps = async (rule: string) => /; (\d+) steps/.exec((await play(calls, [rule])).err)?.[1];
    expect(await steps('call:PSCI_VERSION => stop')).toBe('3');
    expect(await steps('call:0x84000000 => stop')).toBe('3');
    expect(await steps('call:SDEI_VERSION => stop')).toBe('5');
  });
});

describe('injections', () => {
  it('sdei: raises an event; the handler runs and the guest goes on', async () => {
    const guest = `${SDEI_CLIENT('1: cbz x28, 1b\n b done\n.ltorg\n')}
done:   ${PRINT} ${POWER_OFF}
text:   .asciz "came back"`;
    const { out, err } = await play(guest, ['call:SDEI_PE_UNMASK => sdei:0']);
    expect(err).toContain('powered off');
    expect(out).toBe('came back');
  });

  it('several actions are done in their order', async () => {
    const guest = SDEI_CLIENT('b .\n.ltorg\n');
    const { err } = await play(guest, ['call:SDEI_PE_UNMASK => sdei:0 , sdei:3001, stop']);
    expect(err).toContain('SDEI event 3001 on PE 0 refused: nobody has registered a handler');
    expect(err).toContain('stopped by --on');
  });

  it('irq: raises a line and leaves it raised; ISR_EL1 shows it', async () => {
    const guest = `
        movz    x1, #0x0800, lsl #16
        mov     w0, #0x12
        str     w0, [x1]
        mov     w0, #1 << 8
        str     w0, [x1, #0x104]
        mov     x0, #0xf0
        msr     ICC_PMR_EL1, x0
        mov     x0, #1
        msr     ICC_IGRPEN1_EL1, x0
1:      mrs     x0, ISR_EL1
        cbz     x0, 1b
        mrs     x2, ICC_IAR1_EL1
        cmp     x2, #40
        b.ne    .
        ${POWER_OFF}`;
    expect((await play(guest, ['step:1000 => irq:40'])).err).toContain('powered off');
  });

  it('serror arrives at the PE; one that is pending already is refused', async () => {
    const guest = `1: mrs x0, ISR_EL1\n tbz x0, #8, 1b\n 2: add x3, x3, #1\n cmp x3, #500\n b.lo 2b\n ${POWER_OFF}`;
    const { err } = await play(guest, ['step:100 => serror, serror']);
    expect(err).toMatch(/at step 100, an SError on PE 0 refused: one is pending there already/);
    expect(err).toContain('powered off');
  });

  it('the PE is that of the trigger, unless one is given', async () => {
    const guest = `
        ldr     x0, =0xc4000003
        mov     x1, #1
        adr     x2, second
        smc     #0
        b       .
second: mrs     x0, VBAR_EL1
        b       .
        .ltorg`;
    const refusals = async (action: string) =>
      (await play(guest, [`sysreg:VBAR_EL1 => ${action}`, 'step:100k => stop'], ['--cpus', '2'])).err;
    expect(await refusals('sdei:0')).toContain('SDEI event 0 on PE 1 refused: nobody');
    expect(await refusals('sdei:0@0')).toContain('SDEI event 0 on PE 0 refused: nobody');
  });
});

describe('rules that cannot be', () => {
  it.each([
    ['pc: => stop', /column 4: expected an address or a symbol/],
    ['pc:a-b => stop', /column 4: 'a-b' is neither an address nor NAME/],
    ['pc:main#0 => stop', /column 8: '#0' is no count of arrivals/],
    ['pc:main#x => stop', /column 8: '#x' is no count of arrivals/],
    ['mmio:uart => stop', /column 6: 'uart' is no physical address/],
    ['sysreg:VBAR_EL4 => stop', /column 8: no System register is called 'VBAR_EL4'\. Similar: VBAR_EL1/],
    ['call:CPU_NO => stop', /column 6: no firmware call is named 'CPU_NO'\. Similar: .*CPU_ON/],
    ['step:1 => sdei:x', /column 16: 'x' is no event number/],
    ['step:1 => sdei:0@x', /column 18: 'x' is no PE/],
    ['step:1 => irq:40@1', /column 15: INTID 40 is not of one PE/],
    ['step:1 => irq', /column 14: expected ':', found the end of the rule\. It is written irq:INTID/],
    ['step:1 => stop, ', /column 17: expected the name of an action/],
    ['step:1 => stop,, stop', /column 16: expected the name of an action/],
  ])('%j is refused when it is read', (rule, message) => {
    expect(() => parseRule(rule)).toThrow(message);
  });

  it.each([
    ['pc:start_kernel => stop', /column 4: 'start_kernel': there is no table of symbols in the guest/],
    ['pc:2 => stop', /column 4: instructions have addresses of 64 bits, multiples of 4/],
    ['mmio:0x40000000 => stop', /column 6: 0x40000000 is RAM/],
    ['step:1 => sdei:77', /column 16: there is no SDEI event 77\. Those to raise: 0, 3000/],
    ['step:1 => sdei:1000', /column 16: an interrupt raises SDEI event 1000/],
    ['step:1 => sdei:0@1', /column 16: there is no PE 1/],
    ['step:1 => irq:5', /column 15: interrupt line 5: an SGI has no line/],
    ['step:1 => irq:1000', /column 15: interrupt line 1000: this GIC has no such interrupt/],
    ['step:1 => serror@3', /column 17: there is no PE 3/],
  ])('%j is refused before the run, with exit code 2', async (rule, message) => {
    const { code, err } = await play('b .', [rule], ['--max-steps', '10']);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });
});
