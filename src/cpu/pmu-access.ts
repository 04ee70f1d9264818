/** Who may reach a Performance Monitors register: DDI 0487, "PMUSERENR_EL0" and "MDCR_EL2.HPMN". */
import { PMU_EVENT_COUNTERS } from '../arch/sysregs/pmu.ts';
import { type PeState, sysregOffset } from './state.ts';

const PMUSERENR_EL0 = sysregOffset('PMUSERENR_EL0');
const EN = 1;
/**
 * Registers that one more bit of PMUSERENR_EL0 opens to EL0: SW, CR and ER. ER lets event counts be read, not written.
 */
const OPENED: readonly { readonly bit: number; readonly registers: RegExp; readonly write?: boolean }[] = [
  { bit: 1 << 1, registers: /^PMSWINC_EL0$/, write: true },
  { bit: 1 << 2, registers: /^PMCCNTR_EL0$/, write: false },
  { bit: 1 << 3, registers: /^PM(XEVCNTR|EVCNTR\d+)_EL0$/, write: false },
  { bit: 1 << 3, registers: /^PMSELR_EL0$/ },
];

/**
 * What becomes of an access to a register of the group that the table of rows allows, before the traps of EL2 and EL3.
 *
 * A counter that does not exist is UNDEFINED, one that belongs to EL2 traps there (both CONSTRAINED UNPREDICTABLE, our
 * choice).
 *
 * @param name - a name that begins with PM
 * @param reserved - whether a counter belongs to EL2 and software is below it
 */
export function pmuAccess(
  name: string,
  write: boolean,
  s: PeState,
  reserved: (n: number) => boolean,
): 'ok' | 'undefined' | 'trap-el1' | 'trap-el2' {
  const counter = /^PMEV(?:CNTR|TYPER)(\d+)_EL0$/.exec(name);
  if (counter && Number(counter[1]) >= PMU_EVENT_COUNTERS) return 'undefined';
  if (s.el === 0 && name !== 'PMUSERENR_EL0') {
    const enables = s.sysLow(PMUSERENR_EL0);
    const opened = OPENED.some(
      (o) => enables & o.bit && o.registers.test(name) && (o.write === undefined || o.write === write),
    );
    if (!(enables & EN) && !opened) return 'trap-el1';
  }
  return counter && reserved(Number(counter[1])) ? 'trap-el2' : 'ok';
}
