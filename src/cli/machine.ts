import { Machine } from '../machine/machine.ts';
import type { MachineFactory } from './machine-port.ts';

/**
 * Makes the machine that `unmaskable run` runs.
 *
 * @throws MachineError or BootError when the request is impossible; both count as the user's mistake
 */
export const createMachine: MachineFactory = (request) => Machine.create(request);
