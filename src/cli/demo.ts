import { Story } from '../machine/demo/story.ts';
import type { MachinePort } from './machine-port.ts';

/**
 * The machine of the embedded demonstration: a small operating system in TypeScript, to which errors happen; see
 * `src/machine/demo`. What it says on its console is told as a story.
 */
export function createDemo(): MachinePort {
  const listeners: ((bytes: Uint8Array) => void)[] = [];
  const early: string[] = [];
  const encoder = new TextEncoder();
  const { machine } = new Story((text) => {
    if (listeners.length === 0) early.push(text);
    for (const listener of listeners) listener(encoder.encode(text));
  });
  return {
    run(limits) {
      for (const text of early.splice(0)) for (const listener of listeners) listener(encoder.encode(text));
      return machine.run(limits);
    },
    get steps() {
      return machine.steps;
    },
    get timeNs() {
      return machine.timeNs;
    },
    digest: () => machine.digest(),
    reset: () => machine.reset(),
    console: { onOutput: (listener) => void listeners.push(listener), input: (bytes) => machine.console.input(bytes) },
    at: (step, action) => machine.at(step, action),
    atTimeNs: (timeNs, action) => machine.atTimeNs(timeNs, action),
    stop: () => machine.stop(),
    get inputPossible() {
      return machine.inputPossible;
    },
    set inputPossible(possible) {
      machine.inputPossible = possible;
    },
    nextDueNs: () => machine.nextDueNs(),
    log: machine.log,
  };
}
