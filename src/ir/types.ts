import type { StateField } from '../arch/pestate.ts';

/**
 * The language in which the meaning of instructions is written.
 *
 * A fragment is a list of nodes in execution order. Every value is assigned once; a node's operands stand before it
 * in the same list or in a list around it. Booleans are `i32` 0 or 1.
 */

/** Type of a value; `none` for nodes that only act. */
export type Ty = 'i32' | 'i64' | 'v128' | 'none';

/** Lane widths in bits. */
export type LaneBits = 8 | 16 | 32 | 64;

/** Operators on two integers of one type that give the same type. Shift amounts are taken modulo the width. */
export type BinaryOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shru'
  | 'shrs'
  | 'rotr'
  | 'udiv'
  | 'sdiv';

/** Comparisons of two integers of one type; the result is an `i32`. */
export type CompareOp = 'eq' | 'ne' | 'ltu' | 'lts' | 'leu' | 'les' | 'gtu' | 'gts' | 'geu' | 'ges';

/** Operators on one integer that keep its type. `ext8s` and its like take the low bits and sign-extend them. */
export type UnaryOp = 'clz' | 'ctz' | 'popcnt' | 'ext8s' | 'ext16s' | 'ext32s';

/** Lane-wise operators on two vectors; which lane widths exist says `VECTOR_BINARY_LANES`. */
export type VectorBinaryOp =
  | 'vadd'
  | 'vsub'
  | 'vmul'
  | 'vmins'
  | 'vminu'
  | 'vmaxs'
  | 'vmaxu'
  | 'vavgru'
  | 'veq'
  | 'vgts'
  | 'vgtu'
  | 'vges'
  | 'vgeu'
  | 'vaddsats'
  | 'vaddsatu'
  | 'vsubsats'
  | 'vsubsatu'
  | 'vand'
  | 'vor'
  | 'vxor'
  | 'vandnot'
  | 'vswizzle';

/** Lane-wise operators on one vector. */
export type VectorUnaryOp = 'vneg' | 'vabs' | 'vnot' | 'vpopcnt';

/** Lane-wise shifts of a vector by one `i32` amount, modulo the lane width. */
export type VectorShiftOp = 'vshl' | 'vshrs' | 'vshru';

/** Floating-point operations with architectural rounding, flags and NaNs; operands and result are raw bits. */
export type FpOp = 'FPAdd' | 'FPSub' | 'FPMul' | 'FPDiv' | 'FPSqrt';

/** A register operand: a field of the encoding, resolved when the fragment is lifted or when it runs. */
export interface RegOperand {
  /** Name of the encoding field, e.g. `Rd`. */
  readonly field: string;
  /** Number when known at lift time, else undefined and read from the decoded record. */
  readonly constant: number | undefined;
  /** Added to the register number, modulo 32 (second register of a pair, later registers of a list). */
  readonly plus: number;
}

/** How a memory access is made. */
export interface MemAccess {
  readonly bytes: 1 | 2 | 4 | 8 | 16;
  /** Alignment that is required when alignment is checked (SCTLR_ELx.A, Device memory); default `bytes`. */
  readonly alignBytes?: number;
  /** True when the access faults if unaligned, whatever SCTLR_ELx.A says (exclusive, ordered, atomic). */
  readonly alwaysAligned?: boolean;
  /** True for LDTR and STTR: permissions as at EL0 unless PSTATE.UAO. */
  readonly unprivileged?: boolean;
  /** Atomic read-modify-write or exclusive: a read that needs write permission. */
  readonly readForWrite?: boolean;
}

/** What a helper does besides returning a value. */
export type HelperEffect =
  /** Depends on its arguments and FPCR alone; may set FPSR flags. */
  | 'pure'
  /** May take an exception or otherwise divert; `diverted` says so afterwards. PC is stored before the call. */
  | 'may-divert'
  /** Always ends the instruction: the helper sets PC. */
  | 'leave';

/** The declared shape of a call from a fragment into TypeScript. */
export interface HelperSignature {
  readonly name: string;
  readonly params: readonly Ty[];
  readonly result: Ty;
  readonly effect: HelperEffect;
}

/** A list of nodes in execution order. */
export type Block = IrNode[];

/** One operation. */
export type IrNode = { readonly id: number; readonly ty: Ty; readonly args: readonly IrNode[] } & (
  | { readonly op: 'const32'; readonly value: number }
  | { readonly op: 'const64'; readonly value: bigint }
  | { readonly op: 'constv'; readonly lo: bigint; readonly hi: bigint }
  /** An immediate of the instruction, by name. */
  | { readonly op: 'imm'; readonly name: string }
  /** Address of this instruction. */
  | { readonly op: 'pc' }
  | { readonly op: 'get'; readonly field: StateField }
  | { readonly op: 'set'; readonly field: StateField }
  | { readonly op: 'getx' | 'setx' | 'getv' | 'setv'; readonly reg: RegOperand }
  /** Low half of an X register as `i32`; writing one zeroes the upper half. */
  | { readonly op: 'getw' | 'setw'; readonly reg: RegOperand }
  | { readonly op: BinaryOp | CompareOp | UnaryOp | 'zext' | 'sext' | 'trunc' | 'select' }
  /** NZCV (bits 31:28) of x + y + carry at the width of x. */
  | { readonly op: 'addsnzcv' }
  /** NZCV of a logical result: N and Z from it, C and V zero. */
  | { readonly op: 'logicnzcv' }
  /** 1 if condition code `cond` (0 to 15) holds for an NZCV value. */
  | { readonly op: 'cond'; readonly cond: number }
  | { readonly op: VectorBinaryOp | VectorUnaryOp | VectorShiftOp; readonly lane: LaneBits }
  /** Lane `index` of a vector, zero-extended: `i64` for 64-bit lanes, else `i32`. */
  | { readonly op: 'vlane' | 'vwith' | 'vsplat'; readonly lane: LaneBits; readonly index: number }
  /** Sixteen byte indices 0 to 31 into the concatenation of two vectors. */
  | { readonly op: 'vshuffle'; readonly bytes: readonly number[] }
  | { readonly op: 'vselect' }
  | { readonly op: FpOp; readonly width: 32 | 64 }
  | { readonly op: 'load'; readonly access: MemAccess }
  | { readonly op: 'store'; readonly access: MemAccess }
  | { readonly op: 'call'; readonly helper: HelperSignature }
  | {
      readonly op: 'if';
      readonly yes: Block;
      readonly no: Block;
      readonly yesValue?: IrNode;
      readonly noValue?: IrNode;
    }
  /** PC := operand; ends the instruction. */
  | { readonly op: 'branch' }
  /** PC := address of this instruction + operand (below 2^29 either way); ends the instruction. */
  | { readonly op: 'branchrel' }
);

/** The meaning of one instruction, lifted. */
export interface Fragment {
  readonly body: Block;
  /** Encoding fields used with register number 31 meaning SP. */
  readonly spFields: ReadonlySet<string>;
}
