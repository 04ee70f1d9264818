/**
 * A translation table walk in bigint, slow and plain: written from the architecture, not from `src/cpu`.
 *
 * DDI 0487, "The AArch64 Virtual Memory System Architecture": VMSAv8-64, stage 1, 48-bit addresses, without hardware
 * update of descriptors and without FEAT_HPDS.
 */

/** Everything that a stage 1 translation is a function of. */
export interface WalkRequest {
  readonly va: bigint;
  readonly access: 'read' | 'write' | 'fetch';
  /** Exception level whose permissions count. */
  readonly el: 0 | 1 | 2 | 3;
  readonly pan: boolean;
  readonly sctlr: bigint;
  readonly tcr: bigint;
  readonly ttbr0: bigint;
  readonly ttbr1: bigint;
  readonly mair: bigint;
  /** ID_AA64MMFR0_EL1.PARange in bits. */
  readonly paBits: number;
  readonly granulesKib: readonly number[];
  /** The doubleword at a physical address, or undefined where nothing answers. */
  read(pa: bigint): bigint | undefined;
}

/** Name of a fault, and the level of the lookup that found it. */
export type WalkFault = 'AddressSize' | 'Translation' | 'AccessFlag' | 'Permission' | 'SyncExternalOnWalk';
export type WalkResult =
  | { readonly fault: WalkFault; readonly level: number }
  | { readonly pa: bigint; readonly attributes: number; readonly device: boolean };

const bits = (v: bigint, msb: number, lsb: number): bigint => (v >> BigInt(lsb)) & ((1n << BigInt(msb - lsb + 1)) - 1n);
const bit = (v: bigint, n: number): boolean => bits(v, n, n) === 1n;

/** Address bits that index the table of each level, by granule. */
const INDEX: Readonly<Record<number, Readonly<Record<number, readonly [msb: number, lsb: number]>>>> = {
  4: { 0: [47, 39], 1: [38, 30], 2: [29, 21], 3: [20, 12] },
  16: { 0: [47, 47], 1: [46, 36], 2: [35, 25], 3: [24, 14] },
  64: { 1: [47, 42], 2: [41, 29], 3: [28, 16] },
};
/** Highest TxSZ of each start level, by granule. */
const START: Readonly<Record<number, readonly (readonly [txszMax: number, level: number])[]>> = {
  4: [
    [24, 0],
    [33, 1],
    [39, 2],
  ],
  16: [
    [16, 0],
    [27, 1],
    [38, 2],
    [39, 3],
  ],
  64: [
    [21, 1],
    [34, 2],
    [39, 3],
  ],
};
/** Levels that may hold blocks, by granule. */
const BLOCKS: Readonly<Record<number, readonly number[]>> = { 4: [1, 2], 16: [2], 64: [2] };
const TG0: readonly (number | undefined)[] = [4, 64, 16, undefined];
const TG1: readonly (number | undefined)[] = [undefined, 16, 4, 64];
const SIZES = [32, 36, 40, 42, 44, 48, 48, 48];

interface Range {
  readonly granule: number;
  readonly txsz: number;
  readonly disabled: boolean;
  readonly tbi: boolean;
  readonly base: bigint;
  readonly outputBits: number;
  readonly upper: boolean;
}

function rangeOf(r: WalkRequest): Range {
  const el1 = r.el <= 1;
  const upper = el1 && bit(r.va, 55);
  const size = SIZES[Number(el1 ? bits(r.tcr, 34, 32) : bits(r.tcr, 18, 16))]!;
  const asked = upper ? TG1[Number(bits(r.tcr, 31, 30))] : TG0[Number(bits(r.tcr, 15, 14))];
  // A reserved or unimplemented granule behaves as some implemented one: 4 KiB here, IMPLEMENTATION DEFINED.
  const granule = asked !== undefined && r.granulesKib.includes(asked) ? asked : 4;
  return {
    granule,
    txsz: Number(upper ? bits(r.tcr, 21, 16) : bits(r.tcr, 5, 0)),
    disabled: el1 && bit(r.tcr, upper ? 23 : 7),
    tbi: bit(r.tcr, el1 ? (upper ? 38 : 37) : 20),
    base: upper ? r.ttbr1 : r.ttbr0,
    outputBits: Math.min(size, r.paBits),
    upper,
  };
}

/** Translates, as DDI 0487 says step by step. */
export function walk(r: WalkRequest): WalkResult {
  const range = rangeOf(r);
  if (!bit(r.sctlr, 0)) return stageOff(r, range);
  const top = range.tbi ? 55 : 63;
  const inputBits = 64 - range.txsz;
  if (range.disabled || range.txsz < 16 || range.txsz > 39) return { fault: 'Translation', level: 0 };
  const above = bits(r.va, top, inputBits);
  const wanted = range.upper ? (1n << BigInt(top - inputBits + 1)) - 1n : 0n;
  if (above !== wanted) return { fault: 'Translation', level: 0 };
  return lookups(r, range, inputBits);
}

function stageOff(r: WalkRequest, range: Range): WalkResult {
  const address = range.tbi ? bits(r.va, 55, 0) : r.va;
  if (address >> BigInt(r.paBits) !== 0n) return { fault: 'AddressSize', level: 0 };
  const device = r.access !== 'fetch';
  return { pa: address, device, attributes: device ? 0 : bit(r.sctlr, 12) ? 0xaa : 0x44 };
}

/** What the tables on the way to a descriptor take away. */
interface Inherited {
  readonly noEl0: boolean;
  readonly readOnly: boolean;
  readonly xn: boolean;
  readonly pxn: boolean;
}

function lookups(r: WalkRequest, range: Range, inputBits: number): WalkResult {
  let level = START[range.granule]!.find(([max]) => range.txsz <= max)![1];
  const indexOf = (at: number): { index: bigint; width: number } => {
    const [msb, lsb] = INDEX[range.granule]![at]!;
    const high = Math.min(msb, inputBits - 1);
    return { index: bits(r.va, high, lsb), width: high - lsb + 1 };
  };
  const x = Math.max(indexOf(level).width + 3, 6);
  let table = bits(range.base, 47, x) << BigInt(x);
  if (table >> BigInt(range.outputBits) !== 0n) return { fault: 'AddressSize', level: 0 };
  let inherited: Inherited = { noEl0: false, readOnly: false, xn: false, pxn: false };
  for (; ; level++) {
    const descriptor = r.read(table + indexOf(level).index * 8n);
    if (descriptor === undefined) return { fault: 'SyncExternalOnWalk', level };
    const kind = kindOf(descriptor, level, range.granule);
    if (kind === 'invalid') return { fault: 'Translation', level };
    if (kind === 'leaf') return leaf(r, range, level, descriptor, inherited);
    const low = Math.log2(range.granule * 1024);
    table = bits(descriptor, 47, low) << BigInt(low);
    if (table >> BigInt(range.outputBits) !== 0n) return { fault: 'AddressSize', level };
    inherited = {
      noEl0: inherited.noEl0 || bit(descriptor, 61),
      readOnly: inherited.readOnly || bit(descriptor, 62),
      xn: inherited.xn || bit(descriptor, 60),
      pxn: inherited.pxn || bit(descriptor, 59),
    };
  }
}

function kindOf(descriptor: bigint, level: number, granule: number): 'invalid' | 'table' | 'leaf' {
  const type = bits(descriptor, 1, 0);
  if (type === 0b11n) return level === 3 ? 'leaf' : 'table';
  if (type === 0b01n && level < 3 && BLOCKS[granule]!.includes(level)) return 'leaf';
  return 'invalid';
}

function leaf(r: WalkRequest, range: Range, level: number, descriptor: bigint, inherited: Inherited): WalkResult {
  const lsb = INDEX[range.granule]![level]![1];
  const output = bits(descriptor, 47, lsb) << BigInt(lsb);
  if (output >> BigInt(range.outputBits) !== 0n) return { fault: 'AddressSize', level };
  if (!bit(descriptor, 10)) return { fault: 'AccessFlag', level };
  if (!allowed(r, descriptor, inherited)) return { fault: 'Permission', level };
  const attributes = Number(bits(r.mair, Number(bits(descriptor, 4, 2)) * 8 + 7, Number(bits(descriptor, 4, 2)) * 8));
  return { pa: output | bits(r.va, lsb - 1, 0), attributes, device: attributes >> 4 === 0 };
}

/** Data access by AP[2:1] after the tables' limits: what EL1 and what EL0 may do. */
const AP: readonly (readonly [privileged: string, user: string])[] = [
  ['rw', ''],
  ['rw', 'rw'],
  ['r', ''],
  ['r', 'r'],
];

function allowed(r: WalkRequest, descriptor: bigint, inherited: Inherited): boolean {
  const wxn = bit(r.sctlr, 19);
  let ap = Number(bits(descriptor, 7, 6));
  if (inherited.readOnly) ap |= 2;
  const xn = bit(descriptor, 54) || inherited.xn;
  if (r.el >= 2) {
    const writable = (ap & 2) === 0;
    if (r.access === 'fetch') return !xn && !(wxn && writable);
    return r.access === 'read' || writable;
  }
  if (inherited.noEl0) ap &= ~1;
  const [privileged, user] = AP[ap]!;
  if (r.el === 0) {
    if (r.access === 'fetch') return !xn && !(wxn && user.includes('w'));
    return user.includes(r.access === 'read' ? 'r' : 'w');
  }
  if (r.access === 'fetch') {
    const pxn = bit(descriptor, 53) || inherited.pxn;
    return !pxn && !user.includes('w') && !(wxn && privileged.includes('w'));
  }
  if (r.pan && user.includes('r')) return false;
  return privileged.includes(r.access === 'read' ? 'r' : 'w');
}
