import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noon, pstoreRecord } from '../../../test/tables/cper-samples.ts';
import { NOTIFICATION_TYPE, readGuid, SECTION_TYPE, writeGuid } from './guid.ts';
import { type CperRecord, decodeRecord, describeRecord, encodeRecord } from './record.ts';
import { decodeTime, encodeTime, showTime } from './timestamp.ts';

function decoded(bytes: Uint8Array): { value: CperRecord; rules: string[] } {
  const { value, findings } = decodeRecord(bytes);
  expect(value).toBeDefined();
  expect(Buffer.compare(encodeRecord(value as CperRecord), bytes)).toBe(0);
  return { value: value as CperRecord, rules: findings.map(({ rule }) => rule) };
}

const memory = { section: { kind: 'memory', fields: { physicalAddress: 0x1000n } } } as const;
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function poked(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  view(copy).setUint32(at, value, true);
  return copy;
}

describe('an error record', () => {
  it("has the layout that Linux's pstore writes: unaligned signature end, data at 200", () => {
    const bytes = pstoreRecord();
    expect(Buffer.from(bytes.subarray(0, 24)).toString('hex')).toBe(
      '4350455200 01ffffffff0100010000000000000 0ea000000'.replaceAll(' ', ''),
    );
    expect(view(bytes).getUint32(128, true)).toBe(200);
    expect(decoded(bytes)).toMatchObject({ rules: [], value: { recordId: 0x2_0000_0001n, flags: 2 } });
  });

  it('with several sections puts one after the other', () => {
    const bytes = encodeRecord({
      sections: [memory, { ...memory, fruText: 'here' }],
      recordId: 5n,
      timestamp: noon(1),
    });
    const { value, rules } = decoded(bytes);
    expect([bytes.length, rules, value.background]).toEqual([128 + 144 + 160, [], undefined]);
    expect(value.sections[1]).toMatchObject({ fruText: 'here', section: { fields: { physicalAddress: 0x1000n } } });
  });

  it('is printed with names, and where each section lies', () => {
    const tree = describeRecord(decoded(pstoreRecord()).value);
    const text = JSON.stringify(tree);
    expect(text).toContain('Linux pstore');
    expect(text).toContain(`${NOTIFICATION_TYPE.MCE} (MCE)`);
    const section = tree.children?.at(-1)?.children?.at(-1);
    expect(section).toMatchObject({ name: 'Section', offset: 200, sizeBytes: 34 });
  });

  it('followed by other bytes, as a store fills its slots, keeps them apart', () => {
    const { value, rules } = decoded(Uint8Array.from([...pstoreRecord(), 0xff, 0xff]));
    expect([rules, value.trailing]).toEqual([[], Uint8Array.of(0xff, 0xff)]);
  });

  it('whose sections lie apart, in another order, or overlap, survives', () => {
    const apart = encodeRecord({
      sections: [
        { ...memory, sectionOffset: 400 },
        { ...memory, sectionOffset: 272 },
      ],
    });
    expect(decoded(apart).rules).toEqual([]);
    const over = encodeRecord({ sections: [memory, { ...memory, sectionOffset: 300 }] });
    expect(decoded(over).value.background).toBeDefined();
  });

  it("seconds since 1970 in Linux's own records are no mistake; in others they are", () => {
    const times = { validationBits: 2, timestamp: 2n };
    expect(decoded(encodeRecord({ creatorId: '75a574e3-5052-4b29-8a8e-be2c6490b89d', ...times })).rules).toEqual([]);
    expect(decoded(encodeRecord(times)).rules).toEqual(['Timestamp is a time in BCD']);
  });
});

describe('a malformed record', () => {
  const good = encodeRecord({ sections: [memory] });

  it.each([
    ['another signature', poked(good, 0, 0x41414141)],
    ['too few bytes', good.subarray(0, 127)],
  ])('with %s is none', (_name, bytes) => {
    const { value, findings } = decodeRecord(bytes);
    expect([value, findings.length]).toEqual([undefined, 1]);
  });

  it.each([
    ['signature end', poked(good, 6, 0x1_0000), 'Signature End'],
    ['severity', poked(good, 12, 9), 'Error Severity of a record'],
    ['length below the header', poked(good, 20, 127), 'Record Length covers the header'],
    ['length beyond the bytes', poked(good, 20, 0xffff_ffff), 'Record Length lies within the bytes'],
    ['section count', poked(good, 8, 0xffff_ffff), 'the record has room for Section Count descriptors'],
    ['section in the header', poked(good, 128, 4), 'a section lies after the descriptors'],
    ['section far away', poked(good, 128, 0xffff_fff0), 'a section lies within the record'],
    ['section too long', poked(good, 132, 0xffff_ffff), 'a section lies within the record'],
    ['section severity', poked(good, 176, 4), 'Section Severity'],
    ['section too short', poked(good, 132, 10), /length of a section of type platform memory error/],
  ])('wrong %s is reported', (_name, bytes, rule) => {
    expect(decoded(bytes).rules).toContainEqual(expect.stringMatching(rule));
  });

  it('of many sections that all are the whole record stays small', () => {
    const bytes = new Uint8Array(128 + 500 * 72);
    bytes.set(good.subarray(0, 128));
    view(bytes).setUint16(10, 500, true);
    view(bytes).setUint32(20, bytes.length, true);
    for (let n = 0; n < 500; n++) view(bytes).setUint32(128 + n * 72 + 4, bytes.length, true);
    const sizes = decoded(bytes).value.sections.map(({ section }) =>
      section.kind === 'bytes' ? section.bytes.length : 0,
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(4 * bytes.length);
  });
});

describe('GUIDs and times', () => {
  it('a GUID has its first three groups in little-endian order', () => {
    const bytes = new Uint8Array(16);
    writeGuid(bytes, 0, SECTION_TYPE.memory);
    expect(Buffer.from(bytes).toString('hex')).toBe('1411bca5646fde4eb8633e83ed7c83b1');
    expect(readGuid(bytes, 0)).toBe(SECTION_TYPE.memory);
  });

  it('any time survives; what is none is shown as such', () => {
    const part = (min: number, max: number) => fc.integer({ min, max });
    const time = fc.record({
      year: part(0, 9999),
      month: part(1, 12),
      day: part(1, 31),
      hours: part(0, 23),
      minutes: part(0, 59),
      seconds: part(0, 59),
      precise: fc.boolean(),
    });
    fc.assert(fc.property(time, (given) => void expect(decodeTime(encodeTime(given))).toEqual(given)));
    expect(showTime(noon(56))).toBe('2026-11-20 12:34:56');
    expect(showTime(noon(56) & ~(1n << 24n))).toBe('2026-11-20 12:34:56 (imprecise)');
    expect(decodeTime(noon(56) | 0xf000_0000n)).not.toBeUndefined();
    expect(decodeTime(noon(56) | 0xf0n)).toBeUndefined();
  });
});
