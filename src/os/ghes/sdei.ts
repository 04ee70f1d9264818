/**
 * SDEI events for error sources: which of two handlers an event gets, and the handlers themselves.
 *
 * DEN0054. A client for anything else than errors is `os/sdei`; this is what error sources need of one.
 */
import { finalCall, type Hosted, hint, hvc, load, readX, smc, store, writeX } from '../../engine/hosted/effects.ts';
import type { HostedEntry } from '../../engine/hosted/program.ts';
import { EVENT_INFO, SDEI_FUNCTIONS, SDEI_RETURN } from '../../firmware/sdei/functions.ts';
import type { Cpu } from '../kit/cpu.ts';
import { ERRNO } from '../kit/errno.ts';
import { AREA, stackTop } from '../kit/layout.ts';
import { nmiEnter, nmiExit } from '../kit/nesting.ts';
import type { Ghes } from './ghes.ts';
import { ARENA, SOURCE, SOURCE_BYTES } from './layout.ts';
import { notifySdei } from './notify.ts';

/** EVENT_COMPLETE: handled, and failed. DEN0054, "SDEI_EVENT_COMPLETE". */
const EV = { HANDLED: 0n, FAILED: 1n } as const;
const UNREGISTER_TRIES = 3;

/** How sources get their events. */
export interface GhesSdei {
  /** Registers and enables the event of a source; 0 or an error number. */
  register(cpu: Cpu, source: bigint): Hosted<bigint>;
  /** Gives it back; 0, or an error number when it is still in use after some tries. */
  unregister(cpu: Cpu, source: bigint): Hosted<bigint>;
}

function* call(cpu: Cpu, name: keyof typeof SDEI_FUNCTIONS, ...args: bigint[]): Hosted<bigint> {
  const id = BigInt(SDEI_FUNCTIONS[name]);
  const x = cpu.kernel.options.conduit === 'smc' ? yield* smc(id, ...args) : yield* hvc(id, ...args);
  return BigInt.asIntN(64, x[0]!);
}
function errno(result: bigint): bigint {
  if (result >= 0n) return 0n;
  const codes = SDEI_RETURN as Record<string, bigint>;
  if (result === codes.PENDING) return ERRNO.EINPROGRESS;
  if (result === codes.NOT_SUPPORTED) return ERRNO.EOPNOTSUPP;
  if (result === codes.DENIED) return ERRNO.EPERM;
  return result === codes.OUT_OF_RESOURCE ? ERRNO.ENOMEM : ERRNO.EINVAL;
}
const indexOf = (source: bigint): bigint => (source - ARENA.sourcesPa) / SOURCE_BYTES;

/** Calls the firmware directly; its handlers are functions of the kernel's program. */
export function directSdei(ghes: Ghes): GhesSdei {
  const { kernel } = ghes;
  const handler = (critical: boolean) =>
    function* ({ pe, x }: HostedEntry): Hosted {
      const cpu = yield* kernel.here(pe, 'nmi');
      const active = cpu.at(critical ? AREA.sdeiCritical : AREA.sdeiNormal);
      const sp = yield* readX(31);
      yield* writeX(31, stackTop(cpu.area, critical ? 'sdeiCritical' : 'sdeiNormal'));
      yield* store(active, x[1]! + 1n);
      yield* nmiEnter(cpu);
      const source = ARENA.sourcesPa + x[1]! * SOURCE_BYTES;
      if (ghes.options.inSdei) yield* ghes.options.inSdei(cpu, critical);
      const result = yield* notifySdei(ghes, cpu, source, critical ? 'SDEI_CRITICAL' : 'SDEI_NORMAL');
      if (result !== 0n) yield* ghes.warn(cpu, `sdei: event ${x[0]} on CPU ${pe} failed with error: ${result}`);
      yield* nmiExit(cpu);
      yield* store(active, 0n);
      yield* writeX(31, sp);
      const status = result === 0n ? EV.HANDLED : EV.FAILED;
      yield* finalCall(kernel.options.conduit, BigInt(SDEI_FUNCTIONS.SDEI_EVENT_COMPLETE), status);
    };
  kernel.addFunction('ghesSdeiNormal', handler(false));
  kernel.addFunction('ghesSdeiCritical', handler(true));
  kernel.onCall('ghes.sdeiUnmask', (cpu) => call(cpu, 'SDEI_PE_UNMASK'));
  kernel.onCall('ghes.sdeiOn', function* (cpu, n) {
    return errno(yield* registerHere(ghes, cpu, ARENA.sourcesPa + n * SOURCE_BYTES));
  });
  kernel.onCall('ghes.sdeiOff', function* (cpu, n) {
    const event = yield* load(ARENA.sourcesPa + n * SOURCE_BYTES + SOURCE.vector);
    yield* call(cpu, 'SDEI_EVENT_DISABLE', event);
    return errno(yield* call(cpu, 'SDEI_EVENT_UNREGISTER', event));
  });
  return {
    *register(cpu, source) {
      const event = yield* load(source + SOURCE.vector);
      // Event 0 is the one that software signals.
      if (event === 0n) return ERRNO.EINVAL;
      const type = yield* call(cpu, 'SDEI_EVENT_GET_INFO', event, BigInt(EVENT_INFO.TYPE));
      if (type < 0n) return errno(type);
      const results = yield* cpu.callOn('ghes.sdeiOn', indexOf(source), type === 1n ? 1 << cpu.pe : -1);
      yield* cpu.callOn('ghes.sdeiUnmask');
      return results.map((one) => BigInt.asIntN(64, one ?? 0n)).find((one) => one !== 0n) ?? 0n;
    },
    *unregister(cpu, source) {
      const event = yield* load(source + SOURCE.vector);
      const type = yield* call(cpu, 'SDEI_EVENT_GET_INFO', event, BigInt(EVENT_INFO.TYPE));
      let error = 0n;
      for (let n = 0; n < UNREGISTER_TRIES; n++) {
        const results = yield* cpu.callOn('ghes.sdeiOff', indexOf(source), type === 1n ? 1 << cpu.pe : -1);
        error = results.map((one) => BigInt.asIntN(64, one ?? 0n)).find((one) => one !== 0n) ?? 0n;
        if (error !== ERRNO.EINPROGRESS) break;
        yield* hint('yield');
      }
      return error;
    },
  };
}
/** Registers and enables on this CPU; the event's priority says which handler it gets. */
function* registerHere(ghes: Ghes, cpu: Cpu, source: bigint): Hosted<bigint> {
  const event = yield* load(source + SOURCE.vector);
  const critical = yield* call(cpu, 'SDEI_EVENT_GET_INFO', event, BigInt(EVENT_INFO.PRIORITY));
  if (critical < 0n) return critical;
  const entry = ghes.kernel.address(critical === 1n ? 'ghesSdeiCritical' : 'ghesSdeiNormal');
  const result = yield* call(cpu, 'SDEI_EVENT_REGISTER', event, entry, indexOf(source), 0n, 0n);
  return result < 0n ? result : yield* call(cpu, 'SDEI_EVENT_ENABLE', event);
}
