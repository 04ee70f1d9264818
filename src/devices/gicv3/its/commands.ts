import { addressOf, le32 } from '../../virtio/ram.ts';
import { EVENT_ID_BITS_MAX } from './limits.ts';
import type { Lpis } from './lpis.ts';
import { type Found, type ItsTables, isLpi } from './tables.ts';

/** Bytes of a command in the queue. IHI 0069, "The ITS command interface". */
export const COMMAND_BYTES = 32;

/** What commands act on. */
export interface ItsParts {
  readonly tables: ItsTables;
  readonly lpis: Lpis;
}

/** Fields of a command; which of them mean something is the command's to say. */
interface Fields {
  readonly deviceId: number;
  readonly eventId: number;
  readonly intid: number;
  readonly icid: number;
  /** RDbase of doubleword 2 and of doubleword 3: the number of a PE. */
  readonly pe: number;
  readonly secondPe: number;
  readonly valid: boolean;
  /** MAPD: bits of EventID less one, and the address [51:8] in halves. */
  readonly size: number;
  readonly ittLow: number;
  readonly ittHigh: number;
}

interface Command {
  readonly name: string;
  /** It looks at every LPI: nothing follows it at the same boundary. */
  readonly long?: boolean;
  /** Performs it; returns why it is ignored. */
  readonly run: (fields: Fields, parts: ItsParts) => string | undefined;
}

/** A command that was carried out, or ignored for a reason. */
export interface CommandDone {
  readonly name: string;
  readonly long: boolean;
  readonly error: string | undefined;
}

/** The LPI of a mapped event and the PE that its collection is mapped to. */
export function target(
  { tables }: ItsParts,
  deviceId: number,
  eventId: number,
): Found<{ readonly intid: number; readonly pe: number; readonly entryPa: number }> {
  const event = tables.event(deviceId, eventId);
  if (typeof event === 'string') return event;
  const pe = tables.collection(event.icid);
  return typeof pe === 'string' ? pe : { ...event, pe };
}

/** A command on the LPI of an event, where it is. */
function onEvent(
  run: (
    parts: ItsParts,
    at: { readonly intid: number; readonly pe: number; readonly entryPa: number },
  ) => string | undefined,
): Command['run'] {
  return ({ deviceId, eventId }, parts) => {
    const at = target(parts, deviceId, eventId);
    return typeof at === 'string' ? at : run(parts, at);
  };
}

function mapDevice({ deviceId, valid, size, ittLow, ittHigh }: Fields, { tables }: ItsParts): string | undefined {
  if (!valid) return tables.setDevice(deviceId, undefined);
  if (size >= EVENT_ID_BITS_MAX) return `${size + 1} bits of EventID, more than GITS_TYPER.ID_bits`;
  return tables.setDevice(deviceId, { low: (ittLow | size) >>> 0, high: ittHigh });
}

function mapCollection({ icid, pe, valid }: Fields, { tables }: ItsParts): string | undefined {
  if (!valid) return tables.setCollection(icid, undefined);
  const checked = tables.peOf(pe);
  return typeof checked === 'string' ? checked : tables.setCollection(icid, checked);
}

/** MAPTI, and MAPI, where the INTID is the EventID. The collection need not be mapped yet. */
function mapEvent({ deviceId, eventId, intid, icid }: Fields, { tables }: ItsParts): string | undefined {
  const entryPa = tables.eventEntryPa(deviceId, eventId);
  if (typeof entryPa === 'string') return entryPa;
  if (!isLpi(intid)) return `INTID ${intid} is no LPI that this GIC has`;
  const outside = tables.mayCollect(icid);
  if (outside !== undefined) return outside;
  tables.setEvent(entryPa, { intid, icid });
  return undefined;
}

function moveEvent({ deviceId, eventId, icid }: Fields, parts: ItsParts): string | undefined {
  const at = target(parts, deviceId, eventId);
  if (typeof at === 'string') return at;
  const to = parts.tables.collection(icid);
  if (typeof to === 'string') return to;
  parts.tables.setEvent(at.entryPa, { intid: at.intid, icid });
  return parts.lpis.move(at.pe, to, at.intid);
}

function moveAll({ pe, secondPe }: Fields, { tables, lpis }: ItsParts): string | undefined {
  const [from, to] = [tables.peOf(pe), tables.peOf(secondPe)];
  if (typeof from === 'string') return from;
  return typeof to === 'string' ? to : lpis.moveAll(from, to);
}

function invalidateAll({ icid }: Fields, { tables, lpis }: ItsParts): string | undefined {
  const pe = tables.collection(icid);
  if (typeof pe === 'string') return pe;
  lpis.invalidateAll(pe);
  return undefined;
}

/** All that was asked of a redistributor is done when the command that asked is done. */
function synchronize({ pe }: Fields, { tables }: ItsParts): string | undefined {
  const checked = tables.peOf(pe);
  return typeof checked === 'string' ? checked : undefined;
}

/** By opcode. IHI 0069, "ITS commands". Those for virtual LPIs, of GICv4, are no commands here. */
const COMMANDS: Readonly<Record<number, Command>> = {
  1: { name: 'MOVI', run: moveEvent },
  3: { name: 'INT', run: onEvent(({ lpis }, { pe, intid }) => lpis.pend(pe, intid)) },
  4: { name: 'CLEAR', run: onEvent(({ lpis }, { pe, intid }) => void lpis.clear(pe, intid)) },
  5: { name: 'SYNC', run: synchronize },
  8: { name: 'MAPD', run: mapDevice },
  9: { name: 'MAPC', run: mapCollection },
  10: { name: 'MAPTI', run: mapEvent },
  11: { name: 'MAPI', run: (fields, parts) => mapEvent({ ...fields, intid: fields.eventId }, parts) },
  12: { name: 'INV', run: onEvent(({ lpis }, { pe, intid }) => void lpis.invalidate(pe, intid)) },
  13: { name: 'INVALL', long: true, run: invalidateAll },
  14: { name: 'MOVALL', long: true, run: moveAll },
  15: {
    name: 'DISCARD',
    run: onEvent(({ lpis, tables }, { pe, intid, entryPa }) => {
      lpis.clear(pe, intid);
      tables.setEvent(entryPa, undefined);
      return undefined;
    }),
  },
};

/**
 * Carries out a command. One with an error is ignored and the next one follows, which is among the choices that
 * IHI 0069, "Command errors", leaves an ITS without SErrors.
 *
 * @param bytes - COMMAND_BYTES of the queue
 */
export function runCommand(bytes: Uint8Array, parts: ItsParts): CommandDone {
  const word = (n: number) => le32(bytes, 4 * n);
  const peAt = (n: number) => addressOf(word(n), word(n + 1) & 0x7_ffff) / 0x1_0000;
  const opcode = word(0) & 0xff;
  const command = COMMANDS[opcode];
  if (command === undefined) {
    return { name: `opcode 0x${opcode.toString(16)}`, long: false, error: 'no such command in GICv3' };
  }
  const fields: Fields = {
    deviceId: word(1),
    eventId: word(2),
    intid: word(3),
    icid: word(4) & 0xffff,
    pe: Math.floor(peAt(4)),
    secondPe: Math.floor(peAt(6)),
    valid: (word(5) & 0x8000_0000) !== 0,
    size: word(2) & 0x1f,
    ittLow: word(4) & 0xffff_ff00,
    ittHigh: word(5) & 0xf_ffff,
  };
  return { name: command.name, long: command.long === true, error: command.run(fields, parts) };
}
