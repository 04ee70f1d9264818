/**
 * Sections of error records: which type has which structure.
 *
 * A payload that is shorter than its structure, or whose type is not known here, is kept as bytes.
 */
import type { TreeNode } from '../tree-node.ts';
import { CperError } from './error.ts';
import type { Finder } from './finder.ts';
import { type Guid, SECTION_TYPE, sectionTypeName } from './guid.ts';
import { decodeLayout, describeLayout, encodeLayout, type Fields, hex, type Layout, showBytes } from './layout.ts';
import {
  ARM_HEADER_SIZE_BYTES,
  type ArmProcessorError,
  type ArmProcessorErrorInput,
  decodeArmProcessor,
  describeArmProcessor,
  encodeArmProcessor,
} from './sections/arm.ts';
import type { ArmErrorTypes } from './sections/arm-info.ts';
import {
  MEMORY,
  MEMORY_LEGACY_SIZE_BYTES,
  MEMORY_LEGACY_VALIDATION_BITS,
  MEMORY2,
  type MemoryError,
  type MemoryError2,
} from './sections/memory.ts';
import { PCIE, type PcieError } from './sections/pcie.ts';
import {
  FIRMWARE_REFERENCE,
  FIRMWARE_REFERENCE_SHORT_SIZE_BYTES,
  type FirmwareReference,
  GENERIC_PROCESSOR,
  type GenericProcessorError,
} from './sections/processor.ts';

/** A section that is one structure, perhaps in an older, shorter form, perhaps with more bytes after it. */
interface Fixed<K extends string, T> {
  readonly kind: K;
  readonly fields: T;
  /** Bytes of the form; fields beyond it are zero. */
  readonly sizeBytes: number;
  readonly trailing: Uint8Array;
}

/** As {@link Fixed} for an encoder: everything left out is zero, the form is the whole structure. */
interface FixedInput<K extends string, T> {
  readonly kind: K;
  readonly fields: Partial<T>;
  readonly sizeBytes?: number;
  readonly trailing?: Uint8Array;
}

/** A payload without a structure that is known here, or too short for the one it should have. */
interface BytesSection {
  readonly kind: 'bytes';
  readonly bytes: Uint8Array;
}

/** The payload of a section. */
export type CperSection =
  | { readonly kind: 'armProcessor'; readonly fields: ArmProcessorError }
  | Fixed<'memory', MemoryError>
  | Fixed<'memory2', MemoryError2>
  | Fixed<'genericProcessor', GenericProcessorError>
  | Fixed<'pcie', PcieError>
  | Fixed<'firmwareReference', FirmwareReference>
  | BytesSection;

/** A section as an encoder takes it: {@link CperSection} where fields may be left out. */
export type CperSectionInput =
  | { readonly kind: 'armProcessor'; readonly fields: ArmProcessorErrorInput }
  | FixedInput<'memory', MemoryError>
  | FixedInput<'memory2', MemoryError2>
  | FixedInput<'genericProcessor', GenericProcessorError>
  | FixedInput<'pcie', PcieError>
  | FixedInput<'firmwareReference', FirmwareReference>
  | BytesSection;

type FixedKind = Exclude<CperSection['kind'], 'bytes' | 'armProcessor'>;

/** Structures of fixed size, and the size of an older form where there is one. */
const FIXED: Readonly<Record<FixedKind, { layout: Layout<Fields>; shortSizeBytes?: number }>> = {
  memory: { layout: MEMORY, shortSizeBytes: MEMORY_LEGACY_SIZE_BYTES },
  memory2: { layout: MEMORY2 },
  genericProcessor: { layout: GENERIC_PROCESSOR },
  pcie: { layout: PCIE },
  firmwareReference: { layout: FIRMWARE_REFERENCE, shortSizeBytes: FIRMWARE_REFERENCE_SHORT_SIZE_BYTES },
};

const KIND_BY_TYPE = new Map<Guid, FixedKind | 'armProcessor'>(
  Object.entries(SECTION_TYPE).map(([kind, guid]) => [guid, kind as FixedKind | 'armProcessor']),
);

/** The section type of a payload; undefined for bytes, whose type has to be given. */
export function sectionTypeOf({ kind }: CperSectionInput): Guid | undefined {
  return kind === 'bytes' ? undefined : SECTION_TYPE[kind];
}

/** How a section is printed. */
export interface DescribeOptions {
  /** How the type of an ARM processor error is read: `mask` unless told. */
  readonly armErrorTypes?: ArmErrorTypes;
}

/** Reads the payload of a section of this type. */
export function decodeSection(type: Guid, bytes: Uint8Array, finder: Finder): CperSection {
  const kind = KIND_BY_TYPE.get(type);
  if (kind === undefined) return { kind: 'bytes', bytes: bytes.slice() };
  const fixed = kind === 'armProcessor' ? undefined : FIXED[kind];
  const whole = fixed === undefined ? ARM_HEADER_SIZE_BYTES : fixed.layout.sizeBytes;
  const least = fixed?.shortSizeBytes ?? whole;
  if (bytes.length < least) {
    const rule = `length of a section of type ${sectionTypeName(type)}`;
    finder.add(0, rule, `${bytes.length} bytes`, `at least ${least}`);
    return { kind: 'bytes', bytes: bytes.slice() };
  }
  if (kind === 'armProcessor') return { kind, fields: decodeArmProcessor(bytes, finder) };
  const sizeBytes = bytes.length >= whole ? whole : least;
  const fields = decodeLayout((fixed as { layout: Layout<Fields> }).layout, bytes, 0, sizeBytes);
  const section = { kind, fields, sizeBytes, trailing: bytes.slice(sizeBytes) } as CperSection;
  if (section.kind === 'memory') checkMemory(section, finder);
  return section;
}

function checkMemory({ fields, sizeBytes, trailing }: Fixed<'memory', MemoryError>, finder: Finder): void {
  if (sizeBytes === MEMORY.sizeBytes) return;
  if (trailing.length > 0) {
    const found = `${sizeBytes + trailing.length} bytes`;
    finder.add(0, 'length of a memory error section', found, `${sizeBytes} or ${MEMORY.sizeBytes}`);
  }
  if (fields.validationBits >> BigInt(MEMORY_LEGACY_VALIDATION_BITS) !== 0n) {
    const rule = 'validation bits are about fields that the section has';
    finder.add(0, rule, hex(fields.validationBits), `none from ${MEMORY_LEGACY_VALIDATION_BITS} in ${sizeBytes} bytes`);
  }
}

/**
 * The bytes of a section.
 *
 * @throws CperError `E_CPER_FIELD` when a value does not fit its field
 */
export function encodeSection(section: CperSectionInput): Uint8Array {
  if (section.kind === 'bytes') return section.bytes.slice();
  if (section.kind === 'armProcessor') return encodeArmProcessor(section.fields);
  const { layout, shortSizeBytes } = FIXED[section.kind];
  const { sizeBytes = layout.sizeBytes, trailing = new Uint8Array(0) } = section;
  if (sizeBytes !== layout.sizeBytes && sizeBytes !== shortSizeBytes) {
    const sizes = [layout.sizeBytes, shortSizeBytes].filter((size) => size !== undefined).join(' or ');
    throw new CperError('E_CPER_FIELD', `${layout.name}: a form of ${sizeBytes} bytes is asked for; it has ${sizes}.`);
  }
  const fields = encodeLayout(layout, section.fields, sizeBytes);
  const bytes = new Uint8Array(sizeBytes + trailing.length);
  bytes.set(fields);
  bytes.set(trailing, sizeBytes);
  return bytes;
}

/** The fields of a section for printing; `at` is where its payload begins. */
export function describeSection(section: CperSection, at: number, options: DescribeOptions): TreeNode[] {
  if (section.kind === 'bytes') return describeBytes('Data', section.bytes, at);
  if (section.kind === 'armProcessor') {
    return describeArmProcessor(section.fields, at, options.armErrorTypes ?? 'mask');
  }
  const { layout } = FIXED[section.kind];
  const nodes = describeLayout(layout, section.fields as never, at, section.sizeBytes);
  return [...nodes, ...describeBytes('Bytes after the section', section.trailing, at + section.sizeBytes)];
}

/** Rows of 16 bytes that are printed of data without structure. */
const DUMP_ROWS_MAX = 64;

/** Bytes for printing: one node when they fit in it, otherwise rows of 16; nothing for no bytes. */
export function describeBytes(name: string, bytes: Uint8Array, at: number): TreeNode[] {
  if (bytes.length === 0) return [];
  if (bytes.length <= 16) return [{ name, value: showBytes(bytes), offset: at, sizeBytes: bytes.length }];
  const children: TreeNode[] = [];
  for (let row = 0; row * 16 < bytes.length && row < DUMP_ROWS_MAX; row++) {
    const part = bytes.subarray(row * 16, row * 16 + 16);
    const offset = at + row * 16;
    children.push({ name: hex(row * 16, 2), value: showBytes(part), offset, sizeBytes: part.length });
  }
  return [{ name, value: `${bytes.length} bytes`, offset: at, sizeBytes: bytes.length, children }];
}
