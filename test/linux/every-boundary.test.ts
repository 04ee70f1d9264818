import { describe, expect, it } from 'vitest';
import { PE_STATE } from '../../src/arch/pestate.ts';
import { finalCall, mrs, msr, nop, smc, writeX } from '../../src/engine/hosted/effects.ts';
import { HostedProgram } from '../../src/engine/hosted/program.ts';
import { Comparison } from '../../src/explore/compare.ts';
import { SDEI_FUNCTIONS } from '../../src/firmware/sdei/functions.ts';
import type { Machine, Snapshot } from '../../src/machine/machine.ts';
import { haveGuests, LinuxGuest } from './guest.ts';

/**
 * An SDEI event at every one of consecutive boundaries of the kernel's boot, one run for each, time standing still
 * while its handler runs. The handler is hosted code, which is there whatever the kernel has mapped: the kernel itself
 * registers no event, so event 0 is registered for it.
 */

/** Where windows begin, in steps of the boot: early code, drivers, and user space; each is moved to an exception. */
const WINDOWS = [60_000_000, 106_000_000, 125_000_000];
/** Consecutive boundaries of each. */
const BOUNDARIES = 800;
/** Steps between the last boundary and where the states are compared. */
const BEHIND = 4_000;
/** Least steps of a handler. */
const HANDLER_STEPS = 40;

/** Declared: what the exceptions to the firmware leave, which the kernel cannot read. */
const FIRMWARE_REGISTERS = ['ELR_EL3', 'SPSR_EL3', 'ESR_EL3'];

const id = (name: keyof typeof SDEI_FUNCTIONS): bigint => BigInt(SDEI_FUNCTIONS[name]);
/** X2, and a clock, of each handler that ran. */
let seen: { readonly pc: bigint; readonly clocks: readonly bigint[] }[] = [];

const PROGRAM: HostedProgram = new HostedProgram({
  functions: {
    *register() {
      yield* smc(id('SDEI_PRIVATE_RESET'));
      yield* smc(id('SDEI_EVENT_REGISTER'), 0n, PROGRAM.address('handler'), 0n, 0n, 0n);
      yield* smc(id('SDEI_EVENT_ENABLE'), 0n);
      yield* smc(id('SDEI_PE_UNMASK'));
    },
    *handler({ x }) {
      const before = yield* mrs('CNTVCT_EL0');
      for (let n = 0; n <= 17; n++) yield* writeX(n, 0xbadn);
      yield* msr('NZCV', 0x5000_0000n);
      for (let n = 0; n < HANDLER_STEPS; n++) yield* nop();
      const after = yield* mrs('CNTVCT_EL0');
      seen.push({ pc: x[2]!, clocks: [before, after] });
      yield* finalCall('smc', id('SDEI_EVENT_COMPLETE'), 0n);
    },
  },
});

/** The kernel in code of its own at EL1, as it is at the next boundary where it is. */
function toKernel(machine: Machine): void {
  machine.runUntil(() => machine.readRegister(0, 'CurrentEL') === 4n && machine.readRegister(0, 'SP') % 16n === 0n);
}
/** Half a window before the kernel takes an exception. */
function beforeException(machine: Machine): void {
  const here = machine.snapshot();
  machine.run({ steps: BOUNDARIES });
  const off = machine.on('exception', (_pe, el) => {
    if (el === 1) machine.stop();
  });
  const { reason } = machine.run({ steps: 50_000_000 });
  off();
  expect(reason).toBe('stopped');
  const { steps } = machine;
  machine.restore(here);
  machine.run({ steps: steps - BOUNDARIES / 2 - machine.steps });
  toKernel(machine);
}
const NAMES = [...Array.from({ length: 31 }, (_, n) => `X${n}`), 'SP', 'PC', 'PSTATE'];

/** Registers event 0 on behalf of the kernel: everything that the kernel could see is put back. */
function register(machine: Machine): void {
  const before = NAMES.map((name) => machine.readRegister(0, name));
  machine.writeRegister(0, 'PC', PROGRAM.address('register'));
  const back = machine.readRegister(0, 'PC');
  machine.writeRegister(0, 'X30', back - 4n);
  machine.runUntil(() => machine.readRegister(0, 'PC') === back - 4n, { steps: 100 });
  NAMES.forEach((name, n) => {
    machine.writeRegister(0, name, before[n]!);
  });
  expect(machine.sdei.state().events[0]!.handlers[0]!.state).toBe(3);
}

interface Undisturbed {
  readonly start: Snapshot;
  readonly end: Snapshot;
  readonly endNs: bigint;
  /** PC at each boundary, and whether an exclusive reservation is held there. */
  readonly boundaries: readonly { readonly pc: bigint; readonly exclusive: boolean }[];
}

function undisturbed(machine: Machine): Undisturbed {
  const start = machine.snapshot();
  const boundaries = Array.from({ length: BOUNDARIES }, () => {
    const exclusive = machine.pes[0]!.s.get32(PE_STATE.exclusiveValid) !== 0;
    const found = { pc: machine.readRegister(0, 'PC'), exclusive };
    machine.run({ steps: 1 });
    return found;
  });
  const endNs = machine.timeNs + BigInt(BEHIND);
  runTo(machine, endNs);
  return { start, end: machine.snapshot(), endNs: machine.timeNs, boundaries };
}
function runTo(machine: Machine, endNs: bigint): void {
  machine.atTimeNs(endNs, () => machine.stop());
  expect(machine.run({ steps: 1_000_000 }).reason).toBe('stopped');
}

describe.skipIf(!haveGuests)(
  'an event at every boundary of the boot (needs scripts/guests.mjs to have run)',
  { timeout: 300_000 },
  () => {
    const guest = haveGuests ? new LinuxGuest({ cpu: 'full', machine: { hosted: PROGRAM } }) : undefined;
    const total = { boundaries: 0, exclusive: 0, exceptions: 0, places: new Set<bigint>() };

    it.each(WINDOWS)('from step %i on: same end, and X2 is the PC of the undisturbed run', (from) => {
      const { machine } = guest!;
      machine.run({ steps: from - machine.steps });
      beforeException(machine);
      const goOn = machine.snapshot();
      register(machine);
      const off = machine.on('exception', (_pe, el) => {
        if (el === 1) total.exceptions++;
      });
      const plain = undisturbed(machine);
      off();
      const compare = new Comparison(
        machine,
        { registers: FIRMWARE_REGISTERS },
        { symbolize: () => undefined, most: 5 },
      );
      plain.boundaries.forEach(({ pc, exclusive }, n) => {
        seen = [];
        machine.restore(plain.start);
        machine.run({ steps: n });
        machine.freezeNext(0);
        expect(machine.sdei.signal(0)).toBe(true);
        runTo(machine, plain.endNs);
        total.boundaries++;
        total.places.add(pc);
        const [ran] = seen;
        expect([seen.length, ran!.pc, ran!.clocks[1]], `boundary ${n}`).toEqual([1, pc, ran!.clocks[0]]);
        // There the STXR fails and its loop goes round once more: as it would behind any interrupt.
        if (exclusive) total.exclusive++;
        else expect(compare.differences(plain.end, true), `boundary ${n}`).toEqual([]);
      });
      machine.restore(goOn);
    });

    it('were some thousand different places, hardly any of them inside an exclusive sequence', () => {
      expect(total.boundaries).toBe(WINDOWS.length * BOUNDARIES);
      expect(total.places.size).toBeGreaterThan(total.boundaries / 10);
      expect(total.exclusive).toBeLessThan(total.boundaries / 20);
      expect(total.exceptions).toBeGreaterThanOrEqual(WINDOWS.length);
      const { boundaries, places, exclusive, exceptions } = total;
      const counts = `${boundaries} boundaries at ${places.size} PCs, ${exclusive} with a reservation`;
      console.log(`${counts}; ${exceptions} exceptions of the kernel up to where states are compared`);
    });
  },
);
