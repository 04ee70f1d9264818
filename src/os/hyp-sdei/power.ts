/** PSCI of the guest: the firmware's, with the hypervisor in between wherever a PE starts. DEN0022. */
import { finalCall, type Hosted, load, lock, msr, smc, store, unlock, writeX } from '../../engine/hosted/effects.ts';
import { isHosted } from '../../engine/hosted/program.ts';
import { PSCI_FUNCTIONS } from '../../firmware/psci/functions.ts';
import { keepVirtual } from './inject.ts';
import { areaAt, PE, WORD } from './layout.ts';
import { transact } from './sdei.ts';
import type { GuestConfiguration } from './sdei-host.ts';

/** Addresses at which the hypervisor gets a PE from the firmware. */
export interface HypEntries {
  readonly secondary: bigint;
  readonly resume: bigint;
}

const SMC64 = 0x4000_0000;
const INVALID_ADDRESS = -9n;
/** CPU_SUSPEND's power_state: the PE loses its state. */
const POWERDOWN = 0x1_0000n;

type Name = keyof typeof PSCI_FUNCTIONS;
const NAMES: ReadonlyMap<number, Name> = new Map(
  (Object.keys(PSCI_FUNCTIONS) as Name[]).map((name) => [PSCI_FUNCTIONS[name].id, name]),
);

/** Name of a PSCI function in either convention, or undefined. */
export function psciName(id: number): Name | undefined {
  return NAMES.get((id & ~SMC64) >>> 0);
}

/** Passes a call on to the firmware; its answer is in the guest's registers then. */
export function passOn(x: readonly bigint[]): Hosted<readonly bigint[]> {
  return smc(...x);
}

/** Answers a PSCI call; `x` are X0 to X7 of the guest. */
export function* psci(
  config: GuestConfiguration,
  entries: HypEntries,
  pe: number,
  name: Name,
  x: readonly bigint[],
): Hosted {
  if (name === 'CPU_ON') return yield* cpuOn(config, entries, pe, x);
  if (name === 'CPU_OFF') return yield* cpuOff(config, pe, x[0]!);
  if (name === 'SYSTEM_OFF' || name === 'SYSTEM_RESET' || name === 'SYSTEM_RESET2') {
    yield* finalCall('smc', ...x);
    return;
  }
  if (name === 'CPU_SUSPEND' && x[1]! & POWERDOWN) return yield* suspend(config, entries, pe, x, 2);
  if (name === 'SYSTEM_SUSPEND' || name === 'CPU_DEFAULT_SUSPEND') return yield* suspend(config, entries, pe, x, 1);
  yield* passOn(x);
}

const isGuestEntry = (config: GuestConfiguration, pa: bigint): boolean => isHosted(pa) || config.isGuestRam(pa);

/** Changes the word of PEs that are on: sets or clears a bit; whether it was set before. */
function* power(config: GuestConfiguration, pe: number, of: number, on: boolean): Hosted<boolean> {
  const { basePa } = config;
  yield* lock(basePa + WORD.lock, BigInt(pe + 1));
  const before = yield* load(basePa + WORD.power);
  const bit = 1n << BigInt(of);
  yield* store(basePa + WORD.power, on ? before | bit : before & ~bit);
  yield* unlock(basePa + WORD.lock);
  return (before & bit) !== 0n;
}

function* cpuOn(config: GuestConfiguration, entries: HypEntries, pe: number, x: readonly bigint[]): Hosted {
  const [id, target, entryPa, contextId] = x as [bigint, bigint, bigint, bigint];
  const of = Array.from({ length: config.cpus }, (_, n) => n).find((n) => config.affinityOf(n) === target);
  // Who does not exist, or is on, is the firmware's to refuse.
  if (of === undefined || (yield* power(config, pe, of, true))) {
    yield* passOn(x);
    return;
  }
  if (!isGuestEntry(config, entryPa)) {
    yield* power(config, pe, of, false);
    return yield* writeX(0, BigInt.asUintN(64, INVALID_ADDRESS));
  }
  const area = config.basePa + areaAt(of);
  yield* store(area + PE.startPc, entryPa);
  yield* store(area + PE.startX0, contextId);
  yield* transact(config, pe, ({ d }) => d.peTurnedOn(of));
  const [result] = yield* smc(id, target, entries.secondary, BigInt(of));
  if (result !== 0n) yield* power(config, pe, of, false);
}

function* cpuOff(config: GuestConfiguration, pe: number, id: bigint): Hosted {
  yield* power(config, pe, pe, false);
  yield* transact(config, pe, ({ d }) => d.peTurnedOff(pe));
  yield* msr('ICC_IGRPEN1_EL1', 0n);
  yield* finalCall('smc', id);
}

/** A suspend in which the PE loses its state; `entry` is the number of the register that says where it goes on. */
function* suspend(
  config: GuestConfiguration,
  entries: HypEntries,
  pe: number,
  x: readonly bigint[],
  entry: number,
): Hosted {
  const area = config.basePa + areaAt(pe);
  if (!isGuestEntry(config, x[entry]!)) return yield* writeX(0, BigInt.asUintN(64, INVALID_ADDRESS));
  yield* keepVirtual(area);
  yield* store(area + PE.startPc, x[entry]!);
  yield* store(area + PE.startX0, x[entry + 1]!);
  const call = [...x];
  call[entry] = entries.resume;
  call[entry + 1] = BigInt(pe);
  yield* finalCall('smc', ...call);
}
