/**
 * Generic processor errors, and references to records that firmware keeps elsewhere.
 *
 * Source: UEFI Specification, appendix N.2.4.1, "Generic Processor Error Section", and N.2.9, "Firmware Error Record
 * Reference".
 */
import { flags, guid, layout, named, reserved, text, uint, uint64, type ValueOf } from '../layout.ts';

const PROCESSOR_TYPES = { 0: 'IA32/X64', 1: 'IA64', 2: 'ARM' };
const INSTRUCTION_SETS = { 0: 'IA32', 1: 'IA64', 2: 'X64', 3: 'ARM A32/T32', 4: 'ARM A64' };
const ERROR_TYPES = { 0: 'cache', 1: 'TLB', 2: 'bus', 3: 'micro-architectural' };
const OPERATIONS = { 0: 'unknown or generic', 1: 'data read', 2: 'data write', 3: 'instruction execution' };
const FLAGS = { 0: 'restartable', 1: 'precise IP', 2: 'overflow', 3: 'corrected' };

/** Generic Processor Error Section. */
export const GENERIC_PROCESSOR = layout(
  'Generic Processor Error Section',
  192,
  {
    validationBits: uint64(0, 'Validation Bits'),
    processorType: uint(8, 1, 'Processor Type', { valid: 0, show: named(PROCESSOR_TYPES) }),
    processorIsa: uint(9, 1, 'Processor ISA', { valid: 1, show: named(INSTRUCTION_SETS) }),
    processorErrorType: uint(10, 1, 'Processor Error Type', { valid: 2, show: flags(ERROR_TYPES, 1) }),
    operation: uint(11, 1, 'Operation', { valid: 3, show: named(OPERATIONS) }),
    flags: uint(12, 1, 'Flags', { valid: 4, show: flags(FLAGS, 1) }),
    level: uint(13, 1, 'Level', { valid: 5 }),
    reserved: reserved(14, 2),
    cpuVersion: uint64(16, 'CPU Version Info', { valid: 6 }),
    brandString: text(24, 128, 'CPU Brand String', { valid: 7 }),
    processorId: uint64(152, 'Processor ID', { valid: 8 }),
    targetAddress: uint64(160, 'Target Address', { valid: 9 }),
    requestorId: uint64(168, 'Requestor Identifier', { valid: 10 }),
    responderId: uint64(176, 'Responder Identifier', { valid: 11 }),
    instructionIp: uint64(184, 'Instruction IP', { valid: 12 }),
  },
  'validationBits',
);

/** The fields of a generic processor error. */
export type GenericProcessorError = ValueOf<(typeof GENERIC_PROCESSOR)['fields']>;

/** Bytes of a firmware error record reference before the GUID was added to it. */
export const FIRMWARE_REFERENCE_SHORT_SIZE_BYTES = 16;

const RECORD_TYPES = {
  0: 'IPF SAL error record',
  1: 'SoC firmware error record type 1 (legacy CrashLog)',
  2: 'SoC firmware error record type 2',
};

/** Firmware Error Record Reference. */
export const FIRMWARE_REFERENCE = layout('Firmware Error Record Reference', 32, {
  recordType: uint(0, 1, 'Firmware Error Record Type', { show: named(RECORD_TYPES) }),
  revision: uint(1, 1, 'Revision'),
  reserved: reserved(2, 6),
  recordIdentifier: uint64(8, 'Record Identifier'),
  recordIdentifierGuid: guid(16, 'Record identifier GUID extension'),
});

/** The fields of a reference to a firmware error record. */
export type FirmwareReference = ValueOf<(typeof FIRMWARE_REFERENCE)['fields']>;
