/** Kinds whose text is computed from several fields: extended registers, and the operands of aliases. */
import type { Encoding, FieldValues } from '../encoding.ts';
import { skipBlanks } from './expression.ts';
import { logicalImmediate, logicalValue, registerBits, wideImmediate } from './immediates.ts';
import { join, type Kind, type OperandText, type Reading, readValue, valueOperand, wordAt } from './kind.ts';
import { CONDITIONS, EXTENDS } from './names.ts';
import { generalName, generalRegister } from './registers.ts';

/** Register width of an instruction, from sf. */
export function widthOf(f: FieldValues): 32 | 64 {
  return f.sf === 0 ? 32 : 64;
}

/**
 * An extended register: X for option UXTX, LSL and SXTX, else W. `extreg(sf.option)` of ADD and SUB is W in every
 * 32-bit instruction; `extreg(option)` is the index of a load or store.
 */
const extendedRegister: Kind = (spec, encoding) => {
  const field = join(spec.fields, encoding);
  const hasSf = spec.args === 'sf.option';
  const isX = (f: FieldValues, option: number): boolean => (!hasSf || f.sf === 1) && (option & 3) === 3;
  const options = EXTENDS.map((_, n) => n).filter((n) => hasSf || (n & 2) !== 0);
  return {
    print: (c) => generalName(isX(c.f, c.f.option!) ? 'x' : 'w', field.get(c.f), false),
    read: (r, at, values) => {
      const { word, start, end } = wordAt(r.text, at);
      const found = generalRegister(word);
      const fitting = found && !found.sp ? options.filter((n) => isX(values, n) === (found.file === 'x')) : [];
      if (!found || fitting.length === 0)
        return r.fail(start, `a register ${hasSf && !values.sf ? 'w' : 'w or x'}0 to 30 or zr`);
      return fitting.map((option) => ({ at: end, values: { ...field.put(found.number), option } }));
    },
  };
};

/** `, sxtw #2` of a load or store with the comma before it: `memext(2)` shifts by 2 or not at all. */
const memoryExtend: Kind = (spec) => {
  const scale = Number(spec.args);
  const nameOf = (option: number): string => (option === 3 ? 'lsl' : EXTENDS[option]!);
  return {
    print: (c) => {
      if (c.f.option === 3 && !c.f.S) return '';
      return `, ${nameOf(c.f.option!)}${c.f.S ? ` #${scale}` : ''}`;
    },
    read: (r, at, values) => {
      const comma = skipBlanks(r.text, at);
      if (r.text[comma] !== ',') {
        if (values.option === 3) return [{ at, values: { S: 0 } }];
        return r.fail(comma, `', ${nameOf(values.option!)}'`);
      }
      const { word, start, end } = wordAt(r.text, comma + 1);
      if (word !== nameOf(values.option!)) return r.fail(start, nameOf(values.option!));
      if (r.text[skipBlanks(r.text, end)] === ']') {
        return word === 'lsl' ? r.fail(end, 'a shift amount') : [{ at: end, values: { S: 0 } }];
      }
      const amount = readValue(r, end, `#${scale}`);
      if (!amount) return [];
      // For bytes, `#0` is how S = 1 is written.
      if (amount.value === BigInt(scale)) return [{ at: amount.end, values: { S: 1 } }];
      return amount.value === 0n ? [{ at: amount.end, values: { S: 0 } }] : r.fail(amount.start, `#0 or #${scale}`);
    },
  };
};

/** Acquire and release in the mnemonic of an atomic instruction: `a` for the first field, `l` for the second. */
const order: Kind = (spec, encoding) => {
  const field = join(spec.fields, encoding);
  const suffixes = ['', 'l', 'a', 'al'];
  return {
    print: (c) => suffixes[field.get(c.f)]!,
    read: (r, at) =>
      suffixes.flatMap((suffix, n) =>
        r.text.slice(at, at + suffix.length).toLowerCase() === suffix
          ? [{ at: at + suffix.length, values: field.put(n) }]
          : [],
      ),
  };
};

/** An immediate that is encoded as `N` less its value: `usub(64)`, `rsub(64)`. */
const subtracted: Kind = (spec, encoding) => {
  const field = join(spec.fields, encoding);
  const from = Number(spec.args);
  const expected = `${from - 2 ** field.width + 1} to ${from}`;
  return valueOperand({
    expected,
    show: (c) => `#${from - field.get(c.f)}`,
    encode: (v) => (v <= from && v > from - 2 ** field.width ? field.put(from - Number(v)) : expected),
  });
};

/** True when ADD (extended register) uses SP, where the extension may be written `lsl` or be left out. */
function usesSp(f: FieldValues, encoding: Encoding): boolean {
  const setsFlags = (encoding.value >>> 29) & 1;
  return f.Rn === 31 || (!setsFlags && f.Rd === 31);
}

/** `, uxtw #2` of ADD (extended register), with the comma before it. */
const extendSuffix: Kind = (_spec, encoding) => ({
  print: (c) => {
    const isLsl = usesSp(c.f, encoding) && c.f.option === (c.f.sf ? 3 : 2);
    if (isLsl) return c.f.imm3 ? `, lsl #${c.f.imm3}` : '';
    return `, ${EXTENDS[c.f.option!]}${c.f.imm3 ? ` #${c.f.imm3}` : ''}`;
  },
  read: (r, at, values) => {
    const comma = skipBlanks(r.text, at);
    const natural = values.option === (values.sf ? 3 : 2);
    if (r.text[comma] !== ',') {
      if (natural && usesSp(values, encoding)) return [{ at, values: { imm3: 0 } }];
      return r.fail(comma, `', ' and an extension: ${EXTENDS.join(', ')}`);
    }
    const { word, start, end } = wordAt(r.text, comma + 1);
    const isLsl = word === 'lsl' && natural && usesSp(values, encoding);
    if (!isLsl && EXTENDS[values.option!] !== word) return r.fail(start, `one of ${EXTENDS.join(', ')}`);
    if (skipBlanks(r.text, end) >= r.text.length) return [{ at: end, values: { imm3: 0 } }];
    const amount = readValue(r, end, 'an amount of 0 to 4');
    if (!amount) return [];
    if (amount.value < 0n || amount.value > 7n) return r.fail(amount.start, 'an amount of 0 to 4');
    return [{ at: amount.end, values: { imm3: Number(amount.value) } }];
  },
});

/** The inverse of the condition: of CSET, CINC and the like. AL and NV have no inverse. */
const invertedCondition: Kind = (spec, encoding) => {
  const field = join(spec.fields, encoding);
  return {
    print: (c) => CONDITIONS[field.get(c.f) ^ 1]![0]!,
    read: (r, at) => {
      const { word, start, end } = wordAt(r.text, at);
      const n = CONDITIONS.findIndex((names) => names.includes(word));
      return n >= 0 && n < 14
        ? [{ at: end, values: field.put(n ^ 1) }]
        : r.fail(start, 'a condition other than al and nv');
    },
  };
};

/** LSL (immediate) as UBFM: immr is the negated amount, imms the width less one less the amount. */
const shiftLeft: Kind = () =>
  valueOperand({
    expected: 'a shift amount',
    show: (c) => `#${widthOf(c.f) - 1 - c.f.imms!}`,
    encode: (v, _r, values) => {
      const width = widthOf(values);
      if (v < 0n || v >= width) return `a shift amount of 0 to ${width - 1}`;
      return { immr: (width - Number(v)) % width, imms: width - 1 - Number(v) };
    },
  });

/** LSR and ASR (immediate) as UBFM and SBFM with the highest imms. */
const shiftRight: Kind = () =>
  valueOperand({
    expected: 'a shift amount',
    show: (c) => `#${c.f.immr}`,
    encode: (v, _r, values) => {
      const width = widthOf(values);
      return v < 0n || v >= width ? `a shift amount of 0 to ${width - 1}` : { immr: Number(v), imms: width - 1 };
    },
  });

/** `#lsb, #width` of the bitfield aliases. */
function bitfield(
  show: (f: FieldValues) => [lsb: number, size: number],
  fields: (lsb: number, size: number, width: number) => FieldValues,
): OperandText {
  return {
    print: (c) =>
      show(c.f)
        .map((n) => `#${n}`)
        .join(', '),
    read: (r, at, values) => {
      const width = widthOf(values);
      const lsb = readValue(r, at, 'the lowest bit');
      if (!lsb) return [];
      if (lsb.value < 0n || lsb.value >= width) return r.fail(lsb.start, `a lowest bit of 0 to ${width - 1}`);
      const comma = skipBlanks(r.text, lsb.end);
      if (r.text[comma] !== ',') return r.fail(comma, "',' and the width");
      const size = readValue(r, comma + 1, 'the width');
      if (!size) return [];
      const most = BigInt(width) - lsb.value;
      if (size.value < 1n || size.value > most) return r.fail(size.start, `a width of 1 to ${most}`);
      return [{ at: size.end, values: fields(Number(lsb.value), Number(size.value), width) }];
    },
  };
}

/** BFI, SBFIZ, UBFIZ: the field goes to a position. */
const bitfieldInsert: Kind = () =>
  bitfield(
    (f) => [(widthOf(f) - f.immr!) % widthOf(f), f.imms! + 1],
    (lsb, size, width) => ({ immr: (width - lsb) % width, imms: size - 1 }),
  );

/** BFXIL, SBFX, UBFX: the field comes from a position. */
const bitfieldExtract: Kind = () =>
  bitfield(
    (f) => [f.immr!, f.imms! - f.immr! + 1],
    (lsb, size) => ({ immr: lsb, imms: lsb + size - 1 }),
  );

/** The value of MOV (wide immediate) and MOV (inverted wide immediate). */
function wide(inverted: boolean): Kind {
  const flip = (bits: bigint, width: 32 | 64): bigint => (inverted ? BigInt.asUintN(width, ~bits) : bits);
  return () =>
    valueOperand({
      expected: 'a value',
      show: (c) => `#0x${flip(BigInt(c.f.imm16!) << BigInt(16 * c.f.hw!), widthOf(c.f)).toString(16)}`,
      encode: (v, _r, values) => {
        const width = widthOf(values);
        const bits = registerBits(v, width);
        const fields = bits === undefined ? undefined : wideImmediate(flip(bits, width), width);
        return fields ?? `a ${width}-bit value that one MOVZ, MOVN or ORR makes`;
      },
    });
}

/**
 * An immediate of ADD and SUB written as its value, shifted or not: `#0x3000`; `negated` for ADD of a negative number.
 */
function addImmediate(negated: boolean): Kind {
  return () =>
    valueOperand({
      expected: 'an immediate',
      show: (c) => `#0x${(c.f.imm12! << (c.f.sh ? 12 : 0)).toString(16)}`,
      encode: (value) => {
        const v = negated ? -value : value;
        if (v >= 0n && v < 4096n) return { sh: 0, imm12: Number(v) };
        if (v >= 0n && v < 1n << 24n && (v & 4095n) === 0n) return { sh: 1, imm12: Number(v >> 12n) };
        return '0 to 4095, or a multiple of 4096 below 2^24';
      },
    });
}

/** The complement of a logical immediate: BIC (immediate) as AND. */
const invertedBitmask: Kind = () =>
  valueOperand({
    expected: 'a logical immediate',
    show: (c) => `#0x${BigInt.asUintN(widthOf(c.f), ~(logicalValue(c.f, widthOf(c.f)) ?? 0n)).toString(16)}`,
    encode: (v, _r: Reading, values) => {
      const bits = registerBits(v, widthOf(values));
      const fields =
        bits === undefined ? undefined : logicalImmediate(BigInt.asUintN(widthOf(values), ~bits), widthOf(values));
      return fields ?? 'a logical immediate (a rotated run of ones, replicated)';
    },
  });

/** MOVI of 64 bits: every bit of the immediate is a byte of zeros or ones. */
const byteMask: Kind = (spec, encoding) => {
  const field = join(spec.fields, encoding);
  const expand = (bits: number): bigint =>
    Array.from({ length: 8 }, (_, i) => ((bits >> i) & 1 ? 0xffn << BigInt(8 * i) : 0n)).reduce((a, b) => a | b);
  return valueOperand({
    expected: 'a 64-bit value of bytes 0x00 and 0xff',
    show: (c) => `#0x${expand(field.get(c.f)).toString(16)}`,
    encode: (v) => {
      const bits = BigInt.asUintN(64, v);
      const packed = Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(8 * i)) & 1n) << i).reduce(
        (a, b) => a | b,
      );
      return registerBits(v, 64) !== undefined && expand(packed) === bits
        ? field.put(packed)
        : 'a 64-bit value of bytes 0x00 and 0xff';
    },
  });
};

/** Kinds by the name that templates use. */
export const ALIAS_KINDS: Readonly<Record<string, Kind>> = {
  extreg: extendedRegister,
  extsuffix: extendSuffix,
  memext: memoryExtend,
  order,
  usub: subtracted,
  rsub: subtracted,
  bytemask: byteMask,
  invcond: invertedCondition,
  shiftleft: shiftLeft,
  shiftright: shiftRight,
  bfi: bitfieldInsert,
  bfx: bitfieldExtract,
  wide: wide(false),
  wideinv: wide(true),
  addimm: addImmediate(false),
  negaddimm: addImmediate(true),
  bitmaskinv: invertedBitmask,
};
