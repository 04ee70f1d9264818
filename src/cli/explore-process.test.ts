import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOST_UPDATE, SCENARIO } from '../../test/support/explored-kernel.ts';

const ROOT = process.env.UNMASKABLE_BUILT ?? fileURLToPath(new URL('../../', import.meta.url));
const COMMAND = join(ROOT, 'bin', 'unmaskable.mjs');
const BUILT = existsSync(join(ROOT, 'dist', 'cli', 'explore-worker.js'));

/** Two PEs that add to a word, one after the other as it should be: schedules with two preemptions. */
const SCHEDULES = `
import { Machine } from 'unmaskable';
import { HostedProgram, hint, load, smc, store } from 'unmaskable/hosted';
const WORD = 0x40100000n;
function* add(times) {
  for (let n = 0; n < times; n++) yield* store(WORD, (yield* load(WORD)) + 1n);
}
const functions = {
  *main() {
    yield* smc(0xc4000003n, 1n, hosted.address('other'), 0n);
    yield* add(5);
    while ((yield* load(WORD + 8n)) === 0n) yield* hint('yield');
    yield* smc(0x84000008n);
  },
  *other() {
    yield* add(5);
    yield* store(WORD + 8n, 1n);
    yield* smc(0x84000002n);
  },
};
const hosted = new HostedProgram({ functions });
export default {
  create: ({ engine }) => Machine.create({ hosted, entry: 'main', cpus: 2, memoryBytes: 2 ** 24, engine }),
  options: { window: {}, schedules: { preemptionsMax: 2 }, limits: { runStepsMax: 2000, cycleStepsMax: 100 } },
};
`;

let folder = '';
const file = (name: string): string => join(folder, name);
const explore = (...args: string[]) => spawnSync(process.execPath, [COMMAND, 'explore', ...args], { encoding: 'utf8' });
/** The report without the timelines, which a merged one does not have. */
const found = (name: string): unknown => (JSON.parse(readFileSync(file(name), 'utf8')) as { report: unknown }).report;

describe.skipIf(!BUILT)('explore in several processes and threads (needs dist/)', { timeout: 300_000 }, () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'unmaskable-explore-'));
    writeFileSync(file('Image'), LOST_UPDATE);
    writeFileSync(file('s.yaml'), SCENARIO);
    explore(file('s.yaml'), '--workers', '1', '--report', file('one.json'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('two workers say what one says', () => {
    const { status } = explore(file('s.yaml'), '--workers', '2', '--report', file('two.json'));
    expect(status).toBe(1);
    expect(readFileSync(file('two.json'), 'utf8')).toBe(readFileSync(file('one.json'), 'utf8'));
  });

  it('parts that are merged are the whole, and a journal of something else is refused', () => {
    for (const part of ['1/2', '2/2'])
      explore(file('s.yaml'), '--workers', '1', '--shard', part, '--journal', file(`j${part[0]}`));
    const { status, stdout } = explore('merge', file('j1'), file('j2'), '--report', file('merged.json'));
    expect(status).toBe(1);
    expect(stdout).not.toContain('not covered: 5');
    expect(found('merged.json')).toEqual(found('one.json'));
    writeFileSync(file('other.yaml'), `${SCENARIO}\n# other\n`);
    explore(file('other.yaml'), '--workers', '1', '--journal', file('j3'));
    expect(explore('merge', file('j1'), file('j3')).stderr).toMatch(/j3: it is of another campaign than/);
    expect(explore('merge', file('s.yaml')).stderr).toMatch(/s\.yaml:2: is no line of a journal/);
  });

  /** Ends a campaign by a signal as soon as its journal has so many lines; gives how it ended. */
  const broken = async (signal: NodeJS.Signals, lines: number, journal: string, ...args: string[]) => {
    const child = spawn(process.execPath, [COMMAND, 'explore', ...args, '--journal', file(journal)]);
    let out = '';
    child.stdout.on('data', (text: Buffer) => {
      out += text.toString();
    });
    const poll = setInterval(() => {
      if (!existsSync(file(journal)) || readFileSync(file(journal), 'utf8').split('\n').length <= lines) return;
      clearInterval(poll);
      child.kill(signal);
    }, 2);
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    clearInterval(poll);
    return { code, out };
  };
  const goOn = (journal: string, ...args: string[]): void => {
    explore(...args, '--journal', file(journal), '--resume', '--report', file(`${journal}.json`));
  };

  it('killed at whatever moment it goes on from its journal, and loses at most the boundaries in flight', async () => {
    const args = [file('s.yaml'), '--workers', '2'];
    await broken('SIGKILL', 20, 'killed', ...args);
    const before = readFileSync(file('killed'), 'utf8').split('\n');
    expect(before.length).toBeGreaterThan(20);
    goOn('killed', ...args);
    expect(readFileSync(file('killed'), 'utf8').split('\n').slice(0, 20)).toEqual(before.slice(0, 20));
    expect(found('killed.json')).toEqual(found('one.json'));
  });

  it.each([
    ['boundaries', 'pairs.yaml', '1'],
    ['boundaries of two workers', 'pairs.yaml', '2'],
    ['schedules', 'schedules.mjs', '1'],
  ])('Ctrl-C ends %s with a report of what was found so far, and --resume has all of it', async (_, name, workers) => {
    writeFileSync(file('pairs.yaml'), `${SCENARIO}\npairs: { inside: true, afterSteps: 20 }\n`);
    writeFileSync(file('schedules.mjs'), SCHEDULES);
    const args = [file(name), '--workers', workers];
    const journal = `${name}-${workers}`;
    const { code, out } = await broken('SIGINT', 4, journal, ...args, '--report', file('part.json'));
    expect(code).toBe(130);
    expect(out).toMatch(/not covered: .*the campaign was broken off/);
    const part = found('part.json') as { results: unknown[] };
    goOn(journal, ...args);
    explore(...args, '--report', file('whole.json'));
    const whole = found('whole.json') as typeof part;
    expect(part.results.length).toBeGreaterThan(0);
    expect(part.results.length).toBeLessThan(whole.results.length);
    expect(found(`${journal}.json`)).toEqual(whole);
  });
});
