/** Kinds of operands of the integer instructions: general-purpose registers, immediates, addresses and names. */
import { genericName, sysregKeyOf, sysregName } from '../../arch/sysregs/index.ts';
import type { Encoding } from '../encoding.ts';
import { logicalImmediate, logicalValue } from './immediates.ts';
import { join, type Kind, nameOperand, type OperandText, valueOperand, wordAt } from './kind.ts';
import { BARRIERS, CONDITIONS, PREFETCHES, SHIFTS, SYS_OPERATIONS } from './names.ts';
import { generalName, generalRegister } from './registers.ts';
import type { OperandSpec } from './template.ts';

/** How X and W follow from another field: its value when the register is X. */
interface FileChoice {
  readonly field: string;
  /** True when this value of the field means an X register. */
  isX(value: number): boolean;
}

/**
 * The register file of kind `r`: `sf`, or the field in parentheses; `option` of an extended register means X for 011
 * and 111.
 */
function fileChoice(spec: OperandSpec, encoding: Encoding): FileChoice {
  const field = spec.args ?? 'sf';
  if (!encoding.fields[field]) throw new Error(`no field '${field}' in the encoding`);
  return field === 'option' ? { field, isX: (v) => (v & 3) === 3 } : { field, isX: (v) => v === 1 };
}

function general(file: 'x' | 'w' | 'choice', sp: boolean): Kind {
  return (spec, encoding) => {
    const field = join(spec.fields, encoding);
    const choice = file === 'choice' ? fileChoice(spec, encoding) : undefined;
    const files = choice ? 'w or x' : file;
    const expected = spec.plus
      ? 'the register after the one before'
      : `a register ${files}0 to ${files.slice(-1)}30 or ${sp ? 'sp' : 'zr'}`;
    return {
      print: (c) => {
        const isX = choice ? choice.isX(c.f[choice.field]!) : file === 'x';
        return generalName(isX ? 'x' : 'w', (field.get(c.f) + spec.plus) & 31, sp);
      },
      read: (r, at, values) => {
        const { word, start, end } = wordAt(r.text, at);
        const found = generalRegister(word);
        if (!found || (found.number === 31 && found.sp !== sp)) return r.fail(start, expected);
        if (!choice && found.file !== file) return r.fail(start, expected);
        const fields = field.put((found.number - spec.plus) & 31);
        const first = spec.fields[0]!;
        if (spec.plus && values[first] !== undefined && values[first] !== fields[first]) return r.fail(start, expected);
        if (!choice) return [{ at: end, values: fields }];
        const known = values[choice.field];
        if (known !== undefined) {
          if (choice.isX(known) !== (found.file === 'x'))
            return r.fail(start, `a register of the other size than ${word}`);
          return [{ at: end, values: fields }];
        }
        const width = encoding.fields[choice.field]!.width;
        const options = Array.from({ length: 2 ** width }, (_, v) => v).filter(
          (v) => choice.isX(v) === (found.file === 'x'),
        );
        return options.map((v) => ({ at: end, values: { ...fields, [choice.field]: v } }));
      },
    };
  };
}

/** The range of an immediate as text. */
function rangeText(low: bigint, high: bigint, scale: bigint): string {
  return scale === 1n ? `${low} to ${high}` : `a multiple of ${scale} from ${low * scale} to ${high * scale}`;
}

function number(signed: boolean, hex: boolean): Kind {
  return (spec, encoding) => {
    const field = join(spec.fields, encoding);
    const scale = BigInt(spec.scale);
    const low = signed ? -(2n ** BigInt(field.width - 1)) : 0n;
    const high = low + 2n ** BigInt(field.width) - 1n;
    const expected = rangeText(low, high, scale);
    const value = (f: Readonly<Record<string, number>>): bigint =>
      (signed ? BigInt.asIntN(field.width, BigInt(field.get(f))) : BigInt(field.get(f))) * scale;
    return valueOperand({
      expected,
      show: (c) => (hex ? `#0x${value(c.f).toString(16)}` : `#${value(c.f)}`),
      encode: (v) => {
        if (v % scale !== 0n || v / scale < low || v / scale > high) return expected;
        return field.put(Number(BigInt.asUintN(field.width, v / scale)));
      },
    });
  };
}

/** A target relative to the PC: `page` counts 4 KiB pages. */
function label(page: boolean): Kind {
  return (spec, encoding) => {
    const field = join(spec.fields, encoding);
    const scale = page ? 4096n : spec.source.includes('*') ? BigInt(spec.scale) : 4n;
    const reach = 2n ** BigInt(field.width - 1) * scale;
    const base = (pc: bigint): bigint => (page ? pc & -4096n : pc);
    return valueOperand({
      expected: 'an address',
      show: (c) => {
        const target = base(c.pc) + BigInt.asIntN(field.width, BigInt(field.get(c.f))) * scale;
        return `0x${BigInt.asUintN(64, target).toString(16)}`;
      },
      encode: (v, r) => {
        const offset = BigInt.asIntN(64, (page ? v & -4096n : v) - base(r.pc));
        if (offset % scale !== 0n) return `an address ${scale} bytes apart from 0x${r.pc.toString(16)}`;
        if (offset < -reach || offset >= reach) return `an address within ${reach} bytes of 0x${r.pc.toString(16)}`;
        return field.put(Number(BigInt.asUintN(field.width, offset / scale)));
      },
    });
  };
}

const bitmask: Kind = (spec, encoding) => {
  join(spec.fields, encoding);
  const widthOf = (f: Readonly<Record<string, number>>): 32 | 64 => (f.sf === 0 ? 32 : 64);
  return valueOperand({
    expected: 'a logical immediate',
    show: (c) => `#0x${(logicalValue(c.f, widthOf(c.f)) ?? 0n).toString(16)}`,
    encode: (v, _r, values) =>
      logicalImmediate(v, widthOf(values)) ?? 'a logical immediate (a rotated run of ones, replicated)',
  });
};

const sysreg: Kind = (spec, encoding) => {
  const field = join(spec.fields, encoding);
  const top = field.width === 15 ? 0x8000 : 0;
  return {
    print: (c) => sysregName(field.get(c.f) | top).toLowerCase(),
    read: (r, at) => {
      const { word, start, end } = wordAt(r.text, at);
      const key = word ? sysregKeyOf(word) : undefined;
      if (key === undefined)
        return r.fail(start, `a System register, e.g. sctlr_el1 or ${genericName(0xc080).toLowerCase()}`);
      return [{ at: end, values: field.put(top ? key & 0x7fff : key) }];
    },
  };
};

/** `C7`, the way SYS names CRn and CRm. */
const controlRegister: Kind = (spec, encoding) => {
  const field = join(spec.fields, encoding);
  return {
    print: (c) => `C${field.get(c.f)}`,
    read: (r, at) => {
      const { word, start, end } = wordAt(r.text, at);
      const match = /^c([0-9]|1[0-5])$/.exec(word);
      return match ? [{ at: end, values: field.put(Number(match[1])) }] : r.fail(start, 'C0 to C15');
    },
  };
};

/** ` #0x5` of CLREX and ISB, left out for 15. */
const unless15: Kind = (spec, encoding) => {
  const field = join(spec.fields, encoding);
  const value = number(false, true)(spec, encoding);
  return {
    print: (c) => (field.get(c.f) === 15 ? '' : ` ${value.print(c)}`),
    read: (r, at, values) => {
      const { word, start, end } = wordAt(r.text, at);
      if (start >= r.text.length) return [{ at, values: field.put(15) }];
      return word === 'sy' ? [{ at: end, values: field.put(15) }] : value.read(r, start, values);
    },
  };
};

/** `, x3` of SYS with the comma before it, left out for XZR. */
const systemRegisterOperand: Kind = (spec, encoding) => {
  const register = general('x', false)(spec, encoding);
  const field = join(spec.fields, encoding);
  return {
    print: (c) => (field.get(c.f) === 31 ? '' : `, ${register.print(c)}`),
    read: (r, at, values) => {
      const { start } = wordAt(r.text, at);
      if (start >= r.text.length) return [{ at, values: field.put(31) }];
      return r.text[start] === ',' ? register.read(r, start + 1, values) : r.fail(start, "', xN'");
    },
  };
};

function names(list: readonly (string | readonly string[])[], hex = false): Kind {
  return (spec, encoding) => {
    const rows = list.map((n) => (typeof n === 'string' ? [n] : n));
    return nameOperand(spec, encoding, rows, hex ? number(false, true)({ ...spec, scale: 1 }, encoding) : undefined);
  };
}

/** One named operation of SYS with its register: `sysop(tlbi)` over op1.CRn.CRm.op2.Rt. */
const systemOperation: Kind = (spec, encoding): OperandText => {
  const table = SYS_OPERATIONS[spec.args ?? ''];
  if (!table) throw new Error(`no table of operations '${spec.args}'`);
  const field = join(spec.fields.slice(0, -1), encoding);
  const register = spec.fields[spec.fields.length - 1]!;
  return {
    print: (c) => {
      const key = field.get(c.f);
      const found = [...table].find(([, op]) => op.key === key);
      if (!found) return `#${key}`;
      return found[1].register ? `${found[0]}, ${generalName('x', c.f[register]!, false)}` : found[0];
    },
    read: (r, at) => {
      const { word, start, end } = wordAt(r.text, at);
      const operation = table.get(word);
      if (!operation) return r.fail(start, `one of ${[...table.keys()].join(', ')}`);
      if (!operation.register) return [{ at: end, values: { ...field.put(operation.key), [register]: 31 } }];
      const comma = wordAt(r.text, end);
      if (r.text[comma.start] !== ',') return r.fail(comma.start, `', xN' after ${word}`);
      const operand = wordAt(r.text, comma.start + 1);
      const found = generalRegister(operand.word);
      if (found?.file !== 'x' || found.sp) return r.fail(operand.start, 'a register x0 to x30 or xzr');
      return [{ at: operand.end, values: { ...field.put(operation.key), [register]: found.number } }];
    },
  };
};

const registerX = general('x', false);
const hexNumber = number(false, true);

/** Kinds by the name that templates use. */
export const GENERAL_KINDS: Readonly<Record<string, Kind>> = {
  r: general('choice', false),
  rsp: general('choice', true),
  x: (spec, encoding) => (/^R/.test(spec.fields[0] ?? '') ? registerX : hexNumber)(spec, encoding),
  w: general('w', false),
  xsp: general('x', true),
  u: number(false, false),
  s: number(true, false),
  bitmask,
  label: label(false),
  pagelabel: label(true),
  cond: names(CONDITIONS),
  shift: names(SHIFTS),
  barrier: names(BARRIERS, true),
  prfop: names(PREFETCHES, true),
  sysreg,
  creg: controlRegister,
  unless15,
  sysrt: systemRegisterOperand,
  sysop: systemOperation,
};
