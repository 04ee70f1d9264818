import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

/** Second events make it long enough that a thread comes up before everything is done. */
const LONG = `${SCENARIO.replace("['sdei:0']", "['sdei:0', 'sdei:0']")}\npairs: { inside: true, afterSteps: 60 }\n`;
const CHECKOUT = new URL('../../', import.meta.url);
/** A campaign whose threads are started at once, by modules of this checkout: SCENARIO REPORT JOURNAL. */
const THREADS = `
import { writeFileSync } from 'node:fs';
import { importTypeScript } from '${new URL('scripts/transpile.mjs', CHECKOUT).href}';
const load = (name) => importTypeScript('src/cli/' + name + '.ts');
const [path, report, journal] = process.argv.slice(2);
const { runCampaign } = await load('explore-campaign');
const { jsonReport } = await load('explore-output');
const host = (await load('node-host')).createNodeHost();
const options = { scenario: { path }, workers: 2, journal, resume: false, quiet: true, threadsWorthMs: 0 };
try {
  const { full, interrupted } = await runCampaign(options, host);
  writeFileSync(report, jsonReport(full));
  console.log(interrupted ? 'interrupted' : 'done');
} catch (error) {
  console.log(error.message);
}
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
    writeFileSync(file('long.yaml'), LONG);
    writeFileSync(file('threads.mjs'), THREADS);
    explore(file('s.yaml'), '--workers', '1', '--report', file('one.json'));
    explore(file('long.yaml'), '--workers', '1', '--report', file('long-one.json'));
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('two workers say what one says', () => {
    const { status } = explore(file('s.yaml'), '--workers', '2', '--report', file('two.json'));
    expect(status).toBe(1);
    expect(readFileSync(file('two.json'), 'utf8')).toBe(readFileSync(file('one.json'), 'utf8'));
  });

  /** Boundaries in a journal, in the order in which they were tried. */
  const journaled = (name: string): number[] =>
    readFileSync(file(name), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{"unit"'))
      .map((line) => (JSON.parse(line) as { unit: { point: { index: number } } }).unit.point.index);

  it('so do two threads, each of which tries some boundaries', () => {
    const args = [file('threads.mjs'), file('long.yaml'), file('long-two.json'), file('long-journal')];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stdout, stderr).toBe('done\n');
    expect(readFileSync(file('long-two.json'), 'utf8')).toBe(readFileSync(file('long-one.json'), 'utf8'));
    const order = journaled('long-journal');
    const sorted = order.toSorted((a, b) => a - b);
    expect(sorted).toEqual(Array.from({ length: 105 }, (_, n) => n));
    expect(order).not.toEqual(sorted);
  });

  it('Ctrl-C ends two threads with what was found so far, and --resume has all of it', async () => {
    const args = [file('threads.mjs'), file('long.yaml'), file('long-part.json'), file('long-broken')];
    const { out } = await brokenChild('SIGINT', 30, 'long-broken', args);
    expect(out).toBe('interrupted\n');
    const part = found('long-part.json') as { coverage: { tried: number } };
    expect(part.coverage.tried).toBe(journaled('long-broken').length);
    expect(part.coverage.tried).toBeLessThan(105);
    goOn('long-broken', file('long.yaml'));
    expect(found('long-broken.json')).toEqual(found('long-one.json'));
  });

  it.each([
    ['a mistake that only another thread meets is said as one', '[]', /^events: there is nothing to try\. .*\n$/],
    ['a thread that ends by itself ends the campaign', 'process.exit(3)', /^worker 0: it ended by itself.* code 3\n$/],
  ])('%s', (_, elsewhere, said) => {
    const wrong = `window: { to: { steps: 5000 } }, converge: false, events: isMainThread ? events : ${elsewhere}`;
    const ours = (name: string): string => new URL(`.cache/transpiled/src/${name}.js`, CHECKOUT).href;
    const text = module(`create, options: { ${wrong} }`)
      .replace("'unmaskable'", `'${ours('index')}'`)
      .replace("'unmaskable/hosted'", `'${ours('hosted')}'`);
    writeFileSync(file('t.mjs'), text);
    const args = [file('threads.mjs'), file('t.mjs'), file('none.json'), file(`journal-${elsewhere.length}`)];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stdout).toMatch(said);
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
    explore(file('s.yaml'), '--workers', '1', '--shard', '2/3', '--journal', file('j4'));
    const divisions = explore('merge', file('j1'), file('j4')).stderr;
    expect(divisions).toMatch(/j4: it is one of 3 parts, and .*j1 is one of 2 parts/);
    expect(explore('merge', file('j1')).stdout).toMatch(/not covered: 52 of 105 boundaries belong to other shards/);
  });

  it('what is under the path of a journal is not written over', () => {
    const args = [file('s.yaml'), '--workers', '1', '--journal'];
    explore(...args, file('kept'));
    const before = readFileSync(file('kept'), 'utf8');
    const again = explore(...args, file('kept'));
    expect([again.status, readFileSync(file('kept'), 'utf8')]).toEqual([2, before]);
    expect(again.stderr).toMatch(/the journal of 'a counter' with 105 boundaries is there already. Add --resume/);
    const scenario = explore(...args, file('s.yaml'));
    expect([scenario.status, scenario.stderr]).toEqual([2, expect.stringMatching(/is there already, and no journal/)]);
    expect(readFileSync(file('s.yaml'), 'utf8')).toBe(SCENARIO);
  });

  it.each([
    ['no journal', undefined],
    ['an empty one', ''],
    ['one that was broken off in its first line', '{"format":"unmaskable-explore-journal-1","scen'],
  ])('--resume with %s begins, and says so', (what, content) => {
    const journal = file(`begun-${what.length}`);
    if (content !== undefined) writeFileSync(journal, content);
    const { status, stderr } = explore(file('s.yaml'), '--workers', '1', '--journal', journal, '--resume');
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/--resume .*: there is nothing in it, so the campaign begins/),
    ]);
    const again = explore(file('s.yaml'), '--workers', '1', '--journal', journal, '--resume');
    expect([again.status, again.stderr]).toEqual([1, 'unmaskable: done; 0 runs per second\n']);
  });

  it.skipIf(process.platform === 'win32').each(['1', '2'])(
    'a disk that gets full ends it with what was found, %s workers',
    (workers) => {
      // Files of at most 8 KiB, which the process hears of as an error and not as a signal.
      const args = [COMMAND, 'explore', file('s.yaml'), '--workers', workers, '--journal', file(`full${workers}`)];
      const script = `trap '' XFSZ; ulimit -f 8; exec "$@"`;
      const { status, stdout, stderr } = spawnSync('bash', ['-c', script, '-', process.execPath, ...args], {
        encoding: 'utf8',
      });
      expect([status, stderr]).toEqual([6, expect.stringMatching(/ended early: --journal .*: cannot be written: /)]);
      expect(stdout).toMatch(/not covered: \d+ boundaries were not reached: the campaign was broken off/);
      explore(...args.slice(2), '--resume', '--report', file('after-full.json'));
      expect(found('after-full.json')).toEqual(found('one.json'));
    },
  );

  it('a run of a report is had again from any folder', () => {
    explore(file('s.yaml'), '--workers', '1', '--report', file('one.json'));
    const text = readFileSync(file('one.json'), 'utf8').replaceAll(file('s.yaml'), 's.yaml');
    writeFileSync(file('moved.json'), text);
    const replay = (report: string) =>
      spawnSync(process.execPath, [COMMAND, 'replay', `${report}#1`], { encoding: 'utf8' });
    expect(replay(file('moved.json'))).toMatchObject({ status: 0, stderr: 'unmaskable: as in the report\n' });
    writeFileSync(file('lost.json'), text.replaceAll('s.yaml', 'gone.yaml'));
    const { status, stderr } = replay(file('lost.json'));
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/its scenario is not there: .*gone\.yaml\. Name it with --scenario/),
    ]);
  });

  /** A scenario of a loop on two PEs, in JavaScript. */
  const module = (body: string): string => `
import assert from 'node:assert';
import { isMainThread } from 'node:worker_threads';
import { Machine, sdei } from 'unmaskable';
import { HostedProgram, nop } from 'unmaskable/hosted';
const hosted = new HostedProgram({ functions: { *main() { for (;;) yield* nop(); } } });
const create = ({ engine }) => Machine.create({ hosted, entry: 'main', cpus: 2, memoryBytes: 2 ** 24, engine });
const [window, schedules, events] = [{ to: { steps: 9 } }, { preemptionsMax: 1 }, [sdei(0)]];
export default { ${body} };
`;
  it.each([
    [
      "create: () => { throw new Error('no kernel'); }, options: {}",
      '1',
      2,
      /m\.mjs:9: create\(\) throws: no kernel\n/,
    ],
    ['create, options: () => nothing.here', '2', 2, /m\.mjs:9: options\(\) throws: nothing is not defined\n/],
    [
      'create, options: { window: { ...window, pes: [7] }, events }',
      '2',
      2,
      /^unmaskable: window: there is no boundary in it\. .*\n$/,
    ],
    ["create, options: { window, schedules, time: 'counted', checks: [() => assert.equal(1, 2)] }", '1', 1, /done/],
  ])('what a scenario throws is said with its place: %s, %s workers', (body, workers, code, message) => {
    writeFileSync(file('m.mjs'), module(body));
    const { status, stderr } = explore(file('m.mjs'), '--workers', workers);
    expect([status, stderr]).toEqual([code, expect.stringMatching(message)]);
  });

  it('a report goes to a pipe or a device as well, which stays what it is', () => {
    const { status } = explore(file('s.yaml'), '--workers', '1', '--report', '/dev/null');
    expect([status, statSync('/dev/null').isCharacterDevice()]).toEqual([1, true]);
  });

  /** Ends a campaign by a signal as soon as its journal has so many lines; gives how it ended. */
  const broken = (signal: NodeJS.Signals, lines: number, journal: string, ...args: string[]) =>
    brokenChild(signal, lines, journal, [COMMAND, 'explore', ...args, '--journal', file(journal)]);
  const brokenChild = async (signal: NodeJS.Signals, lines: number, journal: string, args: readonly string[]) => {
    const child = spawn(process.execPath, args);
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
