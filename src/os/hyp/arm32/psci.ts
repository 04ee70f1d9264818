/** PSCI by SMC, answered in place of code in Monitor mode: enough for hotplug, idle and secondary processors. DEN0022. */
import type { Verdict32 } from './execute.ts';
import type { Machine32 } from './machine.ts';
import type { Cpu32 } from './state.ts';

/** Function identifiers, 32-bit. */
export const PSCI32 = {
  VERSION: 0x8400_0000,
  CPU_SUSPEND: 0x8400_0001,
  CPU_OFF: 0x8400_0002,
  CPU_ON: 0x8400_0003,
  AFFINITY_INFO: 0x8400_0004,
  SYSTEM_OFF: 0x8400_0008,
} as const;

const OK = 0;
const NOT_SUPPORTED = -1;
const INVALID_PARAMETERS = -2;
const ALREADY_ON = -4;
/** CPU_SUSPEND power_state, StateType: 1 is a state in which the context is lost. */
const POWERDOWN = 0x1_0000;

/** Answers for a machine whose processors all start in `modeOf` their index. */
export function psci32(modeOf: (cpu: number) => number): (machine: Machine32, cpu: Cpu32) => Verdict32 {
  return (machine, cpu) => {
    const [id, a, b, c] = [0, 1, 2, 3].map((n) => cpu.r(n));
    const answer = (value: number): Verdict32 => {
      cpu.setR(0, value);
      return { result: [0, 1, 2, 3].map((n) => BigInt(cpu.r(n))) };
    };
    const target = machine.cpus[a & 0xff];
    const known = target !== undefined && (a & ~0xff) === 0;
    switch (id) {
      case PSCI32.VERSION:
        return answer(0x1_0000);
      case PSCI32.CPU_ON:
        if (!known) return answer(INVALID_PARAMETERS);
        if (target.state.power === 'on') return answer(ALREADY_ON);
        machine.powerOn(target.index, { pc: b, mode: modeOf(target.index), r: [c] });
        return answer(OK);
      case PSCI32.CPU_OFF:
        machine.powerOff(cpu.index);
        return 'away';
      case PSCI32.CPU_SUSPEND:
        if (!(a & POWERDOWN)) return answer(OK);
        // The wake-up is there at once; what counts is that the state is gone.
        machine.powerOn(cpu.index, { pc: b, mode: modeOf(cpu.index), r: [c] });
        return 'away';
      case PSCI32.AFFINITY_INFO:
        return answer(known ? (target.state.power === 'on' ? 0 : 1) : INVALID_PARAMETERS);
      case PSCI32.SYSTEM_OFF:
        cpu.state.stopped = 'SYSTEM_OFF';
        return 'away';
      default:
        return answer(NOT_SUPPORTED);
    }
  };
}
