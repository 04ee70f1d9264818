/**
 * What the assembler builds: bytes at addresses, symbols, literal pools. Addresses are known before any byte is made.
 */
import { AssemblerError, type SourcePlace } from './errors.ts';
import { ExpressionFailure, parseExpression, type Scope, skipBlanks } from './expression.ts';

/** A part of a statement and where it stands. */
export interface SourceText {
  readonly text: string;
  readonly place: SourcePlace;
}

/** Bytes at an address, made when every symbol has its value. */
interface Item {
  readonly address: bigint;
  /** Number of statements before this one: what `1b` and `1f` count from. */
  readonly order: number;
  readonly make: (scope: Scope) => Uint8Array | undefined;
}

interface Literal {
  readonly source: SourceText;
  readonly sizeBytes: number;
  readonly order: number;
  address: bigint | undefined;
}

/** The little-endian bytes of the low `sizeBytes` bytes of a value. */
export function bytesOf(value: bigint, sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** A place some characters further on the same line. */
export function further(place: SourcePlace, columns: number): SourcePlace {
  return { line: place.line, column: place.column + columns };
}

const NOP = 0xd503201fn;

/** One program under construction. */
export class Assembly {
  readonly origin: bigint;
  /** Address of the next byte. */
  here: bigint;
  private readonly items: Item[] = [];
  private readonly given: ReadonlyMap<string, bigint>;
  private readonly defined = new Map<string, bigint>();
  private readonly labels = new Set<string>();
  private readonly numeric = new Map<string, { order: number; address: bigint }[]>();
  private literals = new Map<string, Literal>();
  private order = 0;

  constructor(origin: bigint, given: ReadonlyMap<string, bigint>) {
    this.origin = origin;
    this.here = origin;
    this.given = given;
  }

  /** Begins the next statement. */
  next(): void {
    this.order++;
  }

  /** Gives a label the address of the next byte. */
  label(name: string, place: SourcePlace): void {
    if (/^[0-9]/.test(name)) {
      const places = this.numeric.get(name) ?? [];
      this.numeric.set(name, [...places, { order: this.order, address: this.here }]);
      return;
    }
    if (this.defined.has(name) || this.given.has(name)) {
      throw new AssemblerError('DUPLICATE_SYMBOL', place, `symbol '${name}' is already defined`);
    }
    this.labels.add(name);
    this.defined.set(name, this.here);
  }

  /** Defines a constant; it may be given another value later, but not take the name of a label. */
  constant(name: string, source: SourceText): void {
    if (this.labels.has(name))
      throw new AssemblerError('DUPLICATE_SYMBOL', source.place, `'${name}' is already a label`);
    const set = (scope: Scope): bigint => this.evaluate(source, scope);
    try {
      this.defined.set(name, set(this.scope(this.here, this.order)));
    } catch (error) {
      // A constant may use labels that come later.
      if (!(error instanceof AssemblerError) || error.code !== 'UNDEFINED_SYMBOL') throw error;
    }
    this.add(0, (scope) => {
      this.defined.set(name, set(scope));
      return undefined;
    });
  }

  /** Reserves bytes at the next address; `make` gives them once all symbols are known. */
  add(sizeBytes: number, make: Item['make']): void {
    this.items.push({ address: this.here, order: this.order, make });
    this.here += BigInt(sizeBytes);
  }

  /** The value of an expression that must be known now, because addresses depend on it. */
  now(source: SourceText): bigint {
    return this.evaluate(source, this.scope(this.here, this.order));
  }

  /** The value now, and whether it used a symbol; undefined when a symbol is not known yet. */
  tryNow(source: SourceText): { value: bigint; usesLabel: boolean } | undefined {
    let usesLabel = false;
    const scope = this.scope(this.here, this.order);
    const watching: Scope = {
      lookup: (name) => {
        if (!this.defined.has(name) || this.labels.has(name)) usesLabel = !this.given.has(name);
        return scope.lookup(name);
      },
    };
    try {
      const value = this.evaluate(source, watching);
      return { value, usesLabel };
    } catch (error) {
      if (error instanceof AssemblerError && error.code === 'UNDEFINED_SYMBOL') return undefined;
      throw error;
    }
  }

  /**
   * The value of a whole expression.
   *
   * @throws AssemblerError when it is malformed or uses a symbol that has no value
   */
  evaluate(source: SourceText, scope: Scope): bigint {
    try {
      const { value, at } = parseExpression(source.text, 0, scope);
      const end = skipBlanks(source.text, at);
      if (end < source.text.length)
        throw new ExpressionFailure(end, `unexpected '${source.text.slice(end)}' after the value`);
      return value;
    } catch (error) {
      if (!(error instanceof ExpressionFailure)) throw error;
      const code = error.undefinedSymbol === undefined ? 'SYNTAX' : 'UNDEFINED_SYMBOL';
      throw new AssemblerError(code, further(source.place, error.at), error.message);
    }
  }

  /** Pads to a multiple of `alignBytes`: with `fill`, or with zeros to a whole word and NOPs from there. */
  align(alignBytes: bigint, fill?: bigint): void {
    const size = Number((alignBytes - (this.here % alignBytes)) % alignBytes);
    if (size === 0) return;
    this.add(size, () => {
      if (fill !== undefined) return new Uint8Array(size).fill(Number(fill & 0xffn));
      const bytes = new Uint8Array(size);
      for (let at = size % 4; at < size; at += 4) bytes.set(bytesOf(NOP, 4), at);
      return bytes;
    });
  }

  /** The place of a literal in the next pool; its address is known when that pool is placed. */
  literal(source: SourceText, sizeBytes: number): { address(): bigint } {
    const isLocal = /(^|[^\w.$])(\.(?![\w.$])|[0-9]+[bf]\b)/i.test(source.text);
    const key = `${sizeBytes}:${source.text.replace(/\s+/g, '')}${isLocal ? `:${this.order}` : ''}`;
    const known = this.literals.get(key);
    const literal: Literal = known ?? { source, sizeBytes, order: this.order, address: undefined };
    this.literals.set(key, literal);
    return { address: () => literal.address! };
  }

  /** Places the literals that are waiting: words first, then doublewords, then quadwords. */
  pool(): void {
    for (const sizeBytes of [4, 8, 16]) {
      for (const literal of this.literals.values()) {
        if (literal.sizeBytes !== sizeBytes) continue;
        this.align(BigInt(sizeBytes), 0n);
        literal.address = this.here;
        this.add(sizeBytes, (scope) => {
          const own = this.scope(this.here, literal.order);
          const value = this.evaluate(literal.source, { lookup: (n) => (n === '.' ? scope.lookup(n) : own.lookup(n)) });
          return bytesOf(checkedSize(value, sizeBytes, literal.source.place), sizeBytes);
        });
      }
    }
    this.literals = new Map();
  }

  /** The bytes from the origin on, and the symbols the source defines. */
  finish(): { bytes: Uint8Array; symbols: Map<string, bigint> } {
    this.pool();
    const bytes = new Uint8Array(Number(this.here - this.origin));
    for (const item of this.items) {
      const made = item.make(this.scope(item.address, item.order));
      if (made) bytes.set(made, Number(item.address - this.origin));
    }
    return { bytes, symbols: new Map(this.defined) };
  }

  private scope(address: bigint, order: number): Scope {
    return {
      lookup: (name) => {
        if (name === '.') return address;
        const local = /^([0-9]+)([bf])$/.exec(name);
        if (!local) return this.defined.get(name) ?? this.given.get(name);
        const places = this.numeric.get(local[1]!) ?? [];
        if (local[2] === 'f') return places.find((p) => p.order > order)?.address;
        return [...places].reverse().find((p) => p.order <= order)?.address;
      },
    };
  }
}

/**
 * The value, when it fits as a signed or unsigned number of that size.
 *
 * @throws AssemblerError when it does not
 */
export function checkedSize(value: bigint, sizeBytes: number, place: SourcePlace): bigint {
  const limit = 1n << BigInt(8 * sizeBytes);
  if (value < -(limit >> 1n) || value >= limit) {
    throw new AssemblerError(
      'DIRECTIVE',
      place,
      `${value} does not fit in ${sizeBytes} byte${sizeBytes > 1 ? 's' : ''}`,
    );
  }
  return value;
}
