import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeDsdt, decodeSdei, encodeDsdt, encodeSdei } from '../plain.ts';
import {
  amlDevice,
  amlEisaId,
  amlEqual,
  amlIf,
  amlInteger,
  amlMethod,
  amlName,
  amlOp,
  amlPackage,
  amlRef,
  amlReturn,
  amlScope,
  eisaIdText,
  uuidBytes,
} from './build.ts';
import { AML_DEPTH_MAX, decodeAml } from './decode.ts';
import { encodeAml } from './encode.ts';
import { amlDevices } from './namespace.ts';
import type { AmlNode } from './node.ts';
import { AML_OPS, type OpName } from './opcodes.ts';
import { printAml } from './print.ts';
import { decodeResources, encodeResources, interruptResource, memoryResource } from './resources.ts';
import { amlTree, withAml } from './tree.ts';

const haveIasl = spawnSync('iasl', ['-v']).status === 0;
const HEADER_BYTES = 36;

/** The AML that iasl makes of source, without the header. */
function compile(source: string): Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), 'unmaskable-aml-'));
  try {
    const path = join(dir, 'x.asl');
    writeFileSync(path, `DefinitionBlock ("", "DSDT", 2, "UNMASK", "TEST", 1)\n{\n${source}}\n`);
    // -oa: no optimization, so that what is written is what is encoded; -f: although locals are never set.
    const run = spawnSync('iasl', ['-oa', '-f', '-p', join(dir, 'x'), path], { encoding: 'utf8' });
    if (!existsSync(join(dir, 'x.aml'))) throw new Error(`iasl: ${run.stdout}${run.stderr}`);
    return new Uint8Array(readFileSync(join(dir, 'x.aml'))).slice(HEADER_BYTES);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text.split(' '), (byte) => Number.parseInt(byte, 16));
const ascii = (text: string): number[] => [...text].map((character) => character.charCodeAt(0));

/** Source with most of what the language has. */
const SOURCE = `
    External (\\_SB.EXTM, MethodObj, IntObj, {IntObj, IntObj})
    Scope (\\_SB)
    {
        Device (DEV0)
        {
            Name (_HID, EisaId ("PNP0C33"))
            Name (_UID, "one")
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0x09000000, 0x00001000)
                QWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x0, 0x8000000000, 0x80000FFFFF, 0x0, 0x100000)
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Shared) { 41, 42 }
                GpioInt (Edge, ActiveHigh, Exclusive, PullDown, 0, "\\\\_SB.DEV0", 0) { 3 }
                IO (Decode16, 0x3F8, 0x3F8, 1, 8)
            })
            OperationRegion (REG0, SystemMemory, 0x09080000, 0x10)
            Field (REG0, DWordAcc, NoLock, WriteAsZeros)
            {
                FLD0, 32,
                , 7,
                FLD1, 1,
                Offset (0x0C),
                AccessAs (ByteAcc, 0x00),
                FLD2, 8
            }
            Mutex (MUT0, 3)
            Event (EVT0)
            Method (_EVT, 1, Serialized)
            {
                Store (FLD0, Local0)
                If (LEqual (And (Local0, 0x20), 0x20)) { Notify (DEV0, 0x80) }
                Else { If (LNotEqual (Arg0, One)) { LATE (Arg0, LATE (1, 2)) } }
                While (LLess (Local1, 10)) { Increment (Local1) If (FLD1) { Break } Continue }
                Return (Add (LATE (Local0, 3), \\_SB.EXTM (1, 2)))
            }
            Method (LATE, 2) { Return (ShiftLeft (Arg0, Arg1)) }
            Name (PAC0, Package () { "text", 0x1122, 0x1122334455667788,
                Package () { FLD0, ^DEV0 }, Buffer (4) { 1, 2 } })
            Method (BUFS, 2)
            {
                CreateDWordField (Arg0, 0, CDW1)
                CreateField (Arg0, 3, 5, BITS)
                Store (DerefOf (Index (PAC0, 1)), CDW1)
                Divide (7, 2, Local0, Local1)
                Acquire (MUT0, 0xFFFF)
                Release (MUT0)
                Wait (EVT0, 10)
                Sleep (5)
                Switch (ToInteger (Arg1)) { Case (1) { Return (Zero) } Default { Noop } }
                Store (Concatenate ("a", ToHexString (Arg1)), Debug)
                Store (Match (PAC0, MEQ, 3, MLT, 4, 0), Local2)
                Return (RefOf (PAC0))
            }
            PowerResource (PRW0, 1, 2) { Method (_ON) { } }
            Alias (LATE, LAT2)
            Method (USES) { Return (LAT2 (1, LAT2 (2, 3))) }
        }
        ThermalZone (THZ0) { }
    }
`;

describe('AML', () => {
  it('numbers take the shortest constant', () => {
    const encode = (value: number | bigint): string => Buffer.from(encodeAml([amlInteger(value)])).toString('hex');
    expect([0, 1, 2, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 2n ** 32n].map(encode)).toEqual([
      '00',
      '01',
      '0a02',
      '0aff',
      '0b0001',
      '0bffff',
      '0c00000100',
      '0cffffffff',
      '0e0000000001000000',
    ]);
  });

  it('a package length takes one byte up to 63 and counts its own bytes', () => {
    const bodyOf = (bytes: number): number[] => [...encodeAml([amlScope('\\', ...Array(bytes).fill(amlOp('Noop')))])];
    // Scope's name is two bytes: the root and no segment.
    expect(bodyOf(60).slice(0, 4)).toEqual([0x10, 63, 0x5c, 0]);
    expect(bodyOf(61).slice(0, 5)).toEqual([0x10, 0x41, 0x04, 0x5c, 0]);
    expect(bodyOf(4091).slice(0, 5)).toEqual([0x10, 0x4f, 0xff, 0x5c, 0]);
    expect(bodyOf(4092).slice(0, 6)).toEqual([0x10, 0x81, 0x00, 0x01, 0x5c, 0]);
  });

  it('a name has one, two or more segments, each filled up to four characters', () => {
    const encode = (name: string): number[] => [...encodeAml([amlRef(name)])];
    expect(encode('A')).toEqual(ascii('A___'));
    expect(encode('\\_SB.A')).toEqual([0x5c, 0x2e, ...ascii('_SB_A___')]);
    expect(encode('^^A.BC.DEF')).toEqual([0x5e, 0x5e, 0x2f, 3, ...ascii('A___BC__DEF_')]);
  });

  it('EISA ids and UUIDs are packed as ASL packs them', () => {
    expect([...encodeAml([amlEisaId('PNP0C33')])]).toEqual([0x0c, 0x41, 0xd0, 0x0c, 0x33]);
    expect(eisaIdText(0x330c_d041n)).toBe('PNP0C33');
    expect(eisaIdText(0n)).toBeUndefined();
    expect(Buffer.from(uuidBytes('0811b06e-4a27-44f9-8d60-3cbbc22e7b48')).toString('hex')).toBe(
      '6eb01108274af9448d603cbbc22e7b48',
    );
  });

  it('a memory and an interrupt descriptor are what the specification shows', () => {
    const template = encodeResources([memoryResource(0x900_0000n, 0x1000), interruptResource(41, { edge: true })]);
    expect(template).toEqual(bytesOf('86 09 00 01 00 00 00 09 00 10 00 00 89 06 00 03 01 29 00 00 00 79 00'));
    expect(memoryResource(2n ** 40n, 0x1000)).toMatchObject({ bits: 64, min: 2n ** 40n, max: 2n ** 40n + 0xfffn });
  });
});

describe('decoding of AML', () => {
  const terms: AmlNode[] = [
    amlScope(
      '\\_SB',
      amlDevice('ERRD', amlName('_HID', amlEisaId('PNP0C33')), amlName('_UID', 0)),
      amlDevice('VR01', amlName('_HID', 'LNRO0005'), amlMethod('_STA', {}, amlReturn(amlRef('USED', 3)))),
      amlMethod('USED', { args: 1 }, amlIf(amlEqual(amlOp('Arg0'), 3), amlReturn(amlPackage(1, 'two', 3n)))),
    ),
  ];

  it('gives the tree that was encoded: a call before its method is read with its arguments', () => {
    const { value, findings } = decodeAml(encodeAml(terms));
    expect(findings).toEqual([]);
    expect(value).toEqual(terms);
  });

  it('finds the devices with their ids and methods', () => {
    const found = amlDevices(decodeAml(encodeAml(terms)).value);
    expect(found.map(({ path, hid, uid, methods }) => [path, hid, uid, methods])).toEqual([
      ['\\_SB_.ERRD', 'PNP0C33', 0n, []],
      ['\\_SB_.VR01', 'LNRO0005', undefined, ['_STA']],
    ]);
  });

  it('keeps what is no AML as bytes, says where, and reads on behind the package', () => {
    const bytes = encodeAml([amlDevice('BAD0', { kind: 'raw', bytes: Uint8Array.of(0x02, 0xaa) }), ...terms]);
    const { value, findings } = decodeAml(bytes);
    expect(findings).toEqual([{ offset: 7, rule: 'opcode', found: '0x02', expected: 'an opcode of AML' }]);
    expect(value.slice(1)).toEqual(terms);
    expect(encodeAml(value)).toEqual(bytes);
  });

  it.each([
    ['a package that is longer than what holds it', '5b 82 3f 44 45 56 30', /PkgLength of Device/],
    ['a package shorter than its own length', '10 00', /PkgLength of Scope/],
    ['reserved bits of a length', '10 50 01 5c 00', /bits 5:4/],
    ['a name that begins with a digit', '08 30 41 42 43 00', /NameSeg/],
    ['two segments written as many', '08 2f 02 41 42 43 44 41 42 43 44 00', /MultiNamePath/],
    ['text without an end', '08 41 42 43 44 0d 61 62', /NUL/],
    ['an operand that is missing', '70 60', /opcode|operand|byte/],
    ['a field without a name', '5b 81 07 41 42 43 44 03 31', /NameSeg/],
  ])('reports %s', (_, text, rule) => {
    const bytes = bytesOf(text);
    const { value, findings } = decodeAml(bytes);
    expect(findings.map((finding) => finding.rule).join()).toMatch(rule);
    expect(encodeAml(value)).toEqual(bytes);
  });

  it('stops at the depth limit and not at the end of the stack', () => {
    const deep = Uint8Array.from([...Array(100_000).fill(0x92), 0x01]);
    const { value, findings } = decodeAml(deep);
    expect(findings[0]).toMatchObject({ rule: 'nesting', found: `more than ${AML_DEPTH_MAX} levels` });
    expect(encodeAml(value)).toEqual(deep);
  });

  it('any bytes at all decode without an exception and encode to the same bytes', () => {
    const common = Object.values(AML_OPS).flatMap(({ code }) => (code > 0xff ? [0x5b, code & 0xff] : [code]));
    const byte = fc.oneof(fc.constantFrom(...common, ...ascii('AB_\\^./')), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 200 }), (list) => {
        const bytes = Uint8Array.from(list);
        const decoded = decodeAml(bytes);
        expect(encodeAml(decoded.value)).toEqual(bytes);
        printAml(decoded.value);
        amlTree(decoded);
        amlDevices(decoded.value);
      }),
      { numRuns: 3000 },
    );
  });

  it('a resource template of any bytes decodes without an exception; a good one encodes to the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const { value = [], findings } = decodeResources(bytes);
        if (findings.length === 0 && bytes.at(-1) === 0) expect(encodeResources(value)).toEqual(bytes);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('the tree of a definition block', () => {
  const aml = encodeAml([
    amlDevice('ERRD', amlName('_HID', amlEisaId('PNP0C33')), { kind: 'raw', bytes: Uint8Array.of(0x02) }),
    amlDevice('COM0', amlName('_CRS', encodeResources([memoryResource(0x900_0000n, 0x1000)]))),
  ]);

  it('has devices as branches, ids and resources in words, at their offsets in the table', () => {
    const bytes = encodeDsdt({ aml });
    const { tree, findings } = withAml(decodeDsdt(bytes), bytes);
    const block = tree.children!.find(({ name }) => name === 'aml')!;
    const [errorDevice, uart] = block.children!;
    expect(errorDevice).toMatchObject({ name: 'Device (ERRD)', offset: 36 });
    expect(errorDevice!.children!.map(({ name, value }) => [name, value])).toEqual([
      ['_HID', 'PNP0C33'],
      ['bytes that are no AML', '1 bytes'],
    ]);
    expect(bytes[uart!.offset]).toBe(0x5b);
    expect(uart!.children![0]!.children!.map(({ name }) => name)).toEqual(['memory 0x9000000, 0x1000 bytes']);
    expect(findings).toMatchObject([{ rule: 'opcode', offset: errorDevice!.children![1]!.offset }]);
  });

  it('of another table is as it was', () => {
    const bytes = encodeSdei();
    const decoded = decodeSdei(bytes);
    expect(withAml(decoded, bytes)).toBe(decoded);
  });
});

describe.skipIf(!haveIasl)('against iasl (skipped when it is not installed)', () => {
  it('reads what it compiles without a finding, and encodes it to the same bytes', () => {
    const bytes = compile(SOURCE);
    const { value, findings } = decodeAml(bytes);
    expect(findings).toEqual([]);
    expect(encodeAml(value)).toEqual(bytes);
    const device = amlDevices(value).find(({ path }) => path === '\\_SB_.DEV0');
    expect(device).toMatchObject({ hid: 'PNP0C33', uid: 'one', methods: ['_EVT', 'LATE', 'BUFS', 'USES'] });
    expect(device?.crs?.map(({ kind }) => kind)).toEqual([
      'memory32-fixed',
      'address-space',
      'interrupt',
      'other',
      'other',
    ]);
  });

  it('what is printed compiles to the same bytes', () => {
    const { value } = decodeAml(compile(SOURCE));
    expect(compile(printAml(value))).toEqual(encodeAml(value));
  });

  it('every operator has the opcode that iasl gives it', () => {
    const seen = new Set<OpName>();
    const walk = (node: unknown): void => {
      if (Array.isArray(node)) return node.forEach(walk);
      if (typeof node !== 'object' || node === null) return;
      if ('op' in node) seen.add(node.op as OpName);
      Object.values(node).forEach(walk);
    };
    const rest = `
      Method (REST, 7)
      {
        Store (Or (Arg1, XOr (Arg2, NAnd (Arg3, NOr (Arg4, Not (Arg5))))), Local3)
        Store (Subtract (Multiply (Arg6, 2), Mod (9, 4)), Local4)
        Store (ShiftRight (FindSetLeftBit (Local4), FindSetRightBit (Local5)), Local6)
        Store (LOr (LAnd (Local7, Ones), LGreater (Local1, Local2)), Local0)
        Store (ToBuffer (ToDecimalString (ToBCD (FromBCD (Local0)))), Local0)
        Store (ToString (Local0, 4), Local1)
        Store (Mid (Local1, 1, 2), Local1)
        Store (SizeOf (Local1), Local2)
        Store (ObjectType (Local1), Local2)
        Store (CondRefOf (Local1), Local2)
        Store (ConcatenateResTemplate (Local0, Local0), Local3)
        CopyObject (Local1, Local2)
        Decrement (Local2)
        CreateByteField (Local0, 0, BYT0)
        CreateWordField (Local0, 0, WRD0)
        CreateQWordField (Local0, 0, QWD0)
        CreateBitField (Local0, 0, BIT0)
        Signal (EVN0)
        Reset (EVN0)
        Stall (10)
        BreakPoint
        Store (Timer, Local1)
        Store (Revision, Local1)
        Fatal (1, 2, 3)
        Load (REGX, HND0)
        Store (LoadTable ("OEM1", "MYOEM", "TABLE1", "", "", 0), Local0)
        Name (VARP, Package (Local2) { 1 })
      }
      Event (EVN0)
      Name (HND0, 0)
      OperationRegion (REGX, SystemMemory, 0, 16)
      Field (REGX, ByteAcc, Lock, Preserve) { IDX0, 8, DAT0, 8, BNK0, 8 }
      IndexField (IDX0, DAT0, ByteAcc, NoLock, Preserve) { INF0, 8 }
      BankField (REGX, BNK0, 1, ByteAcc, NoLock, WriteAsOnes) { BKF0, 8 }
      DataTableRegion (DTR0, "OEM1", "", "")
      Processor (CPU0, 1, 0x120, 6) { }
    `;
    for (const source of [SOURCE, rest]) {
      const { value, findings } = decodeAml(compile(source));
      expect(findings).toEqual([]);
      walk(value);
    }
    expect(Object.keys(AML_OPS).filter((name) => !seen.has(name as OpName))).toEqual([]);
  });
});
