import type { Block, Fragment, IrNode, MemAccess, RegOperand } from './types.ts';

/** Constants up to this size are written in decimal. */
const DECIMAL_MAX = 255n;

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** A constant of `bits` bits: small numbers in decimal with their sign, others as an unsigned hexadecimal. */
function constant(value: bigint, bits: number): string {
  const signed = BigInt.asIntN(bits, value);
  if (signed >= -DECIMAL_MAX && signed <= DECIMAL_MAX) return signed.toString();
  return hex(BigInt.asUintN(bits, value));
}

/** How an access differs from a plain one. */
function accessNotes(a: MemAccess): string {
  const notes = [
    a.alignBytes !== undefined && a.alignBytes !== a.bytes ? `align ${a.alignBytes}` : '',
    a.alwaysAligned ? 'always aligned' : '',
    a.unprivileged ? 'unprivileged' : '',
    a.readForWrite ? 'for write' : '',
  ].filter((note) => note !== '');
  return notes.length ? ` (${notes.join(', ')})` : '';
}

/** Writes a fragment as text, one node a line. */
class Printer {
  private readonly lines: string[] = [];
  private readonly numbers = new Map<IrNode, number>();
  private readonly fragment: Fragment;

  constructor(fragment: Fragment) {
    this.fragment = fragment;
  }

  print(): string {
    this.block(this.fragment.body, '');
    return this.lines.join('\n');
  }

  private block(block: Block, indent: string): void {
    for (const node of block) {
      if (node.op === 'const32' || node.op === 'const64' || node.op === 'constv') continue;
      if (node.op === 'if') this.conditional(node, indent);
      else this.lines.push(indent + this.define(node) + this.operation(node));
    }
  }

  /** `%3: i64 = ` for a node that has a value. */
  private define(node: IrNode): string {
    if (node.ty === 'none') return '';
    this.numbers.set(node, this.numbers.size);
    return `${this.value(node)}: ${node.ty} = `;
  }

  private conditional(node: IrNode & { readonly op: 'if' }, indent: string): void {
    const { yes, no, yesValue, noValue } = node;
    const inner = `${indent}  `;
    this.lines.push(`${indent + this.define(node)}if ${this.args(node)}`);
    this.block(yes, inner);
    if (yesValue) this.lines.push(`${inner}give ${this.value(yesValue)}`);
    if (no.length === 0 && !noValue) return;
    this.lines.push(`${indent}else`);
    this.block(no, inner);
    if (noValue) this.lines.push(`${inner}give ${this.value(noValue)}`);
  }

  private value(node: IrNode): string {
    if (node.op === 'const32') return constant(BigInt(node.value), 32);
    if (node.op === 'const64') return constant(node.value, 64);
    if (node.op === 'constv') return hex((node.hi << 64n) | node.lo);
    const number = this.numbers.get(node);
    // A fragment that is not well formed can be printed too.
    return number === undefined ? `%?${node.id}` : `%${number}`;
  }

  private args(node: IrNode): string {
    return node.args.map((a) => this.value(a)).join(', ');
  }

  /** `Rn`, `Rn|SP` where 31 is the stack pointer, `Rt+1` for the next register, `Rn=5` where the number is known. */
  private register({ field, constant, plus }: RegOperand): string {
    const sp = this.fragment.spFields.has(field) ? '|SP' : '';
    return field + sp + (plus ? `+${plus}` : '') + (constant === undefined ? '' : `=${constant}`);
  }

  private operation(node: IrNode): string {
    const words = [this.name(node), this.args(node)].filter((word) => word !== '').join(' ');
    if (node.op === 'load' || node.op === 'store') return words + accessNotes(node.access);
    return words;
  }

  /** The operation with its attributes; a comma follows an attribute that stands before operands. */
  private name(node: IrNode): string {
    const before = (attribute: string): string => `${node.op} ${attribute}${node.args.length ? ',' : ''}`;
    if ('reg' in node) return before(this.register(node.reg));
    if ('field' in node) return before(node.field.name);
    if ('access' in node) return `${node.op}${8 * node.access.bytes}`;
    if ('width' in node) return `${node.op}${node.width}`;
    switch (node.op) {
      case 'imm':
        return before(node.name);
      case 'cond':
        return before(String(node.cond));
      case 'vlane':
      case 'vwith':
        return `${node.op}.${node.lane}[${node.index}]`;
      case 'vshuffle':
        return before(`[${node.bytes.join(' ')}]`);
      case 'call':
        return `call ${node.helper.name}${node.helper.effect === 'pure' ? '' : ` ${node.helper.effect}`}`;
      default:
        return 'lane' in node ? `${node.op}.${node.lane}` : node.op;
    }
  }
}

/**
 * A fragment as readable text, one node a line, for tests and debugging.
 *
 * Values are numbered as they appear (`%0: i64 = getx Rn`), constants stand where they are used, arms of `if` are
 * indented and end with `give` when they have a value.
 */
export function printFragment(fragment: Fragment): string {
  return new Printer(fragment).print();
}
