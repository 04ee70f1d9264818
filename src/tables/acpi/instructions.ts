/**
 * Instruction entries of ERST and EINJ.
 *
 * Source: ACPI 6.5, "Serialization Instruction Entries", "Injection Instruction Entries".
 */
import { reserved, u8, u32, u64, zero } from './fields.ts';
import { checkErrorRegister, gas } from './gas.ts';
import { type Counted, readCounted } from './lists.ts';
import type { Reader } from './reader.ts';
import { type Fields, type Struct, struct, type ValueOf } from './struct.ts';

/** Numbers of instructions. EINJ has the first five and FLUSH_CACHELINE, which is 5 there. */
export const INSTRUCTION = {
  READ_REGISTER: 0,
  READ_REGISTER_VALUE: 1,
  WRITE_REGISTER: 2,
  WRITE_REGISTER_VALUE: 3,
  NOOP: 4,
  LOAD_VAR1: 5,
  LOAD_VAR2: 6,
  STORE_VAR1: 7,
  ADD: 8,
  SUBTRACT: 9,
  ADD_VALUE: 10,
  SUBTRACT_VALUE: 11,
  STALL: 12,
  STALL_WHILE_TRUE: 13,
  SKIP_NEXT_INSTRUCTION_IF_TRUE: 14,
  GOTO: 15,
  SET_SRC_ADDRESS_BASE: 16,
  SET_DST_ADDRESS_BASE: 17,
  MOVE_DATA: 18,
} as const;

/** Instruction 5 of an EINJ table. */
export const EINJ_FLUSH_CACHELINE = 5;

/** Bits of the flags of an instruction: bits of the register outside the mask are kept. */
export const PRESERVE_REGISTER = 1;

/** Names of numbers, from numbers of names. */
export const namesOf = (numbers: Readonly<Record<string, number>>): Readonly<Record<number, string>> =>
  Object.fromEntries(Object.entries(numbers).map(([name, number]) => [number, name]));

/** Describes an instruction entry by the names of its actions and instructions. */
export const instructionEntry = (
  title: string,
  source: string,
  actions: Readonly<Record<string, number>>,
  instructions: Readonly<Record<number, string>>,
) =>
  struct(
    title,
    source,
    { full: 32 },
    {
      action: u8('what the entry is part of', { names: namesOf(actions) }),
      instruction: u8('what to do', { names: instructions }),
      flags: zero(u8('flags', { bits: { PRESERVE_REGISTER: 0 } })),
      reserved: reserved(1),
      registerRegion: gas('register to read or write'),
      value: zero(u64('value to write or to compare with')),
      mask: zero(u64('bits of the register that count')),
    },
  );

/** An instruction entry. */
export type InstructionStruct = ReturnType<typeof instructionEntry>;
/** What instructions say. */
export type Instruction = ValueOf<InstructionStruct extends Struct<infer F> ? F : Fields>;

/** What a table knows of its instructions. */
export interface InstructionSet {
  readonly entry: InstructionStruct;
  readonly actions: Readonly<Record<number, string>>;
  readonly instructions: Readonly<Record<number, string>>;
}

/** Reads instruction entries and reports those that no operating system would take. */
export function readInstructions(
  reader: Reader,
  { entry, actions, instructions }: InstructionSet,
  place: Counted,
): { entries: Instruction[]; next: number; isAsSaid: boolean } {
  const read = readCounted(reader, entry, place);
  read.entries.forEach((value, n) => {
    const at = place.at + n * entry.fullBytes;
    const known = (names: Readonly<Record<number, string>>): string => `one of ${Object.keys(names).join(', ')}`;
    if (actions[value.action] === undefined) reader.find(at, 'action', `${value.action}`, known(actions));
    if (instructions[value.instruction] === undefined)
      reader.find(at + 1, 'instruction', `${value.instruction}`, known(instructions));
    else if (value.instruction !== INSTRUCTION.NOOP)
      checkErrorRegister(reader, at + entry.offsetOf('registerRegion'), value.registerRegion);
  });
  return read;
}

/** Sizes of the part between header and instructions that operating systems take: with the table's header or without. */
export const isActionHeaderSize = (sizeBytes: number): boolean => sizeBytes === 12 || sizeBytes === 48;

/** The field that holds it. */
export const actionHeaderSize = u32('size of what comes before the entries: 48, or 12 without the header');
