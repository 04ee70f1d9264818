import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { armBlock, everyKindBlock, memoryBlock, noon } from '../../../test/tables/cper-samples.ts';
import { decodeStatusBlock, describeStatusBlock, type ErrorStatusBlock, encodeStatusBlock } from './block.ts';
import { SECTION_TYPE } from './guid.ts';
import { decodeErrorRegion, encodeErrorRegion } from './region.ts';

/** A copy with a little-endian number written over it. */
function poked(bytes: Uint8Array, at: number, value: number, sizeBytes = 4): Uint8Array {
  const copy = bytes.slice();
  for (let i = 0; i < sizeBytes; i++) copy[at + i] = Math.floor(value / 256 ** i) & 0xff;
  return copy;
}

/** Decodes and checks that nothing was lost. */
function decoded(bytes: Uint8Array): { value: ErrorStatusBlock; rules: string[] } {
  const { value, findings } = decodeStatusBlock(bytes);
  expect(value).toBeDefined();
  expect(Buffer.compare(encodeStatusBlock(value as ErrorStatusBlock), bytes)).toBe(0);
  return { value: value as ErrorStatusBlock, rules: findings.map(({ rule }) => rule) };
}

/** Names and values of a block's fields, in order. */
function shown(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  const walk = (node: ReturnType<typeof describeStatusBlock>): void => {
    lines.push(`${node.name}: ${node.value ?? ''}`);
    node.children?.forEach(walk);
  };
  walk(describeStatusBlock(decoded(bytes).value));
  return lines;
}

const [STATUS, RAW_OFFSET, RAW_LENGTH, DATA_LENGTH, SEVERITY, ENTRY] = [0, 4, 8, 12, 16, 20];

describe('a generic error status block', () => {
  it('has the bytes that a Linux kernel reported as a recoverable multi-bit error at 0x48001000', () => {
    const words = [
      '11000000 00000000 00000000 98000000 00000000 1411bca5646fde4eb8633e83ed7c83b1 00000000 0003 04 01 50000000',
      '00'.repeat(36),
      '5634120120112620 0740000000000000 0004000000000000 0010004800000000 00f0ffffffffffff',
      '00'.repeat(40),
      '03 00 0000 0000 0000',
    ];
    expect(Buffer.from(memoryBlock()).toString('hex')).toBe(words.join('').replaceAll(' ', ''));
    expect(decoded(memoryBlock()).rules).toEqual([]);
  });

  it('prints fields by name, addresses in hexadecimal, only what is valid', () => {
    expect(shown(memoryBlock())).toEqual([
      'Generic Error Status Block: recoverable',
      'Block Status: 0x00000011 (uncorrectable error valid; entries: 1)',
      'Data Length: 152',
      'Error Severity: 0 (recoverable)',
      'Generic Error Data Entry 0: platform memory error, recoverable',
      `Section Type: ${SECTION_TYPE.memory} (platform memory error)`,
      'Error Severity: 0 (recoverable)',
      'Revision: 0x0300',
      'Validation Bits: 0x04 (Timestamp)',
      'Flags: 0x01 (primary)',
      'Error Data Length: 80',
      'Timestamp: 2026-11-20 12:34:56',
      'Section: ',
      'Validation Bits: 0x0000000000004007',
      'Error Status: 0x0000000000000400 (storage error in DRAM memory)',
      'Physical Address: 0x0000000048001000',
      'Physical Address Mask: 0xfffffffffffff000',
      'Memory Error Type: 3 (multi-bit ECC)',
    ]);
  });

  it('with an entry of every kind, both header sizes and raw data decodes to what was encoded', () => {
    const { value, rules } = decoded(everyKindBlock());
    expect(rules).toEqual([]);
    expect(value.entries.map(({ section }) => section.kind)).toEqual([
      'memory',
      'memory2',
      'genericProcessor',
      'pcie',
      'firmwareReference',
      'bytes',
      'armProcessor',
    ]);
    expect(value.rawData).toEqual(Uint8Array.of(0xaa, 0xbb));
    expect(value.entries[1]).toMatchObject({ revision: 0x0201, section: { fields: { row: 70_000, rank: 1 } } });
    expect(value.declared).toBeUndefined();
  });

  it('status and severity follow from the entries: gravest severity, counts, multiple errors', () => {
    const memory = { kind: 'memory', fields: {} } as const;
    const of = (...severities: number[]) =>
      decoded(encodeStatusBlock({ entries: severities.map((errorSeverity) => ({ errorSeverity, section: memory })) }))
        .value;
    expect(of(2)).toMatchObject({ errorSeverity: 2, blockStatus: 0x12 });
    expect(of(2, 2, 0)).toMatchObject({ errorSeverity: 0, blockStatus: 0x3b });
    expect(of(0, 1)).toMatchObject({ errorSeverity: 1, blockStatus: 0x25 });
    expect(of(3)).toMatchObject({ errorSeverity: 3, blockStatus: 0x10 });
  });

  it('any values of a memory error survive', () => {
    const u16 = fc.integer({ min: 0, max: 0xffff });
    const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const fields = fc.record({ validationBits: u64, physicalAddress: u64, row: u16, moduleHandle: u16 });
    fc.assert(
      fc.property(fields, fc.string({ maxLength: 20, unit: 'binary-ascii' }), (given, fruText) => {
        const bytes = encodeStatusBlock({ entries: [{ fruText, section: { kind: 'memory', fields: given } }] });
        const { entries } = decoded(bytes).value;
        expect(entries[0]).toMatchObject({ fruText: fruText.replace(/\0+$/, ''), section: { fields: given } });
      }),
    );
  });

  it('any bytes either make no block or encode to themselves', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const { value } = decodeStatusBlock(bytes);
        expect(value === undefined ? bytes.length : encodeStatusBlock(value)).toEqual(value ? bytes : bytes.length);
        if (value === undefined) expect(bytes.length).toBeLessThan(20);
      }),
    );
  });

  it('a value that does not fit its field is refused by name', () => {
    const bad = { entries: [{ section: { kind: 'memory', fields: { node: 70_000 } } }] } as const;
    expect(() => encodeStatusBlock(bad)).toThrow(
      /Platform Memory Error Section: Node is 70000; it takes .* 0 to 0xffff/,
    );
    const noGuid = { entries: [{ sectionType: 'x', section: { kind: 'bytes', bytes: new Uint8Array(0) } }] } as const;
    expect(() => encodeStatusBlock(noGuid)).toThrow(/'x' is no GUID/);
  });
});

describe('a malformed status block', () => {
  it('status 0 with garbage after it: no error, nothing else is looked at', () => {
    const { value, rules } = decoded(poked(memoryBlock(), STATUS, 0));
    expect([value.entries.length, rules.length]).toEqual([0, 0]);
  });

  it('no data but a status: an empty record', () => {
    const { value, rules } = decoded(encodeStatusBlock({ blockStatus: 1, errorSeverity: 0 }));
    expect([value.entries.length, rules]).toEqual([0, []]);
  });

  it('Data Length 63 has no room for an entry; 64 has for the old header but not for the new one', () => {
    const short = memoryBlock();
    expect(decoded(poked(short, DATA_LENGTH, 63)).rules).toContain('Data Length has room for an entry');
    expect(decoded(poked(short, DATA_LENGTH, 64)).rules).toContain('an entry has room for its header');
    const section = { kind: 'bytes', bytes: new Uint8Array(0) } as const;
    const old = encodeStatusBlock({
      entries: [{ revision: 0x0201, sectionType: SECTION_TYPE.pcie.replace('d', 'e'), section }],
    });
    expect([old.length, ...decoded(old).rules]).toEqual([84]);
  });

  it.each([-1, 1])('Data Length off by %d does not match the entries', (by) => {
    const bytes = Uint8Array.from([...memoryBlock(), 0, 0, 0, 0]);
    expect(decoded(poked(bytes, DATA_LENGTH, 152 + by)).rules).not.toEqual([]);
  });

  it('Error Data Length 0xffffffff does not wrap around', () => {
    const { value, rules } = decoded(poked(memoryBlock(), ENTRY + 24, 0xffff_ffff));
    expect(rules).toEqual(['Error Data Length lies within Data Length of the block']);
    expect(value.entries[0]).toMatchObject({ declared: { errorDataLength: 0xffff_ffff }, section: { kind: 'memory' } });
  });

  it('Data Length 0xffffffff is a truncated block', () => {
    const { value, rules } = decoded(poked(memoryBlock(), DATA_LENGTH, 0xffff_ffff));
    expect(rules).toContain('Data Length lies within the bytes');
    expect(value.entries).toHaveLength(1);
  });

  it('raw data whose offset and length wrap past 2^32 are refused', () => {
    const bytes = poked(poked(memoryBlock(), RAW_OFFSET, 0xffff_fff0), RAW_LENGTH, 0x20);
    expect(decoded(bytes).rules).toEqual(['raw data lie within the bytes']);
  });

  it('raw data that overlap the entries are refused; right after them they are good', () => {
    const bytes = poked(Uint8Array.from([...memoryBlock(), 1, 2]), RAW_LENGTH, 2);
    expect(decoded(poked(bytes, RAW_OFFSET, 171)).rules).toEqual(['raw data lie after the entries']);
    expect(decoded(poked(bytes, RAW_OFFSET, 172))).toMatchObject({
      rules: [],
      value: { rawData: Uint8Array.of(1, 2) },
    });
  });

  it('a block of 65536 bytes is read whole', () => {
    const section = { kind: 'bytes', bytes: new Uint8Array(65536 - 20 - 72).fill(7) } as const;
    const bytes = encodeStatusBlock({ entries: [{ sectionType: '00000000-0000-0000-0000-000000000001', section }] });
    expect([bytes.length, decoded(bytes).rules]).toEqual([65536, []]);
  });

  it.each([
    [0x0201, 64],
    [0x02ff, 64],
    [0x0300, 72],
    [0x0301, 72],
    [0x0400, 72],
  ])('revision %i: the high byte alone selects a header of %d bytes', (revision, headerBytes) => {
    const bytes = encodeStatusBlock({ entries: [{ revision, section: { kind: 'memory', fields: {} } }] });
    expect([bytes.length, decoded(bytes).rules]).toEqual([20 + headerBytes + 80, []]);
  });

  it('an entry count that disagrees: the entries count, the mismatch is reported', () => {
    const { value, rules } = decoded(poked(memoryBlock(), STATUS, 0x51));
    expect([value.entries.length, rules]).toEqual([1, ['Error Data Entry Count of Block Status']]);
  });

  it('FRU text of 20 bytes without NUL is printed without the byte after it; control characters are escaped', () => {
    const fruText = `0123456789012345678\x1b`;
    const bytes = encodeStatusBlock({
      entries: [{ fruText, timestamp: noon(0), section: { kind: 'memory', fields: {} } }],
    });
    expect(shown(bytes)).toContain('FRU Text: 0123456789012345678\\x1b');
  });

  it('a section of an unknown type, even all zero, is bytes; its neighbours are decoded', () => {
    const memory = { section: { kind: 'memory', fields: { physicalAddress: 1n } } } as const;
    const sectionType = '00000000-0000-0000-0000-000000000000';
    const unknown = { sectionType, section: { kind: 'bytes', bytes: Uint8Array.of(9) } } as const;
    const { value, rules } = decoded(encodeStatusBlock({ entries: [memory, unknown, memory] }));
    expect(value.entries.map(({ section }) => section.kind)).toEqual(['memory', 'bytes', 'memory']);
    expect(rules).toEqual([]);
  });

  it.each([4, 0xffff_ffff])('severity %d is reported, in the block and in the entry', (severity) => {
    expect(decoded(poked(memoryBlock(), SEVERITY, severity)).rules).toEqual(['Error Severity of a block']);
    expect(decoded(poked(memoryBlock(), ENTRY + 16, severity)).rules).toEqual(['Error Severity of an entry']);
  });

  it('a timestamp with other than decimal digits is shown as invalid; without its validation bit not at all', () => {
    const bad = poked(memoryBlock(), ENTRY + 64, 0x5a, 1);
    expect(decoded(bad).rules).toEqual(['Timestamp is a time in BCD']);
    expect(shown(bad)).toContain('Timestamp: 0x202611200112345a (invalid: seconds 0x5a)');
    const clear = poked(bad, ENTRY + 22, 0, 1);
    expect([decoded(clear).rules, shown(clear).filter((line) => line.startsWith('Timestamp'))]).toEqual([[], []]);
  });

  it('cut anywhere it says so, and never by an exception', () => {
    const whole = everyKindBlock();
    for (let size = 0; size < whole.length; size++) {
      const { value, findings } = decodeStatusBlock(whole.subarray(0, size));
      expect(findings.length, `cut to ${size} bytes`).toBeGreaterThan(0);
      if (value !== undefined) expect(Buffer.compare(encodeStatusBlock(value), whole.subarray(0, size))).toBe(0);
    }
  });
});

describe('a boot error region', () => {
  it('holds blocks back to back, then zeros', () => {
    const bytes = Uint8Array.from([...memoryBlock(), ...armBlock(), ...new Uint8Array(100)]);
    const { value, findings } = decodeErrorRegion(bytes);
    expect(findings).toEqual([]);
    expect(value?.blocks.map(({ entries }) => entries[0].section.kind)).toEqual(['memory', 'armProcessor']);
    expect(value && encodeErrorRegion(value)).toEqual(bytes);
  });

  it('whose second block is truncated: the first is decoded, the second reported with its place', () => {
    const bytes = Uint8Array.from([...memoryBlock(), ...armBlock().subarray(0, 100)]);
    const { value, findings } = decodeErrorRegion(bytes);
    expect(value?.blocks).toHaveLength(2);
    expect(findings[0]).toMatchObject({ offset: 172 + 12, rule: 'Data Length lies within the bytes' });
  });
});
