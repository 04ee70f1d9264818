/** Debug port table. Source: Microsoft, "Debug Port Table 2 (DBG2)". */
import { bytesText, derived, must, reserved, u8, u16, u32, zero } from './fields.ts';
import { GAS } from './gas.ts';
import { type EntryHead, EntryList, type EntryOf } from './lists.ts';
import type { Reader } from './reader.ts';
import { SERIAL_SUBTYPES } from './spcr.ts';
import { type Codec, concat, type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

const SOURCE = 'Microsoft, "Debug Port Table 2 (DBG2)"';
const PORT_TYPES = { 32768: 'serial', 32769: 'IEEE 1394', 32770: 'USB', 32771: 'network' } as const;

/** Beginning of a debug device; registers, their sizes, a name and data of the maker follow where it says. */
export const DEBUG_DEVICE = struct(
  'Debug Device Information Structure',
  SOURCE,
  { full: 22 },
  {
    revision: zero(u8('revision of the structure')),
    length: derived(u16('size of the structure in bytes')),
    registerCount: u8('number of Generic Address Structures'),
    namespaceStringLengthBytes: u16('with its NUL'),
    namespaceStringOffset: u16('from the structure'),
    oemDataLengthBytes: zero(u16('size of data of the maker, 0 if there is none')),
    oemDataOffset: zero(u16('from the structure')),
    portType: u16('kind of port', { names: PORT_TYPES }),
    portSubtype: u16('kind of device', { names: SERIAL_SUBTYPES }),
    reserved: reserved(2),
    baseAddressRegisterOffset: u16('of the registers, from the structure'),
    addressSizeOffset: u16('of the sizes of the registers, from the structure'),
  },
);

/** What a debug device has besides its fields. */
export interface DeviceData {
  /** What follows the fields: registers, sizes, name, data; the fields say where. */
  data: Uint8Array;
}

/** Adds to the tree what the fields lead to, as far as it lies within the structure. */
function showData(reader: Reader, at: number, sizeBytes: number, value: Value<typeof DEBUG_DEVICE>): void {
  const part = (name: string, offset: number, partBytes: number, show: (from: number) => void): void => {
    if (offset >= DEBUG_DEVICE.fullBytes && offset + partBytes <= sizeBytes) show(at + offset);
    else {
      const room = `within ${DEBUG_DEVICE.fullBytes} to ${sizeBytes}`;
      reader.find(at, `debug device: ${name}`, `${partBytes} bytes at ${offset}`, room);
    }
  };
  const { registerCount, baseAddressRegisterOffset, addressSizeOffset } = value;
  for (let n = 0; n < registerCount; n++) {
    part(`register ${n}`, baseAddressRegisterOffset + 12 * n, 12, (from) => {
      reader.group(`register ${n}`, from, 12, () => GAS.read(reader, from, 12));
    });
    part(`size of register ${n}`, addressSizeOffset + 4 * n, 4, (from) => {
      reader.leaf(`size of register ${n}`, from, 4, `0x${reader.view.getUint32(from, true).toString(16)}`);
    });
  }
  const bytesAt = (from: number, size: number): Uint8Array => reader.bytes.subarray(from, from + size);
  const { namespaceStringLengthBytes: nameBytes, oemDataLengthBytes: dataBytes } = value;
  part('name', value.namespaceStringOffset, nameBytes, (from) => {
    const text = String.fromCharCode(...bytesAt(from, nameBytes)).replace(/\0+$/, '');
    reader.leaf('name', from, nameBytes, JSON.stringify(text));
  });
  if (dataBytes === 0) return;
  part('data of the maker', value.oemDataOffset, dataBytes, (from) => {
    reader.leaf('data of the maker', from, dataBytes, bytesText(bytesAt(from, dataBytes)));
  });
}

const DEVICE: Codec<Value<typeof DEBUG_DEVICE> & DeviceData, Input<typeof DEBUG_DEVICE> & DeviceData> = {
  title: DEBUG_DEVICE.title,
  read: (reader, at, sizeBytes) => {
    const fixed = DEBUG_DEVICE.read(reader, at, Math.min(sizeBytes, DEBUG_DEVICE.fullBytes));
    if (fixed === undefined) return undefined;
    showData(reader, at, sizeBytes, fixed);
    return { ...fixed, data: reader.bytes.slice(at + DEBUG_DEVICE.fullBytes, at + sizeBytes) };
  },
  bytes: ({ data, ...fixed }) =>
    concat([DEBUG_DEVICE.bytes({ ...fixed, length: DEBUG_DEVICE.fullBytes + data.length } as typeof fixed), data]),
};

/** Devices have a revision where other lists have a type; there is one kind. */
const DEVICE_HEAD: EntryHead = {
  sizeBytes: 3,
  type: () => 0,
  length: (view, at) => view.getUint16(at + 1, true),
};
const DEVICES = new EntryList('debug device', DEVICE_HEAD, { device: { type: 0, codec: DEVICE } });

/** Fields before the devices. */
export const DBG2 = struct(
  'Debug Port Table 2',
  SOURCE,
  { full: 44, first: HEADER_BYTES },
  {
    deviceOffset: must(
      derived(u32('offset of the first device from the table')),
      'offset of the first device',
      'at least 44',
      (value) => value >= 44,
    ),
    deviceCount: derived(u32('number of devices')),
  },
);

/** A DBG2 table without its header. */
export interface Dbg2Body {
  devices: readonly EntryOf<typeof DEVICES.kinds>[];
  /** Offset of the devices as the table says, when they do not lie where they should. */
  deviceOffset?: number;
  /** Number of devices as the table says, when it is another. */
  deviceCount?: number;
  /** Bytes before the devices. */
  gap?: Uint8Array;
  trailing?: Uint8Array;
}

const NONE = new Uint8Array();
const BODY: Codec<Dbg2Body> = {
  title: DBG2.title,
  read: (reader, at, sizeBytes) => {
    if (DBG2.read(reader, at, Math.min(sizeBytes, DBG2.fullBytes)) === undefined) return undefined;
    const end = at + sizeBytes;
    const offsetAt = at + DBG2.offsetOf('deviceOffset');
    const offset = reader.view.getUint32(offsetAt, true);
    const count = reader.view.getUint32(offsetAt + 4, true);
    if (offset > sizeBytes) reader.find(offsetAt, 'offset of the first device', `${offset}`, `at most ${sizeBytes}`);
    const isInside = offset >= DBG2.fullBytes && offset <= sizeBytes;
    const first = at + (isInside ? offset : DBG2.fullBytes);
    const gap = reader.rest(at + DBG2.fullBytes, first, 'bytes before the devices');
    const { entries, next } = DEVICES.read(reader, first, end, count);
    if (entries.length < count)
      reader.find(offsetAt + 4, 'number of devices', `${count}`, `${entries.length}, which are there`);
    const trailing = reader.rest(next, end);
    return {
      devices: entries,
      ...(at + offset === first ? {} : { deviceOffset: offset }),
      ...(entries.length === count ? {} : { deviceCount: count }),
      ...(gap === undefined ? {} : { gap }),
      ...(trailing === undefined ? {} : { trailing }),
    };
  },
  bytes: ({ devices, deviceOffset, deviceCount = devices.length, gap = NONE, trailing = NONE }) => {
    const head = { deviceOffset: deviceOffset ?? DBG2.fullBytes + gap.length, deviceCount };
    return concat([DBG2.bytes(head as Input<typeof DBG2>), gap, DEVICES.bytes(devices), trailing]);
  },
};

/** The DBG2 table. */
export const DBG2_TABLE = table({ signature: 'DBG2', title: DBG2.title, source: SOURCE, revision: 0, body: BODY });

/** A decoded DBG2 table. */
export type Dbg2 = Dbg2Body & InTable;
/** A DBG2 table as its encoder takes it. */
export type Dbg2Input = Dbg2Body & InTableInput;

/** The bytes of a DBG2 table. Throws AcpiError when a value does not fit its field. */
export const encodeDbg2 = (input: Dbg2Input): Uint8Array => DBG2_TABLE.encode(input);
/** Reads a DBG2 table; never throws. */
export const decodeDbg2 = (bytes: Uint8Array): DecodedTree<Dbg2> => DBG2_TABLE.decode(bytes);
