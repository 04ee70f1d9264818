/** Directives of the assembler: "Using as", heading "Assembler Directives", those that make sense without sections. */
import { type Assembly, bytesOf, checkedSize, further, type SourceText } from './assembly.ts';
import { AssemblerError } from './errors.ts';
import { ExpressionFailure, parseEscape } from './expression.ts';

type Directive = (a: Assembly, operands: readonly SourceText[], whole: SourceText) => void;

/** Largest program, so that a mistaken `.org` or `.skip` is an error and not an exhausted heap. */
const PROGRAM_BYTES_MAX = 1n << 28n;

function count(whole: SourceText, operands: readonly SourceText[], low: number, high: number, shape: string): void {
  if (operands.length >= low && operands.length <= high) return;
  throw new AssemblerError('DIRECTIVE', whole.place, `found ${operands.length} operands, expected '${shape}'`);
}

function data(sizeBytes: number): Directive {
  return (a, operands) => {
    for (const operand of operands) {
      a.add(sizeBytes, (scope) =>
        bytesOf(checkedSize(a.evaluate(operand, scope), sizeBytes, operand.place), sizeBytes),
      );
    }
  };
}

function float(sizeBytes: 4 | 8): Directive {
  return (a, operands) => {
    for (const operand of operands) {
      const value = Number(operand.text);
      if (operand.text === '' || Number.isNaN(value)) {
        throw new AssemblerError('DIRECTIVE', operand.place, `'${operand.text}' is no decimal number`);
      }
      const bytes = new Uint8Array(sizeBytes);
      if (sizeBytes === 4) new DataView(bytes.buffer).setFloat32(0, value, true);
      else new DataView(bytes.buffer).setFloat64(0, value, true);
      a.add(sizeBytes, () => bytes);
    }
  };
}

/** The bytes of a quoted string; characters outside ASCII are UTF-8. */
function stringBytes(source: SourceText): number[] {
  const { text, place } = source;
  if (!/^".*"$/s.test(text) || text.length < 2) {
    throw new AssemblerError('DIRECTIVE', place, `found '${text}', expected a string in double quotes`);
  }
  const bytes: number[] = [];
  for (let at = 1; at < text.length - 1; ) {
    if (text[at] === '\\') {
      try {
        const escaped = parseEscape(text, at + 1);
        bytes.push(escaped.code);
        at = escaped.at;
      } catch (error) {
        if (error instanceof ExpressionFailure) throw new AssemblerError('SYNTAX', further(place, at), error.message);
        throw error;
      }
    } else {
      const character = String.fromCodePoint(text.codePointAt(at)!);
      bytes.push(...new TextEncoder().encode(character));
      at += character.length;
    }
  }
  return bytes;
}

function strings(terminated: boolean): Directive {
  return (a, operands) => {
    for (const operand of operands) {
      const bytes = Uint8Array.from([...stringBytes(operand), ...(terminated ? [0] : [])]);
      a.add(bytes.length, () => bytes);
    }
  };
}

function align(power: boolean): Directive {
  return (a, operands, whole) => {
    count(whole, operands, 1, 2, `${power ? '.align' : '.balign'} alignment[, fill]`);
    const value = a.now(operands[0]!);
    if (value < 0n || value > (power ? 20n : 1n << 20n)) {
      throw new AssemblerError(
        'DIRECTIVE',
        operands[0]!.place,
        `alignment ${value}, expected up to ${power ? '20' : '2^20'}`,
      );
    }
    const alignBytes = power ? 1n << value : value;
    if (alignBytes > 0n && (alignBytes & (alignBytes - 1n)) !== 0n) {
      throw new AssemblerError('DIRECTIVE', operands[0]!.place, `alignment ${value} is no power of two`);
    }
    if (alignBytes > 1n) a.align(alignBytes, operands[1] && a.now(operands[1]));
  };
}

function reserve(a: Assembly, sizeBytes: bigint, fill: bigint, source: SourceText): void {
  if (sizeBytes < 0n || a.here + sizeBytes - a.origin > PROGRAM_BYTES_MAX) {
    throw new AssemblerError(
      'DIRECTIVE',
      source.place,
      `cannot reserve ${sizeBytes} bytes at 0x${a.here.toString(16)}`,
    );
  }
  a.add(Number(sizeBytes), () => new Uint8Array(Number(sizeBytes)).fill(Number(fill & 0xffn)));
}

const skip: Directive = (a, operands, whole) => {
  count(whole, operands, 1, 2, '.skip size[, fill]');
  reserve(a, a.now(operands[0]!), operands[1] ? a.now(operands[1]) : 0n, operands[0]!);
};

const fill: Directive = (a, operands, whole) => {
  count(whole, operands, 1, 3, '.fill repeat[, size[, value]]');
  const [repeat, size, value] = [
    a.now(operands[0]!),
    operands[1] ? a.now(operands[1]) : 1n,
    operands[2] ? a.now(operands[2]) : 0n,
  ];
  if (size < 0n || size > 8n)
    throw new AssemblerError('DIRECTIVE', operands[1]!.place, `size ${size}, expected 0 to 8`);
  if (repeat < 0n || repeat * size > PROGRAM_BYTES_MAX) {
    throw new AssemblerError('DIRECTIVE', operands[0]!.place, `cannot repeat ${repeat} times`);
  }
  for (let i = 0n; i < repeat; i++) a.add(Number(size), () => bytesOf(value, Number(size)));
};

/** `.org`: a number alone counts from the origin, an expression with a symbol or `.` is an address. */
const org: Directive = (a, operands, whole) => {
  count(whole, operands, 1, 2, '.org address[, fill]');
  const found = a.tryNow(operands[0]!);
  const target = found && !found.usesLabel ? a.origin + found.value : a.now(operands[0]!);
  if (target < a.here) {
    const text = `cannot move back from 0x${a.here.toString(16)} to 0x${target.toString(16)}`;
    throw new AssemblerError('DIRECTIVE', operands[0]!.place, text);
  }
  reserve(a, target - a.here, operands[1] ? a.now(operands[1]) : 0n, operands[0]!);
};

const constant: Directive = (a, operands, whole) => {
  count(whole, operands, 2, 2, '.equ name, value');
  const name = operands[0]!.text;
  if (!/^[a-z_.$][\w.$]*$/i.test(name))
    throw new AssemblerError('DIRECTIVE', operands[0]!.place, `'${name}' is no name`);
  a.constant(name, operands[1]!);
};

const nothing: Directive = () => {};

/** Directives by name. Those that only concern sections, object files and the choice of processor do nothing. */
export const DIRECTIVES: Readonly<Record<string, Directive>> = {
  '.byte': data(1),
  '.hword': data(2),
  '.short': data(2),
  '.2byte': data(2),
  '.word': data(4),
  '.long': data(4),
  '.int': data(4),
  '.4byte': data(4),
  '.inst': data(4),
  '.quad': data(8),
  '.xword': data(8),
  '.dword': data(8),
  '.8byte': data(8),
  '.float': float(4),
  '.single': float(4),
  '.double': float(8),
  '.ascii': strings(false),
  '.asciz': strings(true),
  '.string': strings(true),
  '.align': align(true),
  '.p2align': align(true),
  '.balign': align(false),
  '.skip': skip,
  '.space': skip,
  '.zero': skip,
  '.fill': fill,
  '.org': org,
  '.equ': constant,
  '.set': constant,
  '.ltorg': (a) => a.pool(),
  '.pool': (a) => a.pool(),
  '.text': nothing,
  '.global': nothing,
  '.globl': nothing,
  '.type': nothing,
  '.size': nothing,
  '.arch': nothing,
  '.arch_extension': nothing,
  '.cpu': nothing,
  '.file': nothing,
  '.ident': nothing,
};
