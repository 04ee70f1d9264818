import { UsageError } from '../errors.ts';

/** Single-character escapes inside a quoted text. */
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  e: '\x1b',
  0: '\0',
  '\\': '\\',
  '"': '"',
};

/** Reads a rule from left to right; every error names the rule, the column and what was expected there. */
export class Scanner {
  readonly text: string;
  readonly option: string;
  #at = 0;

  /** @param option - where the text was given, for messages */
  constructor(text: string, option = '--on') {
    this.text = text;
    this.option = option;
  }

  /** Column of the next character, from 0. */
  get at(): number {
    return this.#at;
  }

  /** A usage error that points into the rule. */
  fail(message: string, at = this.#at): UsageError {
    return new UsageError('E_ON', `${this.option} '${this.text}': column ${at + 1}: ${message}`);
  }

  skipSpace(): void {
    while (/\s/.test(this.text.charAt(this.#at))) this.#at++;
  }

  /** Takes `literal` if it comes next. */
  take(literal: string): boolean {
    if (!this.text.startsWith(literal, this.#at)) return false;
    this.#at += literal.length;
    return true;
  }

  /** True if `literal` comes next; takes nothing. */
  peek(literal: string): boolean {
    return this.text.startsWith(literal, this.#at);
  }

  expect(literal: string, hint: string): void {
    if (!this.take(literal)) throw this.fail(`expected '${literal}', found ${this.#found()}. ${hint}`);
  }

  /** A name of small letters and dashes, possibly empty. */
  name(): string {
    return this.#matching(/[a-z][a-z-]*/y);
  }

  /** Everything up to the next space, `=>`, or comma before a space or the end. */
  word(what: string): string {
    const word = this.#matching(/(?:(?!=>|,(?:\s|$))\S)+/y);
    if (word === '') throw this.fail(`expected ${what}, found ${this.#found()}.`);
    return word;
  }

  /** `/source/flags`; a slash inside is written `\/` or within brackets. */
  regex(): { source: string; flags: string } {
    const start = this.#at;
    const match = this.#matching(/\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^\\/[])*\/[a-z]*/y);
    if (match === '') {
      throw this.fail('expected /regex/ with its closing slash; a slash inside is written \\/.', start);
    }
    const end = match.lastIndexOf('/');
    return { source: match.slice(1, end), flags: match.slice(end + 1) };
  }

  /** A text in double quotes with the escapes \n \r \t \b \e \0 \\ \" \xNN and \u{N}. */
  quoted(): string {
    const start = this.#at;
    this.expect('"', 'Text is written in double quotes, e.g. "ls\\n".');
    let value = '';
    while (!this.take('"')) {
      if (this.#at >= this.text.length) throw this.fail('this text has no closing double quote.', start);
      value += this.#character();
    }
    return value;
  }

  expectEnd(): void {
    this.skipSpace();
    if (this.#at < this.text.length) throw this.fail(`unexpected ${this.#found()} after the action.`);
  }

  #character(): string {
    if (!this.take('\\')) return this.text.charAt(this.#at++);
    const start = this.#at - 1;
    const code = /x([0-9a-f]{2})|u\{([0-9a-f]{1,6})\}/iy;
    code.lastIndex = this.#at;
    const match = code.exec(this.text);
    if (match) {
      this.#at = code.lastIndex;
      const point = Number.parseInt(match[1] ?? match[2], 16);
      if (point > 0x10ffff) throw this.fail(`${match[0]} is beyond the last Unicode character, 10FFFF.`, start);
      return String.fromCodePoint(point);
    }
    const letter = this.text.charAt(this.#at++);
    const value = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (value === undefined) {
      throw this.fail(`unknown escape '\\${letter}'. Known: \\n \\r \\t \\b \\e \\0 \\\\ \\" \\xNN \\u{N}.`, start);
    }
    return value;
  }

  #matching(sticky: RegExp): string {
    sticky.lastIndex = this.#at;
    const match = sticky.exec(this.text);
    if (match === null) return '';
    this.#at = sticky.lastIndex;
    return match[0];
  }

  #found(): string {
    const rest = this.text.slice(this.#at);
    if (rest === '') return 'the end of the rule';
    return rest.length > 20 ? `'${rest.slice(0, 20)}...'` : `'${rest}'`;
  }
}
