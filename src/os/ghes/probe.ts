/** Bringing sources to life, one by one: what is wrong with one does not touch the others. */
import { type Hosted, load, store } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import { ERRNO } from '../kit/errno.ts';
import { enableMmu, makeTables } from './fixmap.ts';
import type { Ghes } from './ghes.ts';
import { parseHest } from './hest.ts';
import { ARENA, ESTATUS_BYTES_MAX, HEADER_BYTES, NOTIFY, POOL, PROBE, SOURCE } from './layout.ts';
import { growPool, makePool, poolBytes } from './pool.ts';
import { ghesProcLocked } from './process.ts';

/**
 * Everything at start, on one CPU in its thread. Windows and pool are there before the first source can notify.
 *
 * @returns number of sources that live
 */
export function* initGhes(ghes: Ghes, cpu: Cpu): Hosted<number> {
  yield* makeTables();
  yield* cpu.installHotplug(ghes.names.hotplug);
  yield* enableMmu(cpu);
  const count = yield* parseHest(ghes, cpu);
  if (count === undefined) return 0;
  yield* store(ghes.words.sourceCount, count);
  if (!ghes.variant('poolAtProbe')) yield* makePool(ghes, poolBytes(count));
  let live = 0;
  for (const source of yield* ghes.sources()) {
    if ((yield* load(source + SOURCE.enabled)) === 0n) continue;
    const error = yield* probeSource(ghes, cpu, source);
    yield* store(source + SOURCE.state, error === 0n ? PROBE.live : PROBE.failed);
    if (error === 0n) live++;
    else yield* ghes.warn(cpu, `probe of GHES.${yield* load(source + SOURCE.id)} failed with error ${error}`);
  }
  return live;
}

/** 0 or an error number; afterwards the source may notify, and what it had before was taken. */
function* probeSource(ghes: Ghes, cpu: Cpu, source: bigint): Hosted<bigint> {
  const id = yield* load(source + SOURCE.id);
  const notify = yield* load(source + SOURCE.notify);
  const refused = REFUSED[`${notify}`];
  if (refused !== undefined || !HOOKS.has(notify)) {
    yield* ghes.warn(
      cpu,
      refused
        ? `Generic hardware error source: ${id} notified via ${refused} is not supported!`
        : `Unknown notification type: ${notify} for generic hardware error source: ${id}`,
    );
    return ERRNO.EINVAL;
  }
  const bytes = yield* load(source + SOURCE.blockBytes);
  if (bytes < HEADER_BYTES) {
    yield* ghes.warn(cpu, `Invalid error block length: ${bytes} for generic hardware error source: ${id}`);
    return ERRNO.EINVAL;
  }
  if ((yield* load(source + SOURCE.statusPa)) === 0n) return ERRNO.EINVAL;
  if ((yield* load(source + SOURCE.version)) === 2n && (yield* load(source + SOURCE.ackPa)) === 0n) return ERRNO.EINVAL;
  if (bytes > ESTATUS_BYTES_MAX)
    yield* ghes.warn(cpu, `Error status block length is too long: ${bytes} for generic hardware error source: ${id}.`);
  const n = (source - ARENA.sourcesPa) / 0x100n;
  yield* store(source + SOURCE.bufferPa, ARENA.buffersPa + n * ESTATUS_BYTES_MAX);
  // From here on it may notify.
  yield* store(source + SOURCE.state, PROBE.live);
  const error = yield* HOOKS.get(notify)!(ghes, cpu, source);
  if (error !== 0n) return error;
  if (ghes.variant('poolAtProbe')) yield* growPool(ghes, POOL.perSourceBytes);
  yield* ghesProcLocked(ghes, cpu, source);
  return 0n;
}

const REFUSED: Readonly<Record<string, string>> = { 2: 'local interrupt', 4: 'NMI interrupt' };

type Hook = (ghes: Ghes, cpu: Cpu, source: bigint) => Hosted<bigint>;
// biome-ignore lint/correctness/useYield: the vectors have the hook already.
const nothing: Hook = function* () {
  return 0n;
};
const shared: Hook = function* (ghes, cpu) {
  const { ged } = ghes.options;
  if (ged) yield* cpu.kernel.gic.enable(ged.intid, cpu.pe);
  return 0n;
};
/** How a source comes to be heard, by the type of its notification. */
const HOOKS: ReadonlyMap<bigint, Hook> = new Map<bigint, Hook>([
  [
    NOTIFY.polled,
    function* (ghes, cpu, source) {
      const pollMs = yield* load(source + SOURCE.pollMs);
      if (pollMs === 0n) {
        const id = yield* load(source + SOURCE.id);
        yield* ghes.warn(cpu, `Poll interval is 0 for generic hardware error source: ${id}, disabled.`);
        return 0n;
      }
      yield* store(source + SOURCE.nextPollNs, (yield* cpu.timeNs()) + pollMs * 1_000_000n);
      yield* ghes.armPoll(cpu);
      return 0n;
    },
  ],
  [
    NOTIFY.external,
    function* (ghes, cpu, source) {
      const intid = Number(yield* load(source + SOURCE.vector));
      if (!ghes.options.interrupts?.includes(intid)) {
        const id = yield* load(source + SOURCE.id);
        yield* ghes.warn(cpu, `Failed to map GSI to IRQ for generic hardware error source: ${id}`);
        return ERRNO.EINVAL;
      }
      yield* cpu.kernel.gic.route(intid, cpu.pe);
      yield* cpu.kernel.gic.enable(intid, cpu.pe);
      return 0n;
    },
  ],
  [NOTIFY.SCI, shared],
  [NOTIFY.GPIO, shared],
  [NOTIFY.GSIV, shared],
  [NOTIFY.SEA, nothing],
  [NOTIFY.SEI, nothing],
  [NOTIFY.SDEI, (ghes, cpu, source) => ghes.sdei.register(cpu, source)],
]);
