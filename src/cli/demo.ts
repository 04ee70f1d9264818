import { demoProgram } from '../machine/demo.ts';
import { Machine } from '../machine/machine.ts';
import { MEMORY_BYTES_MIN } from '../machine/options.ts';
import type { MachinePort } from './machine-port.ts';

/** The machine of the embedded demonstration: a small guest made by our own assembler; see `src/machine/demo.ts`. */
export function createDemo(): MachinePort {
  return Machine.create({ programs: [demoProgram()], memoryBytes: MEMORY_BYTES_MIN });
}
