import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareKernel, POWER_OFF, PRINT } from '../../test/support/bare-kernel.ts';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { laneNamed, readLanes } from '../../test/support/perfetto-slices.ts';
import { createMachine } from './machine.ts';
import { main } from './main.ts';
import { openTextFile } from './text-file.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMMAND = join(ROOT, 'bin', 'unmaskable.mjs');
const BUILT = join(ROOT, 'dist', 'cli', 'start.js');

const HELLO = bareKernel(`${PRINT} ${POWER_OFF} text: .asciz "hello\\n"`);
const LOOP = bareKernel('1: ldr x0, =0x84000000\n smc #0\n b 1b');

/** Runs `unmaskable run` on a real machine in a process of paper. */
async function run(kernel: Uint8Array, ...args: string[]): Promise<{ host: FakeHost; code: number }> {
  const host = new FakeHost(() => undefined);
  host.files.set('kernel', kernel);
  host.createMachine = (request) => createMachine({ ...request, memoryBytes: 16 * 2 ** 20 });
  const code = await main(['run', '--kernel', 'kernel', ...args], host, '0');
  return { host, code };
}

describe('--trace and --trace-text', () => {
  it('write what happened, and the last line says how many records there are', async () => {
    const { host, code } = await run(HELLO, '--trace', 't.json', '--trace-text', 't.txt');
    expect(code).toBe(0);
    const text = host.written.get('t.txt')!;
    expect(text).toMatch(/^ +\d+ 0\.\d{9} PE0 EL1 call {6}SYSTEM_OFF\(\)/m);
    const lanes = readLanes(host.written.get('t.json')!);
    expect(laneNamed(lanes, 'PE 0', 'firmware').instants.map(({ name }) => name)).toEqual(['SYSTEM_OFF']);
    const records = text.trimEnd().split('\n').length;
    expect(host.err.trimEnd()).toMatch(new RegExp(`, ${records} trace records$`));
  });

  it('--json says how many as well, and nothing without a trace', async () => {
    const traced = await run(HELLO, '--trace', 't.json', '--json', 'out.json');
    expect(JSON.parse(traced.host.written.get('out.json')!)).toMatchObject({ traceRecords: expect.any(Number) });
    const plain = await run(HELLO, '--json', 'out.json');
    expect(JSON.parse(plain.host.written.get('out.json')!)).not.toHaveProperty('traceRecords');
    expect(plain.host.err).not.toContain('trace');
  });

  it('do not change the run', async () => {
    const digest = async (...args: string[]): Promise<string> => {
      const { host } = await run(LOOP, '--max-steps', '5000', '--digest', ...args);
      return /digest ([0-9a-f]{32})/.exec(host.err)![1]!;
    };
    const plain = await digest();
    expect(await digest('--trace', 't.json')).toBe(plain);
    expect(await digest('--trace-text', 't.txt', '--trace-from', '2000')).toBe(plain);
  });

  it('--trace-text - writes to standard error', async () => {
    const { host } = await run(HELLO, '--trace-text', '-');
    expect(host.err).toContain('call      SYSTEM_OFF()');
    expect(host.out).toBe('hello\n');
  });

  it('--trace-only and --trace-from leave out the rest', async () => {
    const { host } = await run(
      LOOP,
      ...['--max-steps', '5000', '--trace-text', 't.txt', '--trace-only', 'call, power', '--trace-from', '4k'],
    );
    const lines = host.written.get('t.txt')!.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ +4000 .*power {5}RUNNING$/);
    expect(lines.slice(1).every((line) => line.includes('call      PSCI_VERSION() = 1.1'))).toBe(true);
    expect(lines.length).toBeGreaterThan(300);
  });

  it('--trace-from behind the end of the run makes a trace of nothing', async () => {
    const { host, code } = await run(HELLO, '--trace', 't.json', '--trace-from', '1G');
    expect(code).toBe(0);
    expect(readLanes(host.written.get('t.json')!)).toEqual([]);
    expect(host.err).toContain(', 0 trace records\n');
  });

  it.each([
    [
      ['--trace', '/nowhere/t.json'],
      /^unmaskable: --trace \/nowhere\/t\.json: cannot be written: there is no such file/,
    ],
    [['--trace-text', '/nowhere/t'], /^unmaskable: --trace-text \/nowhere\/t: cannot be written/],
    [['--trace', '-'], /--trace -: this trace goes to a file/],
    [['--trace', 'a', '--trace-text', 'a'], /--trace-text a: --trace has the same path/],
    [['--trace', 'a', '--trace-only', 'call,svc'], /nothing is called 'svc'\. Known: exception, call, sdei/],
    [['--trace-only', 'call'], /--trace-only: there is no trace\. Add --trace FILE/],
    [['--trace-from', '5'], /--trace-from: there is no trace/],
    [['--trace', 'a', '--trace-from', 'x'], /--trace-from 'x'/],
  ])('%j is refused before the run', async (args, message) => {
    const { host, code } = await run(HELLO, ...args);
    expect(code).toBe(2);
    expect(host.err).toMatch(message);
    expect(host.out).toBe('');
  });
});

describe('a trace on a real disk', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'unmaskable-trace-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is there piece by piece, before it is closed', () => {
    const path = join(folder, 'pieces');
    const file = openTextFile(path);
    file.write('one\n');
    expect(readFileSync(path, 'utf8')).toBe('one\n');
    file.write('two: \u00e9\n');
    file.close();
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo: \u00e9\n');
  });

  it.skipIf(!existsSync('/dev/full'))('that is full ends the trace with one message, and not the run', async () => {
    const host = new FakeHost(() => undefined);
    host.files.set('kernel', HELLO);
    host.createMachine = (request) => createMachine({ ...request, memoryBytes: 16 * 2 ** 20 });
    host.openText = openTextFile;
    const code = await main(['run', '--kernel', 'kernel', '--trace', '/dev/full'], host, '0');
    expect(code).toBe(0);
    expect(host.out).toBe('hello\n');
    expect(host.err.match(/cannot be written any more/g)).toHaveLength(1);
    expect(host.err).toMatch(
      /^unmaskable: --trace \/dev\/full: cannot be written any more at step [\d,]+: no space is left/m,
    );
  });

  // `npm test` builds first; a bare run of the test runner may not have.
  it.skipIf(!existsSync(BUILT))('can be read after the command was killed in the middle of a run', async () => {
    const [kernel, path] = [join(folder, 'loop'), join(folder, 'killed.json')];
    writeFileSync(kernel, LOOP);
    const args = ['run', '--kernel', kernel, '--memory', '16M', '--trace', path, '--trace-only', 'call'];
    const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['pipe', 'ignore', 'ignore'] });
    const size = (): number => (existsSync(path) ? statSync(path).size : 0);
    while (size() < 1_000_000) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('close', resolve));
    const lanes = readLanes(readFileSync(path, 'utf8'), { whole: false });
    expect(laneNamed(lanes, 'PE 0', 'firmware').instants.length).toBeGreaterThan(5000);
  });
});
