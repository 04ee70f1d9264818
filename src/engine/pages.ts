/** Pages of RAM as they were at some moment. */

/** Bytes of a page, the unit of tracking; guest granules are multiples of it. */
export const PAGE_BYTES = 4096;
/** Pages of one chunk of saved content. */
export const CHUNK_PAGES = 256;

/** Content of a page at some moment; `bytes` is missing while RAM still holds it. */
export interface PageContent {
  bytes: Uint8Array | undefined;
}
/** RAM at some moment: chunks of 256 pages, shared between moments where nothing changed. */
export type RamImage = readonly (readonly PageContent[])[];

/** Of a page that nobody has written yet. */
export const ZERO_PAGE: PageContent = { bytes: new Uint8Array(PAGE_BYTES) };

/** Numbers of the 32-bit words in which two contents of a page differ, ascending. */
export function changedWords(a: Uint8Array, b: Uint8Array): readonly number[] {
  const words = (bytes: Uint8Array): Int32Array => new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const [x, y] = [words(a), words(b)];
  const found: number[] = [];
  for (let n = 0; n < x.length; n++) if (x[n] !== y[n]) found.push(n);
  return found;
}
