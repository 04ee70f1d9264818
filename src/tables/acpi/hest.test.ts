import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../finding.ts';
import { type GasInput, memoryRegister } from './gas.ts';
import { decodeHest, encodeHest, type HestInput } from './hest.ts';
import type { HestSourceInput } from './hest-sources.ts';
import { NOTIFICATION } from './notification.ts';
import { checksumOf } from './table.ts';

const ghes = (sourceId: number, more: object = {}): HestSourceInput => ({
  kind: 'GHES',
  sourceId,
  errorStatusAddress: memoryRegister(0x7c10_0000n, 8),
  notification: { type: NOTIFICATION.polled, pollIntervalMs: 500 },
  errorStatusBlockLengthBytes: 4096,
  ...more,
});

const ghesV2 = (sourceId: number): HestSourceInput => ({
  ...(ghes(sourceId) as Extract<HestSourceInput, { kind: 'GHES' }>),
  kind: 'GHESv2',
  notification: { type: NOTIFICATION.SDEI, vector: 804 },
  readAckRegister: memoryRegister(0x7c10_0008n, 8),
  readAckPreserve: 0xffff_ffff_ffff_fffen,
  readAckWrite: 1n,
});

const rules = (findings: readonly Finding[]): string[] => findings.map(({ rule }) => rule);
/** Changed bytes with the checksum made right again. */
function patched(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  change(new DataView(copy.buffer));
  copy[9] = checksumOf(copy, 9);
  return copy;
}
const cut = (bytes: Uint8Array, sizeBytes: number): Uint8Array =>
  patched(bytes.slice(0, sizeBytes), (view) => void view.setUint32(4, sizeBytes, true));
const again = (bytes: Uint8Array): Uint8Array => encodeHest(decodeHest(bytes).value!);

describe('HEST (ACPI 6.5, "ACPI Error Source")', () => {
  it('one GHESv2 notified by SDEI event 804 is laid out as the specification says', () => {
    const bytes = encodeHest({ sources: [{ ...ghesV2(1), errorStatusBlockLengthBytes: 0x1000 } as HestSourceInput] });
    const hex = Buffer.from(bytes.subarray(36)).toString('hex');
    const block = '00400004' + '0000107c00000000';
    const notification = `0b1c0000${'00000000'}24030000${'00000000'.repeat(4)}`;
    const ack = `00400004${'0800107c00000000'}feffffffffffffff${'0100000000000000'}`;
    expect(hex).toBe(`01000000${'0a000100ffff0001'}${'0100000001000000'}00000000${block}${notification}00100000${ack}`);
    expect(bytes.length).toBe(132);
  });

  it('sources of versions 1 and 2 have 64 and 92 bytes and end where the table ends', () => {
    const bytes = encodeHest({ sources: [ghes(1), ghesV2(2), ghes(3)] });
    expect(bytes.length).toBe(40 + 64 + 92 + 64);
    const { tree, findings } = decodeHest(bytes);
    expect(findings).toEqual([]);
    const sources = tree.children!.slice(2);
    expect(sources.map(({ offset, sizeBytes }) => [offset, sizeBytes])).toEqual([
      [40, 64],
      [104, 92],
      [196, 64],
    ]);
  });

  it('a number of sources that is too large is reported, and what is there is read', () => {
    const bytes = encodeHest({ sources: [ghes(1)], sourceCount: 2 });
    const { value, findings } = decodeHest(bytes);
    expect(value?.sources).toHaveLength(1);
    expect(findings).toEqual([
      { offset: 36, rule: 'number of error sources', found: '2', expected: '1, which could be read' },
    ]);
    expect(again(bytes)).toEqual(bytes);
  });

  it('a number of sources that is too small leaves the others alone, without a finding', () => {
    const bytes = encodeHest({ sources: [ghes(1), ghes(2)], sourceCount: 1 });
    const { value, findings } = decodeHest(bytes);
    expect(value?.sources).toHaveLength(1);
    expect(value?.trailing).toHaveLength(64);
    expect(findings).toEqual([]);
    expect(again(bytes)).toEqual(bytes);
  });

  it.each([3, 4, 5, 12, 0xffff])('nothing is read behind a source of type %i; what comes before is', (type) => {
    const bytes = patched(encodeHest({ sources: [ghes(1), ghes(2)] }), (view) => void view.setUint16(104, type, true));
    const { value, findings } = decodeHest(bytes);
    expect(value?.sources).toMatchObject([{ kind: 'GHES', sourceId: 1 }]);
    expect(findings.find(({ offset }) => offset === 104)).toMatchObject({
      rule: 'error source: type',
      found: `${type}`,
    });
    expect(again(bytes)).toEqual(bytes);
    const first = patched(bytes, (view) => void view.setUint16(40, type, true));
    expect(decodeHest(first).value?.sources).toEqual([]);
    expect(again(first)).toEqual(first);
  });

  it('two sources that are enabled must not have one number; a disabled one may have any', () => {
    const twice = decodeHest(encodeHest({ sources: [ghes(1), ghesV2(1)] }));
    expect(twice.findings).toMatchObject([{ offset: 106, rule: 'source id', found: '1, as of source 0' }]);
    expect(decodeHest(encodeHest({ sources: [ghes(1), ghes(1, { enabled: 0 })] })).findings).toEqual([]);
    expect(decodeHest(encodeHest({ sources: [ghes(1), ghes(2)] })).findings).toEqual([]);
  });

  it('a length shorter than the fields of the table is refused, one longer than the bytes is reported', () => {
    const bytes = encodeHest({ sources: [ghes(1)] });
    for (const sizeBytes of [36, 39]) {
      const short = decodeHest(cut(bytes, sizeBytes));
      expect(short.value).toBeUndefined();
      expect(short.findings).toMatchObject([{ offset: 4 }]);
    }
    const none = decodeHest(cut(bytes, 40));
    expect(none.value?.sources).toEqual([]);
    const long = patched(bytes, (view) => void view.setUint32(4, bytes.length + 1, true));
    expect(decodeHest(long).findings).toMatchObject([{ offset: 4, rule: 'length', found: `${bytes.length + 1}` }]);
    expect(again(long)).toEqual(long);
  });

  it('a wrong checksum is reported, and the table is read', () => {
    const bytes = encodeHest({ sources: [ghes(1)] });
    bytes[9] ^= 1;
    const { value, findings } = decodeHest(bytes);
    expect(rules(findings)).toEqual(['checksum']);
    expect(value?.sources).toHaveLength(1);
    expect(again(bytes)).toEqual(bytes);
  });

  it.each([
    ['IA-32 machine check', 40],
    ['IA-32 corrected machine check', 48],
    ['IA-32 deferred machine check', 48],
  ] as const)(
    '255 banks of a source "%s" have 28 bytes each, and are not looked for beyond the table',
    (kind, fixed) => {
      const banks = Array.from({ length: 255 }, (_, bankNumber) => ({ bankNumber }));
      const source = { kind, sourceId: 0, notification: { type: NOTIFICATION.CMCI }, banks } as HestSourceInput;
      const bytes = encodeHest({ sources: [source] });
      expect(bytes.length).toBe(40 + fixed + 255 * 28);
      const { value, findings } = decodeHest(bytes);
      expect(findings).toEqual([]);
      expect(value?.sources).toMatchObject([{ kind, banks }]);
      const short = cut(bytes, bytes.length - 1);
      expect(decodeHest(short).value?.sources).toEqual([]);
      expect(rules(decodeHest(short).findings)).toContain('error source: length');
      expect(again(short)).toEqual(short);
    },
  );

  it('a notification structure that says another length is taken and reported', () => {
    const bytes = encodeHest({ sources: [ghes(1, { notification: { type: 0, length: 27 } })] });
    const { value, findings } = decodeHest(bytes);
    expect(findings).toEqual([
      { offset: 73, rule: 'length of a notification structure', found: '27 (0x1b)', expected: '28' },
    ]);
    expect(value?.sources).toMatchObject([{ notification: { length: 27 } }]);
    expect(again(bytes)).toEqual(bytes);
  });

  const good: GasInput = { bitWidth: 64, accessSize: 4, address: 0x7c10_0000n };
  it.each<[string, GasInput, string[]]>([
    ['no address', { ...good, address: 0n }, ['register address']],
    ['access size 0', { ...good, accessSize: 0 }, ['register access size']],
    ['access size 5', { ...good, accessSize: 5 }, ['register access size']],
    ['bits beyond the access', { ...good, bitOffset: 1 }, ['register width and offset']],
    ['another space than memory and I/O', { ...good, spaceId: 2 }, ['register address space']],
    ['an access narrower than 64 aligned bits', { ...good, accessSize: 3 }, []],
    ['an access narrower than 32 aligned bits', { ...good, bitWidth: 32, accessSize: 1 }, []],
    [
      'an access narrower than 64 bits that are not aligned',
      { ...good, accessSize: 3, address: 0x7c10_0004n },
      ['register width and offset'],
    ],
    ['24 bits by an access of 16', { ...good, bitWidth: 24, accessSize: 2 }, ['register width and offset']],
    ['I/O space', { ...good, spaceId: 1 }, []],
  ])('error status address: %s', (_, errorStatusAddress, expected) => {
    const bytes = encodeHest({ sources: [ghes(1, { errorStatusAddress })] });
    expect(rules(decodeHest(bytes).findings)).toEqual(expected);
    const off = encodeHest({ sources: [ghes(1, { errorStatusAddress, enabled: 0 })] });
    expect(decodeHest(off).findings).toEqual([]);
  });

  it('an error status block needs room for its header', () => {
    const at = (sizeBytes: number) =>
      decodeHest(encodeHest({ sources: [ghes(1, { errorStatusBlockLengthBytes: sizeBytes })] }));
    expect(rules(at(19).findings)).toEqual(['length of the error status block']);
    expect(at(20).findings).toEqual([]);
  });

  it('values of every kind of source come back as they were given', () => {
    const u32 = fc.nat(0xffff_ffff);
    const u64 = fc.bigInt(0n, (1n << 64n) - 1n);
    const gas = fc.record({
      spaceId: fc.nat(255),
      bitWidth: fc.nat(255),
      bitOffset: fc.nat(255),
      accessSize: fc.nat(255),
      address: u64,
    });
    const common = {
      sourceId: fc.nat(0xffff),
      enabled: fc.nat(1),
      recordsToPreallocate: u32,
      maxSectionsPerRecord: u32,
    };
    const notification = fc.record({
      type: fc.nat(255),
      length: fc.nat(255),
      configurationWriteEnable: fc.nat(0xffff),
      pollIntervalMs: u32,
      vector: u32,
      switchToPollingThresholdValue: u32,
      switchToPollingThresholdWindowMs: u32,
      errorThresholdValue: u32,
      errorThresholdWindowMs: u32,
    });
    const generic = {
      ...common,
      relatedSourceId: fc.nat(0xffff),
      flags: fc.nat(255),
      maxRawDataLengthBytes: u32,
      errorStatusAddress: gas,
      notification,
      errorStatusBlockLengthBytes: u32,
    };
    const bank = fc.record({
      bankNumber: fc.nat(255),
      clearStatusOnInitialization: fc.nat(255),
      statusDataFormat: fc.nat(255),
      controlRegister: u32,
      controlInitData: u64,
      statusRegister: u32,
      addressRegister: u32,
      miscRegister: u32,
    });
    const source = fc.oneof(
      fc.record({ kind: fc.constant('GHES' as const), ...generic }),
      fc.record({
        kind: fc.constant('GHESv2' as const),
        ...generic,
        readAckRegister: gas,
        readAckPreserve: u64,
        readAckWrite: u64,
      }),
      fc.record({
        kind: fc.constant('IA-32 corrected machine check' as const),
        ...common,
        flags: fc.nat(255),
        notification,
        banks: fc.array(bank, { maxLength: 4 }),
      }),
      fc.record({
        kind: fc.constant('IA-32 NMI' as const),
        sourceId: fc.nat(0xffff),
        recordsToPreallocate: u32,
        maxSectionsPerRecord: u32,
        maxRawDataLengthBytes: u32,
      }),
    );
    fc.assert(
      fc.property(fc.array(source, { maxLength: 6 }), (sources) => {
        const bytes = encodeHest({ sources } as HestInput);
        expect(decodeHest(bytes).value?.sources).toEqual(sources);
        expect(again(bytes)).toEqual(bytes);
      }),
    );
  });
});
