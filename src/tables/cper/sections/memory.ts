/**
 * Platform memory errors, both forms.
 *
 * Source: UEFI Specification, appendix N.2.5, "Memory Error Section", and N.2.6, "Memory Error Section 2".
 */
import { layout, named, reserved, uint, uint64, type ValueOf } from '../layout.ts';
import { MEMORY_ERROR_TYPES, showErrorStatus } from '../names.ts';

const showHandle = (value: number): string => `0x${value.toString(16).padStart(4, '0')}`;

/** What the byte "Extended" holds; its parts have validation bits of their own. */
function showExtended(value: number): { name: string; value: string }[] {
  return [
    { name: 'Row bits 17:16', value: String(value & 3) },
    { name: 'Chip Identification', value: String(value >> 5) },
  ];
}

/** A bank as two numbers, where its validation bits say so. */
const showBank = (value: number): string => `${value} (group ${value >> 8}, address ${value & 0xff})`;

/** Bytes of a memory error section before UEFI 2.3; it ends after the error type. */
export const MEMORY_LEGACY_SIZE_BYTES = 73;

/** Validation bits from this on are about fields that the short form does not have. */
export const MEMORY_LEGACY_VALIDATION_BITS = 15;

/** Platform Memory Error Section. */
export const MEMORY = layout(
  'Platform Memory Error Section',
  80,
  {
    validationBits: uint64(0, 'Validation Bits'),
    errorStatus: uint64(8, 'Error Status', { valid: 0, show: showErrorStatus }),
    physicalAddress: uint64(16, 'Physical Address', { valid: 1 }),
    physicalAddressMask: uint64(24, 'Physical Address Mask', { valid: 2 }),
    node: uint(32, 2, 'Node', { valid: 3 }),
    card: uint(34, 2, 'Card', { valid: 4 }),
    module: uint(36, 2, 'Module', { valid: 5 }),
    bank: uint(38, 2, 'Bank', { valid: [6, 19, 20], show: showBank }),
    device: uint(40, 2, 'Device', { valid: 7 }),
    row: uint(42, 2, 'Row', { valid: 8 }),
    column: uint(44, 2, 'Column', { valid: 9 }),
    bitPosition: uint(46, 2, 'Bit Position', { valid: 10 }),
    requestorId: uint64(48, 'Requestor ID', { valid: 11 }),
    responderId: uint64(56, 'Responder ID', { valid: 12 }),
    targetId: uint64(64, 'Target ID', { valid: 13 }),
    memoryErrorType: uint(72, 1, 'Memory Error Type', { valid: 14, show: named(MEMORY_ERROR_TYPES) }),
    extended: uint(73, 1, 'Extended', { valid: [18, 21], parts: showExtended }),
    rankNumber: uint(74, 2, 'Rank Number', { valid: 15 }),
    cardHandle: uint(76, 2, 'Card Handle', { valid: 16, show: showHandle }),
    moduleHandle: uint(78, 2, 'Module Handle', { valid: 17, show: showHandle }),
  },
  'validationBits',
);

/** The fields of a platform memory error. */
export type MemoryError = ValueOf<(typeof MEMORY)['fields']>;

/** Numbers of the validation bits of {@link MEMORY}. */
export const MEMORY_VALID = {
  errorStatus: 0,
  physicalAddress: 1,
  physicalAddressMask: 2,
  node: 3,
  card: 4,
  module: 5,
  bank: 6,
  device: 7,
  row: 8,
  column: 9,
  bitPosition: 10,
  requestorId: 11,
  responderId: 12,
  targetId: 13,
  memoryErrorType: 14,
  rankNumber: 15,
  cardHandle: 16,
  moduleHandle: 17,
  extendedRow: 18,
  bankGroup: 19,
  bankAddress: 20,
  chipId: 21,
} as const;

/** Platform Memory Error Section 2. */
export const MEMORY2 = layout(
  'Platform Memory Error Section 2',
  96,
  {
    validationBits: uint64(0, 'Validation Bits'),
    errorStatus: uint64(8, 'Error Status', { valid: 0, show: showErrorStatus }),
    physicalAddress: uint64(16, 'Physical Address', { valid: 1 }),
    physicalAddressMask: uint64(24, 'Physical Address Mask', { valid: 2 }),
    node: uint(32, 2, 'Node', { valid: 3 }),
    card: uint(34, 2, 'Card', { valid: 4 }),
    module: uint(36, 2, 'Module', { valid: 5 }),
    bank: uint(38, 2, 'Bank', { valid: [6, 20, 21], show: showBank }),
    device: uint(40, 4, 'Device', { valid: 7 }),
    row: uint(44, 4, 'Row', { valid: 8 }),
    column: uint(48, 4, 'Column', { valid: 9 }),
    rank: uint(52, 4, 'Rank', { valid: 10 }),
    bitPosition: uint(56, 4, 'Bit Position', { valid: 11 }),
    chipId: uint(60, 1, 'Chip Identification', { valid: 12 }),
    memoryErrorType: uint(61, 1, 'Memory Error Type', { valid: 13, show: named(MEMORY_ERROR_TYPES) }),
    status: uint(62, 1, 'Status', { valid: 14 }),
    reserved: reserved(63, 1),
    requestorId: uint64(64, 'Requestor ID', { valid: 15 }),
    responderId: uint64(72, 'Responder ID', { valid: 16 }),
    targetId: uint64(80, 'Target ID', { valid: 17 }),
    cardHandle: uint(88, 4, 'Card Handle', { valid: 18 }),
    moduleHandle: uint(92, 4, 'Module Handle', { valid: 19 }),
  },
  'validationBits',
);

/** The fields of a platform memory error, second form. */
export type MemoryError2 = ValueOf<(typeof MEMORY2)['fields']>;
