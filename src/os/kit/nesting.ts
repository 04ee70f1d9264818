/** How deep a CPU is in interrupts and NMIs, counted in its area. */
import { type Hosted, load, store } from '../../engine/hosted/effects.ts';
import type { Cpu } from './cpu.ts';
import { AREA } from './layout.ts';

/** The CPU is in an NMI, or in something as urgent. */
export function* inNmi(cpu: Cpu): Hosted<boolean> {
  return (yield* load(cpu.at(AREA.nmiDepth))) !== 0n;
}
/** Counts an NMI in; `nmiExit` counts it out. */
export function* nmiEnter(cpu: Cpu): Hosted {
  yield* store(cpu.at(AREA.nmiDepth), (yield* load(cpu.at(AREA.nmiDepth))) + 1n);
}
/** See `nmiEnter`. */
export function* nmiExit(cpu: Cpu): Hosted {
  yield* store(cpu.at(AREA.nmiDepth), (yield* load(cpu.at(AREA.nmiDepth))) - 1n);
}
