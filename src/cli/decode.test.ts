import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { armBlock, memoryBlock, pstoreRecord, twoBlocks } from '../../test/tables/cper-samples.ts';
import { encodeSdei } from '../tables/acpi/plain.ts';
import { encodeFdt } from '../tables/fdt/encode.ts';
import { fdtNode, fdtTree } from '../tables/fdt/tree.ts';
import { main } from './main.ts';

const LOG = `[    5.1000] {1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 2
[    5.1000] {1}[Hardware Error]: event severity: recoverable
[    5.1000] {1}[Hardware Error]:  Error 0, type: recoverable
[    5.1000] {1}[Hardware Error]:   section_type: memory error
[    5.1000] {1}[Hardware Error]:   physical_address: 0x0000000048001000
`;

const dtb = encodeFdt(fdtTree(fdtNode('', { compatible: ['one', 'two'], reg: 5n, empty: true }, [fdtNode('cpu@0')])));
const badBlock = memoryBlock();
badBlock[0] = 0x51;

const FILES: Readonly<Record<string, Uint8Array | string>> = {
  'block.bin': memoryBlock(),
  'bad.bin': badBlock,
  'region.bin': twoBlocks(),
  'record.bin': pstoreRecord(),
  'records.bin': Uint8Array.from([...pstoreRecord(), ...pstoreRecord()]),
  'sdei.bin': encodeSdei({}),
  'tables.bin': Uint8Array.from([...encodeSdei({}), ...encodeSdei({})]),
  'tree.dtb': dtb,
  'cut.dtb': dtb.subarray(0, 60),
  'dmesg.txt': LOG,
  'hest.txt': 'HEST: Table parsing has been initialized.\n',
  'prose.txt': 'A text that is no log of a kernel.\n',
  'zeros.bin': new Uint8Array(4096),
  'noise.bin': Uint8Array.from({ length: 4096 }, (_, n) => (n * n * 37 + 11) & 0xff),
  'empty.bin': '',
};

const bytesOf = (content: Uint8Array | string): Uint8Array =>
  typeof content === 'string' ? new TextEncoder().encode(content) : content;

async function decode(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  const host = new FakeHost(() => 'poweroff');
  for (const [name, content] of Object.entries(FILES)) host.files.set(name, bytesOf(content));
  host.files.set('directory', { code: 'EISDIR' });
  const exit = await main(['decode', ...args], host, '1');
  return { exit, out: host.out, err: host.err };
}

describe('unmaskable decode', () => {
  it.each([
    ['block.bin', 'error status block, 172 bytes', '006c        Physical Address: 0x0000000048001000'],
    ['region.bin', 'error status blocks', '      Running State: 0x00000001 (running)'],
    ['record.bin', 'CPER record', 'Notification Type: e8f56ffe-919c-4cc5-ba88-65abe14913bb (MCE)'],
    ['sdei.bin', 'ACPI table SDEI', 'SDEI'],
    ['tree.dtb', 'device tree blob', '    compatible: "one", "two"\n    reg: <0x0 0x5>\n    empty\n    cpu@0\n'],
    ['dmesg.txt', 'kernel log', '  GHES report {1}, source 2: recoverable\n'],
  ])('%s is %s', async (file, what, line) => {
    const { exit, out, err } = await decode(file);
    expect([exit, err]).toEqual([0, '']);
    expect(out).toContain(`${file}: ${what}`);
    expect(out).toContain(line);
  });

  it('several tables or records in one file are each printed, with where they begin', async () => {
    expect((await decode('tables.bin')).out).toContain('tables.bin: ACPI table SDEI at offset 0x0024, 36 bytes');
    expect((await decode('tables.bin')).out.split('\n').at(-2)).toMatch(/^0044 /);
    expect((await decode('records.bin')).out).toContain('records.bin: CPER record at offset 0x00ea, 234 bytes');
  });

  it('what is malformed is decoded, told on standard error with offset, rule, found and expected: exit 1', async () => {
    const { exit, out, err } = await decode('bad.bin');
    expect(err).toBe('bad.bin: offset 0x0: Error Data Entry Count of Block Status: found 5, expected 1\n');
    expect([exit, out.includes('Physical Address: 0x0000000048001000')]).toEqual([1, true]);
  });

  it('a truncated device tree: exit 1 and why', async () => {
    const { exit, err } = await decode('cut.dtb');
    expect([exit, err]).toEqual([
      1,
      expect.stringMatching(/^cut\.dtb: offset 0x4: device tree blob: found totalsize is/),
    ]);
  });

  it.each([
    ['missing.bin', /^unmaskable: decode missing\.bin: cannot be read: there is no such file/],
    ['directory', /it is a directory, not a file/],
    ['empty.bin', /the file is empty/],
    ['prose.txt', /not recognised: 35 bytes that begin .* Tried: device tree blob .*'\[Hardware Error\]'.*--as/],
    ['hest.txt', /not recognised/],
    ['zeros.bin', /not recognised: 4096 bytes that begin 00 00 00 00/],
    ['noise.bin', /not recognised/],
    ['-', /standard input is empty/],
  ])('%s: exit 2 with one message', async (file, message) => {
    const { exit, out, err } = await decode(file);
    expect([exit, out]).toEqual([2, '']);
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it('--as takes the word of whoever asks: a log without errors, a region without errors', async () => {
    expect(await decode('--as', 'log', 'prose.txt')).toMatchObject({ exit: 0, err: '' });
    expect(await decode('--as', 'block', 'zeros.bin')).toMatchObject({ exit: 0, err: '' });
    expect(await decode('--as', 'acpi', 'prose.txt')).toMatchObject({ exit: 1 });
    expect((await decode('--as', 'pdf', 'block.bin')).err).toMatch(
      /--as 'pdf': no such kind\. Known: dtb, record, acpi/,
    );
  });

  it('of several files the worst decides, and the others are still decoded', async () => {
    const { exit, out, err } = await decode('bad.bin', 'missing.bin', 'block.bin');
    expect(exit).toBe(2);
    expect(err.trimEnd().split('\n')).toHaveLength(2);
    expect(out).toContain('block.bin: error status block');
  });

  it('without a file, or with an unknown option, says how', async () => {
    expect((await decode()).exit).toBe(2);
    expect((await decode('--arm-error-types', 'both', 'block.bin')).err).toMatch(/Known: mask, index/);
    expect((await decode('-', '-')).err).toMatch(/given twice/);
  });

  it('--json: one document with what, values, tree and findings of each file', async () => {
    const { exit, out } = await decode('--json', 'bad.bin', 'dmesg.txt', 'tree.dtb', 'missing.bin');
    const { files } = JSON.parse(out);
    expect(exit).toBe(2);
    expect(files.map(({ file }: { file: string }) => file)).toEqual([
      'bad.bin',
      'dmesg.txt',
      'tree.dtb',
      'missing.bin',
    ]);
    const [block] = files[0].parts;
    expect(block).toMatchObject({ what: 'error status block', offset: 0, sizeBytes: 172 });
    expect(block.value.entries[0].section.fields.physicalAddress).toBe('0x0000000048001000');
    expect(block.findings).toEqual([expect.objectContaining({ offset: 0, found: '5', expected: '1' })]);
    expect(block.tree).toMatchObject({ name: 'Generic Error Status Block', offset: 0, sizeBytes: 172 });
    expect(files[1].parts[0].value.items[0]).toMatchObject({ sequence: 1, sourceId: 2, severity: 'recoverable' });
    expect(files[2].parts[0].value.root.properties.reg).toBe('0000000000000005');
    expect(files[3]).toMatchObject({ parts: [], error: expect.stringContaining('no such file') });
  });

  it('no control character of a file reaches the terminal', async () => {
    const host = new FakeHost(() => 'poweroff');
    host.files.set('evil.txt', bytesOf(`${LOG}[5.2] {1}[Hardware Error]:  fru_text: \x1b]0;title\x07\n`));
    await main(['decode', 'evil.txt'], host, '1');
    expect(host.out).toContain('\\x1b]0;title\\x07');
    expect(host.out.includes('\x1b')).toBe(false);
  });
});

const COMMAND = fileURLToPath(new URL('../../bin/unmaskable.mjs', import.meta.url));
const BUILT = existsSync(fileURLToPath(new URL('../../dist/cli/start.js', import.meta.url)));

// Skipped without dist/: `npm run build` makes it, and `npm test` builds first.
describe.skipIf(!BUILT)('unmaskable decode as a process', () => {
  let folder = '';
  const run = (args: string[], input: Uint8Array | string = '') =>
    spawnSync(process.execPath, [COMMAND, 'decode', ...args], { input, encoding: 'utf8', maxBuffer: 2 ** 28 });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'unmaskable-decode-'));
    writeFileSync(join(folder, 'arm.bin'), armBlock());
    writeFileSync(join(folder, 'huge.bin'), '');
    truncateSync(join(folder, 'huge.bin'), 3 * 2 ** 30);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads a file and standard input', () => {
    const file = run([join(folder, 'arm.bin')]);
    const piped = run(['-'], armBlock());
    expect([file.status, file.stderr, piped.status, piped.stderr]).toEqual([0, '', 0, '']);
    expect(piped.stdout.split('\n').slice(1)).toEqual(file.stdout.split('\n').slice(1));
    expect(file.stdout).toContain('X30: 0xffff800000001234');
  });

  it('a directory and a file that is too large: exit 2, one message, no stack', () => {
    for (const [path, why] of [
      [folder, 'it is a directory'],
      [join(folder, 'huge.bin'), 'it is larger than 2 GiB'],
    ]) {
      const { status, stdout, stderr } = run([path]);
      expect([status, stdout, stderr.includes(why), stderr.split('\n').length]).toEqual([2, '', true, 2]);
    }
  });

  it('JSON of a large log arrives whole', () => {
    const { status, stdout } = run(['--json', '-'], LOG.repeat(3000));
    expect([status, JSON.parse(stdout).files[0].parts[0].value.items.length]).toEqual([0, 3000]);
  });
});
