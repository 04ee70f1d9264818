/**
 * From a running kernel into the next one: soft restart, relocation code, and what a payload does first.
 *
 * Linux, `arch/arm/kernel/reboot.c`, `machine_kexec.c`, `relocate_kernel.S`, `arch/arm/mm/proc-v7.S`.
 */
import type { HypAbi } from '../abi.ts';
import { hasRestart, hypSoftRestart } from './calls.ts';
import { SCTLR } from './cp15.ts';
import {
  adr,
  bx,
  copyWords,
  cpsid,
  eret32,
  type Hosted32,
  hint32,
  ldr,
  mcr,
  mcrr,
  mrc,
  mrs32,
  msr32,
  msrBanked,
  setR,
  stop,
} from './effects.ts';
import { PA, TABLES } from './layout.ts';
import type { Image32Source, Isa32 } from './program.ts';
import { MODE, PSR } from './psr.ts';
import { installStub, mustHave, type StubBuild, stateBit, stubHandler } from './stub.ts';

/** Where the relocation code finds what it is to do: start address, list, machine type, R2 of the next kernel. */
export const RELOCATION_WORDS: number = PA.control + 0xff0;
/** Flags of an entry of the list. Linux, `include/linux/kexec.h`. */
export const IND = { DESTINATION: 1, INDIRECTION: 2, DONE: 4, SOURCE: 8 } as const;
const PAGE_BYTES = 4096;
/** Words moved in one step. */
const GROUP_WORDS = 8;

/** Kernel text: masks, identity tables, caches off, and on to the identity-mapped part, with R0 the target. */
export function* softRestart(cpuReset: number, target: number, hyp: boolean): Hosted32 {
  yield* cpsid(PSR.I | PSR.F);
  yield* mcrr('TTBR0', BigInt(TABLES.identity));
  yield* mcr('TLBIALL');
  yield* mcr('SCTLR', (yield* mrc('SCTLR')) & ~(SCTLR.I | SCTLR.C | SCTLR.A));
  yield* setR(1, hyp ? 1 : 0);
  yield* setR(0, target);
  yield* bx(cpuReset);
}

/** Identity-mapped text: MMU off, then HVC or branch. R0 the target, R1 whether HYP is the kernel's. */
export function* cpuReset(abi: HypAbi, isa: Isa32, { r: [target, hyp] }: { r: readonly number[] }): Hosted32 {
  const off = SCTLR.M | (isa === 'T32' ? SCTLR.TE : 0);
  const sctlr = ((yield* mrc('SCTLR')) & ~off) >>> 0;
  yield* setR(2, sctlr);
  yield* mcr('SCTLR', sctlr);
  yield* hint32('isb');
  if (!hyp || !hasRestart(abi)) return yield* bx(target);
  yield* hypSoftRestart(abi, target);
  yield* bx(yield* adr('restartReturned'));
}

/** What relocation does at its end. */
export interface RelocationOptions {
  /** Copies at PL1 and then asks HYP for the restart, instead of the other way round. */
  readonly before?: { readonly abi: HypAbi };
}

/** The relocation code: copied to the control page, entered with the MMU off in HYP or SVC. */
export function relocationImage(isa: Isa32, { before }: RelocationOptions = {}): Image32Source {
  return {
    isa,
    functions: {
      // R0: address of the next entry; R1: destination.
      *relocate() {
        yield* setR(0, yield* ldr(RELOCATION_WORDS + 4));
        yield* bx(yield* adr('walk'));
      },
      *walk({ r: [entry, destination] }) {
        const word = yield* ldr(entry);
        const address = (word & ~15) >>> 0;
        if (word & IND.DONE) return yield* bx(yield* adr('enter'));
        yield* setR(0, word & IND.INDIRECTION ? address : entry + 4);
        if (word & IND.DESTINATION) yield* setR(1, address);
        if (word & IND.SOURCE) {
          yield* setR(2, address);
          yield* setR(1, destination + PAGE_BYTES);
          yield* setR(3, 0);
          return yield* bx(yield* adr('copyPage'));
        }
        yield* bx(yield* adr('walk'));
      },
      // R1: end of the destination page; R2: source page; R3: bytes done.
      *copyPage({ r: [, end, source, done] }) {
        const chunk = PAGE_BYTES / 2;
        for (let at = done; at < done + chunk; at += 4 * GROUP_WORDS)
          yield* copyWords(source + at, end - PAGE_BYTES + at, GROUP_WORDS);
        yield* setR(3, done + chunk);
        yield* bx(yield* adr(done + chunk < PAGE_BYTES ? 'copyPage' : 'walk'));
      },
      *enter() {
        const start = yield* ldr(RELOCATION_WORDS);
        yield* setR(1, yield* ldr(RELOCATION_WORDS + 8));
        yield* setR(2, yield* ldr(RELOCATION_WORDS + 12));
        if (before && ((yield* mrs32('CPSR')) & PSR.M) !== MODE.HYP) yield* hypSoftRestart(before.abi, start);
        yield* setR(0, 0);
        yield* bx(start);
      },
    },
  };
}

/** A kernel that was handed the machine: it says so, and with HYP its own installs a stub and goes on in SVC. */
export function payloadImage(abi: HypAbi, build: StubBuild): Image32Source {
  return {
    isa: build.isa,
    vectors: { payloadStub: { hypTrap: 'stub' } },
    // So that its vectors are not where the old kernel's were.
    vectorsLast: true,
    functions: {
      *start() {
        if (((yield* mrs32('CPSR')) & PSR.M) !== MODE.HYP) return yield* bx(yield* adr('go'));
        yield* installStub(yield* adr('payloadStub'), build);
        yield* msr32('SPSR', MODE.SVC | PSR.AIF | stateBit(build.isa));
        yield* msrBanked('ELR_hyp', (yield* adr('go')) & ~1);
        yield* eret32();
      },
      *go() {
        yield* stop('the next kernel runs');
      },
      *stub() {
        yield* stubHandler(mustHave(abi, 'stub'));
      },
    },
  };
}
