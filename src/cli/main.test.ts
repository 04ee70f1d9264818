import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { main } from './main.ts';

const RUN = ['run', '--kernel', 'Image'];

describe('the request for a machine', () => {
  it('has the defaults of the help', async () => {
    const host = new FakeHost(() => 'poweroff');
    await main(RUN, host, '1');
    expect(host.requests).toEqual([
      { kernel: new Uint8Array([0x4d, 0x5a, 0, 0]), cpus: 1, memoryBytes: 512 * 2 ** 20, cpu: 'full' },
    ]);
  });

  it('carries every option', async () => {
    const host = new FakeHost(() => 'poweroff');
    host.files.set('rd', Uint8Array.of(1)).set('tree', Uint8Array.of(2));
    const options = '--initrd rd --dtb tree --cpus 4 --memory 2G --cpu cortex-a57 --el2 on --gic 2 --append';
    await main([...RUN, ...options.split(' '), '-v quiet'], host, '1');
    expect(host.requests[0]).toMatchObject({
      initrd: Uint8Array.of(1),
      dtb: Uint8Array.of(2),
      cpus: 4,
      memoryBytes: 2 ** 31,
      cpu: 'cortex-a57',
      el2: true,
      gic: 2,
      append: '-v quiet',
    });
  });

  it('SDEI: on by default, off, or with a version and a profile', async () => {
    const host = new FakeHost(() => 'poweroff');
    await main([...RUN, '--sdei', 'off'], host, '1');
    await main([...RUN, '--sdei', 'on'], host, '1');
    await main([...RUN, '--sdei-version', '1.1', '--sdei-profile', 'tf-a'], host, '1');
    expect(host.requests.map((request) => request.sdei)).toEqual([
      false,
      undefined,
      { version: '1.1', profile: 'tf-a' },
    ]);
  });

  it('a compressed kernel is unpacked, alone and as EFI zboot; an initrd is not', async () => {
    const host = new FakeHost(() => 'poweroff');
    const packed = gzipSync(Buffer.from('the kernel'));
    const zboot = Buffer.alloc(64 + packed.length);
    zboot.write('MZ\0\0zimg', 0, 'latin1');
    zboot.writeUInt32LE(64, 8);
    zboot.writeUInt32LE(packed.length, 12);
    zboot.write('gzip\0', 24, 'latin1');
    packed.copy(zboot, 64);
    host.files.set('Image.gz', packed).set('zboot', zboot);
    await main(['run', '--kernel', 'Image.gz', '--initrd', 'Image.gz'], host, '1');
    await main(['run', '--kernel', 'zboot'], host, '1');
    expect(host.requests.map((request) => Buffer.from(request.kernel as Uint8Array).toString())).toEqual([
      'the kernel',
      'the kernel',
    ]);
    expect(host.requests[0].initrd).toEqual(packed);
  });
});

describe('mistakes: exit 2 and one message that says what to do', () => {
  const zstd = Buffer.alloc(64);
  zstd.write('MZ\0\0zimg', 0, 'latin1');
  zstd.write('zstd22\0', 24, 'latin1');

  it.each<[string, string[], RegExp]>([
    ['unknown option', [...RUN, '--memroy', '1G'], /unknown option '--memroy' \(Did you mean --memory\?\)\. See: /],
    ['unknown command', ['boot'], /'boot': no such command. Known: run, .*explore/],
    ['extra argument', [...RUN, 'extra'], /too many arguments/],
    ['no kernel', ['run'], /required option '--kernel <FILE>' not specified/],
    ['unknown option and no kernel', ['run', '--bogus'], /unknown option '--bogus'/],
    ['option without its value', [...RUN, '--until'], /argument missing/],
    ['missing file', ['run', '--kernel', 'nope'], /--kernel nope: cannot be read: there is no such file/],
    ['unreadable file', [...RUN, '--initrd', 'secret'], /--initrd secret: .*not permitted/],
    ['directory', [...RUN, '--dtb', 'dir'], /--dtb dir: .*is a directory/],
    ['empty file', ['run', '--kernel', 'empty'], /--kernel empty: the file is empty/],
    ['damaged gzip', ['run', '--kernel', 'bad.gz'], /--kernel bad\.gz: looks gzip-compressed but does not unpack/],
    ['other compression', ['run', '--kernel', 'zstd'], /compressed with 'zstd22'; only gzip/],
    ['bad size', [...RUN, '--memory', 'lots'], /--memory 'lots': not a size/],
    ...['two', '0', '9', '-1', '1.5', '1k', ''].map((cpus): [string, string[], RegExp] => [
      `'${cpus}' CPUs`,
      [...RUN, '--cpus', cpus],
      new RegExp(`--cpus '${cpus}': this machine has 1 to 8 CPUs\\. Give a number`),
    ]),
    ['no such EL2', [...RUN, '--el2', 'yes'], /--el2 'yes': no such value. Known: on, off/],
    ['no such GIC', [...RUN, '--gic', '4'], /--gic '4': no such interrupt controller/],
    ['neither on nor off', [...RUN, '--sdei', 'maybe'], /--sdei 'maybe': no such value\. Known: on, off/],
    ['no such version of SDEI', [...RUN, '--sdei-version', '2.0'], /--sdei-version '2\.0': .*Known: 1\.0, 1\.1/],
    ['no such profile of SDEI', [...RUN, '--sdei-profile', 'x'], /--sdei-profile 'x': .*Known: spec, tf-a/],
    ['SDEI off and a version', [...RUN, '--sdei', 'off', '--sdei-version', '1.0'], /--sdei off: .*Leave out one/],
    ['unknown processor', [...RUN, '--cpu', 'z80'], /--cpu 'z80': no such processor\. Known: full, cortex-a57/],
    ['bad regex', [...RUN, '--until', '('], /--until \/\(\/: not a regular expression/],
    ['bad rule', [...RUN, '--on', 'never'], /--on 'never': column 1: no trigger/],
    ['unwritable JSON', [...RUN, '--json', '/nowhere/x'], /--json \/nowhere\/x: cannot be written/],
  ])('%s', async (_, args, message) => {
    const host = new FakeHost(() => 'poweroff');
    host.files.set('secret', { code: 'EACCES' }).set('dir', { code: 'EISDIR' }).set('empty', new Uint8Array());
    host.files.set('bad.gz', Uint8Array.of(0x1f, 0x8b, 8, 0, 0)).set('zstd', zstd);
    expect(await main(args, host, '1')).toBe(2);
    expect(host.err).toMatch(message);
    expect(host.err.trimEnd().split('\n')).toHaveLength(1);
    expect(host.err).not.toMatch(/^ +at /m);
    expect(host.machine.steps).toBe(0);
  });

  it('what the library refuses is such a mistake too', async () => {
    const host = new FakeHost(() => 'poweroff');
    host.createMachine = () => {
      throw Object.assign(new Error('memory of 1 byte: too small'), { name: 'MachineError', code: 'E_MEMORY' });
    };
    expect(await main(RUN, host, '1')).toBe(2);
    expect(host.err).toBe('unmaskable: memory of 1 byte: too small\n');
  });

  it('a fault while the machine is made is ours: exit 70', async () => {
    const host = new FakeHost(() => 'poweroff');
    host.createMachine = () => {
      throw new TypeError('x is undefined');
    };
    expect(await main(RUN, host, '1')).toBe(70);
    expect(host.err).toMatch(/internal error before step 0; please report/);
  });
});

describe('without running anything', () => {
  it('--version prints the version', async () => {
    const host = new FakeHost(() => 'poweroff');
    expect(await main(['--version'], host, '1.2.3')).toBe(0);
    expect(host.out).toBe('1.2.3\n');
  });

  it('run --help explains options, rules, keys and exit codes', async () => {
    const host = new FakeHost(() => 'poweroff');
    expect(await main(['run', '--help'], host, '1')).toBe(0);
    for (const text of ['--kernel <FILE>', 'console:/regex/flags', 'Ctrl-A X', '70 a fault']) {
      expect(host.out).toContain(text);
    }
  });

  it.each([['--help'], ['help']])('%s lists every command, also those that are loaded when asked for', async (word) => {
    const host = new FakeHost(() => 'poweroff');
    expect(await main([word], host, '1')).toBe(0);
    for (const name of ['run', 'conformance', 'decode', 'experiment', 'ras', 'snapshot', 'explore', 'replay'])
      expect(host.out).toMatch(new RegExp(`^ +${name} `, 'm'));
    const one = new FakeHost(() => 'poweroff');
    expect(await main(['help', 'explore'], one, '1')).toBe(0);
    expect(one.out).toContain('Usage: unmaskable explore');
  });

  it('no arguments: the demonstration, with its digest', async () => {
    const host = new FakeHost((machine, step) => {
      if (step === 0) machine.print('demo\n');
      return step === 4 ? 'poweroff' : undefined;
    });
    expect(await main([], host, '1')).toBe(0);
    expect(host.out).toBe('demo\n');
    expect(host.err).toContain('digest d1ge57-5\n');
  });
});
