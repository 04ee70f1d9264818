import { UsageError } from './errors.ts';
import type { MachineFactory } from './machine-port.ts';

/**
 * Makes the machine that `unmaskable run` runs.
 *
 * @throws UsageError `E_NO_MACHINE` while this build has none; otherwise the library's own user errors
 */
export const createMachine: MachineFactory = () => {
  throw new UsageError('E_NO_MACHINE', 'this build has no machine yet. Build a later revision of the repository.');
};
