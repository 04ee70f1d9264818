import { describe, expect, it } from 'vitest';
import { bareKernel, ECHO, POWER_OFF, PRINT } from '../../test/support/bare-kernel.ts';
import { Machine } from './machine.ts';
import { MEMORY_BYTES_MIN } from './options.ts';

function guest(source: string) {
  const machine = Machine.create({ kernel: bareKernel(source), memoryBytes: MEMORY_BYTES_MIN });
  const seen = { text: '' };
  machine.console.onOutput((bytes) => {
    seen.text += new TextDecoder().decode(bytes);
  });
  return { machine, seen };
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the console', () => {
  it('hands over every byte during the step that transmits it', () => {
    const { machine } = guest(`${PRINT} ${POWER_OFF} text: .asciz "abc"`);
    const steps: number[] = [];
    machine.console.onOutput(() => machine.stop());
    while (machine.run({ steps: 1000 }).reason === 'stopped') steps.push(machine.steps);
    expect(steps).toHaveLength(3);
    expect(steps.map((step) => step - steps[0])).toEqual([0, 4, 8]);
  });

  it('accepts input from a guest that polls, once it polls, and keeps what the UART has no room for', () => {
    const { machine, seen } = guest(ECHO);
    expect(machine.console.acceptsInput).toBe(false);
    machine.run({ steps: 1000 });
    expect(seen.text).toBe('echo\n');
    expect(machine.console.acceptsInput).toBe(true);
    machine.console.input(bytes('x'.repeat(100)));
    expect(machine.console.queuedBytes).toBe(100 - 32);
    machine.run({ steps: 1000 });
    expect(seen.text).toBe(`echo\n${'x'.repeat(100)}`);
    expect(machine.console.queuedBytes).toBe(0);
    machine.console.input(bytes('q'));
    expect(machine.run({ steps: 1000 })).toEqual({ reason: 'poweroff' });
  });

  it('accepts none from a guest that never looks', () => {
    const { machine } = guest('b .');
    machine.run({ steps: 10_000 });
    expect(machine.console.acceptsInput).toBe(false);
  });

  it('accepts input from a guest with the receive interrupt unmasked', () => {
    const { machine } = guest('movz x1, #0x900, lsl #16\n mov w0, #0x10\n str w0, [x1, #0x38]\n b .');
    machine.run({ steps: 10 });
    expect(machine.console.acceptsInput).toBe(true);
  });

  it('keeps waiting input in a snapshot', () => {
    const { machine, seen } = guest(ECHO);
    machine.run({ steps: 1000 });
    machine.console.input(bytes('y'.repeat(50)));
    const snapshot = machine.snapshot();
    machine.run({ steps: 1000 });
    expect(machine.console.queuedBytes).toBe(0);
    seen.text = '';
    machine.restore(snapshot);
    expect(machine.console.queuedBytes).toBe(50 - 32);
    machine.run({ steps: 1000 });
    expect(seen.text).toBe('y'.repeat(50));
  });
});
