/**
 * Resource templates: what `_CRS` says about memory and interrupts of a device.
 *
 * Source: ACPI Specification 6.5, "Resource Data Types for ACPI". Written are the descriptors that a device of this
 * board needs; read are all, those without a form of their own as bytes.
 */
import { type Decoded, type Finding, MAX_FINDINGS } from '../../finding.ts';

/** An interrupt of a device as `Interrupt (...)` describes it. */
export interface InterruptResource {
  readonly kind: 'interrupt';
  readonly consumer: boolean;
  readonly edge: boolean;
  readonly activeLow: boolean;
  readonly shared: boolean;
  readonly wake: boolean;
  /** GSIVs; on a GIC these are INTIDs. */
  readonly interrupts: readonly number[];
}

/** `Memory32Fixed (...)`. */
export interface Memory32FixedResource {
  readonly kind: 'memory32-fixed';
  readonly writable: boolean;
  readonly addrPa: number;
  readonly sizeBytes: number;
}

/** An address space descriptor: `DWordMemory`, `QWordMemory`, `WordBusNumber` and their like. */
export interface AddressSpaceResource {
  readonly kind: 'address-space';
  /** Width of the numbers. */
  readonly bits: 16 | 32 | 64;
  /** 0 memory, 1 I/O, 2 bus number, from 192 on vendors'. */
  readonly space: number;
  readonly generalFlags: number;
  readonly typeFlags: number;
  readonly granularity: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly translation: bigint;
  readonly length: bigint;
}

/** Any other descriptor; `bytes` are those behind its length. */
export interface OtherResource {
  readonly kind: 'other';
  /** ASL's name, or the type as a number where it has none. */
  readonly name: string;
  /** Bits 6:3 of the first byte of a small descriptor, bits 6:0 of a large one. */
  readonly type: number;
  readonly large: boolean;
  readonly bytes: Uint8Array;
}

/** One descriptor of a template. */
export type AmlResource = InterruptResource | Memory32FixedResource | AddressSpaceResource | OtherResource;

const TYPE = { memory32Fixed: 0x06, dword: 0x07, word: 0x08, interrupt: 0x09, qword: 0x0a } as const;
const END_TAG = 0x79;

const SMALL_NAMES: Readonly<Record<number, string>> = {
  4: 'IRQ',
  5: 'DMA',
  6: 'StartDependentFn',
  7: 'EndDependentFn',
  8: 'IO',
  9: 'FixedIO',
  10: 'FixedDMA',
  14: 'VendorShort',
};
const LARGE_NAMES: Readonly<Record<number, string>> = {
  1: 'Memory24',
  2: 'Register',
  4: 'VendorLong',
  5: 'Memory32',
  11: 'ExtendedAddressSpace',
  12: 'GpioConnection',
  13: 'PinFunction',
  14: 'SerialBus',
  15: 'PinConfiguration',
  16: 'PinGroup',
  17: 'PinGroupFunction',
  18: 'PinGroupConfiguration',
  19: 'ClockInput',
};

/** A device's interrupt: level, active high, not shared, unless said otherwise. */
export function interruptResource(intid: number, flags: { readonly edge?: boolean } = {}): InterruptResource {
  const { edge = false } = flags;
  return { kind: 'interrupt', consumer: true, edge, activeLow: false, shared: false, wake: false, interrupts: [intid] };
}

/** A device's registers: below 4 GiB a `Memory32Fixed`, else a `QWordMemory` of fixed place. */
export function memoryResource(addrPa: bigint, sizeBytes: number): AmlResource {
  const max = addrPa + BigInt(sizeBytes) - 1n;
  if (max < 2n ** 32n) return { kind: 'memory32-fixed', writable: true, addrPa: Number(addrPa), sizeBytes };
  // General flags: consumer, _MIF and _MAF fixed. Type flags: read and write, not cacheable.
  const flags = { generalFlags: 0x0d, typeFlags: 0x01, granularity: 0n, translation: 0n };
  return { kind: 'address-space', bits: 64, space: 0, ...flags, min: addrPa, max, length: BigInt(sizeBytes) };
}

/** The bytes of a template, with the end tag; its checksum is 0, which means that there is none. */
export function encodeResources(resources: readonly AmlResource[]): Uint8Array {
  return Uint8Array.from([...resources.flatMap((resource) => [...encodeResource(resource)]), END_TAG, 0]);
}

function encodeResource(resource: AmlResource): readonly number[] {
  switch (resource.kind) {
    case 'memory32-fixed': {
      const { addrPa, sizeBytes, writable } = resource;
      return large(TYPE.memory32Fixed, [writable ? 1 : 0, ...little(addrPa, 4), ...little(sizeBytes, 4)]);
    }
    case 'interrupt': {
      const { consumer, edge, activeLow, shared, wake, interrupts } = resource;
      const flags = [consumer, edge, activeLow, shared, wake].reduce((byte, set, n) => byte | (set ? 1 << n : 0), 0);
      return large(TYPE.interrupt, [flags, interrupts.length, ...interrupts.flatMap((intid) => little(intid, 4))]);
    }
    case 'address-space': {
      const { bits, space, generalFlags, typeFlags, granularity, min, max, translation, length } = resource;
      const type = { 16: TYPE.word, 32: TYPE.dword, 64: TYPE.qword }[bits];
      const numbers = [granularity, min, max, translation, length].flatMap((value) => little(value, bits / 8));
      return large(type, [space, generalFlags, typeFlags, ...numbers]);
    }
    default: {
      const { type, bytes } = resource;
      return resource.large ? large(type, [...bytes]) : [(type << 3) | bytes.length, ...bytes];
    }
  }
}

const large = (type: number, body: readonly number[]): number[] => [0x80 | type, ...little(body.length, 2), ...body];

function little(value: number | bigint, bytes: number): number[] {
  const wide = BigInt(value);
  if (wide < 0n || wide >> BigInt(8 * bytes) !== 0n)
    throw new Error(`assertion: ${value} has more than ${bytes} bytes`);
  return Array.from({ length: bytes }, (_, n) => Number((wide >> BigInt(8 * n)) & 0xffn));
}

/** Reads a template. Never throws on bytes; reading stops at the end tag or at the first thing that is no descriptor. */
export function decodeResources(bytes: Uint8Array): Decoded<AmlResource[]> {
  const value: AmlResource[] = [];
  const findings: Finding[] = [];
  const find = (offset: number, rule: string, found: string, expected: string): void => {
    if (findings.length < MAX_FINDINGS) findings.push({ offset, rule, found, expected });
  };
  let at = 0;
  for (;;) {
    const tag = bytes[at];
    if (tag === undefined) {
      find(at, 'a resource template ends with an end tag', 'the end of the buffer', '0x79');
      break;
    }
    if (tag >> 3 === 0xf) {
      checkEndTag(bytes, at, find);
      break;
    }
    const isLarge = tag >= 0x80;
    const headBytes = isLarge ? 3 : 1;
    const length = isLarge ? (bytes[at + 1] ?? 0) | ((bytes[at + 2] ?? 0) << 8) : tag & 7;
    const end = at + headBytes + length;
    if (end > bytes.length) {
      find(at, 'a resource descriptor lies inside its buffer', `it ends at ${end}`, `at most ${bytes.length}`);
      break;
    }
    const type = isLarge ? tag & 0x7f : tag >> 3;
    value.push(decodeResource(bytes.slice(at + headBytes, end), type, isLarge));
    at = end;
  }
  return { value, findings };
}

function checkEndTag(
  bytes: Uint8Array,
  at: number,
  find: (...finding: [number, string, string, string]) => void,
): void {
  const length = bytes[at]! & 7;
  if (length !== 1) find(at, 'the end tag has one byte, its checksum', `${length}`, '1');
  const end = at + 1 + length;
  if (end !== bytes.length) find(at, 'the end tag ends the buffer', `${bytes.length - end} bytes after it`, '0');
  const sum = bytes.subarray(0, end).reduce((total, byte) => (total + byte) & 0xff, 0);
  const checksum = bytes[at + 1];
  if (checksum !== undefined && checksum !== 0 && sum !== 0)
    find(at + 1, 'checksum of the template, 0 for none', `sum ${sum}`, 'sum 0');
}

/** A descriptor that does not have the size its type asks for is kept as bytes. */
function decodeResource(bytes: Uint8Array, type: number, isLarge: boolean): AmlResource {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const names = isLarge ? LARGE_NAMES : SMALL_NAMES;
  const other = { kind: 'other', name: names[type] ?? `type ${type}`, type, large: isLarge, bytes } as const;
  if (!isLarge) return other;
  if (type === TYPE.memory32Fixed && bytes.length === 9 && bytes[0]! <= 1) {
    const [addrPa, sizeBytes] = [view.getUint32(1, true), view.getUint32(5, true)];
    return { kind: 'memory32-fixed', writable: bytes[0] === 1, addrPa, sizeBytes };
  }
  if (type === TYPE.interrupt && bytes.length >= 2 && bytes.length === 2 + 4 * bytes[1]! && bytes[0]! < 0x20) {
    const flag = (bit: number): boolean => ((bytes[0]! >> bit) & 1) === 1;
    return {
      kind: 'interrupt',
      consumer: flag(0),
      edge: flag(1),
      activeLow: flag(2),
      shared: flag(3),
      wake: flag(4),
      interrupts: Array.from({ length: bytes[1]! }, (_, n) => view.getUint32(2 + 4 * n, true)),
    };
  }
  return addressSpace(type, bytes, view) ?? other;
}

function addressSpace(type: number, bytes: Uint8Array, view: DataView): AddressSpaceResource | undefined {
  const bits = new Map([
    [TYPE.word, 16],
    [TYPE.dword, 32],
    [TYPE.qword, 64],
  ] as const).get(type as 7) as 16 | 32 | 64 | undefined;
  if (bits === undefined || bytes.length !== 3 + (5 * bits) / 8) return undefined;
  const number = (n: number): bigint => {
    const at = 3 + (n * bits) / 8;
    if (bits === 64) return view.getBigUint64(at, true);
    return BigInt(bits === 32 ? view.getUint32(at, true) : view.getUint16(at, true));
  };
  return {
    kind: 'address-space',
    bits,
    space: bytes[0]!,
    generalFlags: bytes[1]!,
    typeFlags: bytes[2]!,
    granularity: number(0),
    min: number(1),
    max: number(2),
    translation: number(3),
    length: number(4),
  };
}

const SPACE_NAMES: Readonly<Record<number, string>> = { 0: 'memory', 1: 'I/O', 2: 'bus numbers' };

/** A descriptor in one line for people. */
export function resourceText(resource: AmlResource): string {
  switch (resource.kind) {
    case 'memory32-fixed': {
      const { addrPa, sizeBytes, writable } = resource;
      return `memory 0x${addrPa.toString(16)}, 0x${sizeBytes.toString(16)} bytes${writable ? '' : ', read-only'}`;
    }
    case 'interrupt': {
      const { edge, activeLow, shared, wake, interrupts } = resource;
      const how = [edge ? 'edge' : 'level', activeLow ? 'active low' : 'active high'];
      if (shared) how.push('shared');
      if (wake) how.push('wakes');
      return `interrupt ${interrupts.join(', ')}: ${how.join(', ')}`;
    }
    case 'address-space': {
      const { space, min, max, length } = resource;
      const name = SPACE_NAMES[space] ?? `space ${space}`;
      return `${name} 0x${min.toString(16)} to 0x${max.toString(16)}, length 0x${length.toString(16)}`;
    }
    default:
      return `${resource.name}, ${resource.bytes.length} bytes`;
  }
}
