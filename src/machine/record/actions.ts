/** What can enter a machine from outside, by the name under which it is recorded, and how it is done again. */
import type { PlainData } from '../../devices/device.ts';
import type { PoisonKind } from '../../engine/memory.ts';
import type { RasError } from '../../firmware/ras/errors.ts';
import type { Machine } from '../machine.ts';
import type { OutsideAction } from '../outside.ts';
import type { Schedule } from '../schedule.ts';

type Again = (machine: Machine, data: PlainData) => void;
type Fields = Readonly<Record<string, PlainData>>;

/** A method of a machine that passes its gate has a row here. */
export const OUTSIDE_ACTIONS: Readonly<Record<string, Again>> = {
  'console.input': (machine, data) => machine.console.input(data as Uint8Array),
  'virtioConsole.input': (machine, data) => void machine.devices.virtioConsole!.input(data as Uint8Array),
  'net.receive': (machine, data) => void machine.devices.net!.receive(data as Uint8Array),
  powerKey: (machine, data) => machine.powerKey(data as boolean),
  reset: (machine) => machine.reset(),
  useSchedule: (machine, data) => machine.useSchedule(data as unknown as Schedule),
  'sdei.signal': (machine, data) => {
    const { event, pe } = data as Fields;
    machine.sdei.signal(event as number, { pe: pe as number });
  },
  serror: (machine, data) => {
    const { pe, syndrome } = data as Fields;
    machine.serror(pe as number, syndrome as number);
  },
  poison: (machine, data) => {
    const { addrPa, raises } = data as Fields;
    machine.poison(addrPa as bigint, { raises: raises as PoisonKind });
  },
  'ras.inject': (machine, data) => void machine.ras.inject(data as unknown as RasError),
  freezeNext: (machine, data) => machine.freezeNext(data as number),
  'gic.set': (machine, data) => {
    const { intid, level, pe } = data as Fields;
    machine.gic.set(intid as number, level as boolean, pe === null ? {} : { pe: pe as number });
  },
  'gic.sendMsi': (machine, data) => {
    const { deviceId, eventId } = data as Fields;
    machine.gic.sendMsi(deviceId as number, eventId as number);
  },
  writeRegister: (machine, data) => {
    const { pe, name, value } = data as Fields;
    machine.writeRegister(pe as number, name as string, value as bigint);
  },
  writeMemory: (machine, data) => {
    const { addrPa, bytes } = data as Fields;
    machine.writeMemory(addrPa as bigint, bytes as Uint8Array);
  },
};

/** Does an action again. @throws Error for one that has no row: our own mistake, or the file of a later version */
export function actAgain(machine: Machine, { kind, data }: OutsideAction): void {
  const again = Object.hasOwn(OUTSIDE_ACTIONS, kind) ? OUTSIDE_ACTIONS[kind] : undefined;
  if (!again) throw new Error(`nothing is known of the action '${kind}'`);
  again(machine, data);
}
