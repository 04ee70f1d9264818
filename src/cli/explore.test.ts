import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LOST_UPDATE, SCENARIO } from '../../test/support/explored-kernel.ts';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { parseShard } from './explore.ts';
import { decodeJson, encodeJson } from './explore-json.ts';
import { durationText } from './explore-progress.ts';
import { parseScenario } from './explore-scenario.ts';
import { scenarioJsonSchema } from './explore-schema.ts';
import { main } from './main.ts';

async function command(
  args: readonly string[],
  scenario = SCENARIO,
): Promise<{ code: number; out: string; err: string; host: FakeHost }> {
  const host = new FakeHost(() => undefined);
  host.files.set('s.yaml', new TextEncoder().encode(scenario));
  host.files.set(resolve('Image'), LOST_UPDATE);
  const code = await main(args, host, '1');
  return { code, out: host.out, err: host.err, host };
}
const text = (host: FakeHost, path: string): string => new TextDecoder().decode(host.files.get(path) as Uint8Array);

describe('unmaskable explore', () => {
  const all = ['explore', 's.yaml', '--workers', '1', '--report', 'r.json', '--html', 'r.html', '--junit', 'r.xml'];

  it('finds where an update is lost, and writes it as table, JSON, page and JUnit', async () => {
    const { code, out, err, host } = await command(all);
    expect(err).toMatch(/^unmaskable: done; \d+ runs per second\n$/);
    expect(code).toBe(1);
    // 20 rounds of 5 instructions, in which two boundaries lie between load and store.
    expect(out).toMatch(/#1 check, 40 times: the 8 bytes at 1074790400 is 0x14 and not 0x15/);
    expect(out).toContain('unmaskable replay r.json#1');
    expect(out).toContain('each interrupted PC is that of the undisturbed run at its boundary');
    const report = decodeJson(text(host, 'r.json')) as { report: { coverage: { atOnce: number; boundaries: number } } };
    expect(report.report.coverage.atOnce).toBe(report.report.coverage.boundaries);
    expect(text(host, 'r.html')).toMatch(/^<!doctype html>[\s\S]*replay r\.json#1[\s\S]*<svg[\s\S]*<\/html>\n$/);
    expect(text(host, 'r.html')).not.toMatch(/(?:src|href)="(?!#)/);
    expect(text(host, 'r.xml')).toMatch(/failures="\d+">[\s\S]*replay r\.json#1/);
  });

  it('the line that replays a kind works alone; a case can be named too', async () => {
    const { host } = await command(all);
    for (const which of ['1', '1:0']) {
      const [out, errBefore] = [host.out.length, host.err.length];
      const code = await main(['replay', `r.json#${which}`, '--trace-text', '-'], host, '1');
      expect(host.err.slice(errBefore)).toMatch(/dispatch[\s\S]*unmaskable: as in the report\n$/i);
      expect([code, host.out.slice(out)]).toEqual([0, expect.stringMatching(/^case \d+:0: \w+/)]);
      expect(host.out.slice(out)).toMatch(/sdei:0 interrupted PE 0 at 0x/);
    }
  });

  it('says the same in interpreter and compiled code', async () => {
    const [a, b] = await Promise.all(
      ['compiled', 'interpreter'].map((engine) => command([...all, '--engine', engine])),
    );
    expect(text(b!.host, 'r.json')).toBe(text(a!.host, 'r.json'));
  });

  it.each([
    ['window: {}', 'widow: {}', /s\.yaml:\d+: the scenario.*[Uu]nrecognized key.*widow/],
    ["events: ['sdei:0']", "events: ['sdie:0']", /events\[0\]: 'sdie:0': no action is called 'sdie'/],
    ["events: ['sdei:0']", "events: ['sdei:77']", /event 'sdei:77': there is no such event to raise/],
    ['memory: 16M', 'memory: lots', /machine\.memory 'lots': not a size/],
    ['kernel: Image', 'kernel: Imag', /machine\.kernel .*Imag: cannot be read/],
    ["console: '!'", "console: 'never'", /prepare\[0\]: \/never\/ on the console is not reached.*poweroff/],
    ['window: {}', 'window: { from: { pc: main } }', /window\.from: 'main': there is no table of symbols/],
    ['window: {}', 'window: { pes: [3] }', /there is no boundary in it/],
    ['compare: false', 'limits: { runSteps: 3 }', /limits.*runSteps/],
    ['title: a counter', 'title: [', /is no YAML/],
    ['memory: 0x40100000', 'memory: 0x10', /s\.yaml: expect\[0\]: 8 bytes at physical address 0x10: RAM is/],
    ['memory: 0x40100000', 'register: X99', /s\.yaml: expect\[0\]: register 'X99': PE 0 has none/],
    ["console: '!'", "console: '('", /s\.yaml:\d+: prepare\[0\]\.until\.console '\(': is no regular expression/],
    ['window: {}', 'window: { from: { pc: 0xffff800080010000 } }', /s\.yaml:\d+: window\.from.*addresses in quotes/],
    ['window: {}', 'window: { from: main }', /window\.from 'main': is none of the known forms: \{ steps: N \}/],
    ["- until: { console: '!' }", '- till: 3', /prepare\[0\]: is none of the known forms: \{ until:/],
  ])('%j as %j is refused with the place', async (from, to, message) => {
    const { code, err } = await command(all, SCENARIO.replace(from, to));
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });

  it('an address may be a number', async () => {
    const { code, out } = await command(
      all,
      SCENARIO.replace('window: {}', 'window: { to: { pc: 0x40200088, hit: 2 } }'),
    );
    expect([code, out]).toEqual([1, expect.stringMatching(/steps to \d+/)]);
  });

  it('what is no scenario is refused, and not printed', async () => {
    for (const text of ['', '- a', '\0\x1b[2J'.repeat(99)]) {
      const { code, err } = await command(all, text);
      expect([code, err]).toEqual([
        2,
        expect.stringMatching(/^unmaskable: .*s\.yaml.*(is empty|is no scenario|is no YAML)/),
      ]);
      expect(err.length).toBeLessThan(300);
      expect(err).not.toContain('\0');
    }
  });

  it('what cannot be written is found before the campaign', async () => {
    const { code, err } = await command([...all, '--html', '/no such folder/r.html']);
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/^unmaskable: --html .*: cannot be written: there is no such/),
    ]);
  });

  it('what cannot be written in the end is said behind the report, exit code 6', async () => {
    const host = new FakeHost(() => undefined);
    host.files.set('s.yaml', new TextEncoder().encode(SCENARIO));
    host.files.set(resolve('Image'), LOST_UPDATE);
    host.replaceFile = () => {
      throw Object.assign(new Error('x'), { code: 'ENOSPC' });
    };
    expect(await main(all, host, '1')).toBe(6);
    expect(host.out).toContain('#1 check, 40 times');
    expect(host.err).toMatch(/--report r\.json: cannot be written: no space is left/);
    expect(host.err).toMatch(/--junit r\.xml: cannot be written: no space is left/);
  });

  it('poisons the page that a register points to; what points nowhere is refused', async () => {
    const limits = 'limits: { runStepsMax: 500, cycleStepsMax: 500 }\n';
    const poisoned = SCENARIO.replace('sdei:0', 'poison:[X10]').replace('window: {}', 'window: { to: { steps: 3 } }');
    const { code, out } = await command(all, poisoned + limits);
    const delivered = /runs: 3; single events delivered at once 1, later 1, not 0\n/;
    expect([code, out]).toEqual([1, expect.stringMatching(delivered)]);
    const nowhere = await command(all, poisoned.replace('X10', 'X9') + limits);
    expect([nowhere.code, nowhere.out]).toEqual([0, expect.stringMatching(/refused/)]);
  });

  it('options that cannot be are refused', async () => {
    expect((await command(['explore', 's.yaml', '--resume'])).err).toMatch(/--resume: there is no journal/);
    expect((await command(['explore', 's.yaml', '--workers', '0'])).err).toMatch(/--workers '0'/);
    expect((await command(['explore', 'none.yaml'])).err).toMatch(/none\.yaml: cannot be read/);
    expect((await command(['replay', 's.yaml#1'])).err).toMatch(/is no report of explore/);
    expect((await command(['explore'])).err).toMatch(/'SCENARIO'\. See: unmaskable explore --help\n$/);
    expect((await command(['replay', 's.yaml'])).err).toMatch(/write REPORT#N/);
    expect(() => parseShard('3/2')).toThrow(/--shard '3\/2'/);
    expect(parseShard('2/3')).toEqual({ index: 2, of: 3 });
  });
});

describe('scenarios', () => {
  it('name the line of what is wrong', () => {
    const source = 'machine:\n  kernel: Image\nwindow:\n  from:\n    pcc: 7\n';
    expect(() => parseScenario('x.yaml', source)).toThrow(/^x\.yaml:\d: window\.from/);
  });
  it('have a schema for editors', () => {
    const schema = JSON.parse(scenarioJsonSchema()) as { properties: Record<string, unknown> };
    expect(Object.keys(schema.properties)).toContain('window');
    // The file in the package is what scenarioJsonSchema() gives.
    const file = fileURLToPath(new URL('../../scenarios/scenario.schema.json', import.meta.url));
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(schema);
  });
});

it('64-bit numbers survive JSON', () => {
  const data = { a: [0xffff_8000_8001_0000n, -1n], b: '0x1', c: 3 };
  expect(decodeJson(encodeJson(data))).toEqual(data);
});

it('durations are said in two units', () => {
  expect([3, 65, 3725].map(durationText)).toEqual(['3 s', '1 min 05 s', '1 h 02 min']);
});
