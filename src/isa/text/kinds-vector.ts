/** Kinds of operands of the SIMD and floating-point instructions: scalars, vectors, elements, lists. */
import type { Encoding, FieldValues } from '../encoding.ts';
import { skipBlanks } from './expression.ts';
import { floatImmediate, floatValue } from './immediates.ts';
import { type Joined, join, type Kind, type Match, type OperandText, type Reading, readValue, wordAt } from './kind.ts';
import type { OperandSpec } from './template.ts';

/** The size or arrangement of a vector operand: fixed, or chosen by fields. */
interface Arrangement {
  print(f: FieldValues): string;
  /** Field values that choose it: one entry per value of the fields with this name; empty when there is none. */
  read(name: string): readonly FieldValues[];
  readonly names: readonly string[];
}

function arrangement(text: string, encoding: Encoding): Arrangement {
  const [fields, list] = text.split('=');
  if (list === undefined) {
    return { print: () => text, read: (name) => (name === text ? [{}] : []), names: [text] };
  }
  const choice = join(fields!.split('.'), encoding);
  const names = list.split(',').map((n) => n.trim());
  if (names.length !== 2 ** choice.width)
    throw new Error(`'${text}' names ${names.length} of ${2 ** choice.width} values`);
  return {
    print: (f) => names[choice.get(f)]!,
    read: (name) => names.flatMap((n, value) => (n === name && n !== '-' ? [choice.put(value)] : [])),
    names: names.filter((n) => n !== '-'),
  };
}

/** True when two sets of fields do not contradict each other. */
function agree(a: FieldValues, b: FieldValues): boolean {
  return Object.keys(b).every((name) => a[name] === undefined || a[name] === b[name]);
}

function scalar(fixed?: string): Kind {
  return (spec, encoding) => {
    const field = join(spec.fields, encoding);
    const size = arrangement(fixed ?? spec.args ?? '', encoding);
    return {
      print: (c) => `${size.print(c.f)}${(field.get(c.f) + spec.plus) & 31}`,
      read: (r, at) => {
        const { word, start, end } = wordAt(r.text, at);
        const match = /^([bhsdq])([0-9]|[12][0-9]|3[01])$/.exec(word);
        const sizes = match ? size.read(match[1]!) : [];
        const values = match ? registerNumber(field, Number(match[2]), spec.plus) : undefined;
        if (sizes.length === 0 || !values)
          return r.fail(start, `a register ${size.names.map((n) => `${n}0`).join(', ')} ...`);
        return sizes.map((s) => ({ at: end, values: { ...values, ...s } }));
      },
    };
  };
}

/** The fields of a register number; undefined when the field is too narrow for it (V0 to V15 only). */
function registerNumber(field: Joined, number: number, plus: number): FieldValues | undefined {
  const value = (number - plus) & 31;
  return value < 2 ** field.width ? field.put(value) : undefined;
}

const VECTOR = /v([0-9]+)\.([0-9]*[bhsdq])(?![\w])/iy;

/** A vector register with its arrangement or element size at `at`. */
function vectorAt(r: Reading, at: number): { number: number; shape: string; start: number; end: number } | undefined {
  const start = skipBlanks(r.text, at);
  VECTOR.lastIndex = start;
  const match = VECTOR.exec(r.text);
  if (!match || Number(match[1]) > 31) return undefined;
  return { number: Number(match[1]), shape: match[2]!.toLowerCase(), start, end: start + match[0].length };
}

function vectorOperand(field: Joined, shape: Arrangement, plus: number): OperandText {
  const expected = `a vector v0 to v${2 ** field.width - 1} as .${[...new Set(shape.names)].join(', .')}`;
  return {
    print: (c) => `v${(field.get(c.f) + plus) & 31}.${shape.print(c.f)}`,
    read: (r, at) => {
      const found = vectorAt(r, at);
      const shapes = found ? shape.read(found.shape) : [];
      const values = found ? registerNumber(field, found.number, plus) : undefined;
      if (!found || shapes.length === 0 || !values) return r.fail(skipBlanks(r.text, at), expected);
      return shapes.map((s) => ({ at: found.end, values: { ...values, ...s } }));
    },
  };
}

const vector: Kind = (spec, encoding) =>
  vectorOperand(join(spec.fields, encoding), arrangement(spec.args ?? '', encoding), spec.plus);

/** `[index]` after an element or a list of elements. */
function readIndex(r: Reading, at: number, index: Joined): { at: number; values: FieldValues } | undefined {
  const open = skipBlanks(r.text, at);
  if (r.text[open] !== '[') {
    r.fail(open, `'[' and an index of 0 to ${2 ** index.width - 1}`);
    return undefined;
  }
  const found = readValue(r, open + 1, 'an index');
  if (!found) return undefined;
  if (found.value < 0n || found.value >= 2 ** index.width) {
    r.fail(found.start, `an index of 0 to ${2 ** index.width - 1}, found ${found.value}`);
    return undefined;
  }
  const close = skipBlanks(r.text, found.end);
  if (r.text[close] !== ']') {
    r.fail(close, "']'");
    return undefined;
  }
  return { at: close + 1, values: index.put(Number(found.value)) };
}

const element: Kind = (spec, encoding) => {
  const index = join(spec.index ?? [], encoding);
  const register = vectorOperand(join(spec.fields, encoding), arrangement(spec.args ?? '', encoding), spec.plus);
  return {
    print: (c) => `${register.print(c)}[${index.get(c.f)}]`,
    read: (r, at, values) => register.read(r, at, values).flatMap((m) => withIndex(r, m, index)),
  };
};

function withIndex(r: Reading, match: Match, index: Joined): readonly Match[] {
  const found = readIndex(r, match.at, index);
  if (!found || !agree(match.values, found.values)) return [];
  return [{ at: found.at, values: { ...match.values, ...found.values } }];
}

/** A separator and the next register of a list after what was read so far. */
function followed(r: Reading, before: Match, register: OperandText, separator: string): readonly Match[] {
  const at = skipBlanks(r.text, before.at);
  if (r.text[at] !== separator) return r.fail(at, `'${separator}' and another register`);
  const next = register.read(r, at + 1, before.values).filter((x) => agree(before.values, x.values));
  if (next.length === 0) r.fail(at + 1, 'consecutive registers of one arrangement');
  return next.map((x) => ({ at: x.at, values: { ...before.values, ...x.values } }));
}

function closed(r: Reading, before: Match, count: number): readonly Match[] {
  const at = skipBlanks(r.text, before.at);
  return r.text[at] === '}' ? [{ at: at + 1, values: before.values }] : r.fail(at, `'}' after ${count} registers`);
}

/** `{v0.4s, v1.4s}` or `{v0.4s-v3.4s}`: the first register is the field, the others follow it modulo 32. */
function listOperand(spec: OperandSpec, encoding: Encoding): { count: number; list: OperandText } {
  const comma = (spec.args ?? '').indexOf(',');
  const count = Number((spec.args ?? '').slice(0, comma));
  if (!(count >= 1 && count <= 4)) throw new Error(`'${spec.source}' is no list of 1 to 4 registers`);
  const field = join(spec.fields, encoding);
  const shape = arrangement((spec.args ?? '').slice(comma + 1).trim(), encoding);
  const registers = Array.from({ length: count }, (_, n) => vectorOperand(field, shape, n));
  const list: OperandText = {
    print: (c) => {
      const first = field.get(c.f);
      if (count < 3 || first + count > 32) return `{${registers.map((v) => v.print(c)).join(', ')}}`;
      return `{${registers[0]!.print(c)}-${registers[count - 1]!.print(c)}}`;
    },
    read: (r, at, values) => {
      const open = skipBlanks(r.text, at);
      if (r.text[open] !== '{') return r.fail(open, `'{' and ${count} vector register${count > 1 ? 's' : ''}`);
      return registers[0]!.read(r, open + 1, values).flatMap((first) => {
        const isRange = count > 1 && r.text[skipBlanks(r.text, first.at)] === '-';
        const rest = isRange ? [registers[count - 1]!] : registers.slice(1);
        const all = rest.reduce<readonly Match[]>(
          (m, v) => m.flatMap((x) => followed(r, x, v, isRange ? '-' : ',')),
          [first],
        );
        return all.flatMap((m) => closed(r, m, count));
      });
    },
  };
  return { count, list };
}

const list: Kind = (spec, encoding) => listOperand(spec, encoding).list;

const elementList: Kind = (spec, encoding) => {
  const index = join(spec.index ?? [], encoding);
  const { list } = listOperand(spec, encoding);
  return {
    print: (c) => `${list.print(c)}[${index.get(c.f)}]`,
    read: (r, at, values) => list.read(r, at, values).flatMap((m) => withIndex(r, m, index)),
  };
};

const FLOAT = /[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?/iy;

/** A number with a point, as `#1.5` or `#2.0`. */
export function floatText(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** The decimal number at `at` after an optional `#`; undefined when there is none. */
export function readFloat(r: Reading, at: number): { value: number; start: number; end: number } | undefined {
  let start = skipBlanks(r.text, at);
  if (r.text[start] === '#') start = skipBlanks(r.text, start + 1);
  FLOAT.lastIndex = start;
  const match = FLOAT.exec(r.text);
  return match ? { value: Number(match[0]), start, end: start + match[0].length } : undefined;
}

const float8: Kind = (spec, encoding) => {
  const field = join(spec.fields, encoding);
  return {
    print: (c) => `#${floatText(floatValue(field.get(c.f)))}`,
    read: (r, at) => {
      const found = readFloat(r, at);
      const imm8 = found ? floatImmediate(found.value) : undefined;
      if (!found || imm8 === undefined) {
        return r.fail(
          found?.start ?? at,
          'a number n/16 * 2^r with n of 16 to 31 and r of -3 to 4, positive or negative',
        );
      }
      return [{ at: found.end, values: field.put(imm8) }];
    },
  };
};

/** A number that is one of a list, by the value of the fields: `{Q:oneof(8,16)}`; `-` is reserved. */
const oneOf: Kind = (spec, encoding) => {
  const field = join(spec.fields, encoding);
  const list = (spec.args ?? '').split(',').map((n) => n.trim());
  if (list.length !== 2 ** field.width)
    throw new Error(`'${spec.source}' lists ${list.length} of ${2 ** field.width} values`);
  const expected = `one of ${list.filter((n) => n !== '-').join(', ')}`;
  return {
    print: (c) => `#${list[field.get(c.f)]}`,
    read: (r, at, values) => {
      const found = readValue(r, at, expected);
      if (!found) return [];
      const matches = list.flatMap((n, i) =>
        n === String(found.value) ? [{ at: found.end, values: field.put(i) }] : [],
      );
      const agreeing = matches.filter((m) => agree(values, m.values));
      return agreeing.length > 0 ? agreeing : r.fail(found.start, expected);
    },
  };
};

/** Kinds by the name that templates use. */
export const VECTOR_KINDS: Readonly<Record<string, Kind>> = {
  b: scalar('b'),
  h: scalar('h'),
  s: scalar('s'),
  d: scalar('d'),
  q: scalar('q'),
  f: scalar(),
  v: vector,
  e: element,
  list,
  elist: elementList,
  f8: float8,
  oneof: oneOf,
};
