import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { EXPERIMENTS } from '../experiments/index.ts';
import { main } from './main.ts';

async function experiment(...args: string[]): Promise<{ code: number; lines: string[]; errors: string }> {
  const host = new FakeHost(() => undefined);
  const code = await main(['experiment', ...args], host, '0');
  return { code, lines: host.out.split('\n').filter(Boolean), errors: host.err };
}

describe('unmaskable experiment', () => {
  it('--list prints every claim and runs nothing', async () => {
    const { code, lines } = await experiment('--list');
    expect(code).toBe(0);
    expect(lines).toEqual(EXPERIMENTS.map(({ name, claim }) => `${name}: ${claim}`));
  });

  it('NAME decides one: verdict, source, what was seen, control, and lines that run it again', async () => {
    const { code, lines } = await experiment('wfi-behind-mask');
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^SHOWN: wfi-behind-mask: WFI does not end/);
    expect(lines.slice(1).map((line) => line.trim().split(':')[0])).toEqual([
      'source',
      'seen',
      'control',
      'seen',
      'replay',
      'replay',
    ]);
  });

  it('each replay line runs that side alone, and is right the first time', async () => {
    const { lines } = await experiment('entry-registers');
    const replays = lines.filter((line) => line.includes('replay:')).map((line) => line.trim().split(/\s+/).slice(3));
    expect(replays).toEqual([
      ['entry-registers', '--run', 'claim'],
      ['entry-registers', '--run', 'control', '--at', '0'],
    ]);
    const [claim, control] = [await experiment(...replays[0]!), await experiment(...replays[1]!)];
    expect([claim.code, claim.lines[0]]).toEqual([0, expect.stringMatching(/^holds: /)]);
    expect([control.code, control.lines[0]]).toEqual([1, expect.stringMatching(/^does not hold: /)]);
    expect(control.lines.join()).toContain('taken 1 times of 1');
  });

  it.each([
    [['no-such'], /experiment 'no-such': there is none of that name\. Known: entry-registers, /],
    [['wfi-behind-mask', '--run', 'both'], /--run 'both': there are two runs, claim and control/],
    [['--run', 'claim'], /Give its name/],
    [['wfi-behind-mask', '--at', '3'], /--at: it is a boundary of one run/],
    [['wfi-behind-mask', '--run', 'claim', '--at', 'x'], /whole number/],
    [['wfi-behind-mask', '--run', 'claim', '--at', '3'], /--at 3: 'wfi-behind-mask' is one run and has no boundaries/],
    [['entry-registers', '--run', 'control', '--at', '999'], /--at 999: this run has boundaries 0 to \d+\. Choose one/],
    [['hotplug-lock-cycle', '--run', 'claim', '--at', '999'], /--at 999: this run has boundaries 0 to \d+/],
    [['probe-pool', '--run', 'control', '--at', '99999'], /--at 99999: this run has boundaries 0 to \d+/],
  ] as const)('%j is a usage error', async (args, message) => {
    const { code, errors } = await experiment(...args);
    expect(code).toBe(2);
    expect(errors).toMatch(message);
  });
});
