/**
 * The kernel's stub and its installation, as hosted code in HYP mode.
 *
 * Linux, `arch/arm/kernel/hyp-stub.S`: what each version answers is the table of `abi-arm.ts`; what installation writes
 * is a list here.
 */
import { callFor, HVC_STUB_ERR, type HypAbi, type HypCall, type HypLayerAbi, layerOf } from '../abi.ts';
import { bx, eret32, type Hosted32, mcr, mcrr, mrc, readR, setR } from './effects.ts';
import type { Isa32 } from './program.ts';
import { PSR } from './psr.ts';

/** A layer that a version must have. */
export function mustHave(abi: HypAbi, layer: HypLayerAbi['layer']): HypLayerAbi {
  const found = layerOf(abi, layer);
  if (!found) throw new Error(`assertion: ${abi.name} has no ${layer}`);
  return found;
}

/** R0 as a call leaves it. */
export function* writeResult({ result, outputs }: HypCall): Hosted32 {
  if (result === 'zero') yield* setR(0, 0);
  if (result === 'minusOne') yield* setR(0, 0xffff_ffff);
  if (result === 'stubErr') yield* setR(0, Number(HVC_STUB_ERR));
  if (result === 'vectors') yield* setR(0, yield* mrc('HVBAR'));
  if (outputs?.[0] === 'target') yield* setR(0, yield* readR(3));
}

/** The handler of vector 0x14 of a stub: decodes R0 with the layer's table. */
export function* stubHandler(layer: HypLayerAbi): Hosted32 {
  const call = callFor(layer, BigInt(yield* readR(0)));
  const { operation, operands } = call;
  if (operation === 'setVectors') yield* mcr('HVBAR', yield* readR(operands.vectors!));
  yield* writeResult(call);
  // BX: HYP mode, masks and banked registers stay as the HVC made them.
  if (operation === 'softRestart') return yield* bx(yield* readR(operands.target!));
  yield* eret32();
}

/** How a kernel was built, as far as the stub depends on it. */
export interface StubBuild {
  readonly isa: Isa32;
  /** Instructions or data are big-endian: BE8. */
  readonly bigEndian?: boolean;
  /** TE is not set at installation: a Thumb-2 kernel's own vectors are then fetched in A32 state. */
  readonly forgetsTe?: boolean;
  /** The list of 2012: without SCTLR, VPIDR and VMPIDR, CNTV_CTL and the interrupt controller. */
  readonly old?: boolean;
}

/** Bits of SCTLR: CP15BEN set; ITD, SED (8:7), WXN, UWXN (20:19) clear. */
const SCTLR_SET = 0x20;
const SCTLR_CLEAR = 0x0018_0180;
/** HDCR.HPMN. */
const HPMN = 0x1f;
const ICC_HSRE = { SRE: 1, Enable: 8 } as const;

/** Installs the stub, in HYP mode: everything that HYP controls is given to the kernel. The order is the kernel's. */
export function* installStub(vectorsPa: number, { isa, bigEndian, forgetsTe, old }: StubBuild): Hosted32 {
  yield* mcr('HVBAR', vectorsPa);
  yield* mcr('HCR', 0);
  yield* mcr('HCPTR', 0);
  yield* mcr('HSTR', 0);
  const te = isa === 'T32' && !forgetsTe ? 0x4000_0000 : 0;
  yield* mcr('HSCTLR', te | (bigEndian ? 0x0200_0000 : 0));
  yield* mcr('HDCR', (yield* mrc('HDCR')) & HPMN);
  if (!old) {
    yield* mcr('SCTLR', ((yield* mrc('SCTLR')) | SCTLR_SET) & ~SCTLR_CLEAR);
    yield* mcr('VPIDR', yield* mrc('MIDR'));
    yield* mcr('VMPIDR', yield* mrc('MPIDR'));
  }
  const pfr1 = yield* mrc('ID_PFR1');
  const timer = (pfr1 >>> 16) & 15;
  if (old ? timer === 1 : timer !== 0) {
    yield* mcr('CNTHCTL', (yield* mrc('CNTHCTL')) | 3);
    yield* mcrr('CNTVOFF', 0n);
    if (!old) yield* mcr('CNTV_CTL', (yield* mrc('CNTV_CTL')) & ~1);
  }
  if (old || pfr1 >>> 28 === 0) return;
  yield* mcr('ICC_HSRE', (yield* mrc('ICC_HSRE')) | ICC_HSRE.Enable | ICC_HSRE.SRE);
  if ((yield* mrc('ICC_HSRE')) & ICC_HSRE.SRE) yield* mcr('ICH_HCR', 0);
}

/** CPSR of an instruction set. */
export const stateBit = (isa: Isa32): number => (isa === 'T32' ? PSR.T : 0);
