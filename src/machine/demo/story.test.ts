import { describe, expect, it } from 'vitest';
import { Story } from './story.ts';

/** Steps from one restore to the next; UNMASKABLE_RESTORE_EVERY=1 for one at each, which takes minutes. */
const RESTORE_EVERY = Number(process.env.UNMASKABLE_RESTORE_EVERY ?? 97);

function told(restores = false): { text: string; story: Story; reports: string[] } {
  let text = '';
  const story = new Story((more) => {
    text += more;
  });
  const { machine } = story;
  const reports: string[] = [];
  machine.log.onReport((message) => reports.push(message));
  if (!restores) expect(machine.run({ steps: 1_000_000 }).reason).toBe('poweroff');
  for (let n = 0; restores && machine.step().reason === 'limit'; n++)
    if (n % RESTORE_EVERY === 0 && story.quiet) machine.restore(machine.snapshot());
  return { text, story, reports };
}

/** The rows of a drawing behind a heading. */
function drawing(text: string, heading: string): Record<string, string> {
  const from = text.indexOf(heading);
  const rows = [...text.slice(from).matchAll(/^ {4}(EL\d [a-zA-Z ]+?) {2,}( *#.*)$/gm)];
  const until = rows.findIndex((row, n) => n > 0 && row[1] === 'EL1 program');
  return Object.fromEntries(rows.slice(0, until + 1).map((row) => [row[1]!, row[0].slice(25)]));
}
const first = (row: string | undefined): number => row!.indexOf('#');
const last = (row: string | undefined): number => row!.lastIndexOf('#');

describe('the embedded demonstration', () => {
  const { text, story, reports } = told();

  it('shows a corrected error: an event, then an interrupt that prints the record, and the record', () => {
    const { 'EL1 normal event': event, 'EL1 interrupt': irq, 'EL1 program': program } = drawing(text, '1. Memory');
    expect(first(program)).toBeLessThan(first(event));
    expect(last(event)).toBeLessThan(first(irq));
    expect(last(irq)).toBeLessThan(last(program));
    expect(text).toContain('kernel: {1}[Hardware Error]: event severity: corrected');
    expect(text).toMatch(/172 bytes of Common Platform Error Record\. The kernel has given the space for it back\./);
    expect(text).toContain('Memory Error Type: 2 (single-bit ECC)');
  });
  it('shows a critical event inside a normal one, and both errors reported', () => {
    const { 'EL1 normal event': normal, 'EL1 critical event': critical } = drawing(text, '2. Memory');
    expect(first(normal)).toBeLessThan(first(critical));
    expect(last(critical)).toBeLessThan(last(normal));
    expect(text.match(/severity: recoverable/g)).toHaveLength(2);
    expect(text).toContain('Memory failure: 0x40801');
  });
  it('shows an NMI in a masked section, and the interrupt that waits for the end of it', () => {
    const { 'EL1 NMI': nmi, 'EL1 interrupt': irq } = drawing(text, '3. CPU 1');
    expect(last(nmi)).toBeLessThan(first(irq));
    expect(text).toContain('CPU 1 answers from its masked section');
    expect(text.indexOf('CPU 1 answers')).toBeLessThan(text.indexOf('had to wait is here'));
  });
  it('is no wider than a terminal and leaves nothing to report', () => {
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(reports).toEqual([]);
  });
  it('is the same every time, also when it is saved and restored on the way', { timeout: 900_000 }, () => {
    for (const again of [told(), told(true)]) {
      expect(again.text).toBe(text);
      expect(again.story.machine.digest()).toBe(story.machine.digest());
    }
  });
});
