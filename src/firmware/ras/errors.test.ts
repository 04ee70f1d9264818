import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeTable } from '../../tables/acpi/any.ts';
import { signatureOf } from '../../tables/acpi/table.ts';
import { decodeStatusBlock, encodeStatusBlock } from '../../tables/cper/block.ts';
import { encodeRecord } from '../../tables/cper/record.ts';
import { checkError, type RasError, recordOf } from './errors.ts';
import { rasLayout } from './layout.ts';
import { timestampOf } from './ras.ts';
import { RasRig, RIG_BASE_PA, RIG_REGISTERS_PA, refusing } from './ras-rig.ts';
import { checkSources, RAS_SOURCES_DEFAULT, type RasSource } from './sources.ts';
import { rasTables } from './tables.ts';

const FACTS = { mpidr: (pe: number) => 0x8000_0000n | BigInt(pe), midr: 0x410f_d070n, timestamp: timestampOf(0) };
const blockOf = (error: RasError): Uint8Array => recordOf(error, FACTS, refusing).block;
const decoded = (error: RasError) => {
  const { value, findings } = decodeStatusBlock(blockOf(error));
  expect(findings).toEqual([]);
  return value!;
};

describe('a described error as an error status block', () => {
  it('memory: the address, its page, and a type that suits the severity', () => {
    const { errorSeverity, entries } = decoded({ kind: 'memory', addr: 0x4800_1040n, fruText: 'DIMM A0', bank: 3 });
    expect([errorSeverity, entries.length, entries[0]!.fruText]).toEqual([0, 1, 'DIMM A0']);
    const { section } = entries[0]!;
    if (section.kind !== 'memory') throw new Error(section.kind);
    expect(section.fields).toMatchObject({
      physicalAddress: 0x4800_1040n,
      physicalAddressMask: 0xffff_ffff_ffff_f000n,
      memoryErrorType: 3,
      bank: 3,
      validationBits: 0b100_0000_0100_0111n,
    });
  });

  it('memory without an address: the validation bits say so', () => {
    const { section } = decoded({ kind: 'memory', severity: 'corrected' }).entries[0]!;
    if (section.kind !== 'memory') throw new Error(section.kind);
    expect(section.fields).toMatchObject({ memoryErrorType: 2, validationBits: 0x4001n });
  });

  it('processor: the PE, the type as a mask or an index, how many', () => {
    const one = (type: 'cache' | 'bus', typeEncoding: 'mask' | 'index') => {
      const { section } = decoded({ kind: 'processor', type, typeEncoding, pe: 1, count: 3, addr: 0x1000n })
        .entries[0]!;
      if (section.kind !== 'armProcessor') throw new Error(section.kind);
      expect(section.fields.mpidr).toBe(0x8000_0001n);
      expect(section.fields.errorInfo[0]).toMatchObject({ multipleError: 2, physicalFaultAddress: 0x1000n });
      return section.fields.errorInfo[0]!.type;
    };
    expect([one('cache', 'mask'), one('bus', 'mask'), one('cache', 'index'), one('bus', 'index')]).toEqual([
      2, 8, 0, 2,
    ]);
  });

  it('pcie: the place of the device, and its AER status', () => {
    const { section } = decoded({ kind: 'pcie', severity: 'corrected', bus: 3, device: 2, function: 1 }).entries[0]!;
    if (section.kind !== 'pcie') throw new Error(section.kind);
    expect(section.fields).toMatchObject({ primaryBus: 3, device: 2, function: 1 });
    expect(new DataView(section.fields.aer.buffer, section.fields.aer.byteOffset).getUint32(16, true)).toBe(0x40);
  });

  it('bytes of a block stay as they are, wherever they lie; what follows the block is left out', () => {
    const bytes = blockOf({ kind: 'memory', addr: 0x1000n, severity: 'fatal' });
    const somewhere = Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(8)]).subarray(3);
    const { block, severity } = recordOf({ kind: 'cper', bytes: somewhere }, FACTS, refusing);
    expect([block, severity]).toEqual([bytes, 'fatal']);
  });

  it('a CPER record becomes a block with the same sections', () => {
    const bytes = encodeRecord({
      recordId: 1n,
      errorSeverity: 2,
      sections: [
        { errorSeverity: 2, section: { kind: 'memory', fields: { physicalAddress: 0x1000n } } },
        { errorSeverity: 2, fruText: 'CPU 0', section: { kind: 'genericProcessor', fields: { processorType: 2 } } },
      ],
    });
    const { entries, errorSeverity } = decoded({ kind: 'cper', bytes });
    expect(errorSeverity).toBe(2);
    expect(entries.map(({ section }) => section.kind)).toEqual(['memory', 'genericProcessor']);
    expect(entries[1]!.fruText).toBe('CPU 0');
  });

  const good = blockOf({ kind: 'memory', addr: 0x1000n });
  const shortened = good.slice(0, 100);
  const quiet = good.slice();
  quiet[0] = 0;
  const long = encodeStatusBlock({
    entries: [
      { sectionType: '00000000-0000-0000-0000-000000000001', section: { kind: 'bytes', bytes: new Uint8Array(5000) } },
    ],
  });
  it.each<[string, RasError, RegExp]>([
    ['bytes that are cut off', { kind: 'cper', bytes: shortened }, /malformed at offset 12: Data Length lies within/],
    ['a block without an error', { kind: 'cper', bytes: quiet }, /no error: its status is 0/],
    ['a block that is too long', { kind: 'cper', bytes: long }, /has 5092 bytes; a source of this machine takes 4096/],
    ['a record that is cut off', { kind: 'cper', bytes: encodeRecord({}).slice(0, 100) }, /CPER record is malformed/],
    ['a text that does not fit', { kind: 'memory', fruText: 'x'.repeat(21) }, /FRU Text/],
  ])('%s is refused', (_, error, why) => {
    expect(() => recordOf(error, FACTS, refusing)).toThrow(why);
  });

  it('unchecked, a malformed block goes to the operating system as it is', () => {
    expect(blockOf({ kind: 'cper', bytes: shortened, unchecked: true })).toEqual(shortened);
  });

  it.each<[RasError, RegExp]>([
    [{ kind: 'disk' } as unknown as RasError, /kind 'disk': no such error. Known: memory, processor/],
    [{ kind: 'memory', severity: 'bad' } as unknown as RasError, /severity 'bad'/],
    [{ kind: 'memory', pe: 2 }, /PE 2: this machine has PEs 0 to 1/],
    [{ kind: 'memory', type: 16 }, /type 16: types are 0 to 15/],
    [{ kind: 'processor', count: 0 }, /0 errors at once/],
  ])('%j is refused', (error, why) => {
    expect(() => checkError(error, 2, refusing)).toThrow(why);
  });
});

describe('where an error goes', () => {
  it.each([
    ['corrected', 1],
    ['informational', 1],
    ['recoverable', 1],
    ['fatal', 2],
  ] as const)('%s without a way: source %i', (severity, id) => {
    expect(new RasRig().firmware.inject({ kind: 'memory', severity }, refusing).source!.id).toBe(id);
  });

  it('a source by its id; one that is not there, or notifies in another way, is refused', () => {
    const { firmware } = new RasRig();
    expect(firmware.inject({ kind: 'memory', source: 6 }, refusing).source!.notify).toBe('polled');
    expect(() => firmware.inject({ kind: 'memory', source: 9 }, refusing)).toThrow(/source 9: .* has 1 \(sdei\), 2/);
    expect(() => firmware.inject({ kind: 'memory', notify: 'sei' }, refusing)).toThrow(/'sei': no source notifies so/);
  });
});

describe('timestamps', () => {
  it.each([
    [0, 0x1970_0101_0100_0000n],
    [951_782_400, 0x2000_0229_0100_0000n],
    [1_795_178_096, 0x2026_1120_0112_3456n],
    [4_107_542_399, 0x2100_0228_0123_5959n],
  ])('%i seconds since 1970', (seconds, digits) => {
    expect(timestampOf(seconds).toString(16)).toBe(digits.toString(16));
  });
});

describe('sources', () => {
  it.each<[RasSource[], RegExp]>([
    [[], /0 sources/],
    [[{ id: 1, notify: 'fax' as 'sdei' }], /ras\.sources\[0\]: notify 'fax'/],
    [[{ id: 65535, notify: 'sea' }], /id 65535/],
    [[{ id: 1, notify: 'sea', pollMs: 5 }], /pollMs is for polled/],
    [[{ id: 1, notify: 'polled', pollMs: 0 }], /pollMs 0 is not/],
    [
      [
        { id: 1, notify: 'sea' },
        { id: 1, notify: 'gsiv' },
      ],
      /ras\.sources\[1\]: ras\.sources\[0\] has id 1/,
    ],
    [
      [
        { id: 1, notify: 'sdei' },
        { id: 2, notify: 'sdei' },
      ],
      /has SDEI event 3000/,
    ],
  ])('%j are refused', (sources, why) => {
    expect(() => checkSources(sources, refusing)).toThrow(why);
  });

  it('what was checked can be given again', () => {
    const checked = checkSources(RAS_SOURCES_DEFAULT, refusing);
    expect(checkSources(checked, refusing)).toEqual(checked);
  });
});

const haveIasl = spawnSync('iasl', ['-v']).error === undefined;

describe('the tables of the error interfaces', () => {
  const sources = checkSources([...RAS_SOURCES_DEFAULT, { id: 9, notify: 'polled', ghes: 1 }], refusing);
  const layout = rasLayout(RIG_BASE_PA, sources.length);
  const tables = rasTables({ sources, layout, registersPa: RIG_REGISTERS_PA, gedIntid: 41 });

  it('are read without a finding, and are what the sources say', () => {
    expect(tables.map((bytes) => signatureOf(bytes))).toEqual(['HEST', 'BERT', 'EINJ', 'ERST']);
    const read = tables.map(decodeTable);
    expect(read.flatMap(({ findings }) => findings)).toEqual([]);
    const hest = read[0]!.value!;
    if (hest.kind !== 'HEST') throw new Error(hest.kind);
    expect(hest.table.sources.map(({ kind }) => kind)).toEqual([...Array(6).fill('GHESv2'), 'GHES']);
  });

  it('blocks and buffers do not overlap, and lie in the memory that is kept for them', () => {
    const starts = [...layout.sources.map(({ blockPa }) => blockPa), layout.bertPa, layout.einjParameterPa];
    const all = [layout.basePa, ...starts, layout.einjTriggerPa, layout.erstRangePa];
    expect(all).toEqual([...all].sort((a, b) => Number(a - b)));
    expect(new Set(all).size).toBe(all.length);
    expect(all.at(-1)! + 0x4000n).toBe(layout.basePa + BigInt(layout.sizeBytes));
  });

  it.skipIf(!haveIasl).each(tables.map((bytes) => [signatureOf(bytes), bytes] as const))(
    '%s: iasl takes it apart and puts the same bytes together (needs iasl)',
    (name, bytes) => {
      const folder = mkdtempSync(join(tmpdir(), 'ras-tables-'));
      try {
        writeFileSync(join(folder, `${name}.dat`), bytes);
        const apart = spawnSync('iasl', ['-d', `${name}.dat`], { cwd: folder, encoding: 'utf8' });
        expect(apart.status, apart.stderr).toBe(0);
        const together = spawnSync('iasl', [`${name}.dsl`], { cwd: folder, encoding: 'utf8' });
        expect(together.stdout + together.stderr).not.toMatch(/Error +\d/);
        const made = readFileSync(join(folder, `${name}.aml`));
        // iasl writes itself into the header as the creator.
        expect(made.subarray(36)).toEqual(Buffer.from(bytes).subarray(36));
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
