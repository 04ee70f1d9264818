import type { ImmType } from './builder.ts';
import {
  BINARY_OPS,
  COMPARE_OPS,
  FP_OPERANDS,
  UNARY_OPS,
  VECTOR_BINARY_LANES,
  VECTOR_SHIFT_LANES,
  VECTOR_UNARY_LANES,
} from './operations.ts';
import type { Block, Fragment, IrNode, MemAccess, RegOperand, Ty } from './types.ts';

/** What an instruction declares and its fragment may use. */
export interface DeclaredOperands {
  /** Register fields of the encoding. */
  readonly registers: readonly string[];
  readonly immediates: Readonly<Record<string, ImmType>>;
}

/** One thing that is wrong with a fragment. */
export interface Finding {
  /** Number of the node. */
  readonly id: number;
  readonly message: string;
}

/** Says what is wrong with one node. */
type Report = (message: string) => void;

/** Types of operands and of the result, given the type of the first operand (`none` when there is none). */
interface Signature {
  readonly args: readonly Ty[];
  readonly result: Ty;
}

const U64_MAX = (1n << 64n) - 1n;

const BINARY = new Set<string>(BINARY_OPS);
const COMPARE = new Set<string>(COMPARE_OPS);
const UNARY = new Set<string>(UNARY_OPS);
const LANE_WISE: Readonly<Record<string, { readonly lanes: readonly number[]; readonly args: readonly Ty[] }>> = {
  ...byLanes(VECTOR_BINARY_LANES, ['v128', 'v128']),
  ...byLanes(VECTOR_UNARY_LANES, ['v128']),
  ...byLanes(VECTOR_SHIFT_LANES, ['v128', 'i32']),
};

function byLanes(
  table: Readonly<Record<string, readonly number[]>>,
  args: readonly Ty[],
): Record<string, { lanes: readonly number[]; args: readonly Ty[] }> {
  return Object.fromEntries(Object.entries(table).map(([op, lanes]) => [op, { lanes, args }]));
}

/** Type of the elements of a vector as scalars. */
function laneType(lane: number): Ty {
  return lane === 64 ? 'i64' : 'i32';
}

/** Type of what a load of `bytes` bytes gives and a store takes: one per width. */
function accessType(bytes: number): Ty {
  return bytes === 16 ? 'v128' : bytes === 8 ? 'i64' : 'i32';
}

function integer(ty: Ty): boolean {
  return ty === 'i32' || ty === 'i64';
}

/** Operators whose signature follows from the name alone. */
const FIXED: Readonly<Record<string, Signature>> = {
  const32: { args: [], result: 'i32' },
  const64: { args: [], result: 'i64' },
  constv: { args: [], result: 'v128' },
  pc: { args: [], result: 'i64' },
  getx: { args: [], result: 'i64' },
  getw: { args: [], result: 'i32' },
  getv: { args: [], result: 'v128' },
  setx: { args: ['i64'], result: 'none' },
  setw: { args: ['i32'], result: 'none' },
  setv: { args: ['v128'], result: 'none' },
  zext: { args: ['i32'], result: 'i64' },
  sext: { args: ['i32'], result: 'i64' },
  trunc: { args: ['i64'], result: 'i32' },
  cond: { args: ['i32'], result: 'i32' },
  vshuffle: { args: ['v128', 'v128'], result: 'v128' },
  vselect: { args: ['v128', 'v128', 'v128'], result: 'v128' },
  branch: { args: ['i64'], result: 'none' },
  branchrel: { args: ['i64'], result: 'none' },
};

/** The signature of an operator on integers of either type, by the type of its first operand. */
function integerSignature(op: string, first: Ty): Signature | undefined {
  if (BINARY.has(op)) return { args: [first, first], result: first };
  if (COMPARE.has(op)) return { args: [first, first], result: 'i32' };
  if (UNARY.has(op)) return { args: [first], result: first };
  if (op === 'addsnzcv') return { args: [first, first, 'i32'], result: 'i32' };
  if (op === 'logicnzcv') return { args: [first], result: 'i32' };
  return undefined;
}

/** The signature of a node, or undefined when no operator has its name. */
function signatureOf(node: IrNode, operands: DeclaredOperands | undefined): Signature | undefined {
  const first = node.args[0]?.ty ?? 'none';
  switch (node.op) {
    case 'imm': {
      const type = operands?.immediates[node.name];
      const result = type === undefined ? node.ty : type === 'u8' || type === 'u16' ? 'i32' : 'i64';
      return { args: [], result };
    }
    case 'get':
      return { args: [], result: node.field.type };
    case 'set':
      return { args: [node.field.type], result: 'none' };
    case 'select':
      return { args: ['i32', node.ty, node.ty], result: node.ty };
    case 'vlane':
      return { args: ['v128'], result: laneType(node.lane) };
    case 'vwith':
      return { args: ['v128', laneType(node.lane)], result: 'v128' };
    case 'vsplat':
      return { args: [laneType(node.lane)], result: 'v128' };
    case 'load':
      return { args: ['i64'], result: accessType(node.access.bytes) };
    case 'store':
      return { args: ['i64', accessType(node.access.bytes)], result: 'none' };
    case 'call':
      return { args: node.helper.params, result: node.helper.result };
    case 'if':
      return { args: ['i32'], result: node.ty };
  }
  if ('width' in node) {
    const ty = laneType(node.width);
    return { args: new Array<Ty>(FP_OPERANDS[node.op]).fill(ty), result: ty };
  }
  const laneWise = LANE_WISE[node.op];
  if (laneWise) return { args: laneWise.args, result: 'v128' };
  return FIXED[node.op] ?? integerSignature(node.op, first);
}

function checkTypes(node: IrNode, operands: DeclaredOperands | undefined, report: Report): void {
  const signature = signatureOf(node, operands);
  if (!signature) {
    report(`'${node.op}' is no operation`);
    return;
  }
  const found = node.args.map((a) => a.ty);
  if (found.join() !== signature.args.join())
    report(`'${node.op}' takes (${signature.args.join(', ')}), found (${found.join(', ')})`);
  if (node.ty !== signature.result) report(`'${node.op}' gives ${signature.result}, found ${node.ty}`);
  const first = node.args[0]?.ty ?? 'none';
  if (integerSignature(node.op, first) && !integer(first)) report(`'${node.op}' takes integers, found ${first}`);
  if (node.op === 'select' && node.ty === 'none') report("'select' gives no value");
}

function checkRegister(reg: RegOperand, operands: DeclaredOperands | undefined, report: Report): void {
  if (operands && !operands.registers.includes(reg.field)) report(`register field '${reg.field}' is not declared`);
  if (!inRange(reg.plus, 0, 31)) report(`register ${reg.field} plus ${reg.plus} is not in 0 to 31`);
  if (reg.constant !== undefined && !inRange(reg.constant, 0, 31)) report(`register number ${reg.constant}`);
}

function checkAccess(access: MemAccess, report: Report): void {
  const align = access.alignBytes ?? access.bytes;
  if (![1, 2, 4, 8, 16].includes(access.bytes)) report(`an access of ${access.bytes} bytes`);
  else if (![1, 2, 4, 8, 16].includes(align)) report(`an alignment of ${align} bytes`);
}

function inRange(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}

function inRange64(...values: bigint[]): boolean {
  return values.every((v) => v >= 0n && v <= U64_MAX);
}

/** Attributes of a node: constants in their range, declared names, lanes that exist. */
function checkAttributes(node: IrNode, operands: DeclaredOperands | undefined, report: Report): void {
  const laneWise = LANE_WISE[node.op];
  if (laneWise && 'lane' in node && !laneWise.lanes.includes(node.lane))
    report(`'${node.op}' has no lanes of ${node.lane} bits; it has ${laneWise.lanes.join(', ')}`);
  if ('reg' in node) checkRegister(node.reg, operands, report);
  if ('access' in node) checkAccess(node.access, report);
  switch (node.op) {
    case 'const32':
      if (!inRange(node.value, -(2 ** 31), 2 ** 31 - 1)) report(`${node.value} is no signed 32-bit number`);
      return;
    case 'const64':
      if (!inRange64(node.value)) report(`${node.value} is no unsigned 64-bit number`);
      return;
    case 'constv':
      if (!inRange64(node.lo, node.hi)) report('halves of a vector are unsigned 64-bit numbers');
      return;
    case 'imm':
      if (operands && !(node.name in operands.immediates)) report(`immediate '${node.name}' is not declared`);
      return;
    case 'cond':
      if (!inRange(node.cond, 0, 15)) report(`condition code ${node.cond} is not in 0 to 15`);
      return;
    case 'vlane':
    case 'vwith':
    case 'vsplat':
      if (![8, 16, 32, 64].includes(node.lane)) report(`lanes of ${node.lane} bits`);
      else if (!inRange(node.index, 0, 128 / node.lane - 1)) report(`lane ${node.index} of ${128 / node.lane}`);
      return;
    case 'vshuffle':
      if (node.bytes.length !== 16 || !node.bytes.every((b) => inRange(b, 0, 31)))
        report(`'vshuffle' takes sixteen byte numbers from 0 to 31, found ${node.bytes.join(' ')}`);
      return;
    case 'call':
      // WebAssembly cannot pass a vector to the host.
      if ([...node.helper.params, node.helper.result].includes('v128'))
        report(`${node.helper.name} passes a vector to TypeScript`);
  }
}

/** True when nothing runs after a node, whatever happens. */
function ends(node: IrNode | undefined): boolean {
  if (!node) return false;
  if (node.op === 'branch' || node.op === 'branchrel') return true;
  if (node.op === 'call') return node.helper.effect === 'leave';
  return node.op === 'if' && ends(node.yes.at(-1)) && ends(node.no.at(-1));
}

/** True when a node may take an exception after which the instruction is executed again. */
function mayFault(node: IrNode): boolean {
  return node.op === 'load' || node.op === 'store' || (node.op === 'call' && node.helper.effect === 'may-divert');
}

function writesRegister(node: IrNode): boolean {
  return node.op === 'setx' || node.op === 'setw' || node.op === 'setv' || node.op === 'set';
}

/** Walks a fragment in execution order. */
class Verifier {
  readonly findings: Finding[] = [];
  private readonly operands: DeclaredOperands | undefined;
  /** Values of this block and those around it that are computed by now. */
  private readonly defined = new Set<IrNode>();
  private readonly ids = new Set<number>();

  constructor(operands: DeclaredOperands | undefined) {
    this.operands = operands;
  }

  /** Walks a block; `written` says whether a register was written before, and the answer whether one was afterwards. */
  block(block: Block, written: boolean, value?: { readonly node: IrNode; readonly of: IrNode }): boolean {
    let afterwards = written;
    for (const node of block) {
      const report: Report = (message) => this.findings.push({ id: node.id, message });
      if (this.ids.has(node.id)) report('two nodes have this number');
      this.ids.add(node.id);
      if (ends(node) && node !== block.at(-1)) report(`'${node.op}' ends the instruction but is not last in its block`);
      if (afterwards && mayFault(node)) report(`'${node.op}' may fault after a register was written`);
      for (const a of node.args) this.usable(a, report);
      checkTypes(node, this.operands, report);
      checkAttributes(node, this.operands, report);
      if (node.op === 'if') afterwards = this.conditional(node, afterwards, report);
      if (writesRegister(node)) afterwards = true;
      this.defined.add(node);
    }
    if (value) this.usable(value.node, (message) => this.findings.push({ id: value.of.id, message }));
    for (const node of block) this.defined.delete(node);
    return afterwards && !ends(block.at(-1));
  }

  private usable(value: IrNode, report: Report): void {
    if (!this.defined.has(value)) report(`uses node ${value.id} ('${value.op}') before it or outside its block`);
    if (value.ty === 'none') report(`uses node ${value.id} ('${value.op}'), which has no value`);
  }

  private conditional(node: IrNode & { readonly op: 'if' }, written: boolean, report: Report): boolean {
    const { yes, no, yesValue, noValue } = node;
    const types = [yesValue?.ty ?? 'none', noValue?.ty ?? 'none'];
    if (types.some((ty) => ty !== node.ty)) report(`'if' gives ${node.ty}, its arms give ${types.join(' and ')}`);
    const afterYes = this.block(yes, written, yesValue && { node: yesValue, of: node });
    const afterNo = this.block(no, written, noValue && { node: noValue, of: node });
    return afterYes || afterNo;
  }
}

/**
 * Checks that a fragment is well formed.
 *
 * Rules: operands have the types the operation takes and stand before it, in its block or one around it; what ends the
 * instruction ends its block; a load or store has the one type of its width; lane widths exist; constants are in range;
 * register fields and immediates are declared. One rule is about meaning: no register is written before an operation
 * that may still take an exception, because the instruction is then executed again from its start.
 *
 * @param operands - what the instruction declares; without it names are not checked
 * @returns what is wrong, in execution order; empty for a good fragment
 */
export function verify(fragment: Fragment, operands?: DeclaredOperands): readonly Finding[] {
  const verifier = new Verifier(operands);
  verifier.block(fragment.body, false);
  for (const field of fragment.spFields) {
    if (operands && !operands.registers.includes(field))
      verifier.findings.push({ id: -1, message: `register field '${field}' (as SP) is not declared` });
  }
  return verifier.findings;
}

/**
 * Throws when a fragment is not well formed: a mistake in a clause, never in a guest.
 *
 * @param name - of the instruction, for the message
 * @throws Error with every finding
 */
export function assertVerified(name: string, fragment: Fragment, operands?: DeclaredOperands): void {
  const findings = verify(fragment, operands);
  if (findings.length === 0) return;
  throw new Error(`IR of ${name}: ${findings.map(({ id, message }) => `node ${id}: ${message}`).join('; ')}`);
}
