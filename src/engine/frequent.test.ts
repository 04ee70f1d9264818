import { describe, expect, it } from 'vitest';
import { FlatMachine } from '../../test/support/flat.ts';
import { Rng } from '../../test/support/rng.ts';
import { ARCHITECTURAL_BYTES, PE_STATE } from '../arch/pestate.ts';
import { Decoder } from '../isa/decoder.ts';
import { A64 } from '../isa/table.ts';
import { FREQUENT_WORDS } from './frequent.ts';
import { RAM_BASE } from './records.ts';

const RAM_BYTES = 1 << 20;
const CODE_VA = 0x1000;
const DATA_VA = 0x8000;
const DATA_BYTES = 0x1000;

const decoder = new Decoder(A64, new Set());

/** One machine with everything built in, and one with nothing. */
const machines = [undefined, []].map((frequent) => new FlatMachine(RAM_BYTES, 0, RAM_BYTES, A64, false, frequent));

/** Puts a program and a random state, whose addresses are mostly good ones, into a machine. */
function put({ memory, events }: FlatMachine, program: readonly number[], seed: string): void {
  const rng = new Rng(seed);
  const { view, u8 } = memory;
  u8.fill(0, 0, ARCHITECTURAL_BYTES);
  for (let n = 0; n < 33; n++) {
    if (n === 31) continue;
    const value = rng.percent(75) ? BigInt(DATA_VA + 16 * rng.below(DATA_BYTES / 32)) : rng.pick([0n, 3n, rng.u64()]);
    view.setBigUint64(n * 8, value, true);
  }
  const code = new Uint8Array(4 * program.length);
  program.forEach((word, n) => {
    new DataView(code.buffer).setUint32(4 * n, word, true);
  });
  memory.write(CODE_VA, code);
  memory.write(
    DATA_VA,
    Uint8Array.from({ length: DATA_BYTES }, () => rng.below(256)),
  );
  view.setInt32(PE_STATE.EL.offset, 1, true);
  view.setInt32(PE_STATE.NZCV.offset, rng.below(16) << 28, true);
  view.setBigUint64(PE_STATE.PC.offset, BigInt(CODE_VA), true);
  events.length = 0;
}
/** All that a guest or a debugger could see. */
function seen({ memory: { u8 }, events }: FlatMachine): readonly unknown[] {
  const hex = (from: number, bytes: number): string => Buffer.from(u8.slice(from, from + bytes)).toString('hex');
  return [hex(0, ARCHITECTURAL_BYTES), hex(RAM_BASE + DATA_VA, DATA_BYTES), structuredClone(events)];
}
/** The words with other registers, now and then. */
const varied = (rng: Rng, word: number): number => (rng.percent(50) ? word : (word ^ (rng.below(1024) & 0x3ff)) >>> 0);

describe('what is built into the run loop', () => {
  it('are instructions, and few enough for the loop to stay small', () => {
    for (const word of FREQUENT_WORDS) expect(decoder.find(word), word.toString(16)).toBeDefined();
    expect(new Set(FREQUENT_WORDS).size).toBe(FREQUENT_WORDS.length);
    expect(FREQUENT_WORDS.length).toBeLessThanOrEqual(128);
  });

  it('is as many shapes as there are words: none stands there twice', () => {
    expect(machines.map(({ engine }) => engine.handlers)).toEqual([FREQUENT_WORDS.length, 0]);
  });

  it.each(FREQUENT_WORDS.map((word) => [decoder.find(word)!.name, word]))(
    '%s (%i) does what its handler does',
    (_, word) => {
      for (let n = 0; n < 8; n++) {
        const [builtIn, handler] = machines.map((machine) => {
          put(machine, [word], `word ${n}`);
          return [machine.engine.run(0, 1), ...seen(machine)];
        });
        expect(builtIn).toEqual(handler);
      }
    },
  );

  it.each([1, 2, 3, 4, 5, 6])('programs of them end the same, however steps are granted (seed %i)', (seed) => {
    const rng = new Rng(`programs ${seed}`);
    for (let round = 0; round < 20; round++) {
      const program = Array.from({ length: 200 }, () => varied(rng, rng.pick(FREQUENT_WORDS)));
      const grants = Array.from({ length: 30 }, () => rng.pick([1, 2, 7, 40]));
      const [builtIn, handler] = machines.map((machine) => {
        put(machine, program, `state ${seed} ${round}`);
        return grants.map((steps) => [machine.engine.run(0, steps), ...seen(machine)]);
      });
      expect(builtIn).toEqual(handler);
    }
  });
});
