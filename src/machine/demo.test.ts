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
  it('prints a line for each timer interrupt and powers off, and nothing is left unmodelled', () => {
    const { reason, text, reports } = demonstration();
    expect(text).toContain('');
    console.log(text);
    console.log(reports.join('\n'));
    expect(reason).toBe('poweroff');
    expect(reports).toEqual([]);
    expect(DEMO_TICKS).toBe(10);
  });
});
