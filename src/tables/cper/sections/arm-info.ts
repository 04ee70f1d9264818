/**
 * ARM processor error information structures, and the 64 bits in them whose meaning depends on the type of the error.
 *
 * Source: UEFI Specification, appendix N.2.4.4.1, "ARM Processor Error Information", "Cache Error Structure", "TLB
 * Error Structure", "Bus Error Structure" and "Vendor Specific Micro-Architecture ARM Errors".
 */
import type { BitFields } from '../bits.ts';
import { showBits } from '../bits.ts';
import { flags, hex, hexOf, layout, uint, uint64, type ValueOf } from '../layout.ts';

/** Kinds of processor errors. */
export type ArmErrorKind = 'cache' | 'tlb' | 'bus' | 'micro-architectural';

/**
 * How the type of an error is encoded: as a number up to UEFI 2.9 (0 cache, 1 TLB, 2 bus, 3 micro-architectural), as a
 * mask since 2.9A (bits 1 to 4 in the same order). No field of a record says which; kernels changed as well.
 */
export type ArmErrorTypes = 'mask' | 'index';

const KINDS: readonly ArmErrorKind[] = ['cache', 'tlb', 'bus', 'micro-architectural'];

const KIND_NAMES: Readonly<Record<ArmErrorKind, string>> = {
  cache: 'cache error',
  tlb: 'TLB error',
  bus: 'bus error',
  'micro-architectural': 'micro-architectural error',
};

/** The kinds that a type names; with a mask there may be several, and bits that name none are left out. */
export function armErrorKinds(type: number, types: ArmErrorTypes): ArmErrorKind[] {
  if (types === 'index') return KINDS.slice(type, type + 1);
  return KINDS.filter((_, place) => type & (2 << place));
}

/** The type that names these kinds; by index only the first can be named. */
export function armErrorType(kinds: readonly ArmErrorKind[], types: ArmErrorTypes): number {
  if (types === 'index') return KINDS.indexOf(kinds[0]);
  return kinds.reduce((mask, kind) => mask | (2 << KINDS.indexOf(kind)), 0);
}

/** A type for printing. */
export function showArmErrorType(type: number, types: ArmErrorTypes): string {
  const kinds = armErrorKinds(type, types).map((kind) => KIND_NAMES[kind]);
  const known = types === 'index' ? type < KINDS.length : (type & ~0x1e) === 0;
  if (!known) kinds.push(types === 'index' ? 'unknown' : 'reserved bits');
  if (kinds.length === 0) kinds.push('none');
  return types === 'index' ? `${type} (${kinds.join(', ')})` : `${hex(type, 1)} (${kinds.join(', ')})`;
}

const TRANSACTIONS = { 0: 'instruction', 1: 'data access', 2: 'generic' };

const OPERATIONS: Readonly<Record<number, string>> = {
  0: 'generic error',
  1: 'generic read',
  2: 'generic write',
  3: 'data read',
  4: 'data write',
  5: 'instruction fetch',
  6: 'prefetch',
};

const NO_YES = { 0: 'no', 1: 'yes' };

const LOW_FIELDS = {
  transactionType: { name: 'Transaction Type', low: 16, high: 17, valid: 0, names: TRANSACTIONS },
  operation: { name: 'Operation', low: 18, high: 21, valid: 1, names: OPERATIONS },
  level: { name: 'Level', low: 22, high: 24, valid: 2 },
  contextCorrupt: { name: 'Processor Context Corrupt', low: 25, high: 25, valid: 3, names: NO_YES },
  corrected: { name: 'Corrected', low: 26, high: 26, valid: 4, names: NO_YES },
  precisePc: { name: 'Precise PC', low: 27, high: 27, valid: 5, names: NO_YES },
  restartablePc: { name: 'Restartable PC', low: 28, high: 28, valid: 6, names: NO_YES },
} as const satisfies BitFields;

const CACHE_OPERATIONS = {
  ...OPERATIONS,
  7: 'eviction',
  8: 'snooping',
  9: 'snooped',
  10: 'management',
};

const TLB_OPERATIONS = { ...OPERATIONS, 7: 'local management operation', 8: 'external management operation' };

/** ARM cache error structure. */
export const ARM_CACHE_ERROR = {
  ...LOW_FIELDS,
  operation: { ...LOW_FIELDS.operation, names: CACHE_OPERATIONS },
} satisfies BitFields;

/** ARM TLB error structure. */
export const ARM_TLB_ERROR = {
  ...LOW_FIELDS,
  operation: { ...LOW_FIELDS.operation, names: TLB_OPERATIONS },
} satisfies BitFields;

/** ARM bus error structure. */
export const ARM_BUS_ERROR = {
  ...LOW_FIELDS,
  level: { ...LOW_FIELDS.level, name: 'Affinity Level' },
  participationType: {
    name: 'Participation Type',
    low: 29,
    high: 30,
    valid: 7,
    names: { 0: 'local processor originated request', 1: 'local processor responded', 2: 'observed', 3: 'generic' },
  },
  timeOut: { name: 'Time Out', low: 31, high: 31, valid: 8, names: NO_YES },
  addressSpace: {
    name: 'Address Space',
    low: 32,
    high: 33,
    valid: 9,
    names: { 0: 'external memory access', 1: 'internal memory access', 3: 'device memory access' },
  },
  memoryAttributes: { name: 'Memory Access Attributes', low: 34, high: 42, valid: 10 },
  accessMode: { name: 'Access Mode', low: 43, high: 43, valid: 11, names: { 0: 'secure', 1: 'normal' } },
} satisfies BitFields;

/** The structure of the error information by kind; what a micro-architectural error tells is the vendor's. */
export const ARM_ERROR_INFORMATION: Readonly<Partial<Record<ArmErrorKind, BitFields>>> = {
  cache: ARM_CACHE_ERROR,
  tlb: ARM_TLB_ERROR,
  bus: ARM_BUS_ERROR,
};

/**
 * The error information for printing. Under a type that names several kinds the first structured one is used: their
 * common fields are the same.
 */
export function showArmErrorInformation(type: number, value: bigint, types: ArmErrorTypes) {
  const kinds = armErrorKinds(type, types);
  const table = kinds.map((kind) => ARM_ERROR_INFORMATION[kind]).find((found) => found !== undefined);
  return table === undefined ? [] : showBits(table, value);
}

const INFO_VALIDATION = {
  0: 'Multiple Error',
  1: 'Flags',
  2: 'Error Information',
  3: 'Virtual Fault Address',
  4: 'Physical Fault Address',
};

const INFO_FLAGS = { 0: 'first error captured', 1: 'last error captured', 2: 'propagated', 3: 'overflow' };

/** How many errors a structure stands for. */
function showMultiple(value: number): string {
  if (value === 0) return '0 (single error)';
  return value === 1 ? '1 (multiple errors, count unknown)' : `${value} (${value} errors)`;
}

/** ARM Processor Error Information Structure. */
export const ARM_INFO = layout(
  'ARM Processor Error Information Structure',
  32,
  {
    version: uint(0, 1, 'Version'),
    lengthBytes: uint(1, 1, 'Length'),
    validationBits: uint(2, 2, 'Validation Bits', { show: flags(INFO_VALIDATION, 2) }),
    type: uint(4, 1, 'Type', { show: hexOf(1) }),
    multipleError: uint(5, 2, 'Multiple Error', { valid: 0, show: showMultiple }),
    flags: uint(7, 1, 'Flags', { valid: 1, show: flags(INFO_FLAGS, 1) }),
    errorInformation: uint64(8, 'Error Information', { valid: 2 }),
    virtualFaultAddress: uint64(16, 'Virtual Fault Address', { valid: 3 }),
    physicalFaultAddress: uint64(24, 'Physical Fault Address', { valid: 4 }),
  },
  'validationBits',
);

/** The fields of an ARM error information structure. */
export type ArmErrorInfo = ValueOf<typeof ARM_INFO.fields>;
