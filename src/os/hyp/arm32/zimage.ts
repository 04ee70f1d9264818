/**
 * The decompressor of a compressed kernel that is entered in HYP: its own stub, its move, its way back to HYP.
 *
 * Linux, `arch/arm/boot/compressed/head.S`. Decompression is a copy here.
 */
import { hypAbi } from '../abi.ts';
import {
  adr,
  bx,
  copyWords,
  eret32,
  type Hosted32,
  hvc32,
  mcr,
  mrc,
  mrs32,
  msr32,
  msrBanked,
  readR,
  setR,
} from './effects.ts';
import { Machine32 } from './machine.ts';
import { Program32 } from './program.ts';
import { MODE, PSR } from './psr.ts';
import { payloadImage } from './restart.ts';
import { mustHave, stubHandler } from './stub.ts';

/** Where it is loaded, where it moves to, and where the kernel goes: over the place it came from. */
export const ZIMAGE = {
  loadedPa: 0x4020_0000,
  movedPa: 0x4020_0800,
  kernelPa: 0x4020_0000,
  packedPa: 0x4600_0000,
} as const;

/** How it is built. */
export interface ZImageOptions {
  readonly mode: 'HYP' | 'SVC';
  /** SET_VECTORS with the future address before the move; default true. */
  readonly tells?: boolean;
}

/** From the last group of words to the first, for the new place lies above the old one and they overlap. */
function* copyDown(from: number, to: number, sizeBytes: number, again: string): Hosted32<boolean> {
  const done = yield* readR(4);
  const chunk = Math.min(sizeBytes - done, 32 * 32);
  for (let at = 0; at < chunk; at += 32) {
    const offset = sizeBytes - done - at - 32;
    yield* copyWords(from + offset, to + offset, 8);
  }
  yield* setR(4, done + chunk);
  if (done + chunk >= sizeBytes) return true;
  yield* bx(yield* adr(again));
  return false;
}

/** A machine that is about to run the decompressor. */
export function zImageMachine({ mode, tells = true }: ZImageOptions): Machine32 {
  const abi = hypAbi('arm 5.7');
  const stub = mustHave(abi, 'zImage');
  const hyp = mode === 'HYP';
  const size = (name: string): number => program.image(name).sizeBytes;
  const program: Program32 = new Program32({
    zImage: {
      isa: 'A32',
      vectors: { stubVectors: { hypTrap: 'stub' }, reentryVectors: { hypTrap: 'enterKernel' } },
      functions: {
        *enter() {
          if (((yield* mrs32('CPSR')) & PSR.M) !== MODE.HYP) return yield* bx(yield* adr('run'));
          yield* mcr('HVBAR', yield* adr('stubVectors'));
          yield* mcr('HSCTLR', 0);
          yield* msr32('SPSR', MODE.SVC | PSR.AIF);
          yield* msrBanked('ELR_hyp', yield* adr('run'));
          yield* eret32();
        },
        *run() {
          const future = program.image('zImage').address('stubVectors', ZIMAGE.movedPa);
          if (hyp && tells) yield* hvc32(0, future);
          yield* setR(4, 0);
          yield* bx(yield* adr('move'));
        },
        *move() {
          if (!(yield* copyDown(ZIMAGE.loadedPa, ZIMAGE.movedPa, size('zImage'), 'move'))) return;
          yield* setR(4, 0);
          yield* bx(program.image('zImage').address('decompress', ZIMAGE.movedPa));
        },
        *decompress() {
          if (!(yield* copyDown(ZIMAGE.packedPa, ZIMAGE.kernelPa, size('next'), 'decompress'))) return;
          yield* bx(yield* adr(hyp ? 'backToHyp' : 'enterKernel'));
        },
        *backToHyp() {
          yield* hvc32(0, yield* adr('reentryVectors'));
          yield* hvc32(0);
        },
        *enterKernel() {
          yield* mrc('MIDR');
          yield* bx(program.image('next').address('start', ZIMAGE.kernelPa));
        },
        *stub() {
          yield* stubHandler(stub);
        },
      },
    },
    next: payloadImage(abi, { isa: 'A32' }),
  });
  const machine = new Machine32({ program, landmarks: ['next.start', 'zImage.decompress'] });
  machine.place('zImage', ZIMAGE.loadedPa);
  machine.place('next', ZIMAGE.packedPa);
  machine.powerOn(0, { pc: program.image('zImage').address('enter', ZIMAGE.loadedPa), mode: MODE[mode] });
  return machine;
}

/** HYP would answer now: its vector is a branch, and what that leads to is code. */
export function hypAnswers({ memory, program, cpus }: Machine32): boolean {
  const slot = cpus[0]!.cp32('HVBAR') + 0x14;
  const branch = program.decode(memory.word(slot), false);
  if (branch?.kind !== 'branch' || branch.offset === 0) return false;
  const target = program.decode(memory.word(slot + branch.offset), false);
  return target?.kind === 'code' && target.index === 0;
}
