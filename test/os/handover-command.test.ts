import { describe, expect, it } from 'vitest';
import { handoverCommand } from './handover-command.ts';

async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly lines: string[] }> {
  const lines: string[] = [];
  const code = await handoverCommand(args, { say: (line) => lines.push(line) });
  return { code, lines };
}

describe('npm run handover', () => {
  it('tries every boundary of a sequence in a version, and ends with a table and what was tried', async () => {
    const { code, lines } = await run('--sequence', 'unload', '--abi', 'arm64 4.8', '--event', 'fault');
    expect(code).toBe(0);
    expect(lines[0]).toBe('arm64 4.8, unload, fault: 30 boundaries, 19 tried: 11 dead, 8 reached');
    expect(lines).toContain('| 4.8                  | 11 dead of 19 |');
    expect(lines.at(-1)).toBe(
      '2 sweeps, 46 boundaries, 35 tried, 0 left out, 11 lost; none in 1 sweeps where none may be',
    );
  });
  it('sends the crash kernel where it is told, whatever the version does', async () => {
    const sweep = ['--sequence', 'unload', '--abi', 'arm64 4.12', '--event', 'fault'];
    expect((await run(...sweep)).lines[0]).toMatch(/ tried: 19 EL1$/);
    expect((await run(...sweep, '--crash', 'boot')).lines[0]).toMatch(/ tried: \d+ no DTB, \d+ reached$/);
  });
  it.each([
    [['--sequence', 'boots'], /--sequence 'boots': there is none of that name. Known: load, .*boot$/],
    [['--abi', '4.8'], /--abi '4\.8': .*arm64 4\.8/],
    [['--stride', '0'], /--stride '0': it takes a whole number from 1/],
    [['--cpus', '9'], /--cpus '9': .* to 8/],
    [['--crash', 'EL3'], /--crash 'EL3': it takes boot or EL1/],
    [['--abi', 'arm 5.7', '--sequence', 'load'], /no version has all of that/],
  ])('%j is refused', async (args, message) => {
    const { code, lines } = await run(...args);
    expect({ code, lines }).toEqual({ code: 2, lines: [expect.stringMatching(message)] });
  });
});
