import type { Block, Fragment, IrNode, UnaryOp } from '../../ir/types.ts';
import { bitfieldOf } from './bitfield.ts';
import { type Constant, constantOf, foldBinary, foldConvert, maskOf, sameRegister, widthOf } from './fold.ts';

type Rest = { readonly op: IrNode['op'] } & Readonly<Record<string, unknown>>;

/**
 * Rewrites fragments lifted with their operands into shorter ones with the same meaning: what follows from constants
 * is worked out, and shifts that stand for a bit field, a rotate or an extension become that.
 *
 * Clauses say what an instruction does for any operands; V8 does not find the one shift in that again, and compiles
 * what it is given.
 */
class Simplifier {
  private readonly now = new Map<IrNode, IrNode>();
  private nextId: number;
  private out: Block = [];

  constructor(fragment: Fragment) {
    this.nextId = lastId(fragment.body) + 1;
  }

  block(block: Block): Block {
    const outer = this.out;
    this.out = [];
    for (const node of block) this.now.set(node, this.node(node));
    const { out } = this;
    this.out = outer;
    return out;
  }

  /** Makes a node behind those that there are. */
  make(ty: IrNode['ty'], args: readonly IrNode[], rest: Rest): IrNode {
    const node = { id: this.nextId++, ty, args, ...rest } as unknown as IrNode;
    this.out.push(node);
    return node;
  }
  constant(like: IrNode, value: bigint): IrNode {
    if (like.ty === 'i32') return this.make('i32', [], { op: 'const32', value: Number(BigInt.asIntN(32, value)) });
    return this.make('i64', [], { op: 'const64', value: BigInt.asUintN(64, value) });
  }

  private node(node: IrNode): IrNode {
    const args = node.args.map((a) => this.now.get(a)!);
    const short = this.shorter(node, args);
    if (short) return short;
    const changes = node.op === 'if' ? this.arms(node) : {};
    if (node.op !== 'if' && args.every((a, i) => a === node.args[i])) {
      this.out.push(node);
      return node;
    }
    const { id: _id, ty, args: _args, ...rest } = node;
    return this.make(ty, args, { ...rest, ...changes } as Rest);
  }
  private arms(node: IrNode & { readonly op: 'if' }): object {
    const arm = (block: Block, value: IrNode | undefined): [Block, IrNode | undefined] => {
      const nodes = this.block(block);
      return [nodes, value && this.now.get(value)];
    };
    const [yes, yesValue] = arm(node.yes, node.yesValue);
    const [no, noValue] = arm(node.no, node.noValue);
    return { yes, no, ...(yesValue && { yesValue }), ...(noValue && { noValue }) };
  }

  /** A node with the same value that is there or needs less, or undefined. */
  private shorter(node: IrNode, args: readonly IrNode[]): IrNode | undefined {
    const [x, y] = args as readonly [IrNode, IrNode];
    switch (node.op) {
      case 'add':
      case 'sub':
      case 'and':
      case 'or':
      case 'xor':
      case 'shl':
      case 'shru':
      case 'shrs':
      case 'rotr':
        return this.binary(node, x, y);
      case 'zext':
      case 'sext':
      case 'trunc': {
        const value = constantOf(x);
        return value === undefined ? undefined : this.constant(node, foldConvert(node.op, value));
      }
      case 'eq':
      case 'ne':
        return this.tested(node, x, y);
      case 'select': {
        const condition = constantOf(x);
        return condition === undefined ? undefined : args[condition === 0n ? 2 : 1];
      }
      default:
        return undefined;
    }
  }

  private binary(node: IrNode, x: IrNode, y: IrNode): IrNode | undefined {
    const [a, b] = [constantOf(x), constantOf(y)];
    if (a !== undefined && b !== undefined) return this.constant(node, foldBinary(node.op, a, b, widthOf(node)));
    if (b !== undefined) return this.byConstant(node, x, b);
    if (a !== undefined && (node.op === 'and' || node.op === 'or' || node.op === 'xor' || node.op === 'add'))
      return this.byConstant(node, y, a) ?? this.make(node.ty, [y, x], { op: node.op });
    return node.op === 'or' ? this.joined(node, x, y) : undefined;
  }

  /** Whether bits of a shifted value are zero: those bits where they were. */
  private tested(node: IrNode, x: IrNode, y: IrNode): IrNode | undefined {
    const masked = maskedBy(x);
    const moved = masked?.of.op === 'shru' ? constantOf(masked.of.args[1]!) : undefined;
    if (!masked || moved === undefined || constantOf(y) !== 0n) return undefined;
    const mask = masked.mask << (moved % BigInt(widthOf(x)));
    if (mask > maskOf(widthOf(x))) return undefined;
    const bits = this.make(x.ty, [masked.of.args[0]!, this.constant(x, mask)], { op: 'and' });
    return this.make('i32', [bits, y], { op: node.op });
  }

  /** An operation whose second operand is known. */
  private byConstant(node: IrNode, x: IrNode, value: Constant): IrNode | undefined {
    const width = widthOf(node);
    const all = maskOf(width);
    const shifts = node.op.startsWith('sh') || node.op === 'rotr';
    const amount = shifts ? value % BigInt(width) : value;
    if (amount === 0n) return node.op === 'and' ? this.constant(node, 0n) : x;
    if (value === all && node.op === 'and') return x;
    if (node.op === 'and') return this.masked(node, x, value);
    const inner = x.args[1] && x.op === node.op ? constantOf(x.args[1]) : undefined;
    if (inner === undefined) return undefined;
    if (node.op === 'add') return this.with(node, x.args[0]!, (inner + value) & all);
    if (node.op !== 'shl' && node.op !== 'shru') return undefined;
    const total = (inner % BigInt(width)) + amount;
    return total < width ? this.with(node, x.args[0]!, total) : this.constant(node, 0n);
  }
  private with(node: IrNode, x: IrNode, value: bigint): IrNode {
    return this.make(node.ty, [x, this.constant(node, value)], { op: node.op });
  }

  /** Some bits of a value: of a rotated one a shift where no bit comes from around the end. */
  private masked(node: IrNode, x: IrNode, mask: Constant): IrNode | undefined {
    const width = widthOf(node);
    const inner = maskedBy(x);
    if (inner) return this.and(node, inner.of, inner.mask & mask);
    const [left, right] = x.op === 'or' ? x.args.map(maskedBy) : [];
    if (left && right)
      return this.or(node, this.and(node, left.of, left.mask & mask), this.and(node, right.of, right.mask & mask));
    const by = x.op === 'rotr' ? constantOf(x.args[1]!) : undefined;
    if (by === undefined) return undefined;
    const down = by % BigInt(width);
    const low = maskOf(width - Number(down));
    const shift = (op: 'shl' | 'shru', amount: bigint, kept: Constant): IrNode => {
      const shifted = this.make(node.ty, [x.args[0]!, this.constant(node, amount)], { op });
      return mask === kept ? shifted : this.make(node.ty, [shifted, this.constant(node, mask)], { op: 'and' });
    };
    if ((mask & ~low) === 0n) return shift('shru', down, low);
    if ((mask & low) === 0n) return shift('shl', BigInt(width) - down, maskOf(width) & ~low);
    return undefined;
  }
  private and(node: IrNode, x: IrNode, mask: Constant): IrNode {
    if (mask === 0n) return this.constant(node, 0n);
    if (mask === maskOf(widthOf(node))) return x;
    return this.masked(node, x, mask) ?? this.make(node.ty, [x, this.constant(node, mask)], { op: 'and' });
  }

  private or(node: IrNode, x: IrNode, y: IrNode): IrNode {
    if (constantOf(x) === 0n) return y;
    return constantOf(y) === 0n ? x : this.make(node.ty, [x, y], { op: 'or' });
  }

  /** Two parts put together: two parts of one register, a rotate, or a field with its sign. */
  private joined(node: IrNode, x: IrNode, y: IrNode): IrNode | undefined {
    const width = widthOf(node);
    const [mine, its] = [maskedBy(x), y.op === 'or' ? maskedBy(y.args[0]!) : undefined];
    if (mine && its && sameRegister(mine.of, its.of))
      return this.or(node, this.and(node, mine.of, mine.mask | its.mask), y.args[1]!);
    const [left, right] = [x, y].map((part) => (part.args[1] ? constantOf(part.args[1]) : undefined));
    const same = x.op === 'shl' && y.op === 'shru' && sameRegister(x.args[0]!, y.args[0]!);
    if (same && left !== undefined && right !== undefined && left + right === BigInt(width))
      return this.make(node.ty, [y.args[0]!, this.constant(node, right)], { op: 'rotr' });
    const field = bitfieldOf(x, y);
    if (!field) return undefined;
    let value = field.source;
    const extension = field.up === field.down && EXTENSIONS[width - field.up];
    if (extension) {
      value = this.make(node.ty, [value], { op: extension });
      return field.left ? this.make(node.ty, [value, this.constant(node, BigInt(field.left))], { op: 'shl' }) : value;
    }
    for (const [op, amount] of [
      ['shl', field.up],
      ['shrs', field.down],
      ['shl', field.left],
    ] as const)
      if (amount) value = this.make(node.ty, [value, this.constant(node, BigInt(amount))], { op });
    return value;
  }
}

/** Sign extensions by the bits that they keep. */
const EXTENSIONS: Readonly<Record<number, UnaryOp>> = { 8: 'ext8s', 16: 'ext16s', 32: 'ext32s' };

/** The value of which a node keeps some bits. */
function maskedBy(node: IrNode): { of: IrNode; mask: Constant } | undefined {
  const mask = node.op === 'and' ? constantOf(node.args[1]!) : undefined;
  return mask === undefined ? undefined : { of: node.args[0]!, mask };
}

function lastId(block: Block): number {
  let last = -1;
  for (const n of block) last = Math.max(last, n.id, n.op === 'if' ? Math.max(lastId(n.yes), lastId(n.no)) : -1);
  return last;
}

/** The fragment without what nobody uses; reads of registers and state count as nothing. */
function used(body: Block): Block {
  const wanted = new Set<IrNode>();
  const want = (n: IrNode | undefined): void => {
    if (!n || wanted.has(n)) return;
    wanted.add(n);
    for (const a of n.args) want(a);
  };
  const roots = (block: Block): void => {
    for (const n of block) {
      if (!READS.has(n.op)) want(n);
      if (n.op !== 'if') continue;
      want(n.yesValue);
      want(n.noValue);
      roots(n.yes);
      roots(n.no);
    }
  };
  const kept = (block: Block): Block =>
    block
      .filter((n) => wanted.has(n))
      .map((n) => {
        if (n.op === 'if') Object.assign(n, { yes: kept(n.yes), no: kept(n.no) });
        return n;
      });
  roots(body);
  return kept(body);
}
const READS = new Set<string>([
  ...['const32', 'const64', 'constv', 'imm', 'pc', 'get', 'getx', 'getw', 'getv'],
  ...['add', 'sub', 'mul', 'and', 'or', 'xor', 'shl', 'shru', 'shrs', 'rotr', 'zext', 'sext', 'trunc', 'select'],
]);

/** A fragment lifted with its operands, made shorter; the meaning stays. */
export function simplify(fragment: Fragment): Fragment {
  const body = new Simplifier(fragment).block(fragment.body);
  return { ...fragment, body: used(body) };
}
