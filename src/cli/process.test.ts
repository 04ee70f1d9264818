import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareKernel, ECHO, IMAGE_FLAG, POWER_OFF, PRINT } from '../../test/support/bare-kernel.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMMAND = join(ROOT, 'bin', 'unmaskable.mjs');
const BUILT = existsSync(join(ROOT, 'dist', 'cli', 'start.js'));
/** util-linux's script(1) runs a program on a terminal of its own. */
const HAVE_TERMINAL = spawnSync('script', ['--version'], { stdio: 'ignore' }).status === 0;

/** Writes a pattern over the devices, then over all memory, itself included. */
const SCRIBBLE = `
        movz    x0, #0x0800, lsl #16
        movz    x2, #0x0a00, lsl #16
        movz    x3, #0x9e37, lsl #16
        movk    x3, #0x79b9
        mov     w4, #1
1:      mul     w4, w4, w3
        add     w4, w4, #1
        str     w4, [x0], #4
        cmp     x0, x2
        b.lo    1b
        movz    x0, #0x4000, lsl #16
2:      mul     w4, w4, w3
        add     w4, w4, #1
        str     w4, [x0], #4
        b       2b
`;

/** A vector table is missing, so each exception is followed by another; and the text says that it began. */
const FAULTS = `${PRINT}
        .inst   0
        b       .
text:   .asciz  "begun\\n"
`;

let folder = '';
const file = (name: string): string => join(folder, name);

/** Runs the built command as a process of its own, with no input. */
function unmaskable(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { encoding: 'utf8', input: '' });
  return { status, stdout, stderr };
}
const run = (kernel: string, ...args: string[]) =>
  unmaskable('run', '--kernel', file(kernel), '--memory', '16M', ...args);
const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) as string;

/** Collects what a process writes, and its exit code. */
function watch(child: ChildProcess) {
  const seen = { out: '', err: '' };
  child.stdout?.on('data', (data) => (seen.out += data));
  child.stderr?.on('data', (data) => (seen.err += data));
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const until = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => (seen.out.includes(text) ? resolve() : void child.stdout?.once('data', look));
      look();
    });
  return { seen, exit, until };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unmaskable-process-'));
  writeFileSync(file('hello'), bareKernel(`${PRINT} ${POWER_OFF} text: .asciz "hello\\n"`));
  writeFileSync(file('echo'), bareKernel(ECHO));
  writeFileSync(file('loop'), bareKernel(`${PRINT} b .\n text: .asciz "looping\\n"`));
  writeFileSync(file('sleep'), bareKernel('1: wfi\n b 1b'));
  writeFileSync(file('scribble'), bareKernel(SCRIBBLE));
  writeFileSync(file('faults'), bareKernel(FAULTS));
  writeFileSync(file('big-endian'), bareKernel('b .', IMAGE_FLAG.BIG_ENDIAN));
  writeFileSync(file('cut'), bareKernel('b .').subarray(0, 40));
  writeFileSync(
    file('text'),
    'A text of more than sixty-four bytes, which is what the header of a kernel would have.\n',
  );
  writeFileSync(file('elf'), Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(100)]));
  writeFileSync(file('large'), Buffer.alloc(20 * 2 ** 20));
});
afterAll(() => rmSync(folder, { recursive: true }));

// `npm test` builds first; a bare run of the test runner may not have.
describe.skipIf(!BUILT)('the command as a process (needs dist/, which npm run build makes)', () => {
  it('--version prints the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(unmaskable('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('without arguments it runs the demonstration, the same each time', () => {
    const [one, two] = [unmaskable(), unmaskable()];
    expect(one.status).toBe(0);
    expect(one.stdout).toContain('CPU 1 answers from its masked section');
    expect(two.stdout).toBe(one.stdout);
    const digest = one.stderr.match(/^digest [0-9a-f]{32}$/m)?.[0] as string;
    expect(two.stderr).toContain(digest);
    expect(lastLine(one.stderr)).toMatch(/^unmaskable: the guest powered off; \d\d,\d{3} steps, 0\.0000\d+ s virtual/);
  });

  it('a kernel that prints and powers off: exit 0, its text on standard output alone', () => {
    const { status, stdout, stderr } = run('hello', '--digest');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'hello\n' });
    expect(stderr).toMatch(/^digest [0-9a-f]{32}\nunmaskable: the guest powered off; \d+ steps, .*\n$/);
  });

  it('--json has the digest that --digest prints', () => {
    const { stderr } = run('hello', '--digest', '--json', file('out.json'), '--cpu', 'cortex-a57', '--cpus', '4');
    const json = JSON.parse(readFileSync(file('out.json'), 'utf8')) as Record<string, unknown>;
    expect(json).toMatchObject({ reason: 'poweroff', exitCode: 0, resets: 0, notModelled: [] });
    expect(stderr).toContain(`digest ${json.digest}\n`);
  });
});

describe.skipIf(!BUILT)('guests that go wrong (needs dist/, which npm run build makes)', () => {
  it('--on stops it before an instruction, and refuses what the machine does not have', () => {
    const stopped = run('hello', '--on', 'pc:0x40200044 => stop');
    expect(stopped.status).toBe(0);
    expect(stopped.stderr).toMatch(/stopped by --on 'pc:0x40200044 => stop'; 2 steps/);
    const refused = run('hello', '--on', 'step:1 => sdei:77');
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain("--on 'step:1 => sdei:77': column 16: there is no SDEI event 77");
    expect(refused.stdout).toBe('');
  });

  it('one that turns for ever ends at --max-steps, exactly', () => {
    const { status, stderr } = run('loop', '--max-steps', '5_000_001');
    expect(status).toBe(3);
    expect(lastLine(stderr)).toMatch(/^unmaskable: --max-steps 5,000,001 reached; 5,000,001 steps, 0\.005000001 s/);
  });

  it('one that sleeps for ever: exit 4', () => {
    const { status, stderr } = run('sleep');
    expect(status).toBe(4);
    expect(stderr).toMatch(/^unmaskable: nothing can happen any more.*\n$/);
  });

  it.each(['scribble', 'faults'])(
    'one that does everything wrong (%s) goes on, architecturally, twice the same',
    (name) => {
      const [one, two] = [run(name, '--max-steps', '2M', '--digest'), run(name, '--max-steps', '2M', '--digest')];
      expect(one.status).toBe(3);
      expect(one.stderr).not.toMatch(/internal error|^ +at /m);
      expect(lastLine(one.stderr)).toContain('2,000,000 steps');
      expect(two.stdout).toBe(one.stdout);
      expect(two.stderr.match(/^digest .*/m)?.[0]).toBe(one.stderr.match(/^digest .*/m)?.[0]);
    },
  );

  it('--fail-on and --until end a run where the text is complete', () => {
    expect(run('loop', '--fail-on', 'loop').status).toBe(1);
    expect(run('loop', '--until', '^looping$').status).toBe(0);
  });
});

describe.skipIf(!BUILT)('mistakes: exit 2 and one line, no stack trace (needs dist/)', () => {
  const there = ['--memory', '16M', '--kernel'];
  it.each<[string, () => string[], RegExp]>([
    ['missing file', () => ['--kernel', '/does/not/exist'], /--kernel \/does\/not\/exist: .*no such file/],
    ['directory', () => ['--kernel', '/'], /--kernel \/: .*directory/],
    ['empty file', () => ['--kernel', '/dev/null'], /--kernel \/dev\/null: the file is empty/],
    ['missing initrd', () => [...there, file('hello'), '--initrd', 'nope'], /--initrd nope: .*no such file/],
    ['unknown option', () => ['--kernel', 'x', '--frob'], /unknown option '--frob'/],
    ['bad regex', () => ['--kernel', 'x', '--until', '['], /--until \/\[\/: not a regular expression/],
    ['bad rule', () => ['--kernel', 'x', '--on', 'step:1 => jump'], /--on 'step:1 => jump'/],
    ['a text for a kernel', () => [...there, file('text')], /kernel: not an arm64 Image .*ARM/],
    ['an ELF file for a kernel', () => [...there, file('elf')], /kernel: not an arm64 Image but an ELF file/],
    ['a truncated kernel', () => [...there, file('cut')], /kernel: the file has 40 bytes, fewer than the 64/],
    ['a big-endian kernel', () => [...there, file('big-endian')], /kernel: .*big-endian.*CONFIG_CPU_LITTLE_ENDIAN/],
    [
      'an initrd larger than memory',
      () => [...there, file('hello'), '--initrd', file('large')],
      /initrd: 20 MiB.*memory/,
    ],
    ['a kernel larger than memory', () => [...there, file('large')], /kernel: /],
    ['a DTB that is none', () => [...there, file('hello'), '--dtb', file('text')], /dtb: /],
    [
      'too little memory',
      () => ['--memory', '1M', '--kernel', file('hello')],
      /1048576 bytes of memory: .*16 MiB to 3 GiB/,
    ],
    ['too much memory', () => ['--memory', '64G', '--kernel', file('hello')], /of memory: .*16 MiB to 3 GiB/],
    ['memory of an odd size', () => ['--memory', '33M', '--kernel', file('hello')], /multiples of 2 MiB/],
    ['no CPU', () => [...there, file('hello'), '--cpus', '0'], /--cpus '0': this machine has 1 to 8/],
    ['too many CPUs', () => [...there, file('hello'), '--cpus', '9'], /--cpus '9': this machine has 1 to 8/],
    ['half a CPU', () => [...there, file('hello'), '--cpus', '1.5'], /--cpus '1\.5': this machine has 1 to 8/],
    ['unknown processor', () => [...there, file('hello'), '--cpu', 'z80'], /--cpu 'z80': no such processor/],
  ])('%s', (_, args, message) => {
    const result = unmaskable('run', ...args());
    expect(result.stderr).toMatch(message);
    expect(result.status).toBe(2);
    expect(result.stdout).toBe('');
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('the truncated kernel of a distribution', () => {
    const pe = Buffer.alloc(4096);
    pe.set(bareKernel('b .'));
    pe.write('MZ', 0, 'latin1');
    pe.writeUInt32LE(0x40, 0x3c);
    pe.write('PE\0\0', 0x40, 'latin1');
    pe.writeUInt16LE(1, 0x46); // one section
    pe.writeUInt32LE(0x10_0000, 0x58 + 16); // SizeOfRawData
    pe.writeUInt32LE(0x1000, 0x58 + 20); // PointerToRawData
    writeFileSync(file('pe'), pe);
    expect(run('pe')).toMatchObject({ status: 2, stderr: expect.stringContaining('truncated: its header asks for') });
  });
});

describe.skipIf(!BUILT)('who is at the other end (needs dist/)', () => {
  const echo = ['run', '--memory', '16M', '--kernel'];

  it('a pipe: what it holds is typed, also to a guest that polls', () => {
    const args = [COMMAND, ...echo, file('echo')];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', input: 'to and fro q' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'echo\nto and fro q' });
  });

  it('nobody: standard input closed', () => {
    const script = `exec "${process.execPath}" "${COMMAND}" run --memory 16M --kernel "${file('hello')}" <&-`;
    const { status, stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'hello\n' });
  });

  it('a reader that goes away: exit 141, quietly', async () => {
    const child = spawn(process.execPath, [COMMAND, ...echo, file('echo')]);
    const { seen, exit, until } = watch(child);
    await until('echo\n');
    child.stdout.destroy();
    child.stdin.on('error', () => undefined);
    child.stdin.write('somebody there?');
    expect(await exit).toBe(141);
    expect(seen.err).not.toMatch(/Error|^ +at /m);
  });

  it.each([
    ['SIGINT', 130, /interrupted; /],
    ['SIGTERM', 143, /ended by SIGTERM; /],
  ] as const)('%s ends a guest that turns for ever: exit %i with the summary', async (signal, code, summary) => {
    const child = spawn(process.execPath, [COMMAND, ...echo, file('loop')]);
    const { seen, exit, until } = watch(child);
    await until('looping\n');
    child.kill(signal);
    expect(await exit).toBe(code);
    expect(lastLine(seen.err)).toMatch(summary);
  });

  it.skipIf(!HAVE_TERMINAL)(
    'a terminal: Ctrl-C is a key for the guest, Ctrl-A X leaves, exit 0 (needs script(1))',
    async () => {
      const command = `"${process.execPath}" "${COMMAND}" run --memory 16M --kernel "${file('echo')}"`;
      const child = spawn('script', ['-q', '-e', '-c', command, '/dev/null']);
      const { seen, exit, until } = watch(child);
      await until('echo');
      child.stdin.write('a\x03b');
      await until('a\x03b');
      child.stdin.write('\x01x');
      expect(await exit).toBe(0);
      expect(seen.out).toMatch(/left with Ctrl-A X; [\d,]+ steps/);
    },
  );
});
