import { addressOf, type DeviceRam, le32, leBytes } from '../../virtio/ram.ts';
import { COLLECTION_ID_BITS_MAX, DEVICE_ID_BITS_MAX, LPI_END, LPI_FIRST } from './limits.ts';
import { ITT_ENTRY_BYTES, TABLE_ENTRY_BYTES } from './regs.ts';

/** What was looked for, or the reason why it is not there. */
export type Found<T> = T | string;

/** Halves of a GITS_BASER<n>, [31:0] and [63:32]. */
export type Baser = readonly [number, number];

/** A mapped device: where its interrupt translation table is, and how many events that has. */
export interface ItsDevice {
  readonly ittPa: number;
  readonly eventIdBits: number;
}

/** A mapped event. */
export interface ItsEvent {
  readonly intid: number;
  readonly icid: number;
  /** Address of its entry in the interrupt translation table. */
  readonly entryPa: number;
}

const VALID = 0x8000_0000;
const INDIRECT = 0x4000_0000;
const PAGE_BYTES = [0x1000, 0x4000, 0x1_0000, 0x1_0000] as const;

const named = (value: number) => `0x${value.toString(16)}`;

/** The table that a GITS_BASER<n> describes. IHI 0069, "GITS_BASER<n>". */
function tableOf([low, high]: Baser): { readonly basePa: number; readonly pageBytes: number; readonly pages: number } {
  const pageBytes = PAGE_BYTES[(low >>> 8) & 3];
  const wide = pageBytes === 0x1_0000;
  const upper = (high & 0xffff) | (wide ? ((low >>> 12) & 0xf) << 16 : 0);
  const basePa = addressOf(low & (wide ? 0xffff_0000 : 0xffff_f000), upper);
  return { basePa, pageBytes, pages: (low & 0xff) + 1 };
}

/**
 * The tables of the ITS in guest memory: devices, collections, and the interrupt translation table of each device.
 * Their entries are IMPLEMENTATION DEFINED; here, all little-endian, with bit 63 or 31 for valid:
 *
 * device 8 bytes: address of its table in [51:8], bits of EventID less one in [4:0]; collection 8 bytes: number of the
 * PE in [15:0]; event 12 bytes: INTID in [15:0] and bit 31 of the first word, collection in the second, third unused.
 *
 * Nothing is cached, and nothing read is trusted: what software wrote there itself is checked at every use.
 */
export class ItsTables {
  readonly #ram: DeviceRam;
  readonly #basers: readonly Baser[];
  readonly #pes: number;

  /** @param basers - halves of GITS_BASER0 and GITS_BASER1, which may change */
  constructor(ram: DeviceRam, basers: readonly Baser[], pes: number) {
    this.#ram = ram;
    this.#basers = basers;
    this.#pes = pes;
  }

  /** Address of an entry of a table of one level or two. IHI 0069, "The ITS tables". */
  #entryPa(baser: 0 | 1, index: number): Found<number> {
    const halves = this.#basers[baser];
    const { basePa, pageBytes, pages } = tableOf(halves);
    if ((halves[1] & VALID) === 0) return `GITS_BASER${baser}.Valid is 0`;
    let entryPa = basePa + index * TABLE_ENTRY_BYTES;
    let beyond = index >= (pages * pageBytes) / TABLE_ENTRY_BYTES;
    if ((halves[1] & INDIRECT) !== 0) {
      const perPage = pageBytes / TABLE_ENTRY_BYTES;
      const firstPa = basePa + Math.floor(index / perPage) * TABLE_ENTRY_BYTES;
      beyond = Math.floor(index / perPage) >= (pages * pageBytes) / TABLE_ENTRY_BYTES;
      if (!beyond) {
        const page = this.#read(firstPa, TABLE_ENTRY_BYTES);
        if (page === undefined) return `GITS_BASER${baser}: the table at ${named(firstPa)} is not in RAM`;
        const [low, high] = [le32(page), le32(page, 4)];
        if ((high & VALID) === 0) return `GITS_BASER${baser}: no second-level table for ${named(index)}`;
        entryPa = addressOf(low & -pageBytes, high & 0xf_ffff) + (index % perPage) * TABLE_ENTRY_BYTES;
      }
    }
    if (beyond) return `${named(index)} is beyond the table of GITS_BASER${baser}`;
    if (this.#ram.contains(entryPa, TABLE_ENTRY_BYTES)) return entryPa;
    return `GITS_BASER${baser}: the table at ${named(entryPa)} is not in RAM`;
  }

  #read(addrPa: number, sizeBytes: number): Uint8Array | undefined {
    return this.#ram.contains(addrPa, sizeBytes) ? this.#ram.read(addrPa, sizeBytes) : undefined;
  }

  #deviceEntryPa(deviceId: number): Found<number> {
    if (deviceId >= 2 ** DEVICE_ID_BITS_MAX)
      return `DeviceID ${named(deviceId)} has more than ${DEVICE_ID_BITS_MAX} bits`;
    return this.#entryPa(0, deviceId);
  }

  /** The device a DeviceID is mapped to. */
  device(deviceId: number): Found<ItsDevice> {
    const entryPa = this.#deviceEntryPa(deviceId);
    if (typeof entryPa === 'string') return entryPa;
    const entry = this.#ram.read(entryPa, TABLE_ENTRY_BYTES);
    const [low, high] = [le32(entry), le32(entry, 4)];
    if ((high & VALID) === 0) return `DeviceID ${named(deviceId)} is not mapped`;
    return { ittPa: addressOf(low & 0xffff_ff00, high & 0xf_ffff), eventIdBits: (low & 0x1f) + 1 };
  }

  /** Maps a device, or with undefined unmaps it; returns why not. */
  setDevice(deviceId: number, entry: { readonly low: number; readonly high: number } | undefined): string | undefined {
    const entryPa = this.#deviceEntryPa(deviceId);
    if (typeof entryPa === 'string') return entryPa;
    this.#ram.write(entryPa, leBytes([entry?.low ?? 0, 4], [entry === undefined ? 0 : (VALID | entry.high) >>> 0, 4]));
    return undefined;
  }

  #collectionEntryPa(icid: number): Found<number> {
    if (icid >= 2 ** COLLECTION_ID_BITS_MAX) return `collection ${named(icid)} is out of range`;
    return this.#entryPa(1, icid);
  }

  /** The PE that a collection is mapped to. */
  collection(icid: number): Found<number> {
    const entryPa = this.#collectionEntryPa(icid);
    if (typeof entryPa === 'string') return entryPa;
    const entry = this.#ram.read(entryPa, TABLE_ENTRY_BYTES);
    if ((le32(entry, 4) & VALID) === 0) return `collection ${named(icid)} is not mapped`;
    return this.peOf(le32(entry) & 0xffff);
  }

  /** The number of a PE, GICR_TYPER.Processor_Number, checked. */
  peOf(processorNumber: number): Found<number> {
    return processorNumber < this.#pes ? processorNumber : `there is no PE ${named(processorNumber)}`;
  }

  /** Whether a collection could be mapped. */
  mayCollect(icid: number): string | undefined {
    const entryPa = this.#collectionEntryPa(icid);
    return typeof entryPa === 'string' ? entryPa : undefined;
  }

  /** Maps a collection to a PE, or with undefined unmaps it; returns why not. */
  setCollection(icid: number, pe: number | undefined): string | undefined {
    const entryPa = this.#collectionEntryPa(icid);
    if (typeof entryPa === 'string') return entryPa;
    this.#ram.write(entryPa, leBytes([pe ?? 0, 4], [pe === undefined ? 0 : VALID, 4]));
    return undefined;
  }

  /** Address of the entry of an event, mapped or not. */
  eventEntryPa(deviceId: number, eventId: number): Found<number> {
    const device = this.device(deviceId);
    if (typeof device === 'string') return device;
    if (eventId >= 2 ** device.eventIdBits) {
      return `EventID ${named(eventId)} of DeviceID ${named(deviceId)} has more than ${device.eventIdBits} bits`;
    }
    const entryPa = device.ittPa + eventId * ITT_ENTRY_BYTES;
    if (this.#ram.contains(entryPa, ITT_ENTRY_BYTES)) return entryPa;
    return `the interrupt translation table of DeviceID ${named(deviceId)} at ${named(entryPa)} is not in RAM`;
  }

  /** The LPI and the collection that an event is mapped to. */
  event(deviceId: number, eventId: number): Found<ItsEvent> {
    const entryPa = this.eventEntryPa(deviceId, eventId);
    if (typeof entryPa === 'string') return entryPa;
    const entry = this.#ram.read(entryPa, ITT_ENTRY_BYTES);
    const [first, icid] = [le32(entry), le32(entry, 4)];
    const intid = first & 0x7fff_ffff;
    if ((first & VALID) === 0) return `EventID ${named(eventId)} of DeviceID ${named(deviceId)} is not mapped`;
    if (!isLpi(intid)) return `EventID ${named(eventId)} of DeviceID ${named(deviceId)}: the entry was damaged`;
    return { intid, icid, entryPa };
  }

  /** Maps an event, or with undefined unmaps it, by the address of its entry. */
  setEvent(entryPa: number, entry: { readonly intid: number; readonly icid: number } | undefined): void {
    const first = entry === undefined ? 0 : (VALID | entry.intid) >>> 0;
    this.#ram.write(entryPa, leBytes([first, 4], [entry?.icid ?? 0, 4], [0, 4]));
  }
}

/** True for an INTID that is an LPI which this GIC can have. */
export function isLpi(intid: number): boolean {
  return intid >= LPI_FIRST && intid < LPI_END;
}
