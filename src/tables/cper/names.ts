/**
 * Names of numbers that error records use.
 *
 * Source: UEFI Specification, appendix N, "Common Platform Error Record"; ACPI Specification, "Generic Error Data".
 */
import { flags, hex, named } from './layout.ts';

/** Severity of a block, an entry, a record or a section. The numbers are not in order of gravity. */
export const SEVERITY = { recoverable: 0, fatal: 1, corrected: 2, informational: 3 } as const;

/** Names of {@link SEVERITY} by number. */
export const SEVERITY_NAMES: Readonly<Record<number, string>> = {
  0: 'recoverable',
  1: 'fatal',
  2: 'corrected',
  3: 'informational',
};

/** A severity for printing. Linux takes a number without a name as fatal. */
export const showSeverity = named(SEVERITY_NAMES);

/** A severity by name alone, for headings. */
export const severityName = (severity: number): string => SEVERITY_NAMES[severity] ?? `severity ${severity}`;

/** Flags of a section. UEFI, appendix N.2.2, "Section Descriptor". */
export const SECTION_FLAGS: Readonly<Record<number, string>> = {
  0: 'primary',
  1: 'containment warning',
  2: 'reset',
  3: 'error threshold exceeded',
  4: 'resource not accessible',
  5: 'latent error',
  6: 'propagated',
  7: 'overflow',
};

/** Validation bits of an entry's header. ACPI, "Generic Error Data Entry". */
export const ENTRY_VALIDATION: Readonly<Record<number, string>> = { 0: 'FRU Id', 1: 'FRU Text', 2: 'Timestamp' };

const ERROR_STATUS_TYPES: Readonly<Record<number, string>> = {
  1: 'error detected internal to the component',
  4: 'storage error in DRAM memory',
  5: 'storage error in TLB',
  6: 'storage error in cache',
  7: 'error in one or more functional units',
  8: 'component failed self test',
  9: 'overflow or undervalue of an internal queue',
  16: 'error detected in the bus',
  17: 'virtual address not found on IO-TLB or IO-PDIR',
  18: 'improper access error',
  19: 'access to a memory address which is not mapped to any component',
  20: 'loss of lockstep',
  21: 'response not associated with a request',
  22: 'bus parity error',
  23: 'detection of a protocol error',
  24: 'detection of a path error',
  25: 'bus operation timeout',
  26: 'read issued to data that is poisoned',
};

const ERROR_STATUS_FLAGS: Readonly<Record<number, string>> = {
  16: 'address',
  17: 'control',
  18: 'data',
  19: 'responder',
  20: 'requester',
  21: 'first error',
  22: 'overflow',
};

/** An error status for printing: its type in words and its flags. UEFI, appendix N.2.12, "Error Status". */
export function showErrorStatus(value: bigint): string {
  const type = Number((value >> 8n) & 0xffn);
  const set = Object.keys(ERROR_STATUS_FLAGS).filter((bit) => (value >> BigInt(bit)) & 1n);
  const words = [...(type === 0 ? [] : [ERROR_STATUS_TYPES[type] ?? `type ${type}`])];
  words.push(...set.map((bit) => ERROR_STATUS_FLAGS[Number(bit)]));
  return `${hex(value)}${words.length > 0 ? ` (${words.join('; ')})` : ''}`;
}

/** Memory Error Type. UEFI, appendix N.2.5, "Memory Error Section". */
export const MEMORY_ERROR_TYPES: Readonly<Record<number, string>> = {
  0: 'unknown',
  1: 'no error',
  2: 'single-bit ECC',
  3: 'multi-bit ECC',
  4: 'single-symbol chipkill ECC',
  5: 'multi-symbol chipkill ECC',
  6: 'master abort',
  7: 'target abort',
  8: 'parity error',
  9: 'watchdog timeout',
  10: 'invalid address',
  11: 'mirror broken',
  12: 'memory sparing',
  13: 'scrub corrected error',
  14: 'scrub uncorrected error',
  15: 'physical memory map-out event',
};

/** Section flags of one byte, for printing. */
export const showSectionFlags8 = flags(SECTION_FLAGS, 1);

/** Section flags of four bytes, for printing. */
export const showSectionFlags32 = flags(SECTION_FLAGS, 4);
