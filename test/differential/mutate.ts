/**
 * Clauses with one deliberate mistake: one call of one lift does something else. A comparison that does not notice them
 * would not notice the same mistake made by hand.
 */

import { Builder, type Val } from '../../src/ir/builder.ts';
import type { Block, CompareOp, IrNode, LaneBits } from '../../src/ir/types.ts';
import type { Clause } from '../../src/isa/clause.ts';
import type { FieldValues } from '../../src/isa/encoding.ts';

/** Arguments of a call of the builder, and what the call gives. */
// biome-ignore lint/suspicious/noExplicitAny: the methods of a Builder take all kinds of arguments
type Args = any[];
type Mistake = (b: Builder, args: Args) => unknown;
type Mistakes = Readonly<Record<string, Mistake>>;

const OTHER_COMPARE: Readonly<Record<CompareOp, CompareOp>> = {
  eq: 'ne',
  ne: 'eq',
  ltu: 'lts',
  lts: 'les',
  leu: 'ltu',
  les: 'leu',
  gtu: 'gts',
  gts: 'ges',
  geu: 'gtu',
  ges: 'geu',
};

const OTHER_VECTOR: Readonly<Record<string, string>> = {
  vadd: 'vsub',
  vsub: 'vadd',
  vmul: 'vadd',
  vmins: 'vminu',
  vminu: 'vmaxu',
  vmaxs: 'vmins',
  vmaxu: 'vmaxs',
  vavgru: 'vmaxu',
  veq: 'vgeu',
  vgts: 'vges',
  vgtu: 'vgts',
  vges: 'vgts',
  vgeu: 'vgtu',
  vaddsats: 'vaddsatu',
  vaddsatu: 'vadd',
  vsubsats: 'vsub',
  vsubsatu: 'vsubsats',
  vand: 'vor',
  vor: 'vand',
  vxor: 'vor',
  vandnot: 'vand',
  vneg: 'vabs',
  vabs: 'vneg',
  vnot: 'vneg',
  vpopcnt: 'vnot',
  vshl: 'vshru',
  vshrs: 'vshru',
  vshru: 'vshrs',
};

/** Operators for which exchanging the operands is no mistake. */
const COMMUTES = new Set<string>([
  ...[
    'vadd',
    'vmul',
    'vmins',
    'vminu',
    'vmaxs',
    'vmaxu',
    'vavgru',
    'veq',
    'vaddsats',
    'vaddsatu',
    'vand',
    'vor',
    'vxor',
  ],
  ...['FPAdd', 'FPMul', 'FPSqrt'],
]);
function impossible(): never {
  throw new Error('no such mistake can be made here');
}

const OTHER_FP: Readonly<Record<string, string>> = { FPAdd: 'FPSub', FPSub: 'FPAdd', FPMul: 'FPDiv', FPDiv: 'FPMul' };

function flag(name: string, bit: number): Mistakes {
  return { [`${name} inverted`]: (b, [x, y, c]) => b.xor(b.addsNzcv(x, y, c), b.i32(1 << bit)) };
}
function logicFlag(name: string, bit: number): Mistakes {
  return { [`${name} inverted`]: (b, [x]) => b.xor(b.logicNzcv(x), b.i32(1 << bit)) };
}
function inverted(b: Builder, condition: Val): Val {
  return b.eq(condition, b.i32(0));
}
function nextLane(lane: LaneBits, index: number): number {
  return (index + 1) % (128 / lane);
}
function plusOne(b: Builder, value: Val): Val {
  return b.add(value, b.k(value.ty, 1));
}
const dropped: Mistakes = { dropped: () => undefined };

/** The mistakes that can be made of each method of the builder. */
const MISTAKES: Readonly<Record<string, Mistakes>> = {
  i32: { 'constant + 1': (b, [v]) => b.i32(v + 1) },
  i64: { 'constant + 1': (b, [v]) => b.i64(BigInt(v) + 1n) },
  k: { 'constant + 1': (b, [ty, v]) => b.k(ty, BigInt(v) + 1n) },
  vconst: { 'constant + 1': (b, [lo, hi]) => b.vconst(lo + 1n, hi) },
  imm: { 'immediate + 1': (b, [name]) => plusOne(b, b.imm(name)) },
  pc: { 'PC + 4': (b) => b.add(b.pc(), b.i64(4)) },
  x: { 'next register': (b, [field, plus = 0]) => b.x(field, plus + 1) },
  w: { 'next register': (b, [field, plus = 0]) => b.w(field, plus + 1) },
  v: { 'next register': (b, [field, plus = 0]) => b.v(field, plus + 1) },
  setX: { ...dropped, 'next register': (b, [field, v, plus = 0]) => b.setX(field, v, plus + 1) },
  setW: { ...dropped, 'sign-extended': (b, [field, v, plus]) => b.setX(field, b.sext(v), plus) },
  setR: dropped,
  setXsp: dropped,
  setRsp: dropped,
  setV: { ...dropped, 'next register': (b, [field, v, plus = 0]) => b.setV(field, v, plus + 1) },
  set: dropped,
  add: { 'is sub': (b, [x, y]) => b.sub(x, y) },
  sub: { 'is add': (b, [x, y]) => b.add(x, y), 'operands swapped': (b, [x, y]) => b.sub(y, x) },
  mul: { 'is add': (b, [x, y]) => b.add(x, y) },
  and: { 'is or': (b, [x, y]) => b.or(x, y) },
  or: { 'is and': (b, [x, y]) => b.and(x, y) },
  xor: { 'is or': (b, [x, y]) => b.or(x, y) },
  not: { dropped: (_b, [x]) => x },
  neg: { dropped: (_b, [x]) => x },
  udiv: { 'is sdiv': (b, [x, y]) => b.sdiv(x, y), 'operands swapped': (b, [x, y]) => b.udiv(y, x) },
  sdiv: { 'is udiv': (b, [x, y]) => b.udiv(x, y), 'operands swapped': (b, [x, y]) => b.sdiv(y, x) },
  shl: { 'is shru': (b, [x, n]) => b.shru(x, n) },
  shru: { 'is shrs': (b, [x, n]) => b.shrs(x, n), 'is shl': (b, [x, n]) => b.shl(x, n) },
  shrs: { 'is shru': (b, [x, n]) => b.shru(x, n) },
  rotr: { 'is shru': (b, [x, n]) => b.shru(x, n) },
  cmp: { 'another comparison': (b, [op, x, y]) => b.cmp(OTHER_COMPARE[op as CompareOp], x, y) },
  eq: { 'is ne': (b, [x, y]) => b.ne(x, y) },
  ne: { 'is eq': (b, [x, y]) => b.eq(x, y) },
  ltu: { 'is lts': (b, [x, y]) => b.lts(x, y), 'is leu': (b, [x, y]) => b.cmp('leu', x, y) },
  lts: { 'is ltu': (b, [x, y]) => b.ltu(x, y), 'is les': (b, [x, y]) => b.cmp('les', x, y) },
  clz: { 'is ctz': (b, [x]) => b.unary('ctz', x) },
  exts: { 'zero-extended': (b, [x, bits]) => b.extu(x, bits) },
  extu: { 'one bit more': (b, [x, bits]) => b.extu(x, bits + 1) },
  zext: { 'sign-extended': (b, [x]) => b.sext(x) },
  sext: { 'zero-extended': (b, [x]) => b.zext(x) },
  select: { 'operands swapped': (b, [c, x, y]) => b.select(c, y, x) },
  umulh: { 'is smulh': (b, [x, y]) => b.smulh(x, y) },
  smulh: { 'is umulh': (b, [x, y]) => b.umulh(x, y) },
  addsNzcv: {
    ...flag('V', 28),
    ...flag('C', 29),
    ...flag('Z', 30),
    ...flag('N', 31),
    'carry inverted': (b, [x, y, c]) => b.addsNzcv(x, y, inverted(b, c)),
  },
  logicNzcv: { ...logicFlag('V', 28), ...logicFlag('C', 29), ...logicFlag('Z', 30), ...logicFlag('N', 31) },
  condHolds: { inverted: (b, [nzcv, cond]) => inverted(b, b.condHolds(nzcv, cond)) },
  vop: {
    'another operator': (b, [op, ...rest]) => b.vop((OTHER_VECTOR[op] ?? 'vand') as 'vadd', ...(rest as [8, Val, Val])),
    'operands swapped': (b, [op, lane, x, y]) => (COMMUTES.has(op) ? impossible() : b.vop(op, lane, y, x)),
  },
  vun: { 'another operator': (b, [op, lane, x]) => b.vun(OTHER_VECTOR[op] as 'vneg', lane, x) },
  vshift: { 'another operator': (b, [op, lane, x, n]) => b.vshift(OTHER_VECTOR[op] as 'vshl', lane, x, n) },
  lane: { 'next lane': (b, [v, lane, i]) => b.lane(v, lane, nextLane(lane, i)) },
  withLane: { 'next lane': (b, [v, lane, i, x]) => b.withLane(v, lane, nextLane(lane, i), x) },
  shuffle: { 'another byte': (b, [x, y, bytes]) => b.shuffle(x, y, bytes.with(7, (bytes[7] + 1) % 32)) },
  vselect: { 'operands swapped': (b, [m, x, y]) => b.vselect(m, y, x) },
  vec: { 'halves swapped': (b, [lo, hi]) => b.vec(hi, lo) },
  low64: { 'upper half kept': (_b, [x]) => x },
  lanes: { 'one lane fewer': (b, [lane, count, f]) => b.lanes(lane, count - 1, f) },
  fp: {
    'another operation': (b, [op, width, ...args]) =>
      op === 'FPSqrt' ? args[0] : b.fp(OTHER_FP[op] as 'FPAdd', width, ...args),
    'operands swapped': (b, [op, width, ...args]) =>
      COMMUTES.has(op) ? impossible() : b.fp(op, width, ...args.reverse()),
  },
  load: { 'address + 1': (b, [va, access]) => b.load(plusOne(b, va), access) },
  store: { ...dropped, 'address + 1': (b, [va, value, access]) => b.store(plusOne(b, va), value, access) },
  call: { 'first operands swapped': (b, [helper, x, y, ...rest]) => b.call(helper, y, x, ...rest) },
  if: { 'condition inverted': (b, [c, yes, no]) => b.if(inverted(b, c), yes, no) },
  choose: { 'condition inverted': (b, [c, yes, no]) => b.choose(inverted(b, c), yes, no) },
  branch: { 'target + 4': (b, [target]) => b.branch(b.add(target, b.i64(4))) },
  branchRel: { ...dropped, 'target + 4': (b, [offset]) => b.branchRel(b.add(offset, b.i64(4))) },
};

/** One place in a lift where a mistake can be made. */
export interface Site {
  /** Number of the call among those that can be got wrong. */
  readonly call: number;
  readonly method: string;
  readonly mistake: string;
}

/** A builder in which a call that can be got wrong may do something else, and that reports what each gave. */
function watched(
  b: Builder,
  mistakeOf: (method: string, call: number) => Mistake | undefined,
  onValue: (method: string, call: number, value: IrNode | undefined) => void = () => {},
): Builder {
  let calls = 0;
  return new Proxy(b, {
    get(target, name: string) {
      const method = target[name as keyof Builder] as unknown;
      if (typeof method !== 'function') return method;
      if (!(name in MISTAKES)) return method.bind(target);
      return (...args: Args) => {
        const call = calls++;
        const mistake = mistakeOf(name, call);
        const value = mistake ? mistake(target, args) : method.apply(target, args);
        onValue(name, call, value as IrNode | undefined);
        return value;
      };
    },
  });
}

/** Nodes that do something, and all that they and the conditions around them use. */
function liveNodes(block: Block, live: Set<IrNode>): void {
  const use = (node: IrNode): void => {
    if (live.has(node)) return;
    live.add(node);
    node.args.forEach(use);
    if (node.op !== 'if') return;
    if (node.yesValue) use(node.yesValue);
    if (node.noValue) use(node.noValue);
  };
  for (const node of block) {
    if (node.op === 'if') {
      liveNodes(node.yes, live);
      liveNodes(node.no, live);
      const acts = [...node.yes, ...node.no].some((inner) => live.has(inner));
      if (acts) use(node);
    } else if (node.ty === 'none' || node.op === 'load' || node.op === 'call' || node.op in OTHER_FP) use(node);
  }
}

/**
 * Every mistake that can be made in a clause with these static fields. A call whose value nothing uses is left out: a
 * mistake there is none.
 */
export function sites(clause: Clause, statics: FieldValues): Site[] {
  const found: { site: Site; value: IrNode | undefined }[] = [];
  const immTypes = Object.fromEntries(Object.entries(clause.imm ?? {}).map(([key, [type]]) => [key, type]));
  const b = new Builder({ registers: undefined, immediates: undefined, immTypes });
  const note = (method: string, call: number, value: IrNode | undefined): void => {
    for (const mistake of Object.keys(MISTAKES[method]!)) found.push({ site: { call, method, mistake }, value });
  };
  clause.lift(
    watched(b, () => undefined, note),
    statics,
  );
  const live = new Set<IrNode>();
  liveNodes(b.finish().body, live);
  return found.filter(({ value }) => value === undefined || live.has(value)).map(({ site }) => site);
}

/** The clause with that mistake in it. */
export function mutant(clause: Clause, site: Site): Clause {
  const mistake = MISTAKES[site.method]![site.mistake]!;
  const lift: Clause['lift'] = (b, f) =>
    clause.lift(
      watched(b, (method, call) => (call === site.call && method === site.method ? mistake : undefined)),
      f,
    );
  return { ...clause, lift };
}
