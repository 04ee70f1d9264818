/**
 * Generic error data entries: a header and a section.
 *
 * Source: ACPI Specification, "Generic Error Data Entry". The header has 64 bytes, and 72 with a timestamp from
 * revision 3.0 on; the high byte of the revision decides.
 */
import type { TreeNode } from '../tree-node.ts';
import { concat } from './bytes.ts';
import { CperError } from './error.ts';
import type { Finder } from './finder.ts';
import { sectionTypeName, showSectionType } from './guid.ts';
import {
  decodeLayout,
  describeLayout,
  encodeLayout,
  flags,
  guid,
  hex,
  hexOf,
  layout,
  text,
  uint,
  type ValueOf,
} from './layout.ts';
import { ENTRY_VALIDATION, SEVERITY_NAMES, severityName, showSectionFlags8, showSeverity } from './names.ts';
import {
  type CperSection,
  type CperSectionInput,
  type DescribeOptions,
  decodeSection,
  describeSection,
  encodeSection,
  sectionTypeOf,
} from './sections.ts';
import { time, timeFault } from './timestamp.ts';

const HEADER = layout(
  'Generic Error Data Entry',
  72,
  {
    sectionType: guid(0, 'Section Type', { show: showSectionType }),
    errorSeverity: uint(16, 4, 'Error Severity', { show: showSeverity }),
    revision: uint(20, 2, 'Revision', { show: hexOf(2) }),
    validationBits: uint(22, 1, 'Validation Bits', { show: flags(ENTRY_VALIDATION, 1) }),
    flags: uint(23, 1, 'Flags', { show: showSectionFlags8 }),
    errorDataLength: uint(24, 4, 'Error Data Length'),
    fruId: guid(28, 'FRU Id', { valid: 0 }),
    fruText: text(44, 20, 'FRU Text', { valid: 1 }),
    timestamp: time(64, 'Timestamp', { valid: 2 }),
  },
  'validationBits',
);

/** Bytes of an entry's header without a timestamp. */
export const ENTRY_SIZE_BYTES_MIN = 64;

/** Revision of entries whose header has a timestamp. */
export const ENTRY_REVISION = 0x0300;

/** Bytes of the header of an entry of this revision. */
const headerSizeBytes = (revision: number): number => (revision >> 8 >= 3 ? HEADER.sizeBytes : ENTRY_SIZE_BYTES_MIN);

type Header = ValueOf<typeof HEADER.fields>;

/** A generic error data entry. */
export interface ErrorDataEntry extends Omit<Header, 'errorDataLength'> {
  readonly section: CperSection;
  /** What the header says where the content says otherwise; absent from a well-formed entry. */
  readonly declared?: { readonly errorDataLength?: number };
}

/** An entry as an encoder takes it: the section type follows from the section unless that is bytes. */
export type ErrorDataEntryInput = Partial<Omit<ErrorDataEntry, 'section'>> & { readonly section: CperSectionInput };

/** Reads the entry at the beginning of the bytes; undefined when not even its header is there. */
export function decodeEntry(
  bytes: Uint8Array,
  finder: Finder,
): { entry: ErrorDataEntry; sizeBytes: number } | undefined {
  if (bytes.length < ENTRY_SIZE_BYTES_MIN) return undefined;
  const revision = decodeLayout(HEADER, bytes, 0, ENTRY_SIZE_BYTES_MIN).revision;
  const headerBytes = headerSizeBytes(revision);
  if (bytes.length < headerBytes) {
    const found = `${bytes.length} bytes left for a header of revision ${hex(revision, 2)}`;
    finder.add(20, 'an entry has room for its header', found, `at least ${headerBytes}`);
    return undefined;
  }
  const { errorDataLength, ...header } = decodeLayout(HEADER, bytes, 0, headerBytes);
  check(header, finder);
  const room = bytes.length - headerBytes;
  const payloadBytes = Math.min(errorDataLength, room);
  if (errorDataLength > room) {
    finder.add(
      24,
      'Error Data Length lies within Data Length of the block',
      String(errorDataLength),
      `at most ${room}`,
    );
  }
  const payload = bytes.subarray(headerBytes, headerBytes + payloadBytes);
  const section = decodeSection(header.sectionType, payload, finder.at(headerBytes));
  const entry = { ...header, section };
  const sizeBytes = headerBytes + payloadBytes;
  return { entry: payloadBytes === errorDataLength ? entry : { ...entry, declared: { errorDataLength } }, sizeBytes };
}

function check(header: Omit<Header, 'errorDataLength'>, finder: Finder): void {
  const { errorSeverity, revision, validationBits, timestamp } = header;
  if (SEVERITY_NAMES[errorSeverity] === undefined) {
    finder.add(16, 'Error Severity of an entry', String(errorSeverity), '0 to 3');
  }
  const fault = headerSizeBytes(revision) === HEADER.sizeBytes && validationBits & 4 ? timeFault(timestamp) : undefined;
  if (fault !== undefined) finder.add(64, 'Timestamp is a time in BCD', fault, 'decimal digits of a time and a date');
}

function headerOf(entry: ErrorDataEntryInput, payloadBytes: number): Partial<Header> {
  const { section, declared, ...header } = entry;
  const sectionType = header.sectionType ?? sectionTypeOf(section);
  if (sectionType === undefined) {
    throw new CperError('E_CPER_FIELD', 'an entry whose section is bytes needs its sectionType; it has none.');
  }
  return { revision: ENTRY_REVISION, ...header, sectionType, errorDataLength: payloadBytes, ...declared };
}

/**
 * The bytes of an entry, revision 3.0 unless told.
 *
 * @throws CperError `E_CPER_FIELD`, `E_CPER_GUID` when a value does not fit its field
 */
export function encodeEntry(entry: ErrorDataEntryInput): Uint8Array {
  const payload = encodeSection(entry.section);
  const header = headerOf(entry, payload.length);
  const headerBytes = encodeLayout(HEADER, header, headerSizeBytes(header.revision as number));
  return concat([headerBytes, payload]);
}

/** Entry `n` for printing; `at` is where it begins. */
export function describeEntry(entry: ErrorDataEntry, n: number, at: number, options: DescribeOptions): TreeNode {
  const sizeBytes = encodeEntry(entry).length;
  const headerBytes = headerSizeBytes(entry.revision);
  const header = headerOf(entry, sizeBytes - headerBytes) as Header;
  const section: TreeNode = {
    name: 'Section',
    value: entry.section.kind === 'bytes' ? 'bytes' : undefined,
    offset: at + headerBytes,
    sizeBytes: sizeBytes - headerBytes,
    children: describeSection(entry.section, at + headerBytes, options),
  };
  if (section.value === undefined) delete section.value;
  const children = [...describeLayout(HEADER, header, at, headerBytes), section];
  const value = `${sectionTypeName(entry.sectionType) ?? entry.sectionType}, ${severityName(entry.errorSeverity)}`;
  return { name: `Generic Error Data Entry ${n}`, value, offset: at, sizeBytes, children };
}
