import { describe, expect, it } from 'vitest';
import { CODEC } from '../../test/support/codec.ts';
import {
  addTo,
  complete,
  HANDLER_PAGE,
  hostedMachine,
  listen,
  powerOff,
  WORD,
  word,
} from '../../test/support/explored.ts';
import { store } from '../engine/hosted/effects.ts';
import type { Machine } from '../machine/machine.ts';
import { handOver, machineOfHanded } from '../machine/snapshot-file/handed.ts';
import { sdei } from './events.ts';
import { runPoint } from './explore.ts';
import { Explorer } from './explorer.ts';
import { handRun, receivedUnit, runOfHanded, sentUnit } from './handed.ts';
import type { ExploreOptions } from './types.ts';
import { knownRun } from './window.ts';

/** A guest that counts, a handler that counts as well, and then the end. */
function counting(): Machine {
  const machine: Machine = hostedMachine({
    *main() {
      yield* listen(0n, machine.options.hosted!.address('handler'));
      yield* store(WORD(9), 1n);
      for (let n = 0; n < 12; n++) yield* addTo(WORD(0));
      yield* powerOff();
    },
    *handler() {
      yield* addTo(WORD(0));
      yield* complete();
    },
  });
  machine.runUntil((m) => word(m, WORD(9)) === 1n);
  return machine;
}

const CASES: readonly (readonly [string, Partial<ExploreOptions>])[] = [
  ['a window to its end', {}],
  ['an end so many steps behind it', { window: { to: { steps: 9 } }, end: { settleSteps: 5 } }],
  ['pairs', { window: { to: { steps: 6 } }, pairs: { inside: true, afterSteps: 3 } }],
  ['what is ignored', { ignore: { memory: [{ addrPa: HANDLER_PAGE, sizeBytes: 4096 }] } }],
];

describe('an exploration on another thread', () => {
  it.each(CASES)('says what the first one says, though it never looked for the window: %s', (_, more) => {
    const options = { window: {}, events: [sdei(0)], ...more };
    const machine = counting();
    const snapshot = machine.snapshot();
    const first = new Explorer(machine, options);
    const known = structuredClone(handRun(knownRun(first.baseline, first.watch)));
    const given = { hosted: machine.options.hosted };
    const there = machineOfHanded(structuredClone(handOver(machine, snapshot, CODEC)), given, CODEC);
    const second = new Explorer(there, options, undefined, runOfHanded(known));
    expect(second.baseline.points).toEqual(first.baseline.points);
    expect(second.baseline.checkpoints.map(({ step }) => step)).toEqual(
      first.baseline.checkpoints.map(({ step }) => step),
    );
    for (const { index } of [...first.baseline.points].reverse()) {
      const sent = structuredClone(sentUnit(second, runPoint(second, index)));
      expect(receivedUnit(first, sent)).toEqual(runPoint(first, index));
    }
  });

  it('is refused by a machine in another state', () => {
    const machine = counting();
    const first = new Explorer(machine, { window: {}, events: [sdei(0)] });
    const known = knownRun(first.baseline, first.watch);
    const other = counting();
    other.writeMemory(WORD(0), Uint8Array.of(7));
    other.writeRegister(0, 'X20', 5n);
    expect(() => new Explorer(other, { window: {}, events: [sdei(0)] }, undefined, known)).toThrow(/^assertion: /);
  });
});
