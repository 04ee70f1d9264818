/** The owners of EL2 as hosted code: each decodes an HVC with its own table of `abi.ts`, and does what the row says. */
import {
  branch,
  callAt,
  eret,
  type Hosted,
  hint,
  load,
  mrs,
  msr,
  readX,
  sys,
  writeX,
} from '../../engine/hosted/effects.ts';
import type { HostedEntry, HostedFunction } from '../../engine/hosted/program.ts';
import {
  ARM_EXCEPTION_HYP_GONE,
  callFor,
  HVC_STUB_ERR,
  type HypCall,
  type HypLayerAbi,
  type HypOperand,
  type HypResult,
} from './abi.ts';
import { hypVa, IMAGE_PA, kernelVa, TEXT } from './layout.ts';
import { hypMmuOn, SCTLR_FLAGS, SCTLR_OFF } from './translation.ts';

/** ESR_EL2.EC of an HVC from AArch64. DDI 0487, "ESR_EL2". */
const EC_HVC64 = 0x16n;
/** PSTATE of a kernel that is entered: everything masked. */
const EL1H_MASKED = 0x3c5n;
const EL2H_MASKED = 0x3c9n;
/** PSTATE.M of EL2h, and the field. */
const MODE = { EL2h: 9n, mask: 0x1fn } as const;
/** HCR_EL2 of a host with VHE: RW, TGE, E2H. Linux, HCR_HOST_VHE_FLAGS. */
export const HCR_HOST_VHE: bigint = (1n << 31n) | (1n << 27n) | (1n << 34n);
/** MDCR_EL2.E2PB and E2TB. */
const MDCR_E2PB_E2TB = (3n << 12n) | (3n << 24n);
/** What scratch registers are left with. */
const SCRATCH = 0x5c4a_7c45_c4a7_c45cn;
/** First kernel VA: the upper half. */
const UPPER_HALF = 1n << 63n;
/** Words of KVM's structure of parameters. */
export const PARAMS = { perCpuOffset: 0n, stack: 8n, vectors: 16n, pgd: 24n } as const;

/** What the owners need to know of the kernel whose text they are. */
export interface OwnerHost {
  /** The command line or the hardware forbids that the kernel goes to EL2. */
  readonly noVhe: boolean;
  /** A call of KVM's own by the whole of X0; undefined for one there is none of. Called at EL2 with the MMU on. */
  hypercall(x0: bigint): Hosted<bigint | undefined>;
  /** Protected mode is final. Called at EL2 with the MMU on. */
  isProtected(): Hosted<boolean>;
}

/** Values of the rows' results; `undefined` where the operation gives it. */
const RESULTS: Readonly<Partial<Record<HypResult, bigint>>> = {
  zero: 0n,
  stubErr: HVC_STUB_ERR,
  hypGone: ARM_EXCEPTION_HYP_GONE,
  minusOne: 0xffff_ffff_ffff_ffffn,
  clobbered: SCRATCH,
};

/** Function at the entry for synchronous exceptions from a lower level, of an owner without calls that depend on state. */
export function owner(host: OwnerHost, layer: HypLayerAbi): HostedFunction {
  return function* (entry) {
    if (layer.checksClass && (yield* mrs('ESR_EL2')) >> 26n !== EC_HVC64) yield* eret();
    yield* answer(host, callFor(layer, entry.x[0]!), entry);
  };
}
/** The same for KVM's own vectors, which in protected mode know other calls. */
export function kvmOwner(host: OwnerHost, layer: HypLayerAbi, protectedLayer: HypLayerAbi | undefined): HostedFunction {
  return function* (entry) {
    if ((yield* mrs('ESR_EL2')) >> 26n !== EC_HVC64 || (yield* mrs('VTTBR_EL2')) !== 0n) yield* hypPanic();
    const locked = protectedLayer !== undefined && (yield* host.isProtected());
    yield* answer(host, callFor(locked ? protectedLayer : layer, entry.x[0]!), entry);
  };
}

/** KVM's answer to what cannot be: it returns to the host's panic, by the VA the kernel knows. X0 is ESR_EL2, X1 where. */
export function* hypPanic(): Hosted<never> {
  yield* writeX(0, yield* mrs('ESR_EL2'));
  yield* writeX(1, yield* mrs('ELR_EL2'));
  yield* msr('SPSR_EL2', EL1H_MASKED);
  yield* msr('ELR_EL2', kernelVa(IMAGE_PA + TEXT.panic));
  yield* eret();
  throw new Error('assertion: ERET came back');
}

/** Does what a row says. */
function* answer(host: OwnerHost, call: HypCall, { x, pe }: HostedEntry): Hosted {
  const operand = (name: HypOperand): bigint => {
    const n = call.operands[name];
    if (n === undefined) throw new Error(`assertion: ${call.name} has no operand ${name}`);
    return x[n]!;
  };
  let result = RESULTS[call.result];
  switch (call.operation) {
    case 'getVectors':
      result = yield* mrs('VBAR_EL2');
      break;
    case 'setVectors':
      yield* msr('VBAR_EL2', operand('vectors'));
      break;
    case 'softRestart':
      return yield* softRestart(call, operand('target'), [operand('arg0'), operand('arg1'), operand('arg2')]);
    case 'resetVectors':
      yield* teardown();
      break;
    case 'finaliseEl2':
      result = (yield* finaliseEl2(host)) ? 0n : HVC_STUB_ERR;
      break;
    case 'getIchVtr':
      yield* writeX(1, yield* mrs('ICH_VTR_EL2'));
      break;
    case 'initHyp':
      yield* initHyp(call, x);
      break;
    case 'callFunction':
      yield* callFunction(operand('function'), x);
      return yield* eret();
    case 'hypercall':
      result = (yield* host.hypercall(x[0]!)) ?? 0xffff_ffff_ffff_ffffn;
      break;
    case 'nothing':
      break;
  }
  for (const n of call.clobbers ?? []) yield* writeX(n, SCRATCH ^ BigInt(pe));
  if (result !== undefined) yield* writeX(0, result);
  yield* eret();
}

/** Arguments move to where a function has them; the payload finds EL2 with the MMU off, everything masked. */
function* softRestart(call: HypCall, target: bigint, args: readonly bigint[]): Hosted {
  if (call.teardown) {
    yield* msr('ELR_EL2', target);
    yield* msr('SPSR_EL2', EL2H_MASKED);
    yield* teardown();
    for (const n of call.clobbers ?? []) yield* writeX(n, SCRATCH);
  } else for (const n of call.clobbers ?? []) yield* writeX(n, n === 4 ? target : SCRATCH);
  for (const [n, value] of args.entries()) yield* writeX(n, n === 0 && call.losesArg0 ? 0n : value);
  if (call.teardown) yield* eret();
  yield* branch(target);
}

/** MMU and caches of EL2 off, and the stub's vectors where they were, by physical address. */
function* teardown(): Hosted {
  yield* msr('SCTLR_EL2', (yield* mrs('SCTLR_EL2')) & ~SCTLR_FLAGS);
  yield* hint('isb');
  yield* msr('VBAR_EL2', IMAGE_PA + TEXT.stub);
}

/** Nothing is checked: whatever the registers hold is a table, a stack, vectors. */
function* initHyp({ operands }: HypCall, x: readonly bigint[]): Hosted {
  const value = function* (name: keyof typeof PARAMS): Hosted<bigint> {
    const n = operands[name];
    if (n !== undefined) return x[n]!;
    return operands.params === undefined ? 0n : yield* load(x[operands.params]! + PARAMS[name]);
  };
  const [pgd, stack, vectors] = [yield* value('pgd'), yield* value('stack'), yield* value('vectors')];
  const perCpuOffset = yield* value('perCpuOffset');
  yield* hypMmuOn(operands.bootPgd === undefined ? pgd : x[operands.bootPgd]!);
  yield* fetchThroughTables();
  if (operands.bootPgd !== undefined) {
    yield* msr('TTBR0_EL2', pgd);
    yield* hint('isb');
    yield* sys('TLBI ALLE2');
    yield* fetchThroughTables();
  }
  yield* writeX(31, stack);
  yield* msr('VBAR_EL2', vectors);
  if (operands.perCpuOffset !== undefined || operands.params !== undefined) yield* msr('TPIDR_EL2', perCpuOffset);
}
/** The code that runs here is not translated; what it stands for is. One instruction is fetched in its place. */
function* fetchThroughTables(): Hosted {
  const lr = yield* readX(30);
  yield* callAt(IMAGE_PA + TEXT.functions);
  yield* writeX(30, lr);
}

/** A kernel VA becomes EL2's; what is none stays as it is. */
function* callFunction(pointer: bigint, x: readonly bigint[]): Hosted {
  const target = pointer >= UPPER_HALF ? hypVa(pointer - kernelVa(0n)) : pointer;
  yield* callAt(target, x[1]!, x[2]!, x[3]!);
}

/** True when the caller goes on at EL2. Linux, `__finalise_el2`, `enter_vhe`; DDI 0487, "FEAT_VHE". */
function* finaliseEl2({ noVhe }: OwnerHost): Hosted<boolean> {
  if ((yield* mrs('SCTLR_EL2')) & 1n) return false;
  if ((((yield* mrs('ID_AA64MMFR1_EL1')) >> 8n) & 15n) === 0n || noVhe) return false;
  yield* msr('HCR_EL2', HCR_HOST_VHE);
  yield* writeX(31, yield* mrs('SP_EL1'));
  yield* msr('TPIDR_EL2', yield* mrs('TPIDR_EL1'));
  for (const name of ['CPACR', 'VBAR'] as const) yield* msr(`${name}_EL1`, yield* mrs(`${name}_EL12`));
  yield* msr('MDCR_EL2', (yield* mrs('MDCR_EL2')) & ~MDCR_E2PB_E2TB);
  for (const name of ['TCR', 'TTBR0', 'TTBR1', 'MAIR'] as const) yield* msr(`${name}_EL1`, yield* mrs(`${name}_EL12`));
  yield* hint('isb');
  yield* msr('SPSR_EL1', ((yield* mrs('SPSR_EL1')) & ~MODE.mask) | MODE.EL2h);
  yield* sys('TLBI VMALLE1');
  yield* hint('dsb');
  yield* hint('isb');
  yield* msr('SCTLR_EL1', yield* mrs('SCTLR_EL12'));
  yield* hint('isb');
  yield* msr('SCTLR_EL12', SCTLR_OFF.EL1);
  return true;
}
