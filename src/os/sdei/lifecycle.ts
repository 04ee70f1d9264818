/** The client as CPUs come and go, sleep and wake, and as the system is suspended, saved, rebooted or stops. */
import { type Hosted, load, store } from '../../engine/hosted/effects.ts';
import { STATUS } from '../../firmware/sdei/functions.ts';
import type { Cpu } from '../kit/cpu.ts';
import { ERRNO } from '../kit/errno.ts';
import type { SdeiClient } from './client.ts';
import { INTERFACE, SLOT, SLOTS } from './records.ts';

/** SDEI_VERSION: the major version. */
const majorOf = (version: bigint): bigint => (version >> 48n) & 0x7fffn;

/** Declares what the kernel is to call. */
export function installLifecycle(client: SdeiClient): void {
  const { kernel, variants } = client;
  kernel.onCall('sdei.privateReset', () => client.call('SDEI_PRIVATE_RESET'));
  kernel.onCall('sdei.mask', () => client.call('SDEI_PE_MASK'));
  kernel.onCall('sdei.unmask', () => client.call('SDEI_PE_UNMASK'));
  kernel.onHotplug('sdei', { up: (cpu) => cpuUp(client, cpu), down: (cpu) => cpuDown(client, cpu) });
  kernel.pmHooks.push({
    *enter() {
      yield* client.call('SDEI_PE_MASK');
    },
    *exit() {
      yield* client.call('SDEI_PE_UNMASK');
    },
  });
  kernel.stopHooks.push(function* (cpu, last) {
    if ((yield* load(client.memory.state)) !== INTERFACE.WORKING) return;
    yield* client.call('SDEI_PE_MASK');
    if (last && !variants.panicLeavesHandlers) yield* client.abortHandlers(cpu);
  });
}

/** Slots of private events, with the list locked around all of it: no mutex, no question to the firmware. */
function* eachPrivate(client: SdeiClient, cpu: Cpu, body: (slot: number) => Hosted): Hosted {
  const { memory, variants } = client;
  if (variants.hotplugTakesMutex) yield* cpu.mutexLock(memory.events);
  const flags = yield* cpu.spinLock(memory.list);
  for (let n = 0; n < SLOTS; n++)
    if ((yield* load(memory.slot(n, SLOT.event))) !== 0n && (yield* load(memory.slot(n, SLOT.shared))) === 0n)
      yield* body(n);
  yield* cpu.spinUnlock(memory.list, flags);
  if (variants.hotplugTakesMutex) yield* cpu.mutexUnlock(memory.events);
}

function* cpuUp(client: SdeiClient, cpu: Cpu): Hosted {
  const { memory, variants } = client;
  yield* eachPrivate(client, cpu, function* (slot) {
    let [register, enable] = [
      yield* load(memory.slot(slot, SLOT.reregister)),
      yield* load(memory.slot(slot, SLOT.reenable)),
    ];
    if (variants.savesFirmwareState) {
      const saved = Number(yield* load(savedWord(client, slot, cpu.pe)));
      [register, enable] = [BigInt(saved & STATUS.REGISTERED), BigInt(saved & STATUS.ENABLED)];
    }
    if (register) yield* warn(cpu, 'register', yield* client.registerHere(cpu, slot));
    if (register && enable) yield* warn(cpu, 'enable', yield* client.onSlot(cpu, 'SDEI_EVENT_ENABLE', slot));
  });
  yield* client.call('SDEI_PE_UNMASK');
}
function* cpuDown(client: SdeiClient, cpu: Cpu): Hosted {
  const { variants } = client;
  yield* eachPrivate(client, cpu, function* (slot) {
    if (variants.savesFirmwareState)
      yield* store(savedWord(client, slot, cpu.pe), yield* client.onSlot(cpu, 'SDEI_EVENT_STATUS', slot));
    if (!variants.downKeepsEvents) yield* client.onSlot(cpu, 'SDEI_EVENT_UNREGISTER', slot);
  });
  yield* client.call('SDEI_PE_MASK');
}
const savedWord = (client: SdeiClient, slot: number, pe: number): bigint =>
  client.memory.saved + BigInt(8 * (8 * slot + pe));

function* warn(cpu: Cpu, what: string, error: bigint): Hosted {
  if (error !== 0n) yield* cpu.print(`sdei: ${what} on CPU ${cpu.pe} as it came up: ${error}\n`);
}

/** Masks all CPUs for good; every later call is EIO. */
function* markBroken(client: SdeiClient, cpu: Cpu): Hosted {
  yield* cpu.callOn('sdei.mask');
  yield* store(client.memory.state, INTERFACE.BROKEN);
}
/** Nothing registered on any CPU, nothing bound; 0 or the firmware's error. */
function* resetAll(client: SdeiClient, cpu: Cpu): Hosted<bigint> {
  const results = yield* cpu.callOn('sdei.privateReset');
  const failed = results.findIndex((r) => r !== undefined && r !== 0n);
  if (failed >= 0) yield* cpu.print(`sdei: PRIVATE_RESET failed on CPU ${failed}\n`);
  return yield* client.call('SDEI_SHARED_RESET');
}

/** Finds the interface and makes it ready, in a thread; 0 or an error. After an error everything is EIO. */
export function* sdeiProbe(client: SdeiClient, cpu: Cpu): Hosted<bigint> {
  const { memory, kernel } = client;
  yield* store(memory.state, INTERFACE.WORKING);
  const version = yield* client.call('SDEI_VERSION');
  if (version < 0n || majorOf(version) !== 1n) {
    yield* markBroken(client, cpu);
    return version < 0n ? version : ERRNO.EINVAL;
  }
  const error = yield* resetAll(client, cpu);
  if (error !== 0n) {
    yield* markBroken(client, cpu);
    return error;
  }
  if ((yield* load(kernel.words.bootEl)) === 2n && kernel.options.el === 1) {
    yield* cpu.print('sdei: not supported: events would go to EL2, where this kernel does not run\n');
    yield* markBroken(client, cpu);
    return 0n;
  }
  yield* cpu.installHotplug('sdei');
  return 0n;
}

/** Before devices are suspended: no event on any CPU. */
export function* sdeiSuspend(_client: SdeiClient, cpu: Cpu): Hosted {
  yield* cpu.callOn('sdei.mask');
}
/** After they are resumed. */
export function* sdeiResume(_client: SdeiClient, cpu: Cpu): Hosted {
  yield* cpu.callOn('sdei.unmask');
}

/** Shared events of which the client has slots. */
function* eachShared(client: SdeiClient, body: (slot: number) => Hosted<bigint>): Hosted<bigint> {
  const { memory } = client;
  for (let n = 0; n < SLOTS; n++) {
    if ((yield* load(memory.slot(n, SLOT.event))) === 0n || (yield* load(memory.slot(n, SLOT.shared))) === 0n) continue;
    const error = yield* body(n);
    if (error !== 0n) return error;
  }
  return 0n;
}

/** Before an image of the system is made: nothing is registered, but what there was is known. */
export function* sdeiFreeze(client: SdeiClient, cpu: Cpu): Hosted<bigint> {
  yield* cpu.removeHotplug('sdei');
  yield* cpu.mutexLock(client.memory.events);
  const error = yield* eachShared(client, (slot) => client.onSlot(cpu, 'SDEI_EVENT_UNREGISTER', slot));
  yield* cpu.mutexUnlock(client.memory.events);
  return error;
}
/** After the image was made, or loaded again. */
export function* sdeiThaw(client: SdeiClient, cpu: Cpu): Hosted<bigint> {
  const { memory } = client;
  yield* cpu.mutexLock(memory.events);
  const error = yield* eachShared(client, function* (slot) {
    if ((yield* load(memory.slot(slot, SLOT.reregister))) === 0n) return 0n;
    const refused = yield* client.registerHere(cpu, slot);
    if (refused !== 0n || (yield* load(memory.slot(slot, SLOT.reenable))) === 0n) return refused;
    return yield* client.onSlot(cpu, 'SDEI_EVENT_ENABLE', slot);
  });
  yield* cpu.mutexUnlock(memory.events);
  if (error === 0n) yield* cpu.installHotplug('sdei');
  return error;
}
/** After the image was loaded on a machine whose firmware knows nothing, or something else. */
export function* sdeiRestore(client: SdeiClient, cpu: Cpu): Hosted<bigint> {
  const error = yield* resetAll(client, cpu);
  return error !== 0n ? error : yield* sdeiThaw(client, cpu);
}
/** Before a reboot or the start of another kernel. */
export function* sdeiReboot(client: SdeiClient, cpu: Cpu): Hosted<bigint> {
  yield* cpu.removeHotplug('sdei');
  return yield* resetAll(client, cpu);
}
