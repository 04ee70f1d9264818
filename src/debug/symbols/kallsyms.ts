/**
 * Linux's own table of symbols, found in the bytes of a kernel: no file with symbols is needed.
 *
 * Source: Linux scripts/kallsyms.c and kernel/kallsyms.c. Names are sequences of tokens: a table of 256 texts
 * (`kallsyms_token_table`, with `kallsyms_token_index` behind it) of which each byte of a name stands for one. Before
 * each name stands its length, in two bytes when the first has bit 7 (since 6.1). `kallsyms_markers` has the place of
 * every 256th name. Addresses are 32-bit offsets from `kallsyms_relative_base`, in ascending order.
 *
 * The order of the tables is: offsets, relative base, number, names, markers, (sequence by name since 6.2,) tokens,
 * index; in later kernels number, names, markers, tokens, index, offsets, relative base, sequence by name. Each begins
 * at a multiple of 8.
 */

/** The tables of a kernel, as far as they do not depend on where it runs. */
export interface Kallsyms {
  /** Types and names in order, e.g. `Tstart_kernel`; the type is a letter as nm(1) gives it. */
  readonly names: readonly string[];
  /** Offsets from the relative base. */
  readonly offsets: Uint32Array;
  /** Where the relative base lies in the bytes: 8 bytes, which the kernel relocates when it starts. */
  readonly relativeBaseAt: number;
}

const TOKENS = 256;
/** Names between two markers. */
const MARKER_NAMES = 256;
/** Fewest symbols of a table: fewer are taken for chance. Debian's kernels have about 50,000. */
const SYMBOLS_MIN = 256;
/** Most symbols of a table: bytes that say more are none. */
const SYMBOLS_MAX = 1 << 22;
/** Longest name in tokens that is taken for one. */
const NAME_TOKENS_MAX = 1024;
/** Farthest that the number of symbols lies before the tokens. */
const NAMES_BYTES_MAX = 32 * 2 ** 20;
/** In every kernel the digits are tokens of their own, at the place of their character. */
const DIGITS = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? 0x30 + n / 2 : 0));
const FIRST_DIGIT = 0x30;

const align8 = (at: number): number => (at + 7) & ~7;

/**
 * Finds the tables in the bytes of a kernel's Image, or of memory that contains one whole.
 *
 * @returns undefined when there are none: not Linux, or built without CONFIG_KALLSYMS
 */
export function findKallsyms(bytes: Uint8Array): Kallsyms | undefined {
  for (let at = findDigits(bytes, 0); at >= 0; at = findDigits(bytes, at + 1)) {
    const found = tablesAround(bytes, at);
    if (found) return found;
  }
  return undefined;
}

/** Where ten texts `0` to `9` stand one behind the other, from a place on; -1 when nowhere. */
export function findDigits(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(FIRST_DIGIT, from); at >= 0; at = bytes.indexOf(FIRST_DIGIT, at + 1)) {
    if (DIGITS.every((digit, n) => bytes[at + n] === digit)) return at;
  }
  return -1;
}

function tablesAround(bytes: Uint8Array, digitsAt: number): Kallsyms | undefined {
  const tokens = readTokens(bytes, digitsAt);
  if (!tokens) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const least = Math.max(8, tokens.at - NAMES_BYTES_MAX);
  for (let at = tokens.at - 16; at >= least; at -= 8) {
    const count = view.getUint32(at, true);
    if (count < SYMBOLS_MIN || count > SYMBOLS_MAX || view.getUint32(at + 4, true) !== 0) continue;
    if (!namesFollow(bytes, at + 8, count, tokens.at)) continue;
    const offsets = findOffsets(view, { numberAt: at, count, behindTokens: tokens.end });
    if (offsets) return { names: readNames(bytes, at + 8, count, tokens.texts), ...offsets };
  }
  return undefined;
}

interface Tokens {
  readonly at: number;
  /** Behind the index. */
  readonly end: number;
  readonly texts: readonly string[];
}

/** The table of tokens around its digits, if the index behind it says the same. */
function readTokens(bytes: Uint8Array, digitsAt: number): Tokens | undefined {
  let second = digitsAt;
  for (let n = 1; n < FIRST_DIGIT; n++) {
    second = bytes.lastIndexOf(0, second - 2) + 1;
    if (second <= 0 || digitsAt - second > FIRST_DIGIT * NAME_TOKENS_MAX) return undefined;
  }
  // What stands before the first token need not end in a zero: every place where it can begin is tried.
  for (let at = (second - 2) & ~7; at >= 0 && second - at < NAME_TOKENS_MAX; at -= 8) {
    const tokens = tokensAt(bytes, at);
    if (tokens) return tokens;
    if (bytes.subarray(at, at + 8).includes(0)) return undefined;
  }
  return undefined;
}

function tokensAt(bytes: Uint8Array, at: number): Tokens | undefined {
  const texts: string[] = [];
  const starts: number[] = [];
  let end = at;
  for (let n = 0; n < TOKENS; n++) {
    const zero = bytes.indexOf(0, end);
    if (zero < 0 || zero - end > NAME_TOKENS_MAX) return undefined;
    starts.push(end - at);
    texts.push(String.fromCharCode(...bytes.subarray(end, zero)));
    end = zero + 1;
  }
  const index = align8(end);
  if (index + 2 * TOKENS > bytes.length) return undefined;
  for (let n = 0; n < TOKENS; n++) {
    if ((bytes[index + 2 * n]! | (bytes[index + 2 * n + 1]! << 8)) !== starts[n]) return undefined;
  }
  return { at, end: index + 2 * TOKENS, texts };
}

/** Length of the name at a place in tokens, and where they begin. */
function nameAt(bytes: Uint8Array, at: number): { readonly length: number; readonly first: number } {
  const low = bytes[at]!;
  if (low < 0x80) return { length: low, first: at + 1 };
  return { length: (low & 0x7f) | (bytes[at + 1]! << 7), first: at + 2 };
}

/** As many names as are said stand there, and the markers behind them agree. */
function namesFollow(bytes: Uint8Array, namesAt: number, count: number, limit: number): boolean {
  const marks: number[] = [];
  let at = namesAt;
  for (let n = 0; n < count; n++) {
    if (n % MARKER_NAMES === 0) marks.push(at - namesAt);
    const { length, first } = nameAt(bytes, at);
    if (length === 0 || length > NAME_TOKENS_MAX) return false;
    at = first + length;
    if (at >= limit) return false;
  }
  const markers = align8(at);
  if (markers + 4 * marks.length > limit) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return marks.every((mark, n) => view.getUint32(markers + 4 * n, true) === mark);
}

function readNames(bytes: Uint8Array, namesAt: number, count: number, tokens: readonly string[]): string[] {
  const names: string[] = [];
  let at = namesAt;
  for (let n = 0; n < count; n++) {
    const { length, first } = nameAt(bytes, at);
    let name = '';
    for (let i = 0; i < length; i++) name += tokens[bytes[first + i]!]!;
    names.push(name);
    at = first + length;
  }
  return names;
}

interface Place {
  readonly numberAt: number;
  readonly count: number;
  readonly behindTokens: number;
}

/** The offsets and the relative base: before the number of symbols, or behind the tokens. */
function findOffsets(
  view: DataView,
  { numberAt, count, behindTokens }: Place,
): Pick<Kallsyms, 'offsets' | 'relativeBaseAt'> | undefined {
  const bytes = align8(4 * count);
  const places = [
    { at: numberAt - 8 - bytes, base: numberAt - 8 },
    { at: align8(behindTokens), base: align8(behindTokens) + bytes },
  ];
  for (const { at, base } of places) {
    if (at < 0 || base + 8 > view.byteLength) continue;
    const offsets = Uint32Array.from({ length: count }, (_, n) => view.getUint32(at + 4 * n, true));
    // The relative base is the address of the first symbol.
    const ascending = offsets.every((offset, n) => offset >= (n === 0 ? 0 : offsets[n - 1]!));
    if (offsets[0] === 0 && ascending && offsets[count - 1]! > 0) return { offsets, relativeBaseAt: base };
  }
  return undefined;
}
