import { describe, expect, it } from 'vitest';
import { bareKernel, POWER_OFF, PRINT } from '../../test/support/bare-kernel.ts';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { createDemo } from './demo.ts';
import { createMachine } from './machine.ts';
import { main } from './main.ts';

/** The command with the real machine, in a process that exists only in memory. */
function realHost(kernel: Uint8Array): FakeHost {
  const host = new FakeHost(() => undefined);
  host.createMachine = createMachine;
  host.createDemo = createDemo;
  host.files.set('Image', kernel);
  return host;
}
const RUN = ['run', '--kernel', 'Image', '--memory', '16M'];

describe('the command with the real machine', () => {
  it('runs a kernel and sees it power off', async () => {
    const host = realHost(bareKernel(`${PRINT} ${POWER_OFF} text: .asciz "hello\\n"`));
    expect(await main(RUN, host, '1')).toBe(0);
    expect(host.out).toBe('hello\n');
    expect(host.err).toMatch(/^unmaskable: the guest powered off; \d+ steps/);
  });

  it('stops at the step a rule names, and at the byte a pattern needs', async () => {
    const kernel = bareKernel(`${PRINT} b .\n text: .asciz "abcdef"`);
    const stepped = realHost(kernel);
    await main([...RUN, '--on', 'step:123456 => stop'], stepped, '1');
    expect(stepped.err).toContain('; 123,456 steps');
    const matched = realHost(kernel);
    await main([...RUN, '--until', 'c'], matched, '1');
    expect(matched.out).toBe('abc');
  });

  it('types for the guest when a rule says so, through the UART', async () => {
    const echo = `${PRINT}
      movz x1, #0x900, lsl #16
      1: ldr w3, [x1, #0x18]
      tbnz w3, #4, 1b
      ldr w3, [x1]
      str w3, [x1]
      b 1b
      text: .asciz "name? "`;
    const host = realHost(bareKernel(echo));
    expect(
      await main([...RUN, '--on', 'console:/name\\?/ => type:"guest\\n"', '--until', '^.*guest$'], host, '1'),
    ).toBe(0);
    expect(host.out).toBe('name? guest');
  });

  it('waits for the timer of a guest that sleeps, by jumping there', async () => {
    const tick = `mov x0, #0x1000\n msr CNTV_TVAL_EL0, x0\n mov x0, #1\n msr CNTV_CTL_EL0, x0
      1: wfi\n mrs x0, CNTV_CTL_EL0\n tbz w0, #2, 1b\n ${POWER_OFF}`;
    // The interrupt is enabled nowhere, so nothing wakes the guest: the timer fires and the machine still waits.
    const host = realHost(bareKernel(tick));
    expect(await main(RUN, host, '1')).toBe(4);
    expect(host.err).toMatch(/nothing can happen any more.*; \d+ steps, 0\.00006\d+ s virtual/);
  });

  it('refuses what the machine refuses', async () => {
    const host = realHost(new Uint8Array(100));
    expect(await main(RUN, host, '1')).toBe(2);
    expect(host.err).toMatch(/^unmaskable: kernel: not an arm64 Image/);
  });

  it('runs the demonstration without arguments', async () => {
    const host = realHost(new Uint8Array());
    expect(await main([], host, '1')).toBe(0);
    expect(host.out).toContain('CPU 1 answers from its masked section');
    expect(host.err).toMatch(/^digest [0-9a-f]{32}\nunmaskable: the guest powered off/);
  });
});
