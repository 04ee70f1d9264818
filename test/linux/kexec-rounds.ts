/** Kernels that start kernels, one after the other. */
import { KexecGuest, type Way } from './kexec-guest.ts';

/** A chain of kernels. */
export interface RoundsPlan {
  readonly way: Way;
  readonly cpus: number;
  /** Times that `kexec -e` is typed. */
  readonly rounds: number;
}

/** What became of a chain. */
export interface RoundsResult {
  /** By kernel, the first one too: its number and what is wrong with it. */
  readonly complaints: readonly string[];
  /** State of the machine at the last shell. */
  readonly digest: string;
  readonly steps: number;
}

/** Private and shared events that a kernel with ACPI registers: those of the two error sources. */
const EVENTS = 2;

/**
 * What is wrong with the calls between `kexec -e` and the next kernel's shell: every PE has to give up its events and
 * mask, every other PE to go off, and the interface to be reset, before the next kernel asks for the version.
 */
export function handOverComplaints(calls: readonly string[], { way, cpus }: RoundsPlan): string[] {
  const wrong: string[] = [];
  const asked = calls.findIndex((call) => call.includes(' SDEI_VERSION = '));
  const firstOn = calls.findIndex((call) => call.includes(' CPU_ON'));
  const count = (list: readonly string[], call: string): number => list.filter((one) => one.startsWith(call)).length;
  const before = calls.slice(0, firstOn >= 0 ? firstOn : asked >= 0 ? asked : calls.length);
  for (let pe = 0; pe < cpus; pe++) {
    if (pe > 0 && count(before, `${pe} CPU_OFF`) !== 1) wrong.push(`PE ${pe} is not turned off once`);
    if (way === 'nVHE') continue;
    if (count(before, `${pe} SDEI_EVENT_UNREGISTER = 0`) !== EVENTS) wrong.push(`PE ${pe} keeps its events`);
    if (count(before, `${pe} SDEI_PE_MASK = 1`) !== 1) wrong.push(`PE ${pe} does not mask events once`);
    if (count(before, `${pe} SDEI_PRIVATE_RESET = 0`) !== 1) wrong.push(`PE ${pe} does not reset its events`);
    if (count(calls.slice(asked), `${pe} SDEI_PE_UNMASK = 0`) !== 1) wrong.push(`PE ${pe} is not unmasked again`);
    if (count(calls.slice(asked), `${pe} SDEI_EVENT_REGISTER = 0`) !== EVENTS) wrong.push(`PE ${pe} has no events`);
  }
  if (way === 'nVHE') {
    if (count(calls, '') > 0 && calls.some((call) => / SDEI_EVENT_(REGISTER|ENABLE) = 0/.test(call)))
      wrong.push('an SDEI client at EL1 below EL2');
    return wrong;
  }
  if (!before.some((call) => call.includes(' SDEI_SHARED_RESET = 0'))) wrong.push('no SDEI_SHARED_RESET');
  return wrong;
}

/** Boots, and starts so many kernels after it. @throws Error when one does not come to its shell */
export function runRounds(plan: RoundsPlan, heard: (round: number) => void = () => {}): RoundsResult {
  const guest = new KexecGuest(plan);
  const complaints = guest.complaints(guest.boot()).map((one) => `kernel 1: ${one}`);
  for (let round = 1; round <= plan.rounds; round++) {
    guest.load();
    const said = guest.next();
    const wrong = [...guest.complaints(said), ...handOverComplaints(guest.calls, plan)];
    complaints.push(...wrong.map((one) => `kernel ${round + 1}: ${one}`));
    heard(round);
  }
  return { complaints, digest: guest.machine.digest(), steps: guest.machine.steps };
}
