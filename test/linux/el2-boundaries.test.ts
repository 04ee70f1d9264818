import { describe, expect, it } from 'vitest';
import { PE_STATE } from '../../src/arch/pestate.ts';
import { finalCall, mrs, msr, nop, smc, writeX } from '../../src/engine/hosted/effects.ts';
import { HostedProgram } from '../../src/engine/hosted/program.ts';
import { Comparison } from '../../src/explore/compare.ts';
import { SDEI_FUNCTIONS } from '../../src/firmware/sdei/functions.ts';
import type { Machine, Snapshot } from '../../src/machine/machine.ts';
import { buildVmm, haveCompiler } from '../support/kvm-vmm.ts';
import { archive, haveGuests, LinuxGuest } from './guest.ts';

/**
 * An SDEI event at every one of consecutive boundaries around the entry to a guest of KVM and the exit from it, one run
 * for each, time standing still in the handler: the world switch, during which the registers of two worlds are mixed.
 * The handler is hosted code at EL2, and uses none of the stacks and per-CPU data that are being switched.
 */

/** Boundaries before a change of worlds, and behind it. */
const BEFORE = 350;
const BEHIND = 150;
/** Steps between the last boundary and where the states are compared. */
const SETTLE = 4_000;
const HANDLER_STEPS = 20;
/** How often the guest is entered before the one that is looked at: it is running then. */
const ENTRIES = 40;
/** Declared: what the exceptions to the firmware leave, which the kernel cannot read. */
const FIRMWARE_REGISTERS = ['ELR_EL3', 'SPSR_EL3', 'ESR_EL3'];

const id = (name: keyof typeof SDEI_FUNCTIONS): bigint => BigInt(SDEI_FUNCTIONS[name]);
/** X2 and X3 of each handler that ran. */
let seen: { readonly pc: bigint; readonly el: bigint }[] = [];

const PROGRAM: HostedProgram = new HostedProgram({
  functions: {
    *register() {
      yield* smc(id('SDEI_EVENT_REGISTER'), 0n, PROGRAM.address('handler'), 0n, 0n, 0n);
      yield* smc(id('SDEI_EVENT_ENABLE'), 0n);
      yield* smc(id('SDEI_PE_UNMASK'));
    },
    *handler({ x }) {
      const el = (yield* mrs('CurrentEL')) >> 2n;
      for (let n = 0; n <= 17; n++) yield* writeX(n, 0xbadn);
      yield* msr('NZCV', 0x5000_0000n);
      for (let n = 0; n < HANDLER_STEPS; n++) yield* nop();
      expect(el).toBe(2n);
      seen.push({ pc: x[2]!, el: (x[3]! >> 2n) & 3n });
      yield* finalCall('smc', id('SDEI_EVENT_COMPLETE'), 0n);
    },
  },
});

const NAMES = [...Array.from({ length: 31 }, (_, n) => `X${n}`), 'SP', 'PC', 'PSTATE'];
/** Registers event 0 on behalf of the host, which is at EL2: everything that it could see is put back. */
function register(machine: Machine): void {
  machine.runUntil(() => machine.readRegister(0, 'CurrentEL') === 8n && machine.readRegister(0, 'SP') % 16n === 0n);
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

/** The first step from here on before which the PE is in the guest (`inside`), or no longer. */
function stepOfChange(machine: Machine, inside: boolean): number {
  const isInside = (): boolean => machine.pes[0]!.s.el === 1;
  machine.runUntil(() => isInside() === inside, { steps: 5_000_000 });
  expect(isInside()).toBe(inside);
  return machine.steps;
}
function runTo(machine: Machine, endNs: bigint): void {
  machine.atTimeNs(endNs, () => machine.stop());
  expect(machine.run({ steps: 1_000_000 }).reason).toBe('stopped');
}
/** Boundaries without the event: PC, Exception level, whether an exclusive reservation is held. */
function undisturbed(machine: Machine) {
  const start = machine.snapshot();
  const boundaries = Array.from({ length: BEFORE + BEHIND }, () => {
    const { s } = machine.pes[0]!;
    const found = { pc: s.pc, el: BigInt(s.el), exclusive: s.get32(PE_STATE.exclusiveValid) !== 0 };
    machine.run({ steps: 1 });
    return found;
  });
  runTo(machine, machine.timeNs + BigInt(SETTLE));
  return { start, boundaries, end: machine.snapshot(), endNs: machine.timeNs };
}

describe.skipIf(!haveGuests || !haveCompiler)(
  'an event at every boundary of a world switch of KVM (needs scripts/guests.mjs, aarch64-linux-gnu-gcc)',
  { timeout: 300_000 },
  () => {
    let guest: LinuxGuest | undefined;
    let running: Snapshot | undefined;

    /** In the host, some time before a change of worlds; `inside`: into the guest. */
    const before = (inside: boolean): Machine => {
      if (!guest || !running) {
        const archives = [archive([{ path: 'bin/vmm', mode: 0o100755, bytes: buildVmm() }])];
        guest = new LinuxGuest({ cpu: 'full', archives, machine: { el2: true, hosted: PROGRAM } });
        guest.untilPrompt();
        guest.machine.console.input(new TextEncoder().encode('vmm\n'));
        for (let n = 0; n < ENTRIES; n++) {
          stepOfChange(guest.machine, true);
          stepOfChange(guest.machine, false);
        }
        register(guest.machine);
        running = guest.machine.snapshot();
      }
      const { machine } = guest;
      machine.restore(running);
      stepOfChange(machine, true);
      const change = inside ? machine.steps : stepOfChange(machine, false);
      machine.restore(running);
      machine.run({ steps: change - machine.steps - (inside ? BEFORE : BEHIND) });
      return machine;
    };

    it.each([
      ['entry', true],
      ['exit', false],
    ])('of the %s: same end, and X2 and X3 are what was interrupted', (_name, inside) => {
      const machine = before(inside);
      const plain = undisturbed(machine);
      const options = { symbolize: () => undefined, most: 5 };
      const compare = new Comparison(machine, { registers: FIRMWARE_REGISTERS }, options);
      plain.boundaries.forEach(({ pc, el, exclusive }, n) => {
        seen = [];
        machine.restore(plain.start);
        machine.run({ steps: n });
        machine.freezeNext(0);
        expect(machine.sdei.signal(0)).toBe(true);
        runTo(machine, plain.endNs);
        expect(seen, `boundary ${n}`).toEqual([{ pc, el }]);
        if (!exclusive) expect(compare.differences(plain.end, true), `boundary ${n}`).toEqual([]);
      });
      const levels = plain.boundaries.map(({ el }) => el);
      expect([levels.includes(1n), levels.includes(2n)]).toEqual([true, true]);
      const exclusive = plain.boundaries.filter((b) => b.exclusive).length;
      console.log(
        `${levels.length} boundaries, ${levels.filter((el) => el === 1n).length} of them in the guest, ${exclusive} with a reservation`,
      );
      expect(exclusive).toBeLessThan(20);
    });
  },
);
