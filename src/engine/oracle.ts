import { PE_DERIVED, PE_STATE, SLOT_SP, SLOT_ZR, V_BASE, X_BASE } from '../arch/pestate.ts';
import type { Block, Fragment, IrNode, LaneBits, RegOperand } from '../ir/types.ts';
import { accessWord } from './emit/memory.ts';
import type { EngineHost } from './interpreter.ts';

const M32 = 0xffff_ffffn;
const M64 = (1n << 64n) - 1n;
const M128 = (1n << 128n) - 1n;

/** Thrown inside the oracle to end an instruction that was diverted; never leaves this file. */
class Diverted extends Error {}

function signed(value: bigint, bits: number): bigint {
  return BigInt.asIntN(bits, value);
}

/** The oracle's arithmetic: one line per operator, on unsigned bigints of `bits` width. */
const SCALAR: Readonly<Record<string, (a: bigint, b: bigint, bits: number) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, n) => a << (b % BigInt(n)),
  shru: (a, b, n) => a >> (b % BigInt(n)),
  shrs: (a, b, n) => signed(a, n) >> (b % BigInt(n)),
  rotr: (a, b, n) => (a >> (b % BigInt(n))) | (a << (BigInt(n) - (b % BigInt(n)))),
  udiv: (a, b) => (b === 0n ? 0n : a / b),
  sdiv: (a, b, n) => (b === 0n ? 0n : signed(a, n) / signed(b, n)),
  eq: (a, b) => BigInt(a === b),
  ne: (a, b) => BigInt(a !== b),
  ltu: (a, b) => BigInt(a < b),
  leu: (a, b) => BigInt(a <= b),
  gtu: (a, b) => BigInt(a > b),
  geu: (a, b) => BigInt(a >= b),
  lts: (a, b, n) => BigInt(signed(a, n) < signed(b, n)),
  les: (a, b, n) => BigInt(signed(a, n) <= signed(b, n)),
  gts: (a, b, n) => BigInt(signed(a, n) > signed(b, n)),
  ges: (a, b, n) => BigInt(signed(a, n) >= signed(b, n)),
  clz: (a, _b, n) => BigInt(n - a.toString(2).length + (a === 0n ? 1 : 0)),
  ctz: (a, _b, n) => {
    for (let i = 0n; i < BigInt(n); i++) if ((a >> i) & 1n) return i;
    return BigInt(n);
  },
  popcnt: (a) => BigInt([...a.toString(2)].filter((c) => c === '1').length),
  ext8s: (a) => signed(a, 8),
  ext16s: (a) => signed(a, 16),
  ext32s: (a) => signed(a, 32),
  zext: (a) => a & M32,
  sext: (a) => signed(a, 32),
  trunc: (a) => a,
};

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  if (value < low) return low;
  return value > high ? high : value;
}

/** Lane arithmetic: operands unsigned, `n` the lane width. */
const LANE: Readonly<Record<string, (a: bigint, b: bigint, n: number) => bigint>> = {
  vadd: (a, b) => a + b,
  vsub: (a, b) => a - b,
  vmul: (a, b) => a * b,
  vmins: (a, b, n) => (signed(a, n) < signed(b, n) ? a : b),
  vmaxs: (a, b, n) => (signed(a, n) > signed(b, n) ? a : b),
  vminu: (a, b) => (a < b ? a : b),
  vmaxu: (a, b) => (a > b ? a : b),
  vavgru: (a, b) => (a + b + 1n) >> 1n,
  veq: (a, b) => -BigInt(a === b),
  vgts: (a, b, n) => -BigInt(signed(a, n) > signed(b, n)),
  vges: (a, b, n) => -BigInt(signed(a, n) >= signed(b, n)),
  vgtu: (a, b) => -BigInt(a > b),
  vgeu: (a, b) => -BigInt(a >= b),
  vaddsats: (a, b, n) => clamp(signed(a, n) + signed(b, n), -(1n << BigInt(n - 1)), (1n << BigInt(n - 1)) - 1n),
  vaddsatu: (a, b, n) => clamp(a + b, 0n, (1n << BigInt(n)) - 1n),
  vsubsats: (a, b, n) => clamp(signed(a, n) - signed(b, n), -(1n << BigInt(n - 1)), (1n << BigInt(n - 1)) - 1n),
  vsubsatu: (a, b, n) => clamp(a - b, 0n, (1n << BigInt(n)) - 1n),
  vand: (a, b) => a & b,
  vor: (a, b) => a | b,
  vxor: (a, b) => a ^ b,
  vandnot: (a, b) => a & ~b,
  vneg: (a) => -a,
  vabs: (a, _b, n) => (signed(a, n) < 0n ? -a : a),
  vnot: (a) => ~a,
  vpopcnt: (a) => SCALAR.popcnt!(a, 0n, 8),
  vshl: (a, b, n) => a << (b % BigInt(n)),
  vshru: (a, b, n) => a >> (b % BigInt(n)),
  vshrs: (a, b, n) => signed(a, n) >> (b % BigInt(n)),
};

function getLane(v: bigint, lane: number, i: number): bigint {
  return BigInt.asUintN(lane, v >> BigInt(lane * i));
}
function setLane(v: bigint, lane: number, i: number, x: bigint): bigint {
  const at = BigInt(lane * i);
  const mask = ((1n << BigInt(lane)) - 1n) << at;
  return (v & ~mask & M128) | ((BigInt.asUintN(lane, x) << at) & mask);
}
function byLanes(lane: number, f: (i: number) => bigint): bigint {
  let v = 0n;
  for (let i = 0; i < 128 / lane; i++) v = setLane(v, lane, i, f(i));
  return v;
}

/** NZCV in bits 31:28 of a + b + carry. */
export function addWithCarryFlags(a: bigint, b: bigint, carry: bigint, bits: number): bigint {
  const unsignedSum = a + b + carry;
  const signedSum = signed(a, bits) + signed(b, bits) + carry;
  const result = BigInt.asUintN(bits, unsignedSum);
  const n = result >> BigInt(bits - 1);
  return (
    (n << 31n) |
    (BigInt(result === 0n) << 30n) |
    (BigInt(result !== unsignedSum) << 29n) |
    (BigInt(signed(result, bits) !== signedSum) << 28n)
  );
}

/** ConditionHolds of DDI 0487 for NZCV in bits 31:28. */
export function conditionHolds(nzcv: bigint, cond: number): boolean {
  const [n, z, c, v] = [31n, 30n, 29n, 28n].map((bit) => ((nzcv >> bit) & 1n) === 1n) as [
    boolean,
    boolean,
    boolean,
    boolean,
  ];
  const base = [z, c, n, v, c && !z, n === v, n === v && !z, true][cond >> 1]!;
  return cond & 1 && cond !== 15 ? !base : base;
}

/**
 * Evaluates a fragment on bigints: slow, obvious, and the meaning both executors are compared with.
 *
 * It works on the same state bytes and calls the same helpers as the generated handlers.
 */
export class Oracle {
  private readonly view: DataView;
  private readonly host: EngineHost;
  private readonly cpu: number;
  private fragment!: Fragment;
  private values = new Map<number, bigint>();
  private imm: Readonly<Record<string, bigint>> = {};
  private pc = 0n;
  private branched = false;

  constructor(memory: WebAssembly.Memory, host: EngineHost, cpu: number) {
    this.view = new DataView(memory.buffer);
    this.host = host;
    this.cpu = cpu;
  }

  /** Runs one lifted instruction at PC; PC afterwards is that of the next. Counts no budget. */
  run(fragment: Fragment, record: number): void {
    this.fragment = fragment;
    this.values = new Map();
    this.pc = this.read64(PE_STATE.PC.offset);
    this.branched = false;
    try {
      this.block(fragment.body, record);
    } catch (e) {
      if (!(e instanceof Diverted)) throw e;
      return;
    }
    if (!this.branched) this.write64(PE_STATE.PC.offset, this.pc + 4n);
  }

  private read64(offset: number): bigint {
    return this.view.getBigUint64(this.cpu + offset, true);
  }
  private write64(offset: number, value: bigint): void {
    this.view.setBigUint64(this.cpu + offset, value & M64, true);
  }
  private readBytes(offset: number, bytes: number): bigint {
    if (bytes === 16) return this.read64(offset) | (this.read64(offset + 8) << 64n);
    if (bytes === 8) return this.read64(offset);
    return BigInt.asUintN(bytes * 8, BigInt(this.view.getUint32(this.cpu + offset, true)));
  }
  private writeBytes(offset: number, bytes: number, value: bigint): void {
    if (bytes === 16) {
      this.write64(offset, value & M64);
      this.write64(offset + 8, value >> 64n);
    } else if (bytes === 8) this.write64(offset, value);
    else this.view.setUint32(this.cpu + offset, Number(value & M32), true);
  }

  private block(block: Block, record: number): void {
    for (const node of block) {
      if (this.branched) return;
      this.values.set(node.id, this.node(node, record));
    }
  }

  private arg(node: IrNode, i: number): bigint {
    return this.values.get(node.args[i]!.id)!;
  }

  private node(node: IrNode, record: number): bigint {
    const bits = node.args[0]?.ty === 'i64' ? 64 : 32;
    switch (node.op) {
      case 'const32':
        return BigInt.asUintN(32, BigInt(node.value));
      case 'const64':
        return node.value;
      case 'constv':
        return node.lo | (node.hi << 64n);
      case 'imm':
        return this.imm[node.name]!;
      case 'pc':
        return this.pc;
      case 'select':
        return this.arg(node, 0) !== 0n ? this.arg(node, 1) : this.arg(node, 2);
      case 'addsnzcv':
        return addWithCarryFlags(this.arg(node, 0), this.arg(node, 1), this.arg(node, 2), bits);
      case 'logicnzcv':
        return addWithCarryFlags(this.arg(node, 0), 0n, 0n, bits);
      case 'cond':
        return BigInt(conditionHolds(this.arg(node, 0), node.cond));
      case 'if': {
        const taken = this.arg(node, 0) !== 0n;
        this.block(taken ? node.yes : node.no, record);
        const value = taken ? node.yesValue : node.noValue;
        return value && !this.branched ? this.values.get(value.id)! : 0n;
      }
      case 'branch':
      case 'branchrel':
        this.branched = true;
        this.write64(PE_STATE.PC.offset, this.arg(node, 0) + (node.op === 'branch' ? 0n : this.pc));
        return 0n;
      default:
        return this.vector(node) ?? this.state(node) ?? this.outside(node, record) ?? this.scalar(node, bits);
    }
  }

  private scalar(node: IrNode, bits: number): bigint {
    const f = SCALAR[node.op];
    if (!f) throw new Error(`oracle: no operator '${node.op}'`);
    const out = node.ty === 'i64' ? 64 : 32;
    return BigInt.asUintN(out, f(this.arg(node, 0), node.args[1] ? this.arg(node, 1) : 0n, bits));
  }

  private vector(node: IrNode): bigint | undefined {
    switch (node.op) {
      case 'vlane':
        return getLane(this.arg(node, 0), node.lane, node.index);
      case 'vwith':
        return setLane(this.arg(node, 0), node.lane, node.index, this.arg(node, 1));
      case 'vsplat':
        return byLanes(node.lane, () => this.arg(node, 0));
      case 'vshuffle': {
        const both = this.arg(node, 0) | (this.arg(node, 1) << 128n);
        return byLanes(8, (i) => getLane(both, 8, node.bytes[i]!));
      }
      case 'vselect':
        return (this.arg(node, 1) & this.arg(node, 0)) | (this.arg(node, 2) & ~this.arg(node, 0) & M128);
      case 'vswizzle':
        return byLanes(8, (i) => {
          const from = Number(getLane(this.arg(node, 1), 8, i));
          return from < 16 ? getLane(this.arg(node, 0), 8, from) : 0n;
        });
    }
    const f = LANE[node.op];
    if (!f || !('lane' in node)) return undefined;
    const lane: LaneBits = node.lane;
    const shift = node.args[1]?.ty === 'i32';
    return byLanes(lane, (i) => {
      const b = !node.args[1] ? 0n : shift ? this.arg(node, 1) : getLane(this.arg(node, 1), lane, i);
      return f(getLane(this.arg(node, 0), lane, i), b, lane);
    });
  }

  private regOffset(reg: RegOperand, log2: number, base: number): number {
    if (reg.constant === undefined) throw new Error('oracle: fragment is not lifted with constants');
    const n = (reg.constant + reg.plus) & 31;
    const slot = base === X_BASE && n === SLOT_ZR && this.fragment.spFields.has(reg.field) ? SLOT_SP : n;
    return base + (slot << log2);
  }

  private state(node: IrNode): bigint | undefined {
    switch (node.op) {
      case 'get':
        return this.readBytes(node.field.offset, node.ty === 'v128' ? 16 : node.ty === 'i64' ? 8 : 4);
      case 'set':
        this.writeBytes(
          node.field.offset,
          node.field.type === 'v128' ? 16 : node.field.type === 'i64' ? 8 : 4,
          this.arg(node, 0),
        );
        return 0n;
      case 'getx':
        return this.read64(this.regOffset(node.reg, 3, X_BASE));
      case 'getw':
        return this.read64(this.regOffset(node.reg, 3, X_BASE)) & M32;
      case 'getv':
        return this.readBytes(this.regOffset(node.reg, 4, V_BASE), 16);
      case 'setx':
      case 'setw': {
        const offset = this.regOffset(node.reg, 3, X_BASE);
        if (offset !== X_BASE + SLOT_ZR * 8) this.write64(offset, this.arg(node, 0));
        return 0n;
      }
      case 'setv':
        this.writeBytes(this.regOffset(node.reg, 4, V_BASE), 16, this.arg(node, 0));
        return 0n;
      default:
        return undefined;
    }
  }

  private outside(node: IrNode, record: number): bigint | undefined {
    switch (node.op) {
      case 'load':
      case 'store': {
        const write = node.op === 'store';
        const { bytes } = node.access;
        this.write64(PE_DERIVED.slowVa.offset, this.arg(node, 0));
        if (write) this.writeBytes(PE_DERIVED.slowValue.offset, bytes, this.arg(node, 1));
        const word = accessWord(node.access, write);
        if (write ? this.host.slowStore(this.cpu, record, word) : this.host.slowLoad(this.cpu, record, word))
          throw new Diverted();
        return write ? 0n : this.readBytes(PE_DERIVED.slowValue.offset, bytes);
      }
      case 'call': {
        const args = node.args.map((a, i) =>
          a.ty === 'i32' ? Number(BigInt.asIntN(32, this.arg(node, i))) : this.arg(node, i),
        );
        const result = this.host.helpers[node.helper.name]!(this.cpu, ...args);
        if (node.helper.effect !== 'pure') {
          const diverted = this.view.getInt32(this.cpu + PE_DERIVED.diverted.offset, true);
          this.view.setInt32(this.cpu + PE_DERIVED.diverted.offset, 0, true);
          if (diverted || node.helper.effect === 'leave') throw new Diverted();
        }
        return result === undefined ? 0n : BigInt.asUintN(node.ty === 'i32' ? 32 : 64, BigInt(result));
      }
      case 'FPAdd':
      case 'FPSub':
      case 'FPMul':
      case 'FPDiv':
      case 'FPSqrt': {
        const args = node.args.map((_, i) =>
          node.width === 32 ? Number(BigInt.asIntN(32, this.arg(node, i))) : this.arg(node, i),
        );
        const result = this.host.helpers[`${node.op}${node.width}`]!(this.cpu, ...args);
        return BigInt.asUintN(node.width, BigInt(result!));
      }
      default:
        return undefined;
    }
  }
}
