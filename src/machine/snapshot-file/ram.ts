/**
 * Pages of RAM in sections of up to 16 MiB. A page that is still as an image of the file put it there is a reference.
 *
 * Content of a section: number of pages (4); for each its number from the start of RAM (4), image (4; 0: none, else
 * its number plus 1) and offset in the image (4); then the content of the pages that have no image, one after the
 * other.
 */
import { PAGE_BYTES } from '../../engine/memory.ts';
import { VIRT_MEMORY_MAP } from '../board/virt.ts';
import { Reader, Writer } from './plain.ts';
import type { Section } from './sections.ts';

/** Bytes that a reset puts into RAM. */
export interface PlacedImage {
  readonly addrPa: bigint;
  readonly bytes: Uint8Array;
}
/** A page of RAM by its number from the start of RAM. */
export interface RamPage {
  readonly page: number;
  readonly bytes: Uint8Array;
}

/** First letters of the names of these sections. */
export const RAM_PREFIX = 'ram ';
/** Version of these sections. */
export const RAM_VERSION = 1;
/** Most pages in one section. */
const PAGES_MAX = 4096;
const ENTRY_BYTES = 12;

const same = (a: Uint8Array, b: Uint8Array, at: number): boolean => {
  for (let i = 0; i < PAGE_BYTES; i++) if (a[i] !== b[at + i]) return false;
  return true;
};

/** Finds the image that has the content of a page where it would have put it. */
function finder(images: readonly PlacedImage[]): (page: RamPage) => { image: number; offset: number } | undefined {
  const ramPa = VIRT_MEMORY_MAP.ram.basePa;
  const places = images.map(({ addrPa, bytes }) => ({ from: Number(addrPa - ramPa), bytes }));
  return ({ page, bytes }) => {
    for (const [image, place] of places.entries()) {
      const offset = page * PAGE_BYTES - place.from;
      if (offset < 0 || offset + PAGE_BYTES > place.bytes.length) continue;
      if (same(bytes, place.bytes, offset)) return { image, offset };
    }
    return undefined;
  };
}

/** The sections of all pages that are not all zero. One is made at a time. */
export function* ramSections(pages: Iterable<RamPage>, images: readonly PlacedImage[]): Generator<Section> {
  const find = finder(images);
  let number = 0;
  let count = 0;
  let [head, body] = [new Writer(), new Writer()];
  const section = (): Section => {
    const whole = new Writer();
    whole.le(count, 4);
    whole.raw(head.finish());
    whole.raw(body.finish());
    return { name: `${RAM_PREFIX}${number++}`, version: RAM_VERSION, bytes: whole.finish() };
  };
  for (const page of pages) {
    if (page.bytes.every((byte) => byte === 0)) continue;
    const found = find(page);
    head.le(page.page, 4);
    head.le(found ? found.image + 1 : 0, 4);
    head.le(found?.offset ?? 0, 4);
    if (!found) body.raw(page.bytes);
    if (++count < PAGES_MAX) continue;
    yield section();
    count = 0;
    [head, body] = [new Writer(), new Writer()];
  }
  if (count > 0) yield section();
}

/**
 * The pages of a section.
 *
 * @throws Error, what is wrong, when it is no such section or refers to what is not there
 */
export function readRamSection(section: Uint8Array, images: readonly PlacedImage[], ramBytes: number): RamPage[] {
  const r = new Reader(section);
  const count = r.le(4);
  if (count * ENTRY_BYTES > r.left) throw new Error(`has no room for ${count} pages`);
  const entries = Array.from({ length: count }, () => ({ page: r.le(4), image: r.le(4), offset: r.le(4) }));
  const pages = entries.map(({ page, image, offset }) => {
    if ((page + 1) * PAGE_BYTES > ramBytes) throw new Error(`has page ${page}, which is not in RAM`);
    if (image === 0) return { page, bytes: r.raw(PAGE_BYTES) };
    const bytes = images[image - 1]?.bytes.subarray(offset, offset + PAGE_BYTES);
    if (bytes?.length !== PAGE_BYTES)
      throw new Error(`refers to byte ${offset} of image ${image - 1}, which is not there`);
    return { page, bytes };
  });
  if (r.left > 0) throw new Error(`has ${r.left} bytes behind its pages`);
  return pages;
}
