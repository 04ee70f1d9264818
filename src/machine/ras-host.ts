/** The machine as its error firmware sees it. */
import { EC, FSC } from '../arch/esr.ts';
import { PE_STATE } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import { WAIT } from '../cpu/waiting.ts';
import { GED_EVENT } from '../devices/ged.ts';
import { RTC_BASE_DEFAULT_SECONDS } from '../devices/pl031.ts';
import type { RasHost } from '../firmware/ras/host.ts';
import type { SdeiDispatcher } from '../firmware/sdei/dispatcher.ts';
import { VIRT_MEMORY_MAP, virtAffinity } from './board/virt.ts';
import type { BoardDevices, DevicesHost } from './devices.ts';
import type { CheckedOptions } from './options.ts';
import { MachineRas, makeRas } from './ras.ts';
import { takeAbort, takeSError } from './ras-aborts.ts';

/** The parts of a machine that are asked, once they are there. */
export interface RasParts {
  readonly devices: BoardDevices;
  readonly sdei: { readonly dispatcher: SdeiDispatcher | undefined };
}

/** ISS.FnV: FAR does not hold the address. DDI 0487, "ISS encoding for an exception from a Data Abort". */
const FNV = 1 << 10;
/** Asynchronous SError whose AET says: recoverable (UER). DDI 0487, "ISS encoding for ... an SError interrupt". */
const SERROR_RECOVERABLE = (3 << 10) | 0x11;
/** What the error firmware asks of a machine. */
function rasHost(options: CheckedOptions, host: DevicesHost, parts: () => RasParts): RasHost {
  const ramBase = BigInt(host.ramBasePa);
  const offset = (addrPa: bigint): number => Number(addrPa - ramBase);
  const pe = (n: number): Pe => host.pes()[n]!;
  return {
    peCount: options.cpus,
    mpidr: (n) => (1n << 31n) | virtAffinity(n),
    midr: options.profile.midr,
    readMemory: (addrPa, sizeBytes) => host.memory.read(offset(addrPa), sizeBytes),
    writeMemory: (addrPa, bytes) => host.memory.write(offset(addrPa), bytes),
    ramContains: (addrPa) => addrPa >= ramBase && addrPa < ramBase + BigInt(options.memoryBytes),
    seconds: () => (options.rtcBaseSeconds ?? RTC_BASE_DEFAULT_SECONDS) + Math.floor(host.instantNs() / 1e9),
    nowNs: () => host.instantNs(),
    wakeAt: (timeNs) => {
      if (timeNs === undefined) host.cancel('ras');
      else host.schedule(timeNs, 'ras', () => parts().devices.ras!.work());
    },
    raiseSdei: (event, n) => {
      const dispatcher = parts().sdei.dispatcher;
      const record = dispatcher?.event(event);
      if (!dispatcher || !record) return 'unregistered';
      if (!dispatcher.host.isOn(n) || !(dispatcher.handlerOf(record, n).state & 1)) return 'unregistered';
      return dispatcher.raise(record, n);
    },
    raiseGed: () => parts().devices.ged?.raise(GED_EVENT.ERROR),
    atEl0: (n) => pe(n).s.el === 0 && pe(n).s.get32(PE_STATE.waitState) === WAIT.RUNNING,
    abort: (n, kind) => {
      if (kind === 'sea') takeAbort(pe(n), EC.DataAbortLowerEL, FSC.SyncExternal | FNV);
      else takeSError(pe(n), SERROR_RECOVERABLE);
    },
    poison: (addrPa) => host.memory.poison(Math.floor(offset(addrPa) / 4096), 'sea'),
    systemReset: host.systemReset,
    report: host.report,
  };
}

/** The error firmware of a machine, if it has one, and what becomes of a load from poison. */
export function buildRas(options: CheckedOptions, host: DevicesHost, parts: () => RasParts): MachineRas {
  const { ras, memoryBytes } = options;
  const make = ras
    ? (...told: [Parameters<typeof makeRas>[3], Parameters<typeof makeRas>[4]]) =>
        makeRas(ras, memoryBytes, rasHost(options, host, parts), ...told)
    : undefined;
  const built = new MachineRas(host.gate, make);
  const base = BigInt(VIRT_MEMORY_MAP.ram.basePa);
  host.memory.poisonObserver = (n, ramOffset, kind) => {
    const handedOn = built.firmware?.consumed(n, base + BigInt(ramOffset), kind === 'sea' ? 'sea' : 'sei') ?? true;
    if (kind === 'sea') return true;
    // Without EL3 the firmware sees it without the PE.
    if (handedOn || options.els.el3) host.pes()[n]!.raiseSError(SERROR_RECOVERABLE);
    else built.firmware!.ownsSError(n);
    return false;
  };
  return built;
}
