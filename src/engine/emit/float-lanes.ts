import type { Block, IrNode } from '../../ir/types.ts';
import { pushFusedLanes } from '../float/fused.ts';
import type { CodeWriter } from '../wasm/code.ts';
import { OP, REPLACE } from '../wasm/opcodes.ts';
import { CPU, type Emission } from './emission.ts';
import { isFused, pushFastPossible } from './float.ts';

/** One operation on every lane of vectors, written lane by lane in the fragment. */
export interface FloatLanes {
  readonly lane: 32 | 64;
  /** The operation of each lane, from the lowest. */
  readonly nodes: readonly IrNode[];
  /** The node whose value is the vector of all results. */
  readonly whole: IrNode;
}

/** SIMD opcodes by lane width. */
const FLOAT_VECTOR: Readonly<Record<string, Readonly<Record<32 | 64, number>>>> = {
  FPAdd: { 32: 0xe4, 64: 0xf0 },
  FPSub: { 32: 0xe5, 64: 0xf1 },
  FPMul: { 32: 0xe6, 64: 0xf2 },
  FPDiv: { 32: 0xe7, 64: 0xf3 },
  FPSqrt: { 32: 0xe3, 64: 0xef },
};
const LANE = {
  32: { splat: 0x11, gts: 0x3b, lts: 0x39, allTrue: 0xa3, neg: 0xe1, numbers: 0x13 },
  64: { splat: 0x12, gts: 0xd9, lts: 0xd8, allTrue: 0xc3, neg: 0xed, numbers: 0x14 },
} as const;
const AND = 0x4e;

/** Helper of an operation whose lanes can be computed together, or undefined. */
function helperOf(node: IrNode | undefined): string | undefined {
  if (!node) return undefined;
  if ('width' in node) return `${node.op}${node.width}`;
  return isFused(node) && node.ty === 'i64' ? node.helper.name : undefined;
}

function isSign(node: IrNode | undefined, lane: 32 | 64): boolean {
  if (lane === 64) return node?.op === 'const64' && node.value === 1n << 63n;
  return node?.op === 'const32' && node.value === -0x8000_0000;
}

/** Where the operands of all lanes come from: lane by lane from one vector, or all from one lane. */
interface Source {
  readonly vector: IrNode;
  readonly negated: boolean;
  /** The one node that all lanes share. */
  readonly shared: IrNode | undefined;
}

function sourceOf(nodes: readonly IrNode[], operand: number, lane: 32 | 64): Source | undefined {
  const first = nodes[0]!.args[operand]!;
  if (nodes.every((n) => n.args[operand] === first)) return { vector: first, negated: false, shared: first };
  const negated = first.op === 'xor';
  const lanes = nodes.map((n) => {
    const a = n.args[operand]!;
    if (!negated) return a;
    return a.op === 'xor' && isSign(a.args[1], lane) ? a.args[0]! : undefined;
  });
  const vector = lanes[0]?.args[0];
  const fits = lanes.every((n, i) => n?.op === 'vlane' && n.lane === lane && n.index === i && n.args[0] === vector);
  return fits && vector ? { vector, negated, shared: undefined } : undefined;
}

/** Operations of a block that are made on every lane of 128-bit vectors, by their last lane's operation. */
export function findFloatLanes(block: Block): FloatLanes | undefined {
  const whole = block.findLast((n) => n.op === 'vwith' && helperOf(n.args[1]) !== undefined);
  if (whole?.op !== 'vwith' || (whole.lane !== 32 && whole.lane !== 64)) return undefined;
  const count = 128 / whole.lane;
  const nodes: IrNode[] = [];
  let at: IrNode = whole;
  for (let i = count - 1; i >= 0; i--) {
    if (at.op !== 'vwith' || at.lane !== whole.lane || at.index !== i) return undefined;
    nodes.unshift(at.args[1]!);
    at = at.args[0]!;
  }
  const helper = helperOf(nodes[0]);
  if (!nodes.every((n) => helperOf(n) === helper)) return undefined;
  // Nothing else may have an effect between the lanes, or use one of them.
  const users = block.filter((n) => n.args.some((a) => nodes.includes(a)));
  if (users.length !== count || users.some((n) => n.op !== 'vwith')) return undefined;
  const [from, to] = [block.indexOf(nodes[0]!), block.indexOf(nodes.at(-1)!)];
  const between = block.slice(from, to);
  if (from < 0 || to < 0 || between.some((n) => n.op !== 'vwith' && n.op !== 'vlane' && !isPure(n, nodes)))
    return undefined;
  if (nodes[0]!.args.some((_, i) => !sourceOf(nodes, i, whole.lane as 32 | 64))) return undefined;
  return { lane: whole.lane, nodes, whole };
}

function isPure(node: IrNode, nodes: readonly IrNode[]): boolean {
  return nodes.includes(node) || node.op === 'xor' || node.op.startsWith('const');
}

/** Leaves all ones in the lanes of a result that are normal numbers above the smallest, or (`tiny`) any numbers. */
function pushOrdinaryLanes(c: CodeWriter, lane: 32 | 64, result: number, tiny: boolean): void {
  const magnitude = c.local('v128');
  const fraction = lane === 64 ? 52n : 23n;
  const splat = (value: bigint): CodeWriter =>
    (lane === 64 ? c.i64(value) : c.i32(Number(value))).simd(LANE[lane].splat);
  c.get(result);
  splat((1n << BigInt(lane - 1)) - 1n)
    .simd(AND)
    .tee(magnitude);
  splat((lane === 64 ? 0x7ffn : 0xffn) << fraction).simd(LANE[lane].lts);
  if (tiny) return;
  c.get(magnitude);
  splat(1n << fraction)
    .simd(LANE[lane].gts)
    .simd(AND);
}

/** Writes the operation on all lanes at once; returns the v128 local with the results. */
export function emitFloatLanes(e: Emission, { lane, nodes }: FloatLanes): number {
  const c = e.code;
  const first = nodes[0]!;
  const operands = first.args.map((_, i) => {
    const { vector, negated, shared } = sourceOf(nodes, i, lane)!;
    const local = c.local('v128');
    e.value(vector);
    if (shared) c.op(lane === 64 ? OP.f64_reinterpret_i64 : OP.f32_reinterpret_i32).simd(LANE[lane].numbers);
    if (negated) c.simd(LANE[lane].neg);
    c.set(local);
    return local;
  });
  const result = c.local('v128');
  if (isFused(first)) pushFusedLanes(c, operands[0]!, operands[1]!, operands[2]!, result);
  else {
    for (const o of operands) c.get(o);
    c.simd(FLOAT_VECTOR[first.op]![lane]).set(result);
    pushOrdinaryLanes(c, lane, result, first.op !== 'FPMul' && first.op !== 'FPDiv');
  }
  c.simd(LANE[lane].allTrue);
  if (e.hostFloat) e.hostFloat();
  else pushFastPossible(e);
  c.op(OP.i32_and, OP.i32_eqz).if();
  const ty = lane === 64 ? 'i64' : 'i32';
  const helper = e.module.importFunc(helperOf(first)!, {
    params: ['i32', ...first.args.map(() => ty)],
    results: [ty],
  } as const);
  nodes.forEach((node, i) => {
    c.get(result).get(CPU);
    for (const a of node.args) e.value(a);
    c.call(helper).simd(REPLACE[lane]!).op(i).set(result);
  });
  e.floatCalled?.();
  c.end();
  return result;
}
