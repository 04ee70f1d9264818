/**
 * KVM's two sets of vectors and its reset, as hosted code in HYP mode.
 *
 * Linux, `arch/arm/kvm/init.S` and `hyp/hyp-entry.S` (before: `interrupts.S`). What each version answers is in
 * `abi-arm.ts`. The vectors of initialisation and all that turns the MMU of HYP off lie in text that is mapped at its
 * physical address; the others run at kernel virtual addresses.
 */
import { callFor, type HypAbi } from '../abi.ts';
import { SCTLR } from './cp15.ts';
import {
  adr,
  blx,
  bx,
  eret32,
  type Hosted32,
  LR,
  mcr,
  mcrr,
  mrc,
  mrrc,
  mrs32,
  msr32,
  msrBanked,
  readR,
  SP,
  setR,
} from './effects.ts';
import type { Image32Source, Isa32, Vectors32 } from './program.ts';
import { MODE, PSR } from './psr.ts';
import { mustHave, stateBit, writeResult } from './stub.ts';

/** Addresses that KVM's code knows. */
export interface KvmLinks {
  /** The stub's vectors, by physical address. */
  readonly stubVectorsPa: () => number;
  /** `handleStubCall`, by physical address. */
  readonly handleStubCallPa: () => number;
  /** The host's panic, by virtual address. */
  readonly panicVa: () => number;
}

/** HSCTLR bits that a teardown clears: M, A, C, I. */
const HYP_OFF = SCTLR.M | SCTLR.A | SCTLR.C | SCTLR.I;
const EC_HVC = 0x12;

/** Back to the stub: MMU and caches of HYP off, the stub's vectors. Runs where virtual and physical addresses are one. */
function* teardown({ stubVectorsPa }: KvmLinks): Hosted32 {
  yield* mcr('HSCTLR', (yield* mrc('HSCTLR')) & ~HYP_OFF);
  yield* mcr('HVBAR', stubVectorsPa());
}

/** Since 4.12, for both sets of vectors: the three stub calls, in identity-mapped text. */
export function* handleStubCall(abi: HypAbi, isa: Isa32, links: KvmLinks): Hosted32 {
  const call = callFor(mustHave(abi, 'init'), BigInt(yield* readR(0)));
  const { operation, operands } = call;
  if (operation === 'softRestart') {
    yield* msrBanked('ELR_hyp', yield* readR(operands.target!));
    const psr = ((yield* mrs32('CPSR')) & ~PSR.M) | MODE.HYP;
    yield* msr32('SPSR', psr | stateBit(isa));
  }
  if (call.teardown) yield* teardown(links);
  yield* writeResult(call);
  yield* eret32();
}

/** The call that initialises: stack, vectors, tables from the registers, then the MMU of HYP on. */
function* initialise(): Hosted32 {
  yield* setR(SP, yield* readR(0));
  yield* mcr('HVBAR', yield* readR(1));
  const low = yield* readR(2);
  yield* mcrr('HTTBR', (BigInt(yield* readR(3)) << 32n) | BigInt(low));
  // Sizes and attributes as the kernel has them for its own tables.
  yield* mcr('HTCR', (yield* mrc('TTBCR')) & 0x3f07);
  yield* mcr('HMAIR0', yield* mrc('MAIR0'));
  yield* mcr('HMAIR1', yield* mrc('MAIR1'));
  yield* mcr('TLBIALLH');
  yield* mcr('HSCTLR', (yield* mrc('HSCTLR')) | SCTLR.M | SCTLR.C | SCTLR.I);
  yield* eret32();
}

/** Text of KVM that is identity-mapped. */
export function kvmIdmap(abi: HypAbi, isa: Isa32, links: KvmLinks): Pick<Image32Source, 'functions'> {
  const layer = mustHave(abi, 'init');
  return {
    functions: {
      *kvmInit() {
        const { operation } = callFor(layer, BigInt(yield* readR(0)));
        if (operation === 'initHyp') yield* initialise();
        else yield* bx(yield* adr('handleStubCall'));
      },
      *handleStubCall() {
        yield* handleStubCall(abi, isa, links);
      },
      // The reset of versions without RESET_VECTORS: a function that KVM's vectors call, with the stub's vectors in R0.
      *kvmReset({ r }) {
        yield* mcr('HSCTLR', (yield* mrc('HSCTLR')) & ~HYP_OFF);
        yield* mcr('HVBAR', r[0]);
        yield* eret32();
      },
    },
  };
}

/** All that is not an HVC or a trap of the host is a bug: back to the host's panic. */
function* hypPanic(isa: Isa32, { panicVa }: KvmLinks): Hosted32 {
  yield* msr32('SPSR', MODE.SVC | PSR.AIF | stateBit(isa));
  yield* msrBanked('ELR_hyp', panicVa() & ~1);
  yield* eret32();
}

/** KVM's vectors for the time it runs: HVC of the host is a call by the table, that of a guest an exit. */
function* hypTrap(abi: HypAbi, isa: Isa32, links: KvmLinks): Hosted32 {
  const isHvc = (yield* mrc('HSR')) >>> 26 === EC_HVC;
  const vmid = ((yield* mrrc('VTTBR')) >> 48n) & 0xffn;
  if (!isHvc || vmid !== 0n) return yield* bx(yield* adr('guestExit'));
  const call = callFor(mustHave(abi, 'hyp'), BigInt(yield* readR(0)));
  if (call.operation === 'callFunction') return yield* callFunction(isa);
  if (call.operation !== 'getVectors') return yield* bx(links.handleStubCallPa());
  yield* writeResult(call);
  yield* eret32();
}
/** R0 is a pointer; its arguments lie one register further on and are moved down. */
function* callFunction(isa: Isa32): Hosted32 {
  const pointer = yield* readR(0);
  const lr = yield* readR(LR);
  const r = [yield* readR(1), yield* readR(2), yield* readR(3)];
  yield* blx(isa === 'T32' ? (pointer | 1) >>> 0 : pointer, ...r);
  yield* setR(LR, lr);
  yield* eret32();
}

/** Vectors that send everything that must not happen in HYP to one function. */
export const KVM_VECTORS: Vectors32 = {
  undefined: 'hypPanic',
  call: 'hypPanic',
  prefetchAbort: 'hypPanic',
  dataAbort: 'hypPanic',
  hypTrap: 'hypTrap',
  irq: 'guestExit',
  fiq: 'guestExit',
};

/** Text of KVM that runs at virtual addresses. */
export function kvmText(abi: HypAbi, isa: Isa32, links: KvmLinks): Pick<Image32Source, 'functions' | 'vectors'> {
  return {
    vectors: { kvmVectors: KVM_VECTORS },
    functions: {
      *hypTrap() {
        yield* hypTrap(abi, isa, links);
      },
      *hypPanic() {
        yield* hypPanic(isa, links);
      },
      *guestExit() {
        // An exit of a guest; this model has none, so it is a mistake to come here.
        yield* hypPanic(isa, links);
      },
    },
  };
}
