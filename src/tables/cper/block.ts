/**
 * Generic error status blocks: what firmware writes where GHES and BERT point.
 *
 * Source: ACPI Specification, "Generic Error Status Block" and "Generic Error Data Entry". A decoded block encodes to
 * the bytes it came from, however wrong they are.
 */

import type { Decoded } from '../finding.ts';
import type { TreeNode } from '../tree-node.ts';
import { concat } from './bytes.ts';
import {
  decodeEntry,
  describeEntry,
  ENTRY_SIZE_BYTES_MIN,
  type ErrorDataEntry,
  type ErrorDataEntryInput,
  encodeEntry,
} from './entry.ts';
import { Finder } from './finder.ts';
import { decodeLayout, describeLayout, encodeLayout, flags, hex, layout, uint, type ValueOf } from './layout.ts';
import { SEVERITY, SEVERITY_NAMES, severityName, showSeverity } from './names.ts';
import { type DescribeOptions, describeBytes } from './sections.ts';

const STATUS_FLAGS = {
  0: 'uncorrectable error valid',
  1: 'correctable error valid',
  2: 'multiple uncorrectable errors',
  3: 'multiple correctable errors',
};

/** The status word: flags, and how many entries there are. */
function showStatus(value: number): string {
  const named = flags(STATUS_FLAGS, 4)(value & 15);
  const names = named.includes('(') ? named.slice(named.indexOf('(') + 1, -1) : 'no error';
  return `${hex(value, 4)} (${names}; entries: ${entryCount(value)})`;
}

const HEADER = layout('Generic Error Status Block', 20, {
  blockStatus: uint(0, 4, 'Block Status', { show: showStatus }),
  rawDataOffset: uint(4, 4, 'Raw Data Offset'),
  rawDataLength: uint(8, 4, 'Raw Data Length'),
  dataLength: uint(12, 4, 'Data Length'),
  errorSeverity: uint(16, 4, 'Error Severity', { show: showSeverity }),
});

/** Bytes of a block's header. */
export const BLOCK_HEADER_SIZE_BYTES = 20;

/** More entries than the count of a block can name; what comes after them is kept as bytes. */
const ENTRIES_MAX = 1023;

type Header = ValueOf<typeof HEADER.fields>;
type Lengths = Pick<Header, 'rawDataOffset' | 'rawDataLength' | 'dataLength'>;

/** A generic error status block. */
export interface ErrorStatusBlock {
  /** The whole status word, entry count included; 0 means that there is no error. */
  readonly blockStatus: number;
  /** 0 recoverable, 1 fatal, 2 corrected, 3 informational. */
  readonly errorSeverity: number;
  readonly entries: readonly ErrorDataEntry[];
  /** Bytes of the data that make no entry. */
  readonly leftover: Uint8Array;
  /** Bytes between the data and the raw data. */
  readonly gap: Uint8Array;
  readonly rawData: Uint8Array;
  /** Bytes after the block's own end. */
  readonly trailing: Uint8Array;
  /** What the header says where the content says otherwise; absent from a well-formed block. */
  readonly declared?: Partial<Lengths>;
}

/** A block as an encoder takes it; what is left out is empty or follows from the entries. */
export type ErrorStatusBlockInput = Partial<Omit<ErrorStatusBlock, 'entries'>> & {
  readonly entries?: readonly ErrorDataEntryInput[];
};

/** How many entries a status word says there are. */
function entryCount(blockStatus: number): number {
  return (blockStatus >>> 4) & 0x3ff;
}

/** The status word that fits these severities. */
function statusOf(severities: readonly number[]): number {
  const corrected = severities.filter((severity) => severity === SEVERITY.corrected).length;
  const uncorrected = severities.filter((severity) => severity <= SEVERITY.fatal).length;
  const bits = [uncorrected > 0, corrected > 0, uncorrected > 1, corrected > 1];
  return bits.reduce((word, set, bit) => word | (set ? 1 << bit : 0), (severities.length & 0x3ff) << 4);
}

/** Severities from mild to grave; Linux takes unknown ones as fatal. */
const GRAVITY = [SEVERITY.informational, SEVERITY.corrected, SEVERITY.recoverable, SEVERITY.fatal] as number[];

/** The gravest severity of the entries; informational where there are none. */
function gravest(severities: readonly number[]): number {
  return GRAVITY[severities.reduce((most, severity) => Math.max(most, GRAVITY.indexOf(severity)), 0)];
}

/** Reads one block; bytes after it become `trailing`. */
export function decodeStatusBlock(bytes: Uint8Array): Decoded<ErrorStatusBlock> {
  const finder = new Finder();
  const value = decodeBlock(bytes, finder);
  return { value, findings: finder.sorted() };
}

function decodeBlock(bytes: Uint8Array, finder: Finder): ErrorStatusBlock | undefined {
  if (bytes.length < HEADER.sizeBytes) {
    finder.add(0, 'length of a generic error status block', `${bytes.length} bytes`, `at least ${HEADER.sizeBytes}`);
    return undefined;
  }
  const header = decodeLayout(HEADER, bytes);
  const { blockStatus, errorSeverity, dataLength } = header;
  if (blockStatus === 0) return emptyBlock(header, bytes);
  if (SEVERITY_NAMES[errorSeverity] === undefined) {
    finder.add(16, 'Error Severity of a block', String(errorSeverity), '0 to 3');
  }
  const room = bytes.length - HEADER.sizeBytes;
  if (dataLength > room) finder.add(12, 'Data Length lies within the bytes', String(dataLength), `at most ${room}`);
  const dataEnd = HEADER.sizeBytes + Math.min(dataLength, room);
  const { entries, end } = decodeEntries(bytes.subarray(0, dataEnd), finder);
  checkData(header, entries.length, end, dataEnd, finder);
  const rest = splitRest(header, bytes, dataEnd, finder);
  const leftover = bytes.slice(end, dataEnd);
  return withDeclared({ blockStatus, errorSeverity, entries, leftover, ...rest }, header);
}

/** A status word of zero: nothing else in the block means anything, and it is kept as bytes. */
function emptyBlock(header: Header, bytes: Uint8Array): ErrorStatusBlock {
  const none = new Uint8Array(0);
  const { blockStatus, errorSeverity } = header;
  const trailing = bytes.slice(HEADER.sizeBytes);
  return withDeclared(
    { blockStatus, errorSeverity, entries: [], leftover: none, gap: none, rawData: none, trailing },
    header,
  );
}

function decodeEntries(bytes: Uint8Array, finder: Finder): { entries: ErrorDataEntry[]; end: number } {
  const entries: ErrorDataEntry[] = [];
  let at = HEADER.sizeBytes;
  while (at < bytes.length && entries.length < ENTRIES_MAX) {
    const found = decodeEntry(bytes.subarray(at), finder.at(at));
    if (found === undefined) break;
    entries.push(found.entry);
    at += found.sizeBytes;
  }
  return { entries, end: at };
}

function checkData({ blockStatus, dataLength }: Header, count: number, end: number, dataEnd: number, finder: Finder) {
  if (dataLength !== 0 && dataLength < ENTRY_SIZE_BYTES_MIN) {
    finder.add(12, 'Data Length has room for an entry', String(dataLength), `0, or at least ${ENTRY_SIZE_BYTES_MIN}`);
  } else if (end !== dataEnd) {
    const found = `${dataEnd - end} bytes after ${count} entries`;
    finder.add(end, 'entries fill Data Length exactly', found, 'another entry, or a smaller Data Length');
  }
  if (entryCount(blockStatus) !== count) {
    finder.add(0, 'Error Data Entry Count of Block Status', String(entryCount(blockStatus)), String(count));
  }
}

/** What comes after the data: perhaps a gap, the raw data where the header says they are, what follows the block. */
function splitRest(header: Header, bytes: Uint8Array, dataEnd: number, finder: Finder) {
  const { rawDataOffset: at, rawDataLength: sizeBytes, dataLength } = header;
  const none = { gap: new Uint8Array(0), rawData: new Uint8Array(0), trailing: bytes.slice(dataEnd) };
  if (sizeBytes === 0) return none;
  const dataDeclaredEnd = HEADER.sizeBytes + dataLength;
  if (at < dataDeclaredEnd) {
    finder.add(4, 'raw data lie after the entries', hex(at, 4), `at least ${hex(dataDeclaredEnd, 4)}`);
    return none;
  }
  if (at + sizeBytes > bytes.length) {
    const found = `${hex(at, 4)} and ${sizeBytes} bytes`;
    finder.add(4, 'raw data lie within the bytes', found, `an end of at most ${hex(bytes.length, 4)}`);
    return none;
  }
  const end = at + sizeBytes;
  return { gap: bytes.slice(dataEnd, at), rawData: bytes.slice(at, end), trailing: bytes.slice(end) };
}

/** What the lengths of a header are for this content. */
function lengthsOf(entriesSizeBytes: number, { leftover, gap, rawData }: Partial<ErrorStatusBlock>): Lengths {
  const dataLength = entriesSizeBytes + (leftover?.length ?? 0);
  const rawDataLength = rawData?.length ?? 0;
  const rawDataOffset = rawDataLength === 0 ? 0 : HEADER.sizeBytes + dataLength + (gap?.length ?? 0);
  return { rawDataOffset, rawDataLength, dataLength };
}

const entriesSize = (entries: readonly ErrorDataEntryInput[]): number =>
  entries.reduce((sum, entry) => sum + encodeEntry(entry).length, 0);

function withDeclared(block: ErrorStatusBlock, header: Header): ErrorStatusBlock {
  const natural = lengthsOf(entriesSize(block.entries), block);
  const keys = (Object.keys(natural) as (keyof Lengths)[]).filter((key) => natural[key] !== header[key]);
  if (keys.length === 0) return block;
  return { ...block, declared: Object.fromEntries(keys.map((key) => [key, header[key]])) };
}

function headerOf(block: ErrorStatusBlockInput): Header {
  const { entries = [] } = block;
  const severities = entries.map((entry) => entry.errorSeverity ?? SEVERITY.recoverable);
  return {
    blockStatus: block.blockStatus ?? statusOf(severities),
    errorSeverity: block.errorSeverity ?? gravest(severities),
    ...lengthsOf(entriesSize(entries), block as Partial<ErrorStatusBlock>),
    ...block.declared,
  };
}

/**
 * The bytes of a block. Status and severity left out follow from the entries; lengths always do, unless `declared`.
 *
 * @throws CperError `E_CPER_FIELD`, `E_CPER_GUID` when a value does not fit its field
 */
export function encodeStatusBlock(block: ErrorStatusBlockInput): Uint8Array {
  const { entries = [], leftover, gap, rawData, trailing } = block;
  const header = encodeLayout(HEADER, headerOf(block));
  return concat([header, ...entries.map(encodeEntry), leftover, gap, rawData, trailing]);
}

/** A block for printing; `at` is where it begins. */
export function describeStatusBlock(block: ErrorStatusBlock, at = 0, options: DescribeOptions = {}): TreeNode {
  const children = describeLayout(HEADER, headerOf(block), at).filter(
    ({ name, value }) => !(name.startsWith('Raw Data') && value === '0'),
  );
  let offset = at + HEADER.sizeBytes;
  block.entries.forEach((entry, n) => {
    const node = describeEntry(entry, n, offset, options);
    children.push(node);
    offset += node.sizeBytes;
  });
  for (const [name, part] of [
    ['Bytes that make no entry', block.leftover],
    ['Bytes before the raw data', block.gap],
    ['Raw Data', block.rawData],
    ['Bytes after the block', block.trailing],
  ] as const) {
    children.push(...describeBytes(name, part, offset));
    offset += part.length;
  }
  const value = block.blockStatus === 0 ? 'no error' : severityName(block.errorSeverity);
  return { name: HEADER.name, value, offset: at, sizeBytes: offset - at - block.trailing.length, children };
}
