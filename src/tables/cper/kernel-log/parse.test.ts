import { describe, expect, it } from 'vitest';
import type { TreeNode } from '../../tree-node.ts';
import { encodeSection } from '../sections.ts';
import { parseKernelLog } from './parse.ts';
import { describeKernelLog } from './tree.ts';
import type { LogEvent, LogReport } from './types.ts';

const parse = (text: string) => parseKernelLog(new TextEncoder().encode(text));

function reports(text: string): LogReport[] {
  return parse(text).items.filter((item) => item.item === 'report');
}

function events(text: string): LogEvent[] {
  return parse(text).items.filter((item) => item.item === 'event');
}

/** Lines of a record, each with the prefix that the kernel and its reader put before it. */
const record = (lines: readonly string[], prefix: (n: number) => string): string =>
  lines.map((line, n) => `${prefix(n)}${line}\n`).join('');

const HEAD = 'Hardware error from APEI Generic Hardware Error Source: 3';
const MEMORY = [
  HEAD,
  'event severity: recoverable',
  ' precise tstamp: 2026-11-20 12:34:56',
  ' Error 0, type: recoverable',
  ' fru_text: Card03, ChnA: 1, DIMM0: 2',
  '  section_type: memory error',
  '  error_status: Storage error in DRAM memory (0x0000000000000400)',
  '  physical_address: 0x0000000048001000',
  '  node:0 card:1 module:2 rank:3 ',
  '  error_type: 3, multi-bit ECC',
];

const numbered =
  (n: number, stamp = '[    5.123456] ') =>
  (): string =>
    `${stamp}{${n}}[Hardware Error]: `;

const field = (fields: readonly { name: string; value: string }[], name: string): string | undefined =>
  fields.find((one) => one.name === name)?.value;

describe('a report of a memory error', () => {
  it('gives source, severity, section, address, location and time', () => {
    const [report] = reports(record(MEMORY, numbered(7)));
    expect(report).toMatchObject({
      origin: 'GHES',
      sequence: 7,
      sourceId: 3,
      severity: 'recoverable',
      time: '5.123456',
    });
    const [section] = report.sections;
    expect(section).toMatchObject({ index: 0, severity: 'recoverable', type: 'memory error' });
    expect(field(section.fields, 'physical_address')).toBe('0x0000000048001000');
    expect(field(section.fields, 'precise tstamp')).toBe('2026-11-20 12:34:56');
    expect(field(section.fields, 'fru_text')).toBe('Card03, ChnA: 1, DIMM0: 2');
    expect(['node', 'card', 'module', 'rank'].map((name) => field(section.fields, name))).toEqual(['0', '1', '2', '3']);
    expect(field(section.fields, 'error_type')).toBe('3, multi-bit ECC');
    expect(parse(record(MEMORY, numbered(7))).findings).toEqual([]);
  });

  it.each([
    ['a console', '[    5.123456] ', '5.123456'],
    ['a console with caller', '[    5.123456][   T12] ', '5.123456'],
    ['dmesg -r', '<4>[    5.123456] ', '5.123456'],
    ['dmesg -x', 'kern  :warn  : [    5.123456] ', '5.123456'],
    ['dmesg -T', '[Fri Nov 20 12:34:56 2026] ', 'Fri Nov 20 12:34:56 2026'],
    ['dmesg -T elsewhere', '[Do Mär 26 07:38:49 2020] ', 'Do Mär 26 07:38:49 2020'],
    ['dmesg --time-format iso', '2026-11-20T12:34:56,123456+00:00 ', '2026-11-20T12:34:56,123456+00:00'],
    ['journalctl', 'Nov 20 12:34:56 server kernel: ', 'Nov 20 12:34:56'],
    ['journalctl -o short-iso', '2026-11-20T12:34:56+0000 server kernel: ', '2026-11-20T12:34:56+0000'],
    ['colours', '\x1b[32m[    5.123456] \x1b[0m\x1b[33m', '5.123456'],
    ['a mail', '> > [    5.123456] ', '5.123456'],
    ['nothing', '', undefined],
  ])('is the same through %s', (_name, prefix, time) => {
    const [report] = reports(record(MEMORY, numbered(1, prefix)).replaceAll('\n', '\r\n'));
    expect([report.time, report.sections[0].type, report.sourceId]).toEqual([time, 'memory error', 3]);
    expect(report.sections[0].fields).toHaveLength(9);
  });

  it('interleaved with another one is kept apart from it', () => {
    const [one, two] = [1, 2].map((n) => record(MEMORY, numbered(n)).trimEnd().split('\n'));
    const mixed = one.flatMap((line, n) => [line, two[n]]).join('\n');
    const found = reports(mixed);
    expect(found.map(({ sequence, lineFirst, lineLast }) => [sequence, lineFirst, lineLast])).toEqual([
      [1, 1, 19],
      [2, 2, 20],
    ]);
    expect(found[0].sections).toEqual(found[1].sections);
  });

  it('with the same number after a reboot is another report', () => {
    const text = record(MEMORY, numbered(1));
    expect(reports(text + text)).toHaveLength(2);
  });
});

describe('a report of an ARM processor error', () => {
  const ARM = [
    HEAD,
    'It has been corrected by h/w and requires no further action',
    'event severity: corrected',
    ' Error 0, type: corrected',
    '  section_type: ARM processor error',
    '  MIDR: 0x00000000411fd070',
    '  Multiprocessor Affinity Register (MPIDR): 0x0000000080000000',
    '  running state: 0x1',
    '  Error info structure 0:',
    '  num errors: 2',
    '   first error captured',
    '   error_type: 0x02: cache error',
    '   error_info: 0x00000000044d003f',
    '    transaction type: Data Access',
    '    cache error, operation type: Data read',
    '    cache level: 1',
    '    PC is imprecise',
    '   physical fault address: 0x0000000050002000',
    '  Context info structure 0:',
    '   register context type: AArch64 EL1 context registers',
    ...Array.from({ length: 9 }, (_, n) => `   000000${n}0: 0000000${n} 00000000 abcd0000 ffff8000`),
    '  Vendor specific error info has 3 bytes:',
    '   00000000: 01 02 ff                                         ...',
  ];

  it('gives each structure its fields, and registers by name from the dump', () => {
    const text = record(ARM, numbered(1));
    const [report] = reports(text);
    expect([report.corrected, report.severity]).toEqual([true, 'corrected']);
    const [info, context, vendor] = report.sections[0].parts;
    expect(field(info.fields, 'operation type')).toBe('Data read');
    expect(field(info.fields, 'physical fault address')).toBe('0x0000000050002000');
    expect(info.statements).toEqual(['first error captured', 'PC is imprecise']);
    expect([context.dump.length, vendor.dump]).toEqual([144, [1, 2, 0xff]]);
    const printed = JSON.stringify(describeKernelLog(parse(text)));
    expect(printed).toContain('"ESR_EL1","offset":0,"sizeBytes":');
    expect(printed).toContain('"value":"0xffff8000abcd0000"');
  });

  it.each([
    ['section length is too small'],
    ['firmware-generated error record is incorrect'],
    ['Invalid context type: 9 (max: 8)'],
  ])('in which the kernel says "%s" has a finding with the line', (complaint) => {
    const { findings } = parse(record([...MEMORY, `  ${complaint}`], numbered(1)));
    expect(findings).toEqual([expect.objectContaining({ found: `line 11: ${complaint}` })]);
  });
});

describe('other reports', () => {
  it('PCIe: lines with two fields, and a bridge', () => {
    const lines = ['  section_type: PCIe error', '  command: 0x0406, status: 0x0010', '  device_id: 0000:43:00.0'];
    const bridge = '  bridge: secondary_status: 0x2000, control: 0x0003';
    const [report] = reports(record([...MEMORY.slice(0, 4), ...lines, bridge], numbered(1)));
    const { fields } = report.sections[0];
    const names = ['command', 'status', 'device_id', 'bridge secondary_status', 'bridge control'];
    expect(names.map((name) => field(fields, name))).toEqual(['0x0406', '0x0010', '0000:43:00.0', '0x2000', '0x0003']);
  });

  it('of a type that the kernel does not know: its dump is decoded here', () => {
    const bytes = encodeSection({ kind: 'memory2', fields: { physicalAddress: 0x1234_5000n, memoryErrorType: 8 } });
    const rows = Array.from({ length: bytes.length / 16 }, (_, row) => {
      const words = [0, 4, 8, 12].map((at) =>
        Buffer.from(bytes)
          .readUInt32LE(row * 16 + at)
          .toString(16)
          .padStart(8, '0'),
      );
      return `  ${(row * 16).toString(16).padStart(8, '0')}: ${words.join(' ')}  ................`;
    });
    const section = ['  section type: unknown, 61ec04fc-48e6-d813-25c9-8daa44750b12', '  section length: 0x60'];
    const [report] = reports(record([...MEMORY.slice(0, 4), ...section, ...rows], numbered(1)));
    expect(report.sections[0].decoded).toMatchObject({ kind: 'memory2', fields: { physicalAddress: 0x1234_5000n } });
    const cut = record([...MEMORY.slice(0, 4), ...section, ...rows.slice(1)], numbered(1));
    expect(reports(cut)[0].sections[0].decoded).toBeUndefined();
  });

  it('BERT: two records without numbers, between their first and their last line', () => {
    const mark = (): string => '[    2.1234] [Hardware Error]: ';
    const first = record(MEMORY.slice(1), mark);
    const second = record(
      ['It has been corrected by h/w', 'event severity: corrected', ' Error 0, type: corrected'],
      mark,
    );
    const text = `BERT: Error records from previous boot:\n${first}${second}BERT: Total records found: 2\n`;
    const found = reports(text);
    expect(found.map(({ origin, severity, corrected }) => [origin, severity, corrected])).toEqual([
      ['BERT', 'recoverable', false],
      ['BERT', 'corrected', true],
    ]);
    expect(events(text).at(-1)).toMatchObject({ kind: 'BERT', fields: [{ name: 'records', value: '2' }] });
    expect(parse(text).findings).toEqual([]);
    const again = `[1.000] mce: [Hardware Error]: Machine check events logged\n${text}`;
    expect(reports(again).map(({ origin }) => origin)).toEqual(['other', 'BERT', 'BERT']);
  });

  it('a head without a number, as on consoles that print one record, begins a report', () => {
    expect(reports(record(MEMORY, () => '[Hardware Error]: '))).toMatchObject([{ origin: 'GHES', sourceId: 3 }]);
  });

  it('machine checks are reports of their own', () => {
    const text = '[1.000] mce: [Hardware Error]: CPU 2: Machine check: 0 Bank 5: be00000000800400\n';
    expect(reports(`${record(MEMORY, numbered(1))}${text}`).map(({ origin }) => origin)).toEqual(['GHES', 'other']);
  });

  it('cut at its beginning or before its severity it says so', () => {
    const rules = (lines: readonly string[]) => parse(record(lines, numbered(1))).findings.map(({ rule }) => rule);
    expect(rules(MEMORY.slice(1))).toEqual(['a report begins with its source']);
    expect(rules(MEMORY.slice(0, 1))).toEqual(['a report says how severe the event is']);
    expect(rules([HEAD, 'event severity: unknown'])).toEqual(['severity of a record']);
  });
});

describe('lines around reports', () => {
  it.each([
    [
      'Memory failure: 0x48001: recovery action for dirty LRU page: Recovered',
      'memory failure',
      ['0x48001', 'dirty LRU page', 'Recovered'],
    ],
    [
      'Memory failure: 0x41879: Sending SIGBUS to vict:100 due to hardware memory corruption',
      'memory failure',
      ['0x41879', 'vict', '100'],
    ],
    ['Memory failure: 0x41873: already hardware poisoned', 'memory failure', ['0x41873', 'already hardware poisoned']],
    ['Kernel panic - not syncing: GHES: Fatal hardware error', 'panic', ['GHES: Fatal hardware error']],
    [
      'EDAC MC0: 1 CE single-bit ECC on DIMM_A0 (node:0 page:0x48001)',
      'EDAC',
      ['0', '1', 'CE', 'single-bit ECC', 'DIMM_A0', 'node:0 page:0x48001'],
    ],
    [
      '[Firmware Warn]: GHES: Unhandled processor error type 0x01:  with reserved bit(s)',
      'GHES',
      ['0x01:  with reserved bit(s)'],
    ],
    [
      '[Firmware Warn]: GHES: Invalid address in generic error data: 0x9000000',
      'memory error in no page',
      ['0x9000000'],
    ],
    ['sdei: event 804 on CPU 0 failed with error: -2', 'SDEI', ['804', '0', '-2']],
    ['ghes_print_estatus: 12 callbacks suppressed', 'GHES', ['12']],
    [
      'pcieport 0000:00:1b.2: AER: Correctable error received',
      'PCIe AER',
      ['0000:00:1b.2', 'Correctable error received'],
    ],
  ])('%s', (text, kind, values) => {
    const [event] = events(`[    7.500000] ${text}\n`);
    expect([event.kind, event.time, event.fields.map(({ value }) => value)]).toEqual([kind, '7.500000', values]);
  });

  it('of an ordinary boot are none', () => {
    const drivers = ['EDAC MC: Ver: 3.0.0', 'pcieport 0000:00:1c.0: AER: enabled with IRQ 24'];
    const boot = [
      ...drivers,
      'HEST: Table parsing has been initialized.',
      'Booting Linux',
      'EXT4-fs error',
      'acpi: failure',
    ];
    expect(parse(boot.join('\n')).items).toEqual([]);
  });

  it.each([
    ['EDAC MC0: 1 CE ', 'on ('],
    ['EDAC MC0: 1 CE ', 'on '],
    ['EDAC x', 'EDAC x: '],
    ['Memory failure: 0x1: recovery action for ', 'Memory failure: 0x1: Sending SIGBUS to :1'],
    ['GHES: ', 'GHES: synchronous unrecoverable '],
    ['AER', '0000'],
    ['', '[00:00:00'],
    ['{1}[Hardware Error]: ', 'a: 0 '],
    ['{1}[Hardware Error]: ', 'a, '],
    ['{1}[Hardware Error]: 00000000: ', '00000000 '],
  ])('made to be slow (%s%s...) are not', (start, part) => {
    const line = `${start}${part.repeat(Math.floor(4000 / part.length))}\n`;
    const startMs = performance.now();
    parse(`${line}${line.replace(/\n/, ' [Hardware Error]: x\n')}`.repeat(5));
    expect(performance.now() - startMs).toBeLessThan(2000);
  });

  it('keep their order and know where they are in the file', () => {
    const text = `first line\n${record(MEMORY, numbered(1))}[9.000] Kernel panic - not syncing: x\n`;
    const tree = describeKernelLog(parse(text));
    const places = (tree.children as TreeNode[]).map(({ name, offset }) => [name, offset]);
    expect(places).toEqual([
      ['GHES report {1}, source 3', 11],
      ['panic', text.indexOf('[9.000]')],
    ]);
  });
});
