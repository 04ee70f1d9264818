/**
 * ACPI tables of the error interfaces, from the same declarations as the firmware behind them.
 *
 * Source: ACPI Specification 6.5, "ACPI Platform Error Interfaces (APEI)".
 */
import { EINJ_ACTION, encodeEinj } from '../../tables/acpi/einj.ts';
import { ERST_ACTION, encodeErst } from '../../tables/acpi/erst.ts';
import { memoryRegister } from '../../tables/acpi/gas.ts';
import { encodeHest } from '../../tables/acpi/hest.ts';
import { INSTRUCTION } from '../../tables/acpi/instructions.ts';
import { NOTIFICATION } from '../../tables/acpi/notification.ts';
import { encodeBert } from '../../tables/acpi/plain.ts';
import { BERT_REGION_BYTES, type RasLayout, STATUS_BLOCK_BYTES } from './layout.ts';
import { ERST_EXECUTE_MAGIC, type RasRegisterName, rasRegisterAt } from './registers.ts';
import type { CheckedSource, RasNotification } from './sources.ts';

/** What the tables depend on. */
export interface RasTablesOptions {
  readonly sources: readonly CheckedSource[];
  readonly layout: RasLayout;
  /** Where the registers are. */
  readonly registersPa: bigint;
  /** Interrupt of the generic event device. */
  readonly gedIntid: number;
}

const TYPES: Readonly<Record<RasNotification, number>> = {
  sdei: NOTIFICATION.SDEI,
  'sdei-critical': NOTIFICATION.SDEI,
  sea: NOTIFICATION.SEA,
  sei: NOTIFICATION.SEI,
  gsiv: NOTIFICATION.GSIV,
  gpio: NOTIFICATION.GPIO,
  polled: NOTIFICATION.polled,
};

/** Sections of one record; a record written by a user may have as many as fit into the block. */
const SECTIONS_MAX = 16;
/** Bits of the read-ack register that the operating system keeps, and the one that it sets. */
const ACK = { preserve: 0xffff_fffen, write: 1n } as const;

function hest({ sources, layout, registersPa, gedIntid }: RasTablesOptions): Uint8Array {
  return encodeHest({
    sources: sources.map(({ id, notify, event, pollMs, ghes }, n) => {
      const common = {
        sourceId: id,
        maxSectionsPerRecord: SECTIONS_MAX,
        maxRawDataLengthBytes: STATUS_BLOCK_BYTES,
        errorStatusAddress: memoryRegister(layout.sources[n]!.statusAddressPa, 8),
        notification: {
          type: TYPES[notify],
          pollIntervalMs: notify === 'polled' ? pollMs : 0,
          vector: notify === 'gsiv' ? gedIntid : event,
        },
        errorStatusBlockLengthBytes: STATUS_BLOCK_BYTES,
      };
      if (ghes === 1) return { kind: 'GHES', ...common };
      return {
        kind: 'GHESv2',
        ...common,
        readAckRegister: memoryRegister(registersPa + BigInt(rasRegisterAt('RAS_ACK', n)), 4),
        readAckPreserve: ACK.preserve,
        readAckWrite: ACK.write,
      };
    }),
  });
}

const ONES = { 4: 0xffff_ffffn, 8: 0xffff_ffff_ffff_ffffn } as const;

/** Rows of an action table: action, instruction, register, and the value where one is written or compared with. */
type Row = readonly [
  action: number,
  instruction: number,
  register: RasRegisterName | { readonly addrPa: bigint; readonly sizeBytes: 4 | 8 },
  value?: bigint,
  mask?: bigint,
];

const SIZES: Partial<Record<RasRegisterName, 8>> = {
  EINJ_TRIGGER_TABLE: 8,
  EINJ_TIMINGS: 8,
  ERST_ID: 8,
  ERST_NEXT_ID: 8,
  ERST_RANGE: 8,
  ERST_RANGE_LENGTH: 8,
  ERST_RANGE_ATTRIBUTES: 8,
  ERST_TIMINGS: 8,
};

/** Entries of an action table. */
export function actionEntries(registersPa: bigint, rows: readonly Row[]) {
  return rows.map(([action, instruction, register, value = 0n, mask]) => {
    const place =
      typeof register === 'string'
        ? { addrPa: registersPa + BigInt(rasRegisterAt(register)), sizeBytes: SIZES[register] ?? (4 as const) }
        : register;
    const registerRegion = memoryRegister(place.addrPa, place.sizeBytes);
    return { action, instruction, registerRegion, value, mask: mask ?? ONES[place.sizeBytes] };
  });
}

/** Commands of EINJ_COMMAND: the numbers of the actions. */
export const EINJ_COMMAND = { begin: 1, end: 4, execute: 5 } as const;

function einj({ layout, registersPa }: RasTablesOptions): Uint8Array {
  const { READ_REGISTER, READ_REGISTER_VALUE, WRITE_REGISTER, WRITE_REGISTER_VALUE } = INSTRUCTION;
  const A = EINJ_ACTION;
  const command = (value: number): [RasRegisterName, bigint] => ['EINJ_COMMAND', BigInt(value)];
  const parameters = { addrPa: layout.einjParameterPa, sizeBytes: 4 } as const;
  return encodeEinj({
    entries: actionEntries(registersPa, [
      [A.BEGIN_INJECTION_OPERATION, WRITE_REGISTER_VALUE, ...command(EINJ_COMMAND.begin)],
      [A.GET_TRIGGER_ERROR_ACTION_TABLE, READ_REGISTER, 'EINJ_TRIGGER_TABLE'],
      [A.SET_ERROR_TYPE, WRITE_REGISTER, 'EINJ_TYPE'],
      [A.GET_ERROR_TYPE, READ_REGISTER, 'EINJ_TYPES'],
      [A.END_OPERATION, WRITE_REGISTER_VALUE, ...command(EINJ_COMMAND.end)],
      [A.EXECUTE_OPERATION, WRITE_REGISTER_VALUE, ...command(EINJ_COMMAND.execute)],
      [A.CHECK_BUSY_STATUS, READ_REGISTER_VALUE, 'EINJ_BUSY', 1n, 1n],
      [A.GET_COMMAND_STATUS, READ_REGISTER, 'EINJ_STATUS'],
      [A.SET_ERROR_TYPE_WITH_ADDRESS, WRITE_REGISTER, parameters],
      [A.GET_EXECUTE_OPERATION_TIMINGS, READ_REGISTER, 'EINJ_TIMINGS'],
    ]),
  });
}

function erst({ registersPa }: RasTablesOptions): Uint8Array {
  const { READ_REGISTER, READ_REGISTER_VALUE, WRITE_REGISTER, WRITE_REGISTER_VALUE } = INSTRUCTION;
  const A = ERST_ACTION;
  const begin = (action: number): Row => [action, WRITE_REGISTER_VALUE, 'ERST_COMMAND', BigInt(action)];
  return encodeErst({
    entries: actionEntries(registersPa, [
      begin(A.BEGIN_WRITE_OPERATION),
      begin(A.BEGIN_READ_OPERATION),
      begin(A.BEGIN_CLEAR_OPERATION),
      begin(A.BEGIN_DUMMY_WRITE_OPERATION),
      begin(A.END_OPERATION),
      [A.SET_RECORD_OFFSET, WRITE_REGISTER, 'ERST_OFFSET'],
      [A.EXECUTE_OPERATION, WRITE_REGISTER_VALUE, 'ERST_EXECUTE', BigInt(ERST_EXECUTE_MAGIC)],
      [A.CHECK_BUSY_STATUS, READ_REGISTER_VALUE, 'ERST_BUSY', 1n, 1n],
      [A.GET_COMMAND_STATUS, READ_REGISTER, 'ERST_STATUS'],
      [A.GET_RECORD_IDENTIFIER, READ_REGISTER, 'ERST_NEXT_ID'],
      [A.SET_RECORD_IDENTIFIER, WRITE_REGISTER, 'ERST_ID'],
      [A.GET_RECORD_COUNT, READ_REGISTER, 'ERST_COUNT'],
      [A.GET_ERROR_LOG_ADDRESS_RANGE, READ_REGISTER, 'ERST_RANGE'],
      [A.GET_ERROR_LOG_ADDRESS_RANGE_LENGTH, READ_REGISTER, 'ERST_RANGE_LENGTH'],
      [A.GET_ERROR_LOG_ADDRESS_RANGE_ATTRIBUTES, READ_REGISTER, 'ERST_RANGE_ATTRIBUTES'],
      [A.GET_EXECUTE_OPERATION_TIMINGS, READ_REGISTER, 'ERST_TIMINGS'],
    ]),
  });
}

/** HEST, BERT, EINJ and ERST. */
export function rasTables(options: RasTablesOptions): Uint8Array[] {
  const { bertPa } = options.layout;
  const bert = encodeBert({ bootErrorRegionLengthBytes: BERT_REGION_BYTES, bootErrorRegionAddress: bertPa });
  return [hest(options), bert, einj(options), erst(options)];
}
