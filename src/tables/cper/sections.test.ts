import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBits, encodeBits } from './bits.ts';
import { Finder } from './finder.ts';
import { SECTION_TYPE } from './guid.ts';
import {
  ARM_CONTEXT_TYPES,
  type ArmContext,
  armContext,
  armContextRegisters,
  armContextSizeBytes,
} from './sections/arm-context.ts';
import {
  ARM_BUS_ERROR,
  ARM_CACHE_ERROR,
  ARM_TLB_ERROR,
  armErrorKinds,
  armErrorType,
  showArmErrorType,
} from './sections/arm-info.ts';
import { MEMORY_VALID } from './sections/memory.ts';
import { type CperSection, type CperSectionInput, decodeSection, describeSection, encodeSection } from './sections.ts';

/** Decodes bytes as a section, checks that nothing was lost, and gives the rules that they break. */
function decoded(type: string, bytes: Uint8Array): { section: CperSection; rules: string[]; offsets: number[] } {
  const finder = new Finder();
  const section = decodeSection(type, bytes, finder);
  expect(Buffer.compare(encodeSection(section), bytes)).toBe(0);
  const findings = finder.sorted();
  return { section, rules: findings.map(({ rule }) => rule), offsets: findings.map(({ offset }) => offset) };
}

const arm = (fields: Extract<CperSectionInput, { kind: 'armProcessor' }>['fields']): Uint8Array =>
  encodeSection({ kind: 'armProcessor', fields });

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function lines(section: CperSection, options = {}): string[] {
  const found: string[] = [];
  const walk = (node: ReturnType<typeof describeSection>[number]): void => {
    found.push(`${node.name}: ${node.value ?? ''}`);
    node.children?.forEach(walk);
  };
  describeSection(section, 0, options).forEach(walk);
  return found;
}

describe('a memory error section', () => {
  it.each([
    [72, 'bytes', 1],
    [73, 'memory', 0],
    [74, 'memory', 1],
    [79, 'memory', 1],
    [80, 'memory', 0],
    [200, 'memory', 0],
  ])('of %d bytes is read as %s with %d findings', (size, kind, count) => {
    const { section, rules } = decoded(SECTION_TYPE.memory, new Uint8Array(size));
    expect([section.kind, rules.length]).toEqual([kind, count]);
  });

  it('of 73 bytes that claims a rank: refused, and the rank is not printed', () => {
    const bytes = encodeSection({ kind: 'memory', fields: { node: 3, rankNumber: 1 }, sizeBytes: 73 });
    const { section, rules } = decoded(SECTION_TYPE.memory, bytes);
    expect(rules).toEqual(['validation bits are about fields that the section has']);
    expect(lines(section)).toEqual(['Validation Bits: 0x0000000000008008', 'Node: 3']);
  });

  it('sets the validation bits of the fields that are given, and only those', () => {
    for (const [name, bit] of Object.entries(MEMORY_VALID)) {
      if (['extendedRow', 'bankGroup', 'bankAddress', 'chipId'].includes(name)) continue;
      const wide = /Id$|Address|Status/.test(name) && name !== 'bank';
      const bytes = encodeSection({ kind: 'memory', fields: { [name]: wide ? 1n : 1 } });
      expect([name, view(bytes).getBigUint64(0, true)]).toEqual([name, 1n << BigInt(bit)]);
    }
  });

  it('prints upper row bits and chip under their own validation bits', () => {
    const validationBits = (1n << 18n) | (1n << 21n);
    const bytes = encodeSection({ kind: 'memory', fields: { validationBits, extended: 0xa2 } });
    const shown = lines(decoded(SECTION_TYPE.memory, bytes).section);
    expect(shown).toContain('Row bits 17:16: 2');
    expect(shown).toContain('Chip Identification: 5');
  });
});

describe('sections of fixed size', () => {
  it.each([
    ['pcie', 208],
    ['genericProcessor', 192],
    ['memory2', 96],
    ['firmwareReference', 16],
    ['armProcessor', 40],
  ] as const)('%s is refused below %d bytes', (kind, size) => {
    expect(decoded(SECTION_TYPE[kind], new Uint8Array(size - 1)).section.kind).toBe('bytes');
    expect(decoded(SECTION_TYPE[kind], new Uint8Array(size)).section.kind).toBe(kind);
  });

  it('any bytes of any size survive, whatever the type', () => {
    const type = fc.constantFrom(...Object.values(SECTION_TYPE));
    fc.assert(
      fc.property(type, fc.uint8Array({ maxLength: 260, size: 'max' }), (guid, bytes) => void decoded(guid, bytes)),
    );
  });

  it('PCIe: unaligned segment and slot, AER registers by name', () => {
    const aer = new Uint8Array(96);
    view(aer).setUint32(4, 1 << 20, true);
    const bytes = encodeSection({ kind: 'pcie', fields: { segment: 0x1234, slot: 5 << 3, aer } });
    expect([...bytes.subarray(33, 35), bytes[37]]).toEqual([0x34, 0x12, 0x28]);
    const shown = lines(decoded(SECTION_TYPE.pcie, bytes).section);
    expect(shown).toContain('Slot Number: 5 (0x0028)');
    expect(shown).toContain('Uncorrectable Error Status: 0x00100000 (unsupported request)');
    expect(shown.some((line) => line.startsWith('Port Type'))).toBe(false);
  });

  it('an asked-for form that does not exist is refused', () => {
    expect(() => encodeSection({ kind: 'memory', fields: {}, sizeBytes: 76 })).toThrow(
      /76 bytes is asked for.*80 or 73/,
    );
  });
});

describe('error information of an ARM processor error', () => {
  it.each([
    ['cache', ARM_CACHE_ERROR],
    ['TLB', ARM_TLB_ERROR],
    ['bus', ARM_BUS_ERROR],
  ])('of a %s error: any values of any fields survive', (_name, table) => {
    const values = fc.record(
      Object.fromEntries(
        Object.entries(table).map(([key, { low, high }]) => [
          key,
          fc.integer({ min: 0, max: 2 ** (high - low + 1) - 1 }),
        ]),
      ),
      { requiredKeys: [] },
    );
    fc.assert(fc.property(values, (given) => void expect(decodeBits(table, encodeBits(table, given))).toEqual(given)));
  });

  it('has its fields where the kernel found them: data read at level 1, not corrected, imprecise', () => {
    const given = { transactionType: 1, operation: 3, level: 1, contextCorrupt: 0, corrected: 0, precisePc: 0 };
    expect(encodeBits(ARM_CACHE_ERROR, given)).toBe(0x004d_003fn);
    expect(encodeBits(ARM_BUS_ERROR, { accessMode: 1, memoryAttributes: 0x1ff })).toBe(0xffc_0000_0c00n);
    expect(() => encodeBits(ARM_CACHE_ERROR, { level: 8 })).toThrow(/Level is 8; it takes .* 0 to 7/);
  });

  it('the same type byte means one thing as a mask and another as an index', () => {
    expect([armErrorKinds(2, 'mask'), armErrorKinds(2, 'index')]).toEqual([['cache'], ['bus']]);
    expect([showArmErrorType(1, 'mask'), showArmErrorType(1, 'index')]).toEqual([
      '0x01 (reserved bits)',
      '1 (TLB error)',
    ]);
    expect(showArmErrorType(0x18, 'mask')).toBe('0x18 (bus error, micro-architectural error)');
    for (const kind of ['cache', 'tlb', 'bus', 'micro-architectural'] as const) {
      for (const types of ['mask', 'index'] as const) {
        expect(armErrorKinds(armErrorType([kind], types), types)).toEqual([kind]);
      }
    }
  });

  it('is printed under the encoding that is asked for', () => {
    const errorInformation = encodeBits(ARM_BUS_ERROR, { level: 2, timeOut: 1 });
    const { section } = decoded(SECTION_TYPE.armProcessor, arm({ errorInfo: [{ type: 2, errorInformation }] }));
    expect(lines(section)).toContain('Level: 2');
    const shown = lines(section, { armErrorTypes: 'index' });
    expect(shown).toContain('Type: 2 (bus error)');
    expect(shown).toContain('Affinity Level: 2');
    expect(shown).toContain('Time Out: 1 (yes)');
  });

  it('the unaligned count at offset 5 keeps its byte order', () => {
    const bytes = arm({ errorInfo: [{ multipleError: 0x0102 }] });
    expect([...bytes.subarray(45, 47)]).toEqual([2, 1]);
    const { section } = decoded(SECTION_TYPE.armProcessor, bytes);
    expect(section).toMatchObject({ fields: { errorInfo: [{ multipleError: 0x0102 }] } });
  });
});

describe('an ARM processor error section', () => {
  const one = arm({ midr: 1n, errorInfo: [{ type: 2 }] });
  const withLength = (length: number): Uint8Array => {
    const bytes = one.slice();
    view(bytes).setUint32(8, length, true);
    return bytes;
  };

  it('has 72 bytes with one structure, 336 with the general purpose registers too', () => {
    expect(one).toHaveLength(72);
    expect(arm({ errorInfo: [{}], contexts: [armContext(4, {})] })).toHaveLength(336);
  });

  it('whose length does not cover its structures, or nothing at all, is reported and not overrun', () => {
    expect(decoded(SECTION_TYPE.armProcessor, withLength(71)).rules).toEqual([
      'the section has room for ERR_INFO_NUM structures',
    ]);
    expect(decoded(SECTION_TYPE.armProcessor, withLength(0)).rules).toContain('Section Length covers the header');
  });

  it('whose length is larger than the entry is clamped', () => {
    const { section, rules } = decoded(SECTION_TYPE.armProcessor, withLength(854_918_320));
    expect(rules).toEqual(['Section Length lies within the entry']);
    expect(section).toMatchObject({ fields: { errorInfo: [{ type: 2 }], declared: { sectionLength: 854_918_320 } } });
  });

  it('with 65535 structures in 72 bytes has one; with none it breaks the rule of at least one', () => {
    const many = one.slice();
    view(many).setUint16(4, 0xffff, true);
    const { section, offsets } = decoded(SECTION_TYPE.armProcessor, many);
    expect(section).toMatchObject({ fields: { errorInfo: [{ type: 2 }], declared: { errInfoNum: 0xffff } } });
    expect(offsets).toEqual([4]);
    expect(decoded(SECTION_TYPE.armProcessor, arm({})).rules).toEqual(['ERR_INFO_NUM is at least 1']);
  });

  it.each([0, 31, 33])('a structure that says it has %d bytes is reported; reading goes on', (lengthBytes) => {
    const bytes = arm({ errorInfo: [{ lengthBytes }, { type: 4 }] });
    const { section, rules } = decoded(SECTION_TYPE.armProcessor, bytes);
    expect(rules).toEqual(['Length of an error information structure']);
    expect(section).toMatchObject({ fields: { errorInfo: [{ lengthBytes }, { type: 4 }] } });
  });

  it('vendor bytes and bytes after the section are kept apart', () => {
    const vendorInfo = Uint8Array.of(1, 2, 3);
    const bytes = arm({ errorInfo: [{}], vendorInfo, trailing: Uint8Array.of(9, 9) });
    expect(decoded(SECTION_TYPE.armProcessor, bytes).section).toMatchObject({
      fields: { vendorInfo, trailing: Uint8Array.of(9, 9) },
    });
  });
});

describe('a register context', () => {
  it('of each type has the size that the specification gives', () => {
    expect(ARM_CONTEXT_TYPES.map((_, type) => armContextSizeBytes(type))).toEqual([
      64, 96, 64, 8, 256, 136, 120, 80, 10,
    ]);
  });

  it('gives each register its value, in order', () => {
    for (let type = 0; type < 8; type++) {
      const names = ARM_CONTEXT_TYPES[type].registers;
      const values = Object.fromEntries(names.map((name, n) => [name, BigInt(n + 1)]));
      const found = armContextRegisters(armContext(type, values));
      expect(Object.fromEntries(found.map(({ name, value }) => [name, value]))).toEqual(values);
    }
  });

  it('of a system register names it by its encoding', () => {
    const registers = Uint8Array.of(0x00, 0x66, 1, 0, 0, 0, 0, 0, 0, 0);
    const context: ArmContext = { version: 0, registerContextType: 8, registers };
    expect(armContextRegisters(context)).toEqual([{ name: 'S3_4_C12_C0_0', value: 1n, sizeBytes: 8 }]);
  });

  it('of an unknown register or type is refused by name', () => {
    expect(() => armContext(3, { R0: 1n })).toThrow(/hold no 'R0'. They are: SCTLR SPSR_mon/);
    expect(() => armContext(9, {})).toThrow(/type 9 has no registers by name/);
  });

  it('followed by others survives with and without zeros up to 16 bytes', () => {
    const type = fc.integer({ min: 0, max: 7 });
    fc.assert(
      fc.property(fc.array(type, { minLength: 1, maxLength: 4 }), fc.boolean(), (types, paddedContexts) => {
        const contexts = types.map((one) => armContext(one, { [ARM_CONTEXT_TYPES[one].registers[0]]: 5n }));
        const { section, rules } = decoded(
          SECTION_TYPE.armProcessor,
          arm({ errorInfo: [{}], contexts, paddedContexts }),
        );
        expect(section).toMatchObject({ fields: { contexts, vendorInfo: new Uint8Array(0) } });
        expect(rules).toEqual([]);
      }),
    );
  });

  it.each([
    ['type 9', { registerContextType: 9, registers: new Uint8Array(8) }, 'Register Context Type'],
    ['too few registers', { registerContextType: 4, registers: new Uint8Array(8) }, /Register Array Size/],
    [
      'a size that is no multiple of 8',
      { registerContextType: 4, registers: new Uint8Array(257) },
      /Register Array Size/,
    ],
  ])('of %s is reported', (_name, context, rule) => {
    const bytes = arm({ errorInfo: [{}], contexts: [{ version: 0, ...context }] });
    expect(decoded(SECTION_TYPE.armProcessor, bytes).rules).toEqual([expect.stringMatching(rule)]);
  });

  it('with an array of 0xffffffff bytes is refused without reading it', () => {
    const bytes = arm({ errorInfo: [{}], contexts: [armContext(3, {})] });
    view(bytes).setUint32(76, 0xffff_ffff, true);
    const { section, rules } = decoded(SECTION_TYPE.armProcessor, bytes);
    expect(rules).toEqual(['the section has room for CONTEXT_INFO_NUM structures']);
    expect(section).toMatchObject({ fields: { contexts: [], declared: { contextInfoNum: 1 } } });
  });
});
