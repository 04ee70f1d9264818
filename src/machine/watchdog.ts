/** The watchdog on the board: its option, its clock, and what firmware does with it. */
import type { Device } from '../devices/device.ts';
import { WATCHDOG_REPEAT_MIN_NS, Watchdog } from '../devices/watchdog.ts';
import { VIRT_INTIDS } from './board/virt.ts';
import type { DevicesHost } from './devices.ts';
import { CNTFRQ_HZ, NS_PER_COUNT } from './el3.ts';
import { MachineError } from './errors.ts';

/** A watchdog; everything has a default. */
export interface WatchdogOptions {
  /** Virtual time from reset to the first signal, and from each to the next: 0.001 to 1,000,000. 0: off. Default 10. */
  readonly periodSeconds?: number;
  /**
   * What a period behind a signal without a refresh does: `repeat` signals again, as an edge, and firmware makes the
   * interrupt edge-triggered; `reset` resets the machine, and the interrupt is level-sensitive. Default `repeat`.
   */
  readonly second?: 'repeat' | 'reset';
}

/** Options with defaults filled in. */
export type CheckedWatchdog = Required<WatchdogOptions>;

/** @throws MachineError `E_OPTION` */
export function checkWatchdog(options: boolean | WatchdogOptions): false | CheckedWatchdog {
  if (options === false) return false;
  const { periodSeconds = 10, second = 'repeat' } = options === true ? {} : options;
  if (!(periodSeconds === 0 || (periodSeconds >= 0.001 && periodSeconds <= 1_000_000)))
    throw new MachineError('E_OPTION', `watchdog.periodSeconds ${periodSeconds}: give 0.001 to 1000000, or 0 for off.`);
  if (second !== 'repeat' && second !== 'reset')
    throw new MachineError('E_OPTION', `watchdog.second '${second}': no such stage. Known: repeat, reset.`);
  return { periodSeconds, second };
}

/** How its interrupt is signalled. */
export function watchdogSignal({ second }: CheckedWatchdog): 'edge' | 'level' {
  return second === 'repeat' ? 'edge' : 'level';
}

/** Makes the device. */
export function makeWatchdog(host: DevicesHost, { periodSeconds, second }: CheckedWatchdog): Watchdog {
  const device: Watchdog = new Watchdog(
    {
      ws0: { set: (level) => host.setLine(VIRT_INTIDS.WATCHDOG, level) },
      ws1: () => {
        host.report('watchdog: no refresh for two periods; WS1 resets the machine');
        host.systemReset();
      },
      count: () => BigInt(Math.floor(host.instantNs() / NS_PER_COUNT)),
      wakeAt: (count) => {
        if (count === undefined) host.cancel('watchdog');
        else host.schedule(Number(count) * NS_PER_COUNT, 'watchdog', () => device.due());
      },
      report: host.report,
    },
    {
      startCounts: BigInt(Math.round(periodSeconds * Number(CNTFRQ_HZ))),
      second,
      repeatMinCounts: BigInt(WATCHDOG_REPEAT_MIN_NS / NS_PER_COUNT),
    },
    'watchdog@90d0000',
  );
  return device;
}

/** Offset of GICD_ICFGR, two bits for each interrupt; the upper one says that it is edge-triggered. IHI 0069. */
const GICD_ICFGR = 0xc00;

/** What firmware leaves of the interrupt to software: the trigger that fits. */
export function configureWatchdog(gic: { readonly distributor: Device }, options: CheckedWatchdog): void {
  if (watchdogSignal(options) === 'level') return;
  const at = GICD_ICFGR + (VIRT_INTIDS.WATCHDOG >> 4) * 4;
  const edge = 2 << ((VIRT_INTIDS.WATCHDOG & 15) * 2);
  const access = { sizeBytes: 4, nonSecure: false, pe: 0 } as const;
  gic.distributor.write(at, (Number(gic.distributor.read(at, access)) | edge) >>> 0, access);
}
