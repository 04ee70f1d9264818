/** What a hand-over leads to: the crash kernel, the next kernel, and the code that copies the next one's pages. */
import {
  branch,
  finalCall,
  type Hosted,
  load,
  loadPair,
  mrs,
  store,
  storePair,
  writeX,
} from '../../engine/hosted/effects.ts';
import type { HostedFunction } from '../../engine/hosted/program.ts';
import { PSCI_FUNCTIONS } from '../../firmware/psci/functions.ts';
import { ARRIVAL, ARRIVAL_PA, CONTROL, CRASH_PA, IMAGE_BYTES, IMAGE_PA, KERNEL, SOURCE_PA } from './layout.ts';
import { synchronizeText, writeVeneer } from './text.ts';

/** Flags of an entry of the list of pages. Linux, `linux/kexec.h`. */
export const IND = { DESTINATION: 1n, INDIRECTION: 2n, DONE: 4n, SOURCE: 8n } as const;
const IND_FLAGS = 15n;
const PAGE = 0x1000n;

/** Functions that have addresses: both kernels and the relocation. */
export function payloadFunctions(): Record<string, HostedFunction> {
  return {
    *hypNext({ x }) {
      yield* arrive(KERNEL.next, x);
    },
    *hypCrash({ x }) {
      yield* arrive(KERNEL.crash, x);
    },
    // X0 the list, X1 the kernel, X2 its device tree. MMU off, and at EL2 where the kernel is to be.
    *hypRelocate({ x }) {
      yield* copyPages(x[0]!);
      yield* enterKernel(x[1]!, x[2]!);
    },
  };
}

/** The first thing a kernel does here: it writes down what it found, and goes off. */
function* arrive(kernel: bigint, x: readonly bigint[]): Hosted {
  const el = (yield* mrs('CurrentEL')) >> 2n;
  const words: Partial<Record<keyof typeof ARRIVAL, bigint>> = {
    count: (yield* load(ARRIVAL_PA)) + 1n,
    kernel,
    el,
    x0: x[0]!,
    x1: x[1]!,
    x2: x[2]!,
    x3: x[3]!,
    daif: yield* mrs('DAIF'),
    sctlr: yield* mrs(`SCTLR_EL${el}`),
  };
  for (const [name, value] of Object.entries(words))
    yield* store(ARRIVAL_PA + ARRIVAL[name as keyof typeof ARRIVAL], value);
  yield* finalCall('smc', BigInt(PSCI_FUNCTIONS.SYSTEM_OFF.id));
}

/** X0 the device tree, X1 to X3 zero. Linux, `Documentation/arch/arm64/booting.rst`. */
function* enterKernel(entryPa: bigint, dtbPa: bigint): Hosted {
  for (const [n, value] of [dtbPa, 0n, 0n, 0n].entries()) yield* writeX(n, value);
  yield* branch(entryPa);
}

/** Walks the list and copies. Linux, `arm64_relocate_new_kernel`. */
export function* copyPages(list: bigint): Hosted {
  let [at, destination] = [list, 0n];
  for (;;) {
    const entry = yield* load(at);
    at += 8n;
    const pa = entry & ~IND_FLAGS;
    if (entry & IND.DONE) break;
    if (entry & IND.INDIRECTION) at = pa;
    else if (entry & IND.DESTINATION) destination = pa;
    else if (entry & IND.SOURCE) {
      for (let offset = 0n; offset < PAGE; offset += 16n) {
        yield* loadPair(6, pa + offset);
        yield* storePair(6, destination + offset);
      }
      destination += PAGE;
    }
  }
  yield* synchronizeText();
}

/** Puts an image that is to lie over this kernel's into the pages where it waits, and the list of them. */
export function* writeNextImage(nextVa: bigint): Hosted {
  const pages = IMAGE_BYTES / PAGE;
  yield* writeVeneer(SOURCE_PA, nextVa);
  // Two pages of list, so that the second kind of entry is there as well.
  const more = CONTROL.list + 0x800n;
  const words: bigint[] = [IMAGE_PA | IND.DESTINATION];
  for (let n = 0n; n < pages; n++) words.push((SOURCE_PA + n * PAGE) | IND.SOURCE);
  const [head, tail] = [words.slice(0, 3), [...words.slice(3), IND.DONE]];
  for (const [n, word] of [...head, more | IND.INDIRECTION].entries()) yield* store(CONTROL.list + BigInt(8 * n), word);
  for (const [n, word] of tail.entries()) yield* store(more + BigInt(8 * n), word);
}
/** Puts the crash kernel where it runs. */
export function* writeCrashImage(crashVa: bigint): Hosted {
  yield* writeVeneer(CRASH_PA, crashVa);
}
