/** Error Injection table and the trigger tables it leads to. Source: ACPI 6.5, "Error Injection". */
import type { TreeNode } from '../tree-node.ts';
import { derived, must, preset, reserved, u8, u32, zero } from './fields.ts';
import {
  actionHeaderSize,
  EINJ_FLUSH_CACHELINE,
  INSTRUCTION,
  type Instruction,
  type InstructionSet,
  type InstructionStruct,
  instructionEntry,
  isActionHeaderSize,
  namesOf,
  readInstructions,
} from './instructions.ts';
import { entriesBytes } from './lists.ts';
import { Reader } from './reader.ts';
import { type Codec, concat, type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

/** Numbers of injection actions. */
export const EINJ_ACTION = {
  BEGIN_INJECTION_OPERATION: 0,
  GET_TRIGGER_ERROR_ACTION_TABLE: 1,
  SET_ERROR_TYPE: 2,
  GET_ERROR_TYPE: 3,
  END_OPERATION: 4,
  EXECUTE_OPERATION: 5,
  CHECK_BUSY_STATUS: 6,
  GET_COMMAND_STATUS: 7,
  SET_ERROR_TYPE_WITH_ADDRESS: 8,
  GET_EXECUTE_OPERATION_TIMINGS: 9,
  EINJV2_SET_ERROR_TYPE: 16,
  EINJV2_GET_ERROR_TYPE: 17,
  TRIGGER_ERROR: 255,
} as const;

const INSTRUCTIONS: Readonly<Record<number, string>> = {
  ...Object.fromEntries(Object.entries(namesOf(INSTRUCTION)).filter(([number]) => Number(number) <= 4)),
  [EINJ_FLUSH_CACHELINE]: 'FLUSH_CACHELINE',
};

/** Instruction entry of the EINJ table and of trigger tables. */
export const EINJ_ENTRY: InstructionStruct = instructionEntry(
  'Injection Instruction Entry',
  'ACPI 6.5, "Injection Instruction Entries"',
  EINJ_ACTION,
  INSTRUCTIONS,
);

const SET: InstructionSet = { entry: EINJ_ENTRY, actions: namesOf(EINJ_ACTION), instructions: INSTRUCTIONS };

/** Fields before the instruction entries. */
export const EINJ = struct(
  'Error Injection Table',
  'ACPI 6.5, "Error Injection Table (EINJ)"',
  { full: 48, first: HEADER_BYTES },
  {
    injectionHeaderSizeBytes: must(
      preset(actionHeaderSize, 48),
      'injection header size',
      '12 or 48',
      isActionHeaderSize,
    ),
    injectionFlags: zero(u8('reserved')),
    reserved: reserved(3),
    entryCount: derived(u32('number of instruction entries')),
  },
);

/** Fields of a trigger table before its entries. */
export const TRIGGER = struct(
  'Trigger Error Action Table',
  'ACPI 6.5, "Trigger Action Table"',
  { full: 16 },
  {
    headerSizeBytes: must(preset(u32('size of these fields'), 16), 'header size', '16', (value) => value === 16),
    revision: zero(u32('revision')),
    tableSizeBytes: derived(u32('size with all entries')),
    entryCount: derived(u32('number of instruction entries')),
  },
);

/** The instructions of an EINJ table or a trigger table. */
export interface EinjEntries<E> {
  entries: readonly E[];
  /** Number of entries as the table says, when it is another. */
  entryCount?: number;
  trailing?: Uint8Array;
}

const entryBytes = (entries: readonly Input<InstructionStruct>[]): Uint8Array =>
  entriesBytes(EINJ_ENTRY, entries as Parameters<typeof EINJ_ENTRY.bytes>[0][]);

const BODY: Codec<
  Value<typeof EINJ> & EinjEntries<Instruction>,
  Input<typeof EINJ> & EinjEntries<Input<InstructionStruct>>
> = {
  title: EINJ.title,
  read: (reader, at, sizeBytes) => {
    const fixed = EINJ.read(reader, at, Math.min(sizeBytes, EINJ.fullBytes));
    if (fixed === undefined) return undefined;
    const countAt = at + EINJ.offsetOf('entryCount');
    const count = reader.view.getUint32(countAt, true);
    const end = at + sizeBytes;
    const place = { at: at + EINJ.fullBytes, end, count, countAt, isExact: true };
    const { entries, next, isAsSaid } = readInstructions(reader, SET, place);
    const trailing = reader.rest(next, end);
    return {
      ...fixed,
      entries,
      ...(isAsSaid ? {} : { entryCount: count }),
      ...(trailing === undefined ? {} : { trailing }),
    };
  },
  bytes: ({ entries, entryCount = entries.length, trailing = new Uint8Array(), ...fixed }) =>
    concat([EINJ.bytes({ ...fixed, entryCount } as Input<typeof EINJ>), entryBytes(entries), trailing]),
};

/** The EINJ table. */
export const EINJ_TABLE = table({
  signature: 'EINJ',
  title: EINJ.title,
  source: EINJ.source,
  revision: 1,
  body: BODY,
});

/** A decoded EINJ table. */
export type Einj = Value<typeof BODY> & InTable;
/** An EINJ table as its encoder takes it. */
export type EinjInput = Input<typeof BODY> & InTableInput;

/** The bytes of an EINJ table. Throws AcpiError when a value does not fit its field. */
export const encodeEinj = (input: EinjInput): Uint8Array => EINJ_TABLE.encode(input);
/** Reads an EINJ table; never throws. */
export const decodeEinj = (bytes: Uint8Array): DecodedTree<Einj> => EINJ_TABLE.decode(bytes);

interface TriggerSize {
  /** Size as the table says, when it is another. */
  tableSizeBytes?: number;
}

/** A decoded trigger table; it has no header and no checksum. */
export type TriggerTable = Value<typeof TRIGGER> & EinjEntries<Instruction> & TriggerSize;
/** A trigger table as its encoder takes it. */
export type TriggerTableInput = Input<typeof TRIGGER> & EinjEntries<Input<InstructionStruct>> & TriggerSize;

/** The bytes of a trigger table. Throws AcpiError when a value does not fit its field. */
export function encodeTriggerTable(input: TriggerTableInput): Uint8Array {
  const { entries, entryCount = entries.length, trailing = new Uint8Array(), tableSizeBytes, ...fixed } = input;
  const body = entryBytes(entries);
  const size = tableSizeBytes ?? TRIGGER.fullBytes + body.length;
  const head = { ...fixed, entryCount, tableSizeBytes: size } as Input<typeof TRIGGER>;
  return concat([TRIGGER.bytes(head), body, trailing]);
}

function readTrigger(reader: Reader): TriggerTable | undefined {
  const end = reader.bytes.length;
  const fixed = TRIGGER.read(reader, 0, Math.min(end, TRIGGER.fullBytes));
  if (fixed === undefined) {
    reader.find(0, 'size of a trigger table', `${end} bytes`, `at least ${TRIGGER.fullBytes}`);
    return undefined;
  }
  const sizeAt = TRIGGER.offsetOf('tableSizeBytes');
  const countAt = TRIGGER.offsetOf('entryCount');
  const stated = reader.view.getUint32(sizeAt, true);
  if (stated < TRIGGER.fullBytes || stated > end)
    reader.find(sizeAt, 'size of a trigger table', `${stated}`, `${TRIGGER.fullBytes} to ${end}, which are there`);
  const count = reader.view.getUint32(countAt, true);
  const entriesEnd = Math.max(TRIGGER.fullBytes, Math.min(stated, end));
  const place = { at: TRIGGER.fullBytes, end: entriesEnd, count, countAt, isExact: true };
  const { entries, next, isAsSaid } = readInstructions(reader, SET, place);
  const notTrigger = entries.findIndex(({ action }) => action !== EINJ_ACTION.TRIGGER_ERROR);
  if (notTrigger >= 0) {
    const at = TRIGGER.fullBytes + notTrigger * EINJ_ENTRY.fullBytes;
    reader.find(at, 'action of a trigger table', `${entries[notTrigger].action}`, '255, TRIGGER_ERROR');
  }
  const trailing = reader.rest(next, end);
  return {
    ...fixed,
    entries,
    ...(isAsSaid ? {} : { entryCount: count }),
    ...(stated === next ? {} : { tableSizeBytes: stated }),
    ...(trailing === undefined ? {} : { trailing }),
  };
}

/** Reads a trigger table; never throws. */
export function decodeTriggerTable(bytes: Uint8Array): DecodedTree<TriggerTable> {
  const reader = new Reader(bytes);
  const value = readTrigger(reader);
  const tree: TreeNode = { name: TRIGGER.title, offset: 0, sizeBytes: bytes.length, children: reader.nodes };
  return { value, findings: reader.findings, tree };
}
