/** What is in RAM after a reset, and who starts where. */
import { PE_STATE } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import { WAIT } from '../cpu/waiting.ts';
import type { Gic } from '../devices/gic.ts';
import { type BootPlan, isInRam } from '../firmware/boot/boot.ts';
import { entryPa } from './build.ts';
import type { BoardDevices } from './devices.ts';
import type { Firmware } from './el3.ts';
import type { CheckedOptions } from './options.ts';
import type { Scheduler } from './scheduler.ts';
import { configureWatchdog } from './watchdog.ts';

/** The machine as a start sees it. */
export interface Startable {
  readonly options: CheckedOptions;
  readonly pes: readonly Pe[];
  readonly gic: Gic;
  readonly devices: BoardDevices;
  writeMemory(addrPa: bigint, bytes: Uint8Array): void;
}

/**
 * Resets everything, loads the images, and lets PE 0 start: through the firmware where there is one, else at the
 * images' entry.
 */
export function startGuest(
  machine: Startable,
  scheduler: Scheduler,
  boot: BootPlan | undefined,
  firmware: Firmware | undefined,
): void {
  const { options, pes, gic, devices } = machine;
  for (const pe of pes) {
    pe.reset();
    pe.s.set32(PE_STATE.waitState, WAIT.OFF);
  }
  for (const part of [gic, devices, scheduler]) part.reset();
  for (const { addrPa, bytes } of boot?.segments.filter(isInRam) ?? []) machine.writeMemory(addrPa, bytes);
  for (const { addrPa, bytes } of options.programs ?? []) machine.writeMemory(addrPa, bytes);
  const at = entryPa(options, boot);
  if (firmware) {
    gic.initNonSecure();
    if (options.watchdog) configureWatchdog(gic, options.watchdog);
    devices.console.uart.initAsFirmware();
    firmware.boot({ entryPa: at, contextId: boot?.x0 ?? 0n });
    return;
  }
  const pe = pes[0]!;
  pe.s.set32(PE_STATE.waitState, WAIT.RUNNING);
  pe.s.pc = at;
  pe.stateReplaced();
}
