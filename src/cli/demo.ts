import { UsageError } from './errors.ts';
import type { MachinePort } from './machine-port.ts';

/**
 * The machine of the embedded demonstration: a small guest made by our own assembler, which takes timer interrupts,
 * writes to the console and powers off.
 *
 * @throws UsageError `E_NO_DEMO` while this build has none
 */
export function createDemo(): MachinePort {
  throw new UsageError(
    'E_NO_DEMO',
    'this build has no embedded demonstration yet. Boot a kernel: unmaskable run --kernel FILE [--initrd FILE].',
  );
}
