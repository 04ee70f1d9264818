/**
 * The calls between a host kernel and whoever owns EL2 (HYP): every version of the ABI, on both architectures, as data.
 *
 * The owners are three: the kernel's own stub, KVM's vectors while it is being switched on, KVM's vectors. The hosted
 * code of this folder decodes with these tables, and docs/hyp-abi.md is printed from them. Numbers and registers:
 * Linux, `hyp-stub.S`, `hyp-init.S`, `hyp-entry.S` (later `nvhe/host.S`) of the versions that are named, and its
 * document "Internal ABI between the kernel and HYP".
 */
import { ARM_VERSIONS } from './abi-arm.ts';
import { ARM64_VERSIONS } from './abi-arm64.ts';

/** Architecture of the kernel on both sides. */
export type HypArch = 'arm' | 'arm64';

/** Who answers: an owner of EL2. */
export type HypLayer =
  /** The kernel's own vectors, installed when it was entered at EL2. */
  | 'stub'
  /** KVM's vectors while a CPU is being initialised; they run with the MMU of EL2 off. */
  | 'init'
  /** KVM's vectors; they run with the MMU of EL2 on. */
  | 'hyp'
  /** KVM once protected mode is final. */
  | 'pkvm'
  /** A copy of vectors in a page that no relocation overwrites. */
  | 'copy'
  /** The decompressor's own stub. */
  | 'zImage';

/** What a call does. The word is what hosted code switches on. */
export type HypOperation =
  /** Gives the base address of the vectors. */
  | 'getVectors'
  /** Sets it to operand `vectors`. */
  | 'setVectors'
  /** Goes to operand `target` without leaving EL2 (HYP). */
  | 'softRestart'
  /** Gives EL2 back to the stub. */
  | 'resetVectors'
  /** Moves the kernel from EL1 to EL2 where VHE is to be had. */
  | 'finaliseEl2'
  /** Gives ICH_VTR_EL2. */
  | 'getIchVtr'
  /** Switches KVM on, for this CPU. */
  | 'initHyp'
  /** Calls the function that operand `function` points to. */
  | 'callFunction'
  /** A call of KVM's own, by an SMCCC function identifier. */
  | 'hypercall'
  /** Nothing but the result. */
  | 'nothing';

/** What a register carries into a call. */
export type HypOperand =
  | 'vectors'
  | 'target'
  | 'arg0'
  | 'arg1'
  | 'arg2'
  | 'function'
  | 'bootPgd'
  | 'pgd'
  | 'pgdLow'
  | 'pgdHigh'
  | 'stack'
  | 'perCpuOffset'
  | 'params';

/** What the first register holds afterwards. */
export type HypResult =
  | 'zero'
  /** Whatever the caller had in it. */
  | 'unchanged'
  | 'vectors'
  /** HVC_STUB_ERR. */
  | 'stubErr'
  /** ARM_EXCEPTION_HYP_GONE of that time. */
  | 'hypGone'
  /** -1; on arm64 SMCCC's NOT_SUPPORTED. */
  | 'minusOne'
  /** What the function returned. */
  | 'returned'
  /** Scratch. */
  | 'clobbered'
  /** It does not come back. */
  | 'noReturn';

/** One call of one owner. */
export interface HypCall {
  /** Value of R0 (X0) that means it, unsigned; `else` for all others. */
  readonly number: bigint | 'else';
  /** Name of the number in the sources, or a description. */
  readonly name: string;
  readonly operation: HypOperation;
  /** Registers that carry something, by what they carry. */
  readonly operands: Readonly<Partial<Record<HypOperand, number>>>;
  readonly result: HypResult;
  /** Other registers that carry a result, by what is in them. */
  readonly outputs?: Readonly<Record<number, string>>;
  /** Other registers that the owner writes. */
  readonly clobbers?: readonly number[];
  /** `softRestart`, `resetVectors`: the owner turns the MMU of EL2 off and puts the stub's vectors back. */
  readonly teardown?: boolean;
  /** `softRestart`: the payload finds 0 in its first register in place of its first argument. */
  readonly losesArg0?: boolean;
  /** Who may make it, and when. */
  readonly caller: string;
  readonly note?: string;
}

/** An owner of EL2 in one version. */
export interface HypLayerAbi {
  readonly layer: HypLayer;
  /** Symbol of the vectors in the sources. */
  readonly symbol: string;
  /** MMU of EL2 (HYP) while it answers. */
  readonly mmu: 'off' | 'on';
  /** Entries of the vector table that are no endless loop: offsets. */
  readonly slots: readonly number[];
  /** It asks the syndrome whether it was an HVC at all. */
  readonly checksClass: boolean;
  /** In the order in which they are compared. */
  readonly calls: readonly HypCall[];
  /** How it tells these calls from its own. */
  readonly tells: string;
}

/** What the callers of a version do, as far as hand-over depends on it. */
export interface HypCallers {
  /** How KVM leaves a CPU: not at all, by a function of its own at EL2, by a stub call. */
  readonly teardown: 'none' | 'function' | 'RESET_VECTORS';
  /** A relocating kexec copies pages before the HVC (at EL1) or after it (at EL2). */
  readonly relocation: 'before' | 'after';
  /** Vectors are copied out of the way first and installed by SET_VECTORS. */
  readonly copiesVectors?: boolean;
  /** There is kdump, and its kernel is entered where the first one was (`boot`), or at EL1 whatever EL2 does. */
  readonly crash: 'none' | 'boot' | 'EL1';
  /** Wrappers issue no HVC for vectors whose low bits (this mask) are not zero. */
  readonly refusesLowBits?: bigint;
  /** What the wrapper relies on after a restart that came back. */
  readonly restartReturns?: string;
}

/** One version of the ABI. */
export interface HypAbi {
  readonly arch: HypArch;
  /** Unique name, for options and reports: `arm64 4.12`. */
  readonly name: string;
  /** Kernels that have it. */
  readonly kernels: string;
  /** Letter of the comparison in the document, where there is one. */
  readonly letter?: string;
  /** Where it comes from: commit or posting. */
  readonly source: string;
  readonly layers: readonly HypLayerAbi[];
  readonly callers: HypCallers;
}

/** Value that refuses a stub call since Linux 4.12. Linux, `asm/kvm_asm.h` (arm), `asm/virt.h` (arm64). */
export const HVC_STUB_ERR = 0x0bad_ca11n;
/** What the stub of 4.7 to 4.11 on arm64 gives for a call it does not know. Linux 4.7, `asm/kvm_asm.h`. */
export const ARM_EXCEPTION_HYP_GONE = 2n;

/** All versions, those of arm first, each by age. */
export const HYP_ABIS: readonly HypAbi[] = [...ARM_VERSIONS, ...ARM64_VERSIONS];

/** A version by name. @throws RangeError for a name there is none of */
export function hypAbi(name: string): HypAbi {
  const found = HYP_ABIS.find((one) => one.name === name);
  if (found) return found;
  const known = HYP_ABIS.map((one) => one.name).join(', ');
  throw new RangeError(`hyp ABI '${name}': there is no version of that name. There are ${known}.`);
}

/** An owner of a version, or undefined where the version has none. */
export function layerOf(abi: HypAbi, layer: HypLayer): HypLayerAbi | undefined {
  return abi.layers.find((one) => one.layer === layer);
}

/** The row that a value of R0 (X0) selects: the number, else the row for all others. */
export function callFor(layer: HypLayerAbi, r0: bigint): HypCall {
  const found = layer.calls.find(({ number }) => number === r0) ?? layer.calls.find(({ number }) => number === 'else');
  if (!found) throw new Error(`assertion: ${layer.symbol} has no row for 0x${r0.toString(16)}`);
  return found;
}

/** Number of a call by name in an owner's table, or undefined. */
export function numberOf(layer: HypLayerAbi, operation: HypOperation): bigint | undefined {
  const found = layer.calls.find((one) => one.operation === operation && one.number !== 'else');
  return typeof found?.number === 'bigint' ? found.number : undefined;
}
