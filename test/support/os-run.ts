/** Kernels of the kit on machines, for tests. */
import type { Hosted } from '../../src/hosted.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';
import type { Kernel, KernelFunction } from '../../src/os/kit/kernel.ts';

/** `main` and what else a kernel has. */
export type Functions = { readonly main: KernelFunction } & Readonly<Record<string, KernelFunction>>;

/** A kernel on a machine, and what it has written so far. */
export interface OsRun {
  readonly machine: Machine;
  text(): string;
  word(pa: bigint): bigint;
}

/** A machine with the kernel, not yet run. */
export function osMachine(kernel: Kernel, functions: Functions, options: MachineOptions = {}): OsRun {
  const { cpus, gic } = kernel.options;
  const hosted = kernel.program(functions);
  const machine = Machine.create({ hosted, entry: kernel.entry, cpus, gic, memoryBytes: 16 * 2 ** 20, ...options });
  let text = '';
  machine.console.onOutput((bytes) => {
    text += new TextDecoder().decode(bytes);
  });
  const word = (pa: bigint): bigint => new DataView(machine.readMemory(pa, 8).slice().buffer).getBigUint64(0, true);
  return { machine, text: () => text, word };
}

/** Runs a kernel until it powers off: what it has written, and the reason when it ended otherwise. */
export function osText(kernel: Kernel, functions: Functions, options: MachineOptions = {}, steps = 2_000_000): string {
  const { machine, text } = osMachine(kernel, functions, options);
  const { reason } = machine.run({ steps });
  return reason === 'poweroff' ? text() : `${text()}[${reason}]`;
}

/** Whether and how a result of the kernel is printed: its functions `main` of one line. */
export const prints = (f: (cpu: Parameters<KernelFunction>[0]) => Hosted<unknown>): Functions => ({
  *main(cpu) {
    yield* cpu.print(String(yield* f(cpu)));
  },
});
