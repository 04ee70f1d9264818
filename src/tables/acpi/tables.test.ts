import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_FINDINGS } from '../finding.ts';
import type { TreeNode } from '../tree-node.ts';
import { decodeTable, encodeTable, isKnownTable, isTable } from './any.ts';
import { decodeEinj, decodeTriggerTable, EINJ_ACTION, encodeEinj, encodeTriggerTable } from './einj.ts';
import { AcpiError } from './error.ts';
import { decodeErst, ERST_ACTION, encodeErst } from './erst.ts';
import { decodeFadt, encodeFadt } from './fadt.ts';
import { memoryRegister } from './gas.ts';
import { decodeGtdt, encodeGtdt } from './gtdt.ts';
import { INSTRUCTION } from './instructions.ts';
import { decodeMadt, encodeMadt, type MadtEntryInput } from './madt.ts';
import { decodeBert, encodeAgdi, encodeBert, encodeDsdt, encodeSdei } from './plain.ts';
import { ENTRIES_MAX } from './reader.ts';
import { decodeRsdp, encodeRsdp } from './rsdp.ts';
import { decodeSpcr, encodeSpcr } from './spcr.ts';
import { checksumOf } from './table.ts';
import { decodeRsdt, decodeXsdt, encodeRsdt, encodeXsdt } from './xsdt.ts';

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const u32At = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer).getUint32(at, true);
const u64At = (bytes: Uint8Array, at: number): bigint => new DataView(bytes.buffer).getBigUint64(at, true);
const entry = (action: number, instruction: number, more: object = {}) => ({
  action,
  instruction,
  registerRegion: memoryRegister(0x7c12_0000n, 4),
  mask: 0xffn,
  ...more,
});

function names(node: TreeNode): string[] {
  return [node.name, ...(node.children ?? []).flatMap(names)];
}

describe('every table', () => {
  const gicc: MadtEntryInput = { kind: 'GICC', cpuInterfaceNumber: 0, acpiProcessorUid: 7, mpidr: 0x1_0000_0100n };
  const tables = {
    XSDT: encodeXsdt({ addresses: [1n, 2n] }),
    FACP: encodeFadt({}),
    APIC: encodeMadt({ entries: [gicc] }),
    GTDT: encodeGtdt({ nonSecureEl1TimerGsiv: 30, virtualEl1TimerGsiv: 27 }),
    BERT: encodeBert({ bootErrorRegionLengthBytes: 4096, bootErrorRegionAddress: 1n }),
    SDEI: encodeSdei(),
    AGDI: encodeAgdi({ sdeiEvent: 850 }),
    DSDT: encodeDsdt({ aml: Uint8Array.of(0xa3) }),
  };

  it.each(Object.entries(tables))('%s: the bytes add up to 0 and the length is their number', (signature, bytes) => {
    expect(sum(bytes)).toBe(0);
    expect(u32At(bytes, 4)).toBe(bytes.length);
    expect(hex(bytes.subarray(0, 4))).toBe(hex(new TextEncoder().encode(signature)));
    expect(hex(bytes.subarray(10, 16))).toBe(hex(new TextEncoder().encode('UNMASK')));
    expect(decodeTable(bytes).findings).toEqual([]);
  });

  it('the maker can be named, and an unused place is filled with spaces', () => {
    const bytes = encodeSdei({ header: { oemId: 'ME', oemTableId: 'MINE', oemRevision: 9, creatorId: 'X' } });
    expect(Buffer.from(bytes.subarray(10, 24)).toString('latin1')).toBe('ME    MINE    ');
    expect(decodeTable(bytes).value).toMatchObject({
      kind: 'SDEI',
      table: { header: { oemId: 'ME', oemTableId: 'MINE', oemRevision: 9, creatorId: 'X' } },
    });
  });

  it('a table of a signature that is not known keeps its contents as bytes', () => {
    const bytes = encodeTable({
      kind: 'unknown',
      table: { header: { ...decodeFadt(tables.FACP).value!.header, signature: 'WXYZ' }, contents: Uint8Array.of(1, 2) },
    });
    const { value, findings, tree } = decodeTable(bytes);
    expect(value).toMatchObject({ kind: 'unknown', table: { header: { signature: 'WXYZ' } } });
    expect(findings).toEqual([]);
    expect(tree.children?.at(-1)).toMatchObject({ name: 'contents', value: '01 02', offset: 36, sizeBytes: 2 });
    expect(isKnownTable(bytes)).toBe(false);
    expect(isTable(bytes)).toBe(true);
    expect(isTable(new TextEncoder().encode('TEXT that is only some text and no table'))).toBe(false);
  });

  it('bytes after the table are reported and kept', () => {
    const bytes = Uint8Array.from([...tables.BERT, 1, 2, 3]);
    const { value, findings } = decodeTable(bytes);
    expect(findings).toEqual([
      { offset: 48, rule: 'size of a table', found: '51 bytes', expected: '48, as its length says' },
    ]);
    expect(encodeTable(value!)).toEqual(bytes);
  });

  it('a table that ends within its fields is kept as bytes, and what can be read is in the tree', () => {
    const bytes = tables.FACP.slice(0, 100);
    const { value, findings, tree } = decodeTable(bytes);
    expect(value?.kind).toBe('unknown');
    expect(encodeTable(value!)).toEqual(bytes);
    expect(findings.map(({ rule }) => rule)).toEqual(['length', 'Fixed ACPI Description Table: length']);
    expect(names(tree)).toContain('c3LatencyUs');
    expect(names(tree)).not.toContain('flags');
  });

  it('fewer bytes than a header, and a length shorter than a header, are no table', () => {
    for (const size of [0, 1, 35]) expect(decodeTable(tables.BERT.slice(0, size)).value).toBeUndefined();
    const short = tables.BERT.slice();
    short[4] = 35;
    expect(decodeTable(short)).toMatchObject({ value: undefined, findings: [{ offset: 4, rule: 'length' }] });
  });

  it('any bytes at all: no exception, and a value encodes to the bytes it was read from', () => {
    const signatures = ['RSD PTR ', 'FACS', 'XSDT', 'FACP', 'APIC', 'GTDT', 'SPCR', 'DBG2', 'MCFG', 'PPTT', 'HEST'];
    const signature = fc.constantFrom(...signatures, 'BERT', 'ERST', 'EINJ', 'SDEI', 'AGDI', 'DSDT', 'ABCD');
    fc.assert(
      fc.property(signature, fc.uint8Array({ maxLength: 300 }), fc.boolean(), (start, rest, isRight) => {
        const bytes = Uint8Array.from([...new TextEncoder().encode(start), ...rest]);
        if (isRight && bytes.length >= 36) {
          new DataView(bytes.buffer).setUint32(4, bytes.length, true);
          bytes[9] = checksumOf(bytes, 9);
        }
        const { value, findings } = decodeTable(bytes);
        if (value === undefined) expect(findings).not.toEqual([]);
        else expect(hex(encodeTable(value))).toBe(hex(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('16 MiB of the smallest structures: bounded numbers of entries and findings, and nothing lost', () => {
    const bytes = new Uint8Array(16 << 20).fill(2);
    bytes.set(tables.APIC.subarray(0, 44));
    new DataView(bytes.buffer).setUint32(4, bytes.length, true);
    const { value, findings, tree } = decodeTable(bytes);
    expect(value?.kind === 'APIC' && value.table.entries.length).toBe(ENTRIES_MAX);
    expect(findings.length).toBeLessThanOrEqual(MAX_FINDINGS);
    expect(tree.children!.length).toBeLessThan(ENTRIES_MAX + 10);
    expect(Buffer.compare(encodeTable(value!), bytes)).toBe(0);
  });
});

describe('values that do not fit', () => {
  it.each<[string, () => unknown, string, RegExp]>([
    [
      'a number of 16 bits',
      () => encodeFadt({ sciInterrupt: 0x1_0000 }),
      'E_ACPI_RANGE',
      /sciInterrupt: 65536; .*0xffff/,
    ],
    ['half a number', () => encodeFadt({ flags: 0.5 }), 'E_ACPI_RANGE', /flags: 0\.5/],
    ['a negative number', () => encodeFadt({ flags: -1 }), 'E_ACPI_RANGE', /flags: -1/],
    ['an address of 65 bits', () => encodeXsdt({ addresses: [1n << 64n] }), 'E_ACPI_RANGE', /address 0/],
    ['an address of 33 bits in an RSDT', () => encodeRsdt({ addresses: [1n, 1n << 32n] }), 'E_ACPI_RANGE', /address 1/],
    ['text that is too long', () => encodeSdei({ header: { oemId: 'UNMASKED' } }), 'E_ACPI_TEXT', /oemId: "UNMASKED"/],
    ['text of wide characters', () => encodeSdei({ header: { oemId: '\u20ac' } }), 'E_ACPI_TEXT', /oemId/],
    ['another signature', () => encodeSdei({ header: { signature: 'HEST' } }), 'E_ACPI_TEXT', /'HEST'; .*'SDEI'/],
    ['a size below the least', () => encodeFadt({ sizeBytes: 100 }), 'E_ACPI_SIZE', /sizeBytes 100; .* 116/],
    ['a kind that there is not', () => encodeMadt({ entries: [{ kind: 'GICX' } as never] }), 'E_ACPI_KIND', /GICX/],
  ])('%s is refused with what was asked and what is taken', (_, encode, code, message) => {
    let caught: unknown;
    try {
      encode();
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(AcpiError);
    expect((caught as AcpiError).code).toBe(code);
    expect((caught as AcpiError).message).toMatch(message);
  });
});

describe('RSDP (ACPI 6.5, "Root System Description Pointer")', () => {
  const bytes = encodeRsdp({ xsdtAddress: 0x7c00_0b00n });

  it('has 36 bytes, revision 2 and both checksums', () => {
    expect(bytes.length).toBe(36);
    expect(bytes[15]).toBe(2);
    expect(u64At(bytes, 24)).toBe(0x7c00_0b00n);
    expect(sum(bytes.subarray(0, 20))).toBe(0);
    expect(sum(bytes)).toBe(0);
  });

  it('a change of byte 25 breaks only the extended checksum, one of byte 16 both', () => {
    const changed = (at: number) => bytes.map((byte, n) => (n === at ? byte ^ 1 : byte));
    expect(decodeRsdp(changed(25)).findings.map(({ rule }) => rule)).toEqual(['extended checksum']);
    expect(decodeRsdp(changed(16)).findings.map(({ rule }) => rule)).toEqual(['checksum', 'extended checksum']);
    for (const at of [16, 25]) expect(encodeRsdp(decodeRsdp(changed(at)).value!)).toEqual(changed(at));
  });

  it('of ACPI 1.0 it has 20 bytes and no XSDT', () => {
    const old = encodeRsdp({ revision: 0, rsdtAddress: 0x7c00_0000, sizeBytes: 20 });
    expect(old.length).toBe(20);
    expect(decodeRsdp(old)).toMatchObject({ value: { revision: 0, rsdtAddress: 0x7c00_0000 }, findings: [] });
    expect(decodeRsdp(old).value).not.toHaveProperty('xsdtAddress');
  });
});

describe('XSDT and RSDT', () => {
  it('number of addresses and length agree; what is no whole address is reported', () => {
    const bytes = encodeXsdt({ addresses: [1n, 2n, 0xffff_ffff_ffff_ffffn] });
    expect(bytes.length).toBe(36 + 3 * 8);
    expect(decodeXsdt(bytes).value?.addresses).toEqual([1n, 2n, 0xffff_ffff_ffff_ffffn]);
    const odd = encodeXsdt({ addresses: [1n], trailing: Uint8Array.of(1, 2, 3, 4) });
    expect(decodeXsdt(odd).findings).toMatchObject([
      { offset: 44, found: '4 bytes more', expected: 'a multiple of 8' },
    ]);
    expect(decodeRsdt(encodeRsdt({ addresses: [1n, 2n] })).value?.addresses).toEqual([1n, 2n]);
  });
});

describe('FADT (ACPI 6.5, "Fixed ACPI Description Table")', () => {
  it('has 276 bytes with the fields of a hardware-reduced Arm machine in their places', () => {
    const bytes = encodeFadt({ flags: 1 << 20, armBootFlags: 3, xDsdtAddress: 0x7c00_0100n });
    expect(bytes.length).toBe(276);
    expect([bytes[8], bytes[131]]).toEqual([6, 3]);
    expect(u32At(bytes, 112)).toBe(0x10_0000);
    expect(new DataView(bytes.buffer).getUint16(129, true)).toBe(3);
    expect(u64At(bytes, 140)).toBe(0x7c00_0100n);
    const { tree } = decodeFadt(bytes);
    const text = Object.fromEntries(tree.children!.map(({ name, value }) => [name, value]));
    expect(text.flags).toBe('0x100000 (HW_REDUCED_ACPI)');
    expect(text.armBootFlags).toBe('0x3 (PSCI_COMPLIANT, PSCI_USE_HVC)');
  });

  it.each([116, 132, 244, 268, 276, 280])(
    'of %i bytes has the fields that fit, and comes back the same',
    (sizeBytes) => {
      const bytes = encodeFadt({ sizeBytes, dsdtAddress: 0x1234, flags: 0x100 });
      expect(bytes.length).toBe(sizeBytes);
      const { value, findings } = decodeFadt(bytes);
      expect(findings).toEqual([]);
      expect('xDsdtAddress' in value!).toBe(sizeBytes >= 148);
      expect('sleepControlRegister' in value!).toBe(sizeBytes >= 256);
      expect('hypervisorVendorId' in value!).toBe(sizeBytes >= 276);
      expect(encodeFadt(value!)).toEqual(bytes);
    },
  );
});

describe('MADT (ACPI 6.5, "Multiple APIC Description Table")', () => {
  const gicc = { kind: 'GICC', cpuInterfaceNumber: 1, acpiProcessorUid: 1, flags: 1, mpidr: 0xff_00ff_ffffn } as const;

  it.each([76, 80, 82, 86])('a GICC of %i bytes has the fields that fit', (sizeBytes) => {
    const bytes = encodeMadt({ entries: [{ ...gicc, sizeBytes, speOverflowInterrupt: 21, trbeInterrupt: 18 }] });
    expect(bytes.length).toBe(44 + sizeBytes);
    expect([bytes[44], bytes[45]]).toEqual([11, sizeBytes]);
    expect(u64At(bytes, 44 + 68)).toBe(0xff_00ff_ffffn);
    const { value, findings } = decodeMadt(bytes);
    expect(findings).toEqual([]);
    const [entry] = value!.entries;
    expect(entry).toMatchObject({ kind: 'GICC', mpidr: 0xff_00ff_ffffn });
    expect('speOverflowInterrupt' in entry).toBe(sizeBytes >= 80);
    expect('trbeInterrupt' in entry).toBe(sizeBytes >= 82);
    expect(encodeMadt(value!)).toEqual(bytes);
  });

  it('a GICC of 72 bytes is reported and kept as bytes, and its neighbours are read', () => {
    const bytes = Uint8Array.from([11, 72, ...new Uint8Array(70)]);
    const { value, findings } = decodeMadt(encodeMadt({ entries: [gicc, { kind: 'unknown', type: 11, bytes }, gicc] }));
    expect(value?.entries.map(({ kind }) => kind)).toEqual(['GICC', 'unknown', 'GICC']);
    expect(findings).toMatchObject([{ offset: 124, rule: 'GIC CPU Interface (GICC) Structure: length', found: '72' }]);
  });

  it.each([
    ['length 0', [11, 0, 0, 0], 'at least 2'],
    ['length 1', [11, 1, 0, 0], 'at least 2'],
    ['a length beyond the table', [11, 80, 0, 0], 'at most the 4 bytes that are left'],
    ['half a head', [11], '2 bytes'],
  ])('a structure with %s ends the list without an endless loop', (_, tail, expected) => {
    const bytes = encodeMadt({ entries: [gicc], trailing: Uint8Array.from(tail) });
    const { value, findings } = decodeMadt(bytes);
    expect(value?.entries).toHaveLength(1);
    expect(findings).toMatchObject([{ offset: 124, expected }]);
    expect(encodeMadt(value!)).toEqual(bytes);
  });

  it('a structure of an unknown type is kept, without a finding', () => {
    const bytes = encodeMadt({ entries: [{ kind: 'unknown', type: 0x80, bytes: Uint8Array.of(0x80, 4, 1, 2) }, gicc] });
    const { value, findings } = decodeMadt(bytes);
    expect(findings).toEqual([]);
    expect(value?.entries[0]).toEqual({ kind: 'unknown', type: 0x80, bytes: Uint8Array.of(0x80, 4, 1, 2) });
  });
});

describe('GTDT (ACPI 6.5, "Generic Timer Description Table")', () => {
  const timers = { nonSecureEl1TimerGsiv: 30, virtualEl1TimerGsiv: 27 };
  const watchdog = { kind: 'watchdog', refreshFrameAddress: 1n, controlFrameAddress: 2n, timerGsiv: 59 } as const;

  it('of revision 2 has 96 bytes, of revision 3 104', () => {
    expect(encodeGtdt({ ...timers, header: { revision: 2 }, sizeBytes: 96 }).length).toBe(96);
    expect(encodeGtdt(timers).length).toBe(104);
  });

  it('platform timers lie where the table says', () => {
    const gap = new Uint8Array(8);
    const bytes = encodeGtdt({ ...timers, gap, platformTimers: [watchdog] });
    expect([u32At(bytes, 88), u32At(bytes, 92)]).toEqual([1, 112]);
    expect(decodeGtdt(bytes)).toMatchObject({ value: { gap, platformTimers: [watchdog] }, findings: [] });
  });

  it.each([0, 95, 103, 133, 0xffff_ffff])('an offset of platform timers of %i is reported, and survives', (offset) => {
    const bytes = encodeGtdt({ ...timers, platformTimerOffset: offset, platformTimers: [watchdog] });
    const { value, findings } = decodeGtdt(bytes);
    expect(findings).toMatchObject([{ offset: 92, rule: 'platform timer offset', found: `${offset}` }]);
    expect(value?.platformTimers).toMatchObject([watchdog]);
    expect(encodeGtdt(value!)).toEqual(bytes);
  });

  it('a number of frames that a GT block has no room for is reported', () => {
    const frame = { gtFrameNumber: 0, cntBaseAddress: 0x2a83_0000n };
    const block = {
      kind: 'GT block',
      cntCtlBaseAddress: 0x2a81_0000n,
      frames: [frame],
      timerCount: 0xffff_ffff,
    } as const;
    const bytes = encodeGtdt({ ...timers, platformTimers: [block] });
    const { value, findings } = decodeGtdt(bytes);
    expect(findings).toMatchObject([{ offset: 116, found: '4294967295' }]);
    expect(value?.platformTimers).toMatchObject([{ frames: [frame], timerCount: 0xffff_ffff }]);
    expect(encodeGtdt(value!)).toEqual(bytes);
  });
});

describe('SPCR', () => {
  const uart = { interfaceType: 3, baseAddress: memoryRegister(0x0900_0000n, 4), globalSystemInterrupt: 33 };

  it('has 80 bytes with base address, interrupt and baud rate in their places', () => {
    const bytes = encodeSpcr({ ...uart, interruptType: 8, baudRate: 7 });
    expect(bytes.length).toBe(80);
    expect(hex(bytes.subarray(40, 52))).toBe('002000030000000900000000');
    expect([bytes[36], bytes[52], u32At(bytes, 54), bytes[58]]).toEqual([3, 8, 33, 7]);
  });

  it('of revision 4 has the name of the UART', () => {
    const bytes = encodeSpcr({ ...uart, header: { revision: 4 }, namespaceString: '\\_SB.COM0' });
    expect(bytes.length).toBe(88 + 10);
    const { value, findings } = decodeSpcr(bytes);
    expect(findings).toEqual([]);
    expect(value).toMatchObject({ namespaceString: '\\_SB.COM0' });
    expect(encodeSpcr(value!)).toEqual(bytes);
  });
});

describe('BERT', () => {
  it('has 48 bytes; a region without room for a status block is reported', () => {
    const bytes = encodeBert({ bootErrorRegionLengthBytes: 19, bootErrorRegionAddress: 0x7c11_0000n });
    expect([bytes.length, u32At(bytes, 36), u64At(bytes, 40)]).toEqual([48, 19, 0x7c11_0000n]);
    expect(decodeBert(bytes).findings).toMatchObject([{ offset: 36, found: '19' }]);
  });
});

describe('ERST and EINJ: instruction entries', () => {
  const write = entry(ERST_ACTION.BEGIN_WRITE_OPERATION, INSTRUCTION.WRITE_REGISTER_VALUE, { value: 1n });

  it('an entry has 32 bytes in the order of the specification', () => {
    const bytes = encodeErst({ entries: [{ ...write, flags: 1 }] });
    expect(bytes.length).toBe(48 + 32);
    expect([u32At(bytes, 36), u32At(bytes, 44)]).toEqual([48, 1]);
    expect(hex(bytes.subarray(48))).toBe(
      `00030100${'0020000300'}${'00127c00000000'}${'0100000000000000'}ff00000000000000`,
    );
  });

  it.each([0, 11, 13, 47, 49])('a header size of %i is reported', (serializationHeaderSizeBytes) => {
    const { findings } = decodeErst(encodeErst({ serializationHeaderSizeBytes, entries: [write] }));
    expect(findings).toMatchObject([{ offset: 36, rule: 'serialization header size', expected: '12 or 48' }]);
    const einj = decodeEinj(encodeEinj({ injectionHeaderSizeBytes: serializationHeaderSizeBytes, entries: [write] }));
    expect(einj.findings).toMatchObject([{ offset: 36, rule: 'injection header size' }]);
  });

  it.each([12, 48])('a header size of %i is as it should be', (serializationHeaderSizeBytes) => {
    expect(decodeErst(encodeErst({ serializationHeaderSizeBytes, entries: [write] })).findings).toEqual([]);
  });

  it.each([0, 2, 0xffff_ffff])('a number of entries of %i where there is 1 is reported, and survives', (entryCount) => {
    const bytes = encodeErst({ entries: [write] });
    new DataView(bytes.buffer).setUint32(44, entryCount, true);
    bytes[9] = checksumOf(bytes, 9);
    const { value, findings } = decodeErst(bytes);
    expect(findings).toMatchObject([{ offset: 44, found: `${entryCount}` }]);
    expect(encodeErst(value!)).toEqual(bytes);
  });

  it('unknown instructions and actions are reported; which are known differs between the two tables', () => {
    const unknown = decodeErst(encodeErst({ entries: [entry(0, 19), entry(12, 0)] }));
    expect(unknown.findings.map(({ offset, rule }) => [offset, rule])).toEqual([
      [49, 'instruction'],
      [80, 'action'],
    ]);
    const load = entry(EINJ_ACTION.GET_ERROR_TYPE, INSTRUCTION.LOAD_VAR2);
    expect(decodeErst(encodeErst({ entries: [load] })).findings).toEqual([]);
    expect(decodeEinj(encodeEinj({ entries: [load] })).findings).toMatchObject([{ offset: 49, rule: 'instruction' }]);
  });

  it('the register of a NOOP is not looked at, that of every other instruction is', () => {
    const registerRegion = { spaceId: 2, bitWidth: 32, accessSize: 3, address: 0x1000n };
    const noop = entry(0, INSTRUCTION.NOOP, { registerRegion });
    expect(decodeErst(encodeErst({ entries: [noop] })).findings).toEqual([]);
    const read = entry(0, INSTRUCTION.READ_REGISTER, { registerRegion });
    expect(decodeErst(encodeErst({ entries: [read] })).findings).toMatchObject([{ offset: 52, found: '2' }]);
  });
});

describe('trigger tables (ACPI 6.5, "Trigger Action Table")', () => {
  const trigger = entry(EINJ_ACTION.TRIGGER_ERROR, INSTRUCTION.READ_REGISTER);
  const one = encodeTriggerTable({ entries: [trigger] });
  const rulesWith = (at: number, value: number): string[] => {
    const bytes = one.slice();
    new DataView(bytes.buffer).setUint32(at, value, true);
    const { value: table, findings } = decodeTriggerTable(bytes);
    expect(encodeTriggerTable(table!)).toEqual(bytes);
    return findings.map(({ rule }) => rule);
  };

  it('has 16 bytes before its entries; without entries there is nothing to do', () => {
    expect([one.length, u32At(one, 0), u32At(one, 8), u32At(one, 12)]).toEqual([48, 16, 48, 1]);
    expect(decodeTriggerTable(one).findings).toEqual([]);
    const none = encodeTriggerTable({ entries: [] });
    expect(decodeTriggerTable(none)).toMatchObject({ value: { entries: [] }, findings: [] });
  });

  it('sizes and numbers that do not fit are reported, and survive', () => {
    expect(rulesWith(0, 15)).toEqual(['header size']);
    expect(rulesWith(0, 17)).toEqual(['header size']);
    expect(rulesWith(8, 15)).toContain('size of a trigger table');
    expect(rulesWith(8, 4096 + 32)).toContain('size of a trigger table');
    expect(rulesWith(12, 2)).toEqual(['Injection Instruction Entry: number']);
    expect(rulesWith(12, 0)).toEqual(['Injection Instruction Entry: number']);
  });

  it('an entry of another action is reported', () => {
    const wrong = encodeTriggerTable({ entries: [trigger, entry(EINJ_ACTION.SET_ERROR_TYPE, 0)] });
    expect(decodeTriggerTable(wrong).findings).toMatchObject([{ offset: 48, rule: 'action of a trigger table' }]);
  });
});
