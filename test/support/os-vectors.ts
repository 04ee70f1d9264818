/** Kernels of the kit with vectors of a test beside their own. */
import { HostedProgram } from '../../src/hosted.ts';
import type { Kernel } from '../../src/os/kit/kernel.ts';
import type { Functions } from './os-run.ts';

const KIT = { sync: 'kitSync', irq: 'kitIrq', fiq: 'kitFiq', serror: 'kitSerror' };

/** The program of a kernel, with more vectors; functions for them come from `kernel.addFunction`. */
export function programWithVectors(
  kernel: Kernel,
  functions: Functions,
  vectors: ConstructorParameters<typeof HostedProgram>[0]['vectors'],
): HostedProgram {
  const own = kernel.program(functions);
  // The same names in the same order: addresses are those that the kernel knows.
  return new HostedProgram({
    functions: Object.fromEntries(own.functions),
    vectors: { kit: { currentSp0: KIT, currentSpx: KIT, lower64: KIT, lower32: KIT }, ...vectors },
  });
}
