/**
 * A kernel's first instructions: the boot-mode word, the stub, down to SVC, MMU on.
 *
 * Linux, `arch/arm/kernel/head.S`, `hyp-stub.S` (`__hyp_stub_install`, `compare_cpu_mode_with_primary`).
 */

import { SCTLR } from './cp15.ts';
import { adr, bx, cpsie, eret32, type Hosted32, ldr, mcr, mcrr, mrc, mrs32, msr32, msrBanked, str } from './effects.ts';
import { DATA, PA, TABLES } from './layout.ts';
import { MODE, PSR } from './psr.ts';
import { installStub, type StubBuild, stateBit } from './stub.ts';

/** Flag in the boot-mode word: a processor came in another mode than the first. */
export const BOOT_CPU_MODE_MISMATCH = 0x8000_0000;

/** Where each processor goes on with the MMU on. */
export const goesOnAt = (cpu: number): number => DATA.bootMode + 0x80 + 4 * cpu;

/** How the first instructions behave. */
export interface BootBuild extends StubBuild {
  /** The macro of 2012: the flag is added to the offset of the word and stored beside the point. */
  readonly modeStoreBug?: boolean;
}

/** HYP is there for the kernel: the first processor was in HYP, and so were all others. */
export function* hypAvailable(bootModeAddress: number): Hosted32<boolean> {
  return (yield* ldr(bootModeAddress)) === MODE.HYP;
}

/** Writes the word (first processor), or compares with it. Gives whether this processor may install a stub. */
function* noteMode(cpu: number, mode: number, base: number, build: BootBuild): Hosted32<boolean> {
  if (cpu === 0) {
    yield* str(DATA.bootMode, mode);
    return mode === MODE.HYP;
  }
  const saved = yield* ldr(DATA.bootMode);
  if (saved === mode) return mode === MODE.HYP;
  if (build.modeStoreBug) {
    const offset = DATA.bootMode - base;
    yield* str(saved + base, offset | BOOT_CPU_MODE_MISMATCH);
  } else yield* str(DATA.bootMode, (saved | BOOT_CPU_MODE_MISMATCH) >>> 0);
  return false;
}

/** Entry with the MMU off, in HYP or SVC; `resumes`: after a loss of power, when the word is known already. */
export function* head(build: BootBuild, resumes = false): Hosted32 {
  const mode = (yield* mrs32('CPSR')) & PSR.M;
  const cpu = (yield* mrc('MPIDR')) & 0xff;
  const base = (yield* adr('head')) & ~1;
  const installs = resumes ? mode === MODE.HYP : yield* noteMode(cpu, mode, base, build);
  if (installs) yield* installStub(yield* adr('stubVectors'), build);
  if (mode !== MODE.HYP) return yield* bx(yield* adr('headSvc'));
  yield* msr32('SPSR', MODE.SVC | PSR.AIF | stateBit(build.isa));
  yield* msrBanked('ELR_hyp', (yield* adr('headSvc')) & ~1);
  yield* eret32();
}

/** In SVC, MMU off: tables, then on to the identity-mapped part. */
export function* headSvc(turnMmuOn: number): Hosted32 {
  yield* mcr('TTBCR', 0);
  yield* mcrr('TTBR0', BigInt(TABLES.identity));
  yield* bx(turnMmuOn);
}

/** Identity-mapped: MMU on, and away to virtual addresses. */
export function* turnMmuOn(build: StubBuild, start: number): Hosted32 {
  const te = build.isa === 'T32' ? SCTLR.TE : 0;
  yield* mcr('SCTLR', ((yield* mrc('SCTLR')) | SCTLR.M | SCTLR.C | SCTLR.I | te) >>> 0);
  yield* bx(start);
}

/** Virtual addresses: the kernel's own tables and vectors, interrupts on. */
export function* startVirtual(vectorsVa: number): Hosted32 {
  yield* mcrr('TTBR0', BigInt(TABLES.kernel));
  yield* mcr('VBAR', vectorsVa);
  const cpu = (yield* mrc('MPIDR')) & 0xff;
  yield* cpsie(PSR.AIF);
  yield* bx(yield* ldr(goesOnAt(cpu) + 0x8000_0000));
}

/** Text of the kernel lies here; exported for the base of stray stores. */
export const KERNEL_TEXT: number = PA.kernel;
