import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeTable, encodeTable, TABLES } from '../../src/tables/acpi/any.ts';
import { SAMPLES } from './acpi-samples.ts';

const haveIasl = spawnSync('iasl', ['-v']).error === undefined;
/** Tables that Debian 12's iasl does not know; and the RSDP, which it compiles but does not disassemble. */
const UNKNOWN_TO_IASL = ['AGDI', 'RSDP'];

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'unmaskable-iasl-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Runs iasl in the folder; what it wrote. */
function iasl(...args: string[]): string {
  const { stdout, stderr, status } = spawnSync('iasl', args, { cwd: dir, encoding: 'utf8' });
  const text = `${stdout}${stderr}`;
  if (status !== 0) throw new Error(`iasl ${args.join(' ')}: exit ${status}: ${text}`);
  return text;
}

const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(dir, name)));

/** What iasl prints where it does not understand. */
const COMPLAINT = /warning|error|invalid|unknown|incorrect|bad |remaining|\*\*\*\*/i;

describe.skipIf(!haveIasl)('encoded tables, as iasl (acpica-tools) sees them', () => {
  const names = Object.keys(SAMPLES).filter((name) => !UNKNOWN_TO_IASL.includes(name));

  it.each(names)('%s is disassembled without a complaint and compiled to the same bytes', (name) => {
    const file = name.replaceAll(' ', '-').toLowerCase();
    writeFileSync(join(dir, `${file}.dat`), SAMPLES[name]!);
    const said = iasl('-d', `${file}.dat`);
    expect(said.split('\n').filter((line) => COMPLAINT.test(line))).toEqual([]);
    const text = readFileSync(join(dir, `${file}.dsl`), 'utf8');
    // The field "Unknown" of none of these tables is printed, nor the header's word about a wrong checksum.
    expect(text.split('\n').filter((line) => /Incorrect|Unknown|\*\*\*\*/.test(line))).toEqual([]);
    iasl('-p', `${file}-again`, `${file}.dsl`);
    const again = read(`${file}-again.aml`);
    // iasl enters itself as the creator, and with it another checksum.
    const shown = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex').replace(/(..)/g, '$1 ');
    expect(shown(asOurs(again, SAMPLES[name]!))).toBe(shown(SAMPLES[name]!));
  });
});

const RSDP_TEXT = `
[0008] Signature : "RSD PTR "
[0001] Checksum : 00
[0006] Oem ID : "UNMASK"
[0001] Revision : 02
[0004] RSDT Address : 00000000
[0004] Length : 00000024
[0008] XSDT Address : 000000007C000B00
[0001] Extended Checksum : 00
[0003] Reserved : 000000
`;

describe.skipIf(!haveIasl)('the RSDP', () => {
  it('is what iasl compiles from the same fields, with both checksums', () => {
    writeFileSync(join(dir, 'root.asl'), RSDP_TEXT);
    iasl('root.asl');
    expect(Buffer.from(SAMPLES.RSDP!).toString('hex')).toBe(Buffer.from(read('root.aml')).toString('hex'));
  });
});

/** A table compiled by iasl with the creator that the other one has. */
function asOurs(bytes: Uint8Array, ours: Uint8Array): Uint8Array {
  const { value } = decodeTable(bytes);
  if (value === undefined || value.kind === 'RSDP' || value.kind === 'FACS') return bytes;
  const its = decodeTable(ours).value;
  if (its === undefined || its.kind === 'RSDP' || its.kind === 'FACS') throw new Error('two kinds of table');
  const { creatorId, creatorRevision } = its.table.header;
  Object.assign(value.table.header, { creatorId, creatorRevision });
  return encodeTable(value);
}

describe.skipIf(!haveIasl)('templates of iasl', () => {
  it('each of them decodes, and encodes to the same bytes', () => {
    iasl('-T', 'ALL');
    const templates = readdirSync(dir).filter((file) => file.endsWith('.asl'));
    for (const file of templates) spawnSync('iasl', [file], { cwd: dir });
    const compiled = templates
      .map((file) => file.replace('.asl', '.aml'))
      .filter((file) => readdirSync(dir).includes(file));
    expect(compiled.length).toBeGreaterThan(55);
    const kinds = compiled.map((file) => {
      const bytes = read(file);
      const { value } = decodeTable(bytes);
      expect(value, file).toBeDefined();
      expect(Buffer.from(encodeTable(value!)).equals(Buffer.from(bytes)), file).toBe(true);
      return value!.kind;
    });
    const known = Object.keys(TABLES).filter((name) => !UNKNOWN_TO_IASL.includes(name));
    for (const name of [...known, 'RSDP', 'FACS']) expect(kinds).toContain(name);
  });
});
