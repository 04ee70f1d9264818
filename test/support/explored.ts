import { finalCall, type Hosted, load, smc, store, unlock } from '../../src/engine/hosted/effects.ts';
import { type HostedFunction, HostedProgram, type HostedVectors } from '../../src/engine/hosted/program.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';

/** Where guests keep what they keep. */
export const RAM = 0x4000_0000n;
export const WORD = (n: number): bigint => RAM + 0x1000n + BigInt(n) * 8n;
/** What only handlers write: it is declared to differ. */
export const HANDLER_PAGE = RAM + 0x3000n;

const SDEI = { REGISTER: 0xc400_0021n, ENABLE: 0xc400_0022n, COMPLETE: 0xc400_0025n, UNMASK: 0xc400_002cn } as const;
const PSCI = { CPU_ON: 0xc400_0003n, CPU_OFF: 0x8400_0002n, SYSTEM_OFF: 0x8400_0008n } as const;

/** A machine that runs TypeScript; PE 0 starts with the first function. */
export function hostedMachine(
  functions: Readonly<Record<string, HostedFunction>>,
  { vectors, ...more }: MachineOptions & { readonly vectors?: Readonly<Record<string, HostedVectors>> } = {},
): Machine {
  return Machine.create({
    hosted: new HostedProgram({ functions, ...(vectors && { vectors }) }),
    entry: Object.keys(functions)[0]!,
    memoryBytes: 16 * 2 ** 20,
    ...more,
  });
}

/** Registers an SDEI handler and lets events in. */
export function* listen(event: bigint, handler: bigint): Hosted {
  yield* smc(SDEI.REGISTER, event, handler, 0n, 0n, 0n);
  yield* smc(SDEI.ENABLE, event);
  yield* smc(SDEI.UNMASK);
}
/** Ends an SDEI handler. */
export function* complete(): Hosted {
  yield* finalCall('smc', SDEI.COMPLETE, 0n);
}
export function* powerOff(): Hosted {
  yield* smc(PSCI.SYSTEM_OFF);
}
export function* cpuOn(pe: number, entry: bigint): Hosted {
  yield* smc(PSCI.CPU_ON, BigInt(pe), entry, 0n);
}
export function* cpuOff(): Hosted {
  yield* smc(PSCI.CPU_OFF);
}
/** Adds to a word as an operating system must not where others do too. */
export function* addTo(va: bigint, n = 1n): Hosted {
  const v = yield* load(va);
  yield* store(va, v + n);
}
export function* print(text: string): Hosted {
  for (const c of new TextEncoder().encode(text)) yield* store(0x0900_0000n, BigInt(c), 4);
}
export { unlock };

/** A word of RAM. */
export const word = (m: Machine, pa: bigint): bigint =>
  new DataView(m.readMemory(pa, 8).slice().buffer).getBigUint64(0, true);
