/** Pages of RAM as they were at some moment. */

/** Bytes of a page, the unit of tracking; guest granules are multiples of it. */
export const PAGE_BYTES = 4096;
/** Pages of one chunk of saved content. */
export const CHUNK_PAGES = 256;

/** Content of a page at some moment; `bytes` is missing while RAM still holds it. */
export interface PageContent {
  bytes: Uint8Array | undefined;
}
/** A page by its number, with bytes that are shared: read only. */
export interface ImagePage {
  readonly page: number;
  readonly bytes: Uint8Array;
}
/** RAM at some moment: chunks of 256 pages, shared between moments where nothing changed. */
export type RamImage = readonly (readonly PageContent[])[];

/** Of a page that nobody has written yet. */
export const ZERO_PAGE: PageContent = { bytes: new Uint8Array(PAGE_BYTES) };

/** A page of an image, whose content is no longer that of RAM. */
export function imagePage(image: RamImage, page: number): ImagePage {
  const { bytes } = image[Math.floor(page / CHUNK_PAGES)]![page % CHUNK_PAGES]!;
  if (bytes === undefined) throw new Error(`GuestMemory: page ${page} of the image was lost`);
  return { page, bytes };
}

/** Pages that are not the same content in two images, ascending; what is the same object needs no look. */
export function differingPages(a: RamImage, b: RamImage): number[] {
  const found: number[] = [];
  // Comes once or twice in every run of an exploration: an iterator would be garbage for each chunk.
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index]!, b[index]!];
    if (x === y) continue;
    for (let i = 0; i < CHUNK_PAGES; i++) if (x[i] !== y[i]) found.push(index * CHUNK_PAGES + i);
  }
  return found;
}

/** Numbers of the 32-bit words in which two contents of a page differ, ascending. */
export function changedWords(a: Uint8Array, b: Uint8Array): readonly number[] {
  const words = (bytes: Uint8Array): Int32Array => new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const [x, y] = [words(a), words(b)];
  const found: number[] = [];
  for (let n = 0; n < x.length; n++) if (x[n] !== y[n]) found.push(n);
  return found;
}
