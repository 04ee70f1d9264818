/**
 * Registers of the error interfaces that act when they are written: acknowledgements of error sources, error injection,
 * error records that survive.
 *
 * ACPI describes each of them by a Generic Address Structure and leaves the registers to the platform; these are this
 * firmware's own. Those of 8 bytes are accessed as two of 4, lower half first.
 */
import { regmap } from '../../devices/regmap.ts';
import { RAS_SOURCES_MAX } from './sources.ts';

/** Bytes the registers take. */
export const RAS_REGISTERS_BYTES = 0x1000;

/** The register map. */
export const RAS_REGS = regmap(
  'RAS',
  { sizeBytes: RAS_REGISTERS_BYTES, source: 'ACPI 6.5, "ACPI Platform Error Interfaces"' },
  {
    RAS_ACK: {
      at: 0x000,
      count: RAS_SOURCES_MAX,
      access: 'RW',
      reset: 1,
      fields: { ACK: [0, 0] },
      doc: "read-ack register of an error source: 1 when its status block is the firmware's",
    },
    EINJ_COMMAND: { at: 0x100, access: 'RW', doc: 'error injection: 1 begins, 5 executes, 4 ends' },
    EINJ_TYPES: { at: 0x104, access: 'RO', doc: 'types of errors that can be injected' },
    EINJ_TYPE: { at: 0x108, access: 'RW', doc: 'type of the error, where no parameters are given' },
    EINJ_BUSY: { at: 0x10c, access: 'RO', fields: { BUSY: [0, 0] }, doc: 'an injection is under way' },
    EINJ_STATUS: {
      at: 0x110,
      access: 'RO',
      doc: 'status of the last injection: 0 success, 1 failure, 2 invalid access',
    },
    EINJ_TRIGGER: { at: 0x114, access: 'WO', doc: 'a write makes the injected error happen' },
    EINJ_TRIGGER_TABLE: { at: 0x118, sizeBytes: 8, access: 'RO', doc: 'address of the trigger error action table' },
    EINJ_TIMINGS: {
      at: 0x120,
      sizeBytes: 8,
      access: 'RO',
      doc: 'time of an injection in us: [63:32] most, [31:0] usual',
    },
    ERST_COMMAND: { at: 0x200, access: 'RW', doc: 'error records: 0 write, 1 read, 2 clear, 3 end, 11 dummy write' },
    ERST_OFFSET: { at: 0x204, access: 'RW', doc: 'offset of the record in the buffer' },
    ERST_ID: { at: 0x208, sizeBytes: 8, access: 'RW', doc: 'identifier of the record to read or clear' },
    ERST_STATUS: { at: 0x210, access: 'RO', doc: 'status of the last command' },
    ERST_COUNT: { at: 0x214, access: 'RO', doc: 'number of records in the store' },
    ERST_NEXT_ID: { at: 0x218, sizeBytes: 8, access: 'RO', doc: 'identifier of a record, of the next with each read' },
    ERST_EXECUTE: { at: 0x220, access: 'WO', doc: 'a write of 0x9c executes the command' },
    ERST_BUSY: { at: 0x224, access: 'RO', fields: { BUSY: [0, 0] }, doc: 'a command is under way' },
    ERST_RANGE: { at: 0x228, sizeBytes: 8, access: 'RO', doc: 'address of the buffer' },
    ERST_RANGE_LENGTH: { at: 0x230, sizeBytes: 8, access: 'RO', doc: 'size of the buffer' },
    ERST_RANGE_ATTRIBUTES: { at: 0x238, sizeBytes: 8, access: 'RO', doc: 'attributes of the buffer: plain memory' },
    ERST_TIMINGS: { at: 0x240, sizeBytes: 8, access: 'RO', doc: 'time of a command in us: [63:32] most, [31:0] usual' },
  },
);

/** Names of the registers. */
export type RasRegisterName = keyof (typeof RAS_REGS)['registers'];

/** Offset of a register. */
export const rasRegisterAt = (name: RasRegisterName, element = 0): number =>
  RAS_REGS.registers[name].at + element * RAS_REGS.registers[name].sizeBytes;

/** What ERST_EXECUTE takes. */
export const ERST_EXECUTE_MAGIC = 0x9c;
