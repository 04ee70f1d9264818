/** Lines of a kernel log, however it was taken: console, dmesg with any options, journald, syslog, pstore, mail. */

/** A line: its number from 1, where it begins, its text without colours and line end. */
export interface LogLine {
  readonly number: number;
  readonly offset: number;
  readonly endOffset: number;
  readonly text: string;
}

/** Longer lines are cut: no line of a kernel is (printk, LOG_LINE_MAX and the prefixes that others add). */
const LINE_BYTES_MAX = 2048;

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with the escape character
const COLOURS = /\x1b\[[0-9;]*[A-Za-z]/g;

/** Each line in order. */
export function* linesOf(bytes: Uint8Array): Generator<LogLine> {
  const decoder = new TextDecoder();
  let number = 1;
  for (let offset = 0; offset < bytes.length; number++) {
    const newline = bytes.indexOf(10, offset);
    const endOffset = newline < 0 ? bytes.length : newline;
    const part = bytes.subarray(offset, Math.min(endOffset, offset + LINE_BYTES_MAX));
    const text = decoder.decode(part).replace(/\r+$/, '').replace(COLOURS, '');
    yield { number, offset, endOffset, text };
    offset = endOffset + 1;
  }
}

/** Forms of time before a message, the kernel's own first. */
const TIMES: readonly RegExp[] = [
  /\[\s*(\d+\.\d{3,9})\]/,
  /\[([^[\]]*\d\d:\d\d:\d\d[^[\]]*)\]/,
  /(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*)/,
  /([A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d)/,
];

/** A prefix is looked at this far, so that a line made of digits costs no more than another. */
const PREFIX_CHARS_MAX = 256;

/** The time that stands in what comes before a message. */
export function timeIn(prefix: string): string | undefined {
  for (const pattern of TIMES) {
    const found = pattern.exec(prefix.slice(0, PREFIX_CHARS_MAX));
    if (found !== null) return found[1];
  }
  return undefined;
}

/** A line that is marked as a hardware error. */
export interface MarkedLine {
  readonly prefix: string;
  readonly sequence: number | undefined;
  /** How many spaces the message is indented by. */
  readonly indent: number;
  readonly message: string;
}

/** Takes a line apart at the mark `{1}[Hardware Error]: `; undefined for a line without it. */
export function marked(text: string): MarkedLine | undefined {
  const found = /(?:\{(\d{1,9})\})?\[Hardware Error\]:(?: |$)/.exec(text);
  if (found === null) return undefined;
  const rest = text.slice(found.index + found[0].length);
  const message = rest.trim();
  const sequence = found[1] === undefined ? undefined : Number(found[1]);
  return { prefix: text.slice(0, found.index), sequence, indent: rest.length - rest.trimStart().length, message };
}
