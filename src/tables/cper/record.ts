/**
 * Error records as ERST keeps them: a header, descriptors of sections, sections.
 *
 * Source: UEFI Specification, appendix N.2, "Record Format"; ACPI Specification, "Error Serialization". A decoded
 * record encodes to the bytes it came from, however wrong they are.
 */
import type { Decoded } from '../finding.ts';
import type { TreeNode } from '../tree-node.ts';
import { concat } from './bytes.ts';
import { CperError } from './error.ts';
import { Finder } from './finder.ts';
import { LINUX_PSTORE, sectionTypeName, showCreator, showNotificationType, showSectionType } from './guid.ts';
import {
  decodeLayout,
  describeLayout,
  encodeLayout,
  flags,
  guid,
  hexOf,
  layout,
  reserved,
  text,
  uint,
  uint64,
  type ValueOf,
} from './layout.ts';
import { SEVERITY_NAMES, severityName, showSectionFlags32, showSeverity } from './names.ts';
import {
  type CperSection,
  type CperSectionInput,
  type DescribeOptions,
  decodeSection,
  describeBytes,
  describeSection,
  encodeSection,
  sectionTypeOf,
} from './sections.ts';
import { time, timeFault } from './timestamp.ts';

const VALIDATION = { 0: 'Platform ID', 1: 'Timestamp', 2: 'Partition ID' };
const RECORD_FLAGS = { 0: 'recovered', 1: 'previous error', 2: 'simulated' };

/** `CPER` as a little-endian number. */
const SIGNATURE = 0x52455043;
const SIGNATURE_END = 0xffff_ffff;

const HEADER = layout(
  'Common Platform Error Record',
  128,
  {
    signature: text(0, 4, 'Record Signature'),
    revision: uint(4, 2, 'Revision', { show: hexOf(2) }),
    signatureEnd: uint(6, 4, 'Signature End', { show: hexOf(4) }),
    sectionCount: uint(10, 2, 'Section Count'),
    errorSeverity: uint(12, 4, 'Error Severity', { show: showSeverity }),
    validationBits: uint(16, 4, 'Validation Bits', { show: flags(VALIDATION, 4) }),
    recordLength: uint(20, 4, 'Record Length'),
    timestamp: time(24, 'Timestamp', { valid: 1 }),
    platformId: guid(32, 'Platform ID', { valid: 0 }),
    partitionId: guid(48, 'Partition ID', { valid: 2 }),
    creatorId: guid(64, 'Creator ID', { show: showCreator }),
    notificationType: guid(80, 'Notification Type', { show: showNotificationType }),
    recordId: uint64(96, 'Record ID'),
    flags: uint(104, 4, 'Flags', { show: flags(RECORD_FLAGS, 4) }),
    persistenceInformation: uint64(108, 'Persistence Information'),
    reserved: reserved(116, 12),
  },
  'validationBits',
);

const DESCRIPTOR_VALIDATION = { 0: 'FRU Id', 1: 'FRU Text' };

const DESCRIPTOR = layout(
  'Section Descriptor',
  72,
  {
    sectionOffset: uint(0, 4, 'Section Offset', { show: hexOf(4) }),
    sectionLength: uint(4, 4, 'Section Length'),
    revision: uint(8, 2, 'Revision', { show: hexOf(2) }),
    validationBits: uint(10, 1, 'Validation Bits', { show: flags(DESCRIPTOR_VALIDATION, 1) }),
    reserved: reserved(11, 1),
    flags: uint(12, 4, 'Flags', { show: showSectionFlags32 }),
    sectionType: guid(16, 'Section Type', { show: showSectionType }),
    fruId: guid(32, 'FRU Id', { valid: 0 }),
    errorSeverity: uint(48, 4, 'Section Severity', { show: showSeverity }),
    fruText: text(52, 20, 'FRU Text', { valid: 1 }),
  },
  'validationBits',
);

/** Bytes of a record's header. */
export const RECORD_HEADER_SIZE_BYTES = 128;

/** Bytes of a section descriptor. */
export const SECTION_DESCRIPTOR_SIZE_BYTES = 72;

/** More sections than any record has; descriptors after them are kept as bytes. */
const SECTIONS_MAX = 1024;

type Header = ValueOf<typeof HEADER.fields>;
type Descriptor = ValueOf<typeof DESCRIPTOR.fields>;

/** A section of a record with its descriptor. */
export interface RecordSection extends Omit<Descriptor, 'sectionOffset' | 'sectionLength'> {
  readonly section: CperSection;
  /** Where it lies, from the start of the record, when that is not right after the one before. */
  readonly sectionOffset?: number;
  /** What the descriptor says where fewer bytes are there. */
  readonly declared?: { readonly sectionLength?: number };
}

/** A common platform error record. */
export interface CperRecord extends Omit<Header, 'sectionCount' | 'recordLength'> {
  readonly sections: readonly RecordSection[];
  /** All bytes of a record that is more, or laid out otherwise, than header, descriptors and sections in order. */
  readonly background?: Uint8Array;
  /** Bytes after the record's own end. */
  readonly trailing: Uint8Array;
  /** What the header says where the content says otherwise; absent from a well-formed record. */
  readonly declared?: { readonly sectionCount?: number; readonly recordLength?: number };
}

/** A section as an encoder takes it: the section type follows from the section unless that is bytes. */
export type RecordSectionInput = Partial<Omit<RecordSection, 'section'>> & { readonly section: CperSectionInput };

/** A record as an encoder takes it; signatures, counts, lengths and offsets follow unless given. */
export type CperRecordInput = Partial<Omit<CperRecord, 'sections'>> & {
  readonly sections?: readonly RecordSectionInput[];
};

/** Reads one record; bytes after its length become `trailing`. Undefined unless the bytes begin with `CPER`. */
export function decodeRecord(bytes: Uint8Array): Decoded<CperRecord> {
  const finder = new Finder();
  const value = decode(bytes, finder);
  return { value, findings: finder.sorted() };
}

function decode(bytes: Uint8Array, finder: Finder): CperRecord | undefined {
  if (bytes.length < HEADER.sizeBytes) {
    finder.add(0, 'length of a record header', `${bytes.length} bytes`, `at least ${HEADER.sizeBytes}`);
    return undefined;
  }
  const { sectionCount, recordLength, ...header } = decodeLayout(HEADER, bytes);
  if (header.signature !== 'CPER') {
    finder.add(0, 'Record Signature', `'${header.signature}'`, "'CPER'");
    return undefined;
  }
  checkHeader(header, finder);
  const end = recordEnd(recordLength, bytes.length, finder);
  const record = bytes.subarray(0, end);
  const sections = decodeSections(record, sectionCount, finder);
  const declared = {
    ...(sections.length === sectionCount ? {} : { sectionCount }),
    ...(recordLength === end ? {} : { recordLength }),
  };
  const plain = { ...header, sections: sections.map(withoutOffset), trailing: bytes.slice(end) };
  const value = Object.keys(declared).length === 0 ? plain : { ...plain, declared };
  if (equal(encodeRecord(value), bytes)) return value;
  return { ...value, sections, background: record.slice() };
}

const withoutOffset = ({ sectionOffset, ...section }: RecordSection): RecordSection => section;

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, place) => byte === b[place]);

/** Linux's pstore writes seconds since 1970 where the specification has a date (Linux drivers/acpi/apei/erst.c). */
const isUnixTime = ({ creatorId, timestamp }: Pick<Header, 'creatorId' | 'timestamp'>): boolean =>
  creatorId === LINUX_PSTORE && timestamp < 1n << 40n;

function checkHeader(header: Omit<Header, 'sectionCount' | 'recordLength'>, finder: Finder): void {
  const { signatureEnd, errorSeverity, validationBits, timestamp } = header;
  if (signatureEnd !== SIGNATURE_END) finder.add(6, 'Signature End', hexOf(4)(signatureEnd), '0xffffffff');
  if (SEVERITY_NAMES[errorSeverity] === undefined) {
    finder.add(12, 'Error Severity of a record', String(errorSeverity), '0 to 3');
  }
  const fault = validationBits & 2 && !isUnixTime(header) ? timeFault(timestamp) : undefined;
  if (fault !== undefined) finder.add(24, 'Timestamp is a time in BCD', fault, 'decimal digits of a time and a date');
}

/** Where a record ends that says it has this length. */
function recordEnd(recordLength: number, sizeBytes: number, finder: Finder): number {
  if (recordLength < HEADER.sizeBytes) {
    finder.add(20, 'Record Length covers the header', String(recordLength), `at least ${HEADER.sizeBytes}`);
    return sizeBytes;
  }
  if (recordLength > sizeBytes) {
    finder.add(20, 'Record Length lies within the bytes', String(recordLength), `at most ${sizeBytes}`);
    return sizeBytes;
  }
  return recordLength;
}

function decodeSections(bytes: Uint8Array, count: number, finder: Finder): RecordSection[] {
  const room = Math.floor((bytes.length - HEADER.sizeBytes) / DESCRIPTOR.sizeBytes);
  if (count > room) {
    finder.add(10, 'the record has room for Section Count descriptors', String(count), `at most ${room}`);
  }
  const sections: RecordSection[] = [];
  // Sections may overlap; together they may not be more than the record many times over.
  let bytesLeft = bytes.length * 4;
  for (let n = 0; n < Math.min(count, room, SECTIONS_MAX); n++) {
    const section = decodeOne(bytes, HEADER.sizeBytes + n * DESCRIPTOR.sizeBytes, count, bytesLeft, finder);
    bytesLeft -= encodeSection(section.section).length;
    sections.push(section);
  }
  return sections;
}

function decodeOne(bytes: Uint8Array, at: number, count: number, bytesLeft: number, finder: Finder): RecordSection {
  const { sectionOffset, sectionLength, ...descriptor } = decodeLayout(DESCRIPTOR, bytes, at);
  if (SEVERITY_NAMES[descriptor.errorSeverity] === undefined) {
    finder.add(at + 48, 'Section Severity', String(descriptor.errorSeverity), '0 to 3');
  }
  const first = HEADER.sizeBytes + count * DESCRIPTOR.sizeBytes;
  if (sectionOffset < first) {
    finder.add(at, 'a section lies after the descriptors', hexOf(4)(sectionOffset), `at least ${hexOf(4)(first)}`);
  }
  const room = Math.max(0, bytes.length - sectionOffset);
  if (sectionLength > room) {
    const found = `${sectionLength} bytes at ${hexOf(4)(sectionOffset)}`;
    finder.add(at + 4, 'a section lies within the record', found, `at most ${room} bytes there`);
  }
  const size = Math.min(sectionLength, room, Math.max(0, bytesLeft));
  const start = Math.min(sectionOffset, bytes.length);
  const payload = bytes.subarray(start, start + size);
  const section = decodeSection(descriptor.sectionType, payload, finder.at(start));
  const found = { ...descriptor, section, sectionOffset };
  return size === sectionLength ? found : { ...found, declared: { sectionLength } };
}

/** A section with its bytes and where they go. */
interface Placed {
  readonly input: RecordSectionInput;
  readonly payload: Uint8Array;
  readonly at: number;
}

function place(sections: readonly RecordSectionInput[]): Placed[] {
  let next = HEADER.sizeBytes + sections.length * DESCRIPTOR.sizeBytes;
  return sections.map((input) => {
    const payload = encodeSection(input.section);
    const at = input.sectionOffset ?? next;
    next = at + payload.length;
    return { input, payload, at };
  });
}

function descriptorOf({ input, payload, at }: Placed): Partial<Descriptor> {
  const { section, declared, ...descriptor } = input;
  const sectionType = descriptor.sectionType ?? sectionTypeOf(section);
  if (sectionType === undefined) {
    throw new CperError('E_CPER_FIELD', 'a section that is bytes needs its sectionType; it has none.');
  }
  return {
    revision: 0x0100,
    ...descriptor,
    sectionType,
    sectionOffset: at,
    sectionLength: payload.length,
    ...declared,
  };
}

function headerOf(record: CperRecordInput, sectionCount: number, recordLength: number): Partial<Header> {
  const { sections, background, trailing, declared, ...header } = record;
  const defaults = { signature: 'CPER', revision: 0x0101, signatureEnd: SIGNATURE_END };
  return { ...defaults, ...header, sectionCount, recordLength, ...declared };
}

/**
 * The bytes of a record, sections one after the other in order unless their offsets are given.
 *
 * @throws CperError `E_CPER_FIELD`, `E_CPER_GUID` when a value does not fit its field
 */
export function encodeRecord(record: CperRecordInput): Uint8Array {
  const { sections = [], background, trailing } = record;
  const placed = place(sections);
  const start = HEADER.sizeBytes + sections.length * DESCRIPTOR.sizeBytes;
  const ends = placed.map(({ payload, at }) => (payload.length === 0 ? 0 : at + payload.length));
  const sizeBytes = Math.max(start, background?.length ?? 0, ...ends);
  const bytes = new Uint8Array(sizeBytes);
  if (background !== undefined) bytes.set(background);
  for (const { payload, at } of placed) if (payload.length > 0) bytes.set(payload, at);
  placed.forEach((one, n) => {
    bytes.set(encodeLayout(DESCRIPTOR, descriptorOf(one)), HEADER.sizeBytes + n * DESCRIPTOR.sizeBytes);
  });
  bytes.set(encodeLayout(HEADER, headerOf(record, sections.length, sizeBytes)));
  return concat([bytes, trailing]);
}

/** True when the bytes begin like a record. */
export function looksLikeRecord(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === SIGNATURE;
}

const unixTime = (node: TreeNode, { timestamp }: Header): TreeNode => ({
  ...node,
  value: `${timestamp} (seconds since 1970, as Linux writes them)`,
});

/** A record for printing; `at` is where it begins. */
export function describeRecord(record: CperRecord, at = 0, options: DescribeOptions = {}): TreeNode {
  const sizeBytes = encodeRecord(record).length - record.trailing.length;
  const header = headerOf(record, record.sections.length, sizeBytes) as Header;
  const children = describeLayout(HEADER, header, at)
    .filter(({ name }) => !name.startsWith('Signature'))
    .map((node) => (node.name === 'Timestamp' && isUnixTime(header) ? unixTime(node, header) : node));
  place(record.sections).forEach((one, n) => {
    const descriptorAt = at + HEADER.sizeBytes + n * DESCRIPTOR.sizeBytes;
    const offset = at + one.at;
    const descriptor = describeLayout(DESCRIPTOR, descriptorOf(one) as Descriptor, descriptorAt);
    const { section, sectionType: type, errorSeverity: severity } = record.sections[n];
    const body = describeSection(section, offset, options);
    const node = { name: 'Section', offset, sizeBytes: one.payload.length, children: body };
    children.push({
      name: `Section Descriptor ${n}`,
      value: `${sectionTypeName(type) ?? type}, ${severityName(severity)}`,
      offset: descriptorAt,
      sizeBytes: DESCRIPTOR.sizeBytes,
      children: [...descriptor, node],
    });
  });
  children.push(...describeBytes('Bytes after the record', record.trailing, at + sizeBytes));
  return { name: HEADER.name, value: severityName(record.errorSeverity), offset: at, sizeBytes, children };
}
