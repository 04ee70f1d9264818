/** How many of the last characters of console output a pattern can span. */
export const CONSOLE_WINDOW_CHARS = 4096;

/** One pattern and what to do when it is seen. */
interface Watch {
  readonly regex: RegExp;
  readonly every: boolean;
  readonly onMatch: (text: string) => void;
  /** Index in the window from which a match may begin. */
  from: number;
  done: boolean;
}

/**
 * Decodes UTF-8 one byte at a time, so that a character is complete at the same byte however the output is cut.
 *
 * Bytes that are not UTF-8 become U+FFFD.
 */
class ByteDecoder {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #one = new Uint8Array(1);
  #pending = false;

  /** The characters that `byte` completes: none, one, or (after a broken sequence) two. */
  next(byte: number): string {
    if (byte < 0x80 && !this.#pending) return String.fromCharCode(byte);
    this.#one[0] = byte;
    const text = this.#decoder.decode(this.#one, { stream: true });
    this.#pending = byte >= 0x80 && (text === '' || text.endsWith('\ufffd'));
    return text;
  }
}

/**
 * Looks for patterns in console output as each byte is emitted.
 *
 * A pattern fires at the first byte after which it matches somewhere in the output since it last fired, within the last
 * {@link CONSOLE_WINDOW_CHARS} characters. So the byte, and with it the step, is the same in every run, whatever pieces
 * the output arrives in. Patterns are tried in the order in which they were added.
 */
export class ConsoleMatcher {
  readonly #watches: Watch[] = [];
  readonly #decoder = new ByteDecoder();
  /** The last characters; the first one, once the window is full, is there only so that `^` knows what precedes it. */
  #window = '';

  /**
   * Adds a pattern, matched from the next byte on.
   *
   * @param regex - must have the flags `g` and `m`, see `parseRegex`
   * @param every - fire each time it is seen, not only the first
   */
  watch(regex: RegExp, every: boolean, onMatch: (text: string) => void): void {
    this.#watches.push({ regex, every, onMatch, from: this.#window.length, done: false });
  }

  /** Takes the next bytes of output. */
  feed(bytes: Uint8Array): void {
    if (this.#watches.length === 0) return;
    for (const byte of bytes) {
      const text = this.#decoder.next(byte);
      if (text === '') continue;
      this.#append(text);
      for (const watch of this.#watches) if (!watch.done) this.#try(watch);
    }
  }

  #append(text: string): void {
    this.#window += text;
    const excess = Math.max(0, this.#window.length - (CONSOLE_WINDOW_CHARS + 1));
    if (excess > 0) this.#window = this.#window.slice(excess);
    const first = this.#window.length - CONSOLE_WINDOW_CHARS;
    for (const watch of this.#watches) watch.from = Math.max(first, watch.from - excess);
  }

  #try(watch: Watch): void {
    watch.regex.lastIndex = watch.from;
    const match = watch.regex.exec(this.#window);
    if (match === null) return;
    watch.done = !watch.every;
    watch.from = this.#window.length;
    watch.onMatch(match[0]);
  }
}
