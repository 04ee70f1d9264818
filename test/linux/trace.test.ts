import { describe, expect, it } from 'vitest';
import { laneNamed, type TraceLane, type TraceSlice } from '../support/perfetto-slices.ts';
import { Traced } from '../support/trace-guests.ts';
import { haveGuests, LinuxGuest, TROUBLE } from './guest.ts';

/** The SDEI driver's probe is over. */
const PROBED_STEPS = 130_000_000;

const boot = (): LinuxGuest =>
  new LinuxGuest({ cpu: 'full', cpus: 2, machine: { append: 'earlycon console=ttyAMA0' } });

/** Lines of SDEI and PSCI calls without step and time. */
const calls = (traced: Traced, pattern: RegExp): string[] =>
  traced.lines.filter((line) => pattern.test(line)).map((line) => line.replace(/call {6}/, ''));

function names(slices: readonly TraceSlice[], into = new Map<string, number>()): Map<string, number> {
  for (const { name, inside } of slices) {
    into.set(name, (into.get(name) ?? 0) + 1);
    names(inside, into);
  }
  return into;
}

/** How deep slices of a lane are nested. */
function depth(slices: readonly TraceSlice[]): number {
  return slices.reduce((most, { inside }) => Math.max(most, 1 + depth(inside)), 0);
}

function checkLanes(lanes: readonly TraceLane[]): void {
  for (const pe of ['PE 0', 'PE 1']) {
    const el1 = names(laneNamed(lanes, pe, 'EL1').slices);
    for (const name of ['SupervisorCall', 'DataAbortLowerEL', 'InstructionAbortLowerEL', 'IRQ'])
      expect(el1.get(name), `${pe} ${name}`).toBeGreaterThan(20);
    expect(laneNamed(lanes, pe, 'EL0').slices.length).toBeGreaterThan(100);
    // Entries whose return was not found would pile up.
    expect(depth(laneNamed(lanes, pe, 'EL1').slices)).toBeLessThan(12);
    expect(laneNamed(lanes, pe, 'EL1').instants.length).toBeLessThan(50);
    expect(names(laneNamed(lanes, pe, 'interrupts').slices).get('27 CNTV')).toBeGreaterThan(5);
    expect(names(laneNamed(lanes, pe, 'power').slices).get('WFI')).toBeGreaterThan(5);
  }
}

describe.skipIf(!haveGuests)(
  "a trace of Debian's kernel (needs scripts/guests.mjs to have run)",
  { timeout: 300_000 },
  () => {
    it('shows what the SDEI driver does at its start, and does not change the run', () => {
      const [plain, guest] = [boot(), boot()];
      plain.machine.run({ steps: PROBED_STEPS });
      const traced = new Traced(guest.machine);
      guest.machine.run({ steps: PROBED_STEPS });
      expect(guest.machine.digest()).toBe(plain.machine.digest());
      expect(calls(traced, /SDEI|CPU_ON/)).toEqual([
        expect.stringMatching(
          /^PE0 EL1 CPU_ON64\(target_cpu 1, entry_point_address 0x[0-9a-f]+, context_id 0\) = SUCCESS/,
        ),
        'PE0 EL1 SDEI_VERSION() = 1.0',
        'PE0 EL1 SDEI_PRIVATE_RESET() = SUCCESS',
        'PE1 EL1 SDEI_PRIVATE_RESET() = SUCCESS',
        'PE0 EL1 SDEI_SHARED_RESET() = SUCCESS',
        'PE0 EL1 SDEI_PE_UNMASK() = SUCCESS',
        'PE1 EL1 SDEI_PE_UNMASK() = SUCCESS',
      ]);
    });

    it('shows a CPU that goes and comes back, and nests in every lane from the kernel to programs', () => {
      const guest = boot();
      guest.machine.run({ steps: PROBED_STEPS });
      const traced = new Traced(guest.machine);
      guest.untilPrompt();
      const online = '/sys/devices/system/cpu/cpu1/online';
      guest.command(`echo 0 > ${online}; echo 1 > ${online}`);
      expect(guest.text).not.toMatch(TROUBLE);
      expect(calls(traced, /SDEI|CPU_O/).map((line) => line.replace(/0x[0-9a-f]+/g, '..'))).toEqual([
        'PE1 EL1 SDEI_PE_MASK() = was unmasked',
        expect.stringMatching(/^PE1 EL1 CPU_OFF\(\), goes on at/),
        'PE0 EL1 CPU_ON64(target_cpu 1, entry_point_address .., context_id 0) = SUCCESS',
        'PE1 EL1 SDEI_PE_UNMASK() = SUCCESS',
      ]);
      expect(traced.lines.filter((line) => /PE1.* power .*OFF|power .*OFF ->/.test(line)).length).toBeGreaterThan(1);
      checkLanes(traced.end());
    });
  },
);
