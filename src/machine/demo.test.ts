import { describe, expect, it } from 'vitest';
import { DEMO_TICKS, demoProgram } from './demo.ts';
import { Machine } from './machine.ts';
import { MEMORY_BYTES_MIN } from './options.ts';

function demonstration() {
  const machine = Machine.create({ programs: [demoProgram()], memoryBytes: MEMORY_BYTES_MIN });
  let text = '';
  const reports: string[] = [];
  machine.console.onOutput((bytes) => {
    text += new TextDecoder().decode(bytes);
  });
  machine.log.onReport((message) => reports.push(message));
  const { reason } = machine.run({ steps: 1_000_000 });
  return { machine, reason, text, reports };
}

describe('the embedded demonstration', () => {
  it('runs at EL1 under PSCI 1.1, takes a timer interrupt each millisecond, and powers off', () => {
    const { machine, reason, text, reports } = demonstration();
    expect(reason).toBe('poweroff');
    expect(text).toContain('It runs at EL1; PSCI 1.1 answers');
    const ticks = [...text.matchAll(/^ {2}INTID 27: timer interrupt (\d+), virtual time (\d+) ns$/gm)];
    expect(ticks.map((t) => Number(t[1]))).toEqual(Array.from({ length: DEMO_TICKS }, (_, n) => n + 1));
    const timesNs = ticks.map((t) => Number(t[2]));
    expect(timesNs.slice(1).map((ns, n) => ns - timesNs[n])).toEqual(new Array(DEMO_TICKS - 1).fill(1_000_000));
    expect(text).not.toContain('nobody expected');
    expect(reports).toEqual([]);
    // It waited with WFI rather than turned: 10 ms of virtual time in far fewer steps than nanoseconds.
    expect(machine.steps).toBeLessThan(100_000);
    expect(machine.timeNs).toBeGreaterThan(10_000_000n);
  });

  it('is the same every time: console, steps and digest', () => {
    const [one, two] = [demonstration(), demonstration()];
    expect(two.text).toBe(one.text);
    expect(two.machine.steps).toBe(one.machine.steps);
    expect(two.machine.digest()).toBe(one.machine.digest());
  });
});
