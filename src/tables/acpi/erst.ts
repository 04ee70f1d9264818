/** Error Record Serialization Table. Source: ACPI 6.5, "Error Serialization". */
import { derived, must, preset, reserved, u32 } from './fields.ts';
import {
  actionHeaderSize,
  INSTRUCTION,
  type Instruction,
  type InstructionStruct,
  instructionEntry,
  isActionHeaderSize,
  namesOf,
  readInstructions,
} from './instructions.ts';
import { entriesBytes } from './lists.ts';
import { type Codec, concat, type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

/** Numbers of serialization actions. */
export const ERST_ACTION = {
  BEGIN_WRITE_OPERATION: 0,
  BEGIN_READ_OPERATION: 1,
  BEGIN_CLEAR_OPERATION: 2,
  END_OPERATION: 3,
  SET_RECORD_OFFSET: 4,
  EXECUTE_OPERATION: 5,
  CHECK_BUSY_STATUS: 6,
  GET_COMMAND_STATUS: 7,
  GET_RECORD_IDENTIFIER: 8,
  SET_RECORD_IDENTIFIER: 9,
  GET_RECORD_COUNT: 10,
  BEGIN_DUMMY_WRITE_OPERATION: 11,
  GET_ERROR_LOG_ADDRESS_RANGE: 13,
  GET_ERROR_LOG_ADDRESS_RANGE_LENGTH: 14,
  GET_ERROR_LOG_ADDRESS_RANGE_ATTRIBUTES: 15,
  GET_EXECUTE_OPERATION_TIMINGS: 16,
} as const;

const INSTRUCTIONS = namesOf(INSTRUCTION);

/** Instruction entry of the ERST. */
export const ERST_ENTRY: InstructionStruct = instructionEntry(
  'Serialization Instruction Entry',
  'ACPI 6.5, "Serialization Instruction Entries"',
  ERST_ACTION,
  INSTRUCTIONS,
);

/** Fields before the instruction entries. */
export const ERST = struct(
  'Error Record Serialization Table',
  'ACPI 6.5, "Error Serialization"',
  { full: 48, first: HEADER_BYTES },
  {
    serializationHeaderSizeBytes: must(
      preset(actionHeaderSize, 48),
      'serialization header size',
      '12 or 48',
      isActionHeaderSize,
    ),
    reserved: reserved(4),
    entryCount: derived(u32('number of instruction entries')),
  },
);

/** The instructions of an ERST. */
export interface ErstEntries<E> {
  entries: readonly E[];
  /** Number of entries as the table says, when it is another. */
  entryCount?: number;
  trailing?: Uint8Array;
}

const BODY: Codec<
  Value<typeof ERST> & ErstEntries<Instruction>,
  Input<typeof ERST> & ErstEntries<Input<InstructionStruct>>
> = {
  title: ERST.title,
  read: (reader, at, sizeBytes) => {
    const fixed = ERST.read(reader, at, Math.min(sizeBytes, ERST.fullBytes));
    if (fixed === undefined) return undefined;
    const countAt = at + ERST.offsetOf('entryCount');
    const count = reader.view.getUint32(countAt, true);
    const end = at + sizeBytes;
    const set = { entry: ERST_ENTRY, actions: namesOf(ERST_ACTION), instructions: INSTRUCTIONS };
    const place = { at: at + ERST.fullBytes, end, count, countAt, isExact: true };
    const { entries, next, isAsSaid } = readInstructions(reader, set, place);
    const trailing = reader.rest(next, end);
    return {
      ...fixed,
      entries,
      ...(isAsSaid ? {} : { entryCount: count }),
      ...(trailing === undefined ? {} : { trailing }),
    };
  },
  bytes: ({ entries, entryCount = entries.length, trailing = new Uint8Array(), ...fixed }) =>
    concat([
      ERST.bytes({ ...fixed, entryCount } as Input<typeof ERST>),
      entriesBytes(ERST_ENTRY, entries as Parameters<typeof ERST_ENTRY.bytes>[0][]),
      trailing,
    ]),
};

/** The ERST. */
export const ERST_TABLE = table({
  signature: 'ERST',
  title: ERST.title,
  source: ERST.source,
  revision: 1,
  body: BODY,
});

/** A decoded ERST. */
export type Erst = Value<typeof BODY> & InTable;
/** An ERST as its encoder takes it. */
export type ErstInput = Input<typeof BODY> & InTableInput;

/** The bytes of an ERST. Throws AcpiError when a value does not fit its field. */
export const encodeErst = (input: ErstInput): Uint8Array => ERST_TABLE.encode(input);
/** Reads an ERST; never throws. */
export const decodeErst = (bytes: Uint8Array): DecodedTree<Erst> => ERST_TABLE.decode(bytes);
