/**
 * Error records that survive: the store behind ERST, and the commands on it.
 *
 * Source: ACPI Specification 6.5, "Error Serialization" and "Operations".
 */
import type { PlainData } from '../../devices/device.ts';
import { ERST_ACTION } from '../../tables/acpi/erst.ts';
import { RECORD_HEADER_SIZE_BYTES } from '../../tables/cper/record.ts';
import type { RasHost } from './host.ts';
import { ERST_RANGE_BYTES } from './layout.ts';
import { ERST_EXECUTE_MAGIC } from './registers.ts';

/** Bytes of all records together: some panics of Linux, and no more memory than that whatever a guest writes. */
export const ERST_STORE_BYTES_MAX = 0x4_0000;

/** Command status. ACPI, "Command Status". */
export const ERST_STATUS = {
  success: 0,
  notEnoughSpace: 1,
  hardwareNotAvailable: 2,
  failed: 3,
  storeEmpty: 4,
  notFound: 5,
} as const;

const { BEGIN_WRITE_OPERATION, BEGIN_READ_OPERATION, BEGIN_CLEAR_OPERATION, END_OPERATION } = ERST_ACTION;
const { BEGIN_DUMMY_WRITE_OPERATION } = ERST_ACTION;

/** `CPER`. */
const SIGNATURE = 0x5245_5043;
const LENGTH_AT = 20;
const ID_AT = 96;
/** Identifier that is no record's, and the one that asks for the first. */
const ID_NONE = 0xffff_ffff_ffff_ffffn;
const ID_FIRST = 0n;
const UNUSED = 0xff;

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** Length of the record at the beginning of bytes, or undefined when none is there. */
function recordLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < RECORD_HEADER_SIZE_BYTES || view(bytes).getUint32(0, true) !== SIGNATURE) return undefined;
  const length = view(bytes).getUint32(LENGTH_AT, true);
  const id = view(bytes).getBigUint64(ID_AT, true);
  if (length < RECORD_HEADER_SIZE_BYTES || length > bytes.length || id === ID_FIRST || id === ID_NONE) return undefined;
  return length;
}

/** Takes records apart that lie one behind the other; `refuse` is told where that cannot be. */
export function splitRecords(bytes: Uint8Array, refuse: (message: string) => never): Uint8Array[] {
  if (bytes.length > ERST_STORE_BYTES_MAX)
    refuse(`${bytes.length} bytes of error records; the store has ${ERST_STORE_BYTES_MAX}. Leave some out.`);
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = recordLength(bytes.subarray(at));
    if (length === undefined || length > ERST_RANGE_BYTES)
      return refuse(`error records: at offset ${at} there is no CPER record that can be stored.`);
    // A copy whatever kind of bytes these are.
    records.push(new Uint8Array(bytes.subarray(at, at + length)));
    at += length;
  }
  return records;
}

/** The store and its registers. */
export class Erst {
  private readonly host: RasHost;
  private readonly rangePa: bigint;
  /** By identifier, in the order in which they were written. */
  private records: Map<bigint, Uint8Array>;
  private readonly changed: () => void;
  command: number = END_OPERATION;
  offset = 0;
  id = 0n;
  status: number = ERST_STATUS.success;
  /** Place of the record that ERST_NEXT_ID shows next. */
  private cursor = 0;
  private shownId = ID_NONE;

  /** @param changed - called when a record was written or cleared */
  constructor(host: RasHost, rangePa: bigint, records: readonly Uint8Array[], changed: () => void) {
    this.host = host;
    this.rangePa = rangePa;
    this.changed = changed;
    this.records = new Map(records.map((record) => [view(record).getBigUint64(ID_AT, true), record]));
  }

  get count(): number {
    return this.records.size;
  }
  /** All records, one behind the other. */
  get bytes(): Uint8Array {
    const all = [...this.records.values()];
    const out = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const record of all) {
      out.set(record, at);
      at += record.length;
    }
    return out;
  }

  /**
   * Half of ERST_NEXT_ID. The lower half takes the next identifier, the upper one shows the same; behind the last
   * record comes all-ones once, then the first again.
   */
  nextIdHalf(upper: boolean, looksOnly: boolean): number {
    const ids = [...this.records.keys()];
    if (!upper && !looksOnly) {
      this.shownId = ids[this.cursor] ?? ID_NONE;
      this.cursor = this.cursor < ids.length ? this.cursor + 1 : 0;
    }
    const id = looksOnly ? (ids[this.cursor] ?? ID_NONE) : this.shownId;
    return Number(upper ? id >> 32n : id & 0xffff_ffffn);
  }

  execute(magic: number): void {
    if (magic !== ERST_EXECUTE_MAGIC) return;
    const doing: Readonly<Record<number, () => number>> = {
      [BEGIN_WRITE_OPERATION]: () => this.write(true),
      [BEGIN_DUMMY_WRITE_OPERATION]: () => this.write(false),
      [BEGIN_READ_OPERATION]: () => this.read(),
      [BEGIN_CLEAR_OPERATION]: () => this.clear(),
    };
    this.status = doing[this.command]?.() ?? ERST_STATUS.failed;
  }

  private write(really: boolean): number {
    if (this.offset > ERST_RANGE_BYTES - RECORD_HEADER_SIZE_BYTES) return ERST_STATUS.failed;
    const bytes = this.host.readMemory(this.rangePa + BigInt(this.offset), ERST_RANGE_BYTES - this.offset);
    const length = recordLength(bytes);
    if (length === undefined) return ERST_STATUS.failed;
    const id = view(bytes).getBigUint64(ID_AT, true);
    const used = this.bytes.length - (this.records.get(id)?.length ?? 0);
    if (used + length > ERST_STORE_BYTES_MAX) return ERST_STATUS.notEnoughSpace;
    if (!really) return ERST_STATUS.success;
    this.records = new Map(this.records).set(id, bytes.slice(0, length));
    this.changed();
    return ERST_STATUS.success;
  }
  private read(): number {
    if (this.records.size === 0) return ERST_STATUS.storeEmpty;
    const record = this.id === ID_FIRST ? [...this.records.values()][0] : this.records.get(this.id);
    if (!record) {
      this.cursor = 0;
      return ERST_STATUS.notFound;
    }
    if (this.offset > ERST_RANGE_BYTES - record.length) return ERST_STATUS.failed;
    const room = new Uint8Array(ERST_RANGE_BYTES - this.offset).fill(UNUSED);
    room.set(record);
    this.host.writeMemory(this.rangePa + BigInt(this.offset), room);
    return ERST_STATUS.success;
  }
  private clear(): number {
    if (this.records.size === 0) return ERST_STATUS.storeEmpty;
    if (!this.records.has(this.id)) return ERST_STATUS.notFound;
    const place = [...this.records.keys()].indexOf(this.id);
    this.records = new Map(this.records);
    this.records.delete(this.id);
    // Who clears while enumerating skips nothing.
    if (place < this.cursor) this.cursor--;
    this.changed();
    return ERST_STATUS.success;
  }

  /** As after power-on, with the records kept. */
  reset(): void {
    this.command = END_OPERATION;
    this.offset = 0;
    this.id = 0n;
    this.status = ERST_STATUS.success;
    this.cursor = 0;
    this.shownId = ID_NONE;
  }
  /** Everything, as plain data. */
  state(): PlainData {
    const { command, offset, id, status, cursor, shownId } = this;
    return { command, offset, id, status, cursor, shownId, records: [...this.records.values()] };
  }
  load(state: PlainData): void {
    const { records, ...rest } = state as unknown as { records: readonly Uint8Array[] };
    Object.assign(this, rest);
    this.records = new Map(records.map((record) => [view(record).getBigUint64(ID_AT, true), record]));
    this.changed();
  }
}
