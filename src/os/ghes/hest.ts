/** The HEST as the handler reads it: error sources into records of its own. ACPI 6.5, "ACPI Error Source". */
import { type Hosted, load, store } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import type { Ghes } from './ghes.ts';
import { ARENA, GHES_SOURCES_MAX, SOURCE, SOURCE_BYTES } from './layout.ts';

const SIGNATURE = 0x5453_4548n;
const COUNT_AT = 36n;
const FIRST_AT = 40n;
const TYPE = { GHES: 9n, GHESv2: 10n } as const;
/** Bytes of a source by its type; those with banks have a count of them at an offset. */
const FIXED: Readonly<Record<string, bigint>> = { 2: 20n, 6: 48n, 7: 44n, 8: 56n, 9: 64n, 10: 92n };
const BANKS: Readonly<Record<string, readonly [at: bigint, bytes: bigint]>> = {
  0: [32n, 40n],
  1: [44n, 48n],
  11: [44n, 48n],
};
const BANK_BYTES = 28n;

function* sizeOf(at: bigint, type: bigint): Hosted<bigint | undefined> {
  const banks = BANKS[`${type}`];
  if (!banks) return FIXED[`${type}`];
  return banks[1] + BANK_BYTES * (yield* load(at + banks[0], 1));
}

/** A register of memory: address and bytes of an access; undefined for one that cannot be accessed. */
function* register(
  ghes: Ghes,
  cpu: Cpu,
  at: bigint,
): Hosted<{ pa: bigint; bytes: bigint; offset: bigint } | undefined> {
  const [space, width, offset, code] = [
    yield* load(at, 1),
    yield* load(at + 1n, 1),
    yield* load(at + 2n, 1),
    yield* load(at + 3n, 1),
  ];
  const pa = (yield* load(at + 4n, 4)) | ((yield* load(at + 8n, 4)) << 32n);
  const gar = `[0x${pa.toString(16)}/${width}/${offset}/${code}/${space}]`;
  const wrong = function* (what: string): Hosted<undefined> {
    yield* ghes.warn(cpu, `APEI: ${what} in GAR ${gar}`);
    return undefined;
  };
  if (pa === 0n) return yield* wrong('Invalid physical address');
  if (code < 1n || code > 4n) return yield* wrong('Invalid access size code');
  let bits = 8n << (code - 1n);
  // A whole register that is aligned may be accessed at once, whatever the code says.
  if ((width === 32n || width === 64n) && offset === 0n && pa % (width / 8n) === 0n && bits < width) bits = width;
  if (width + offset > bits) return yield* wrong('Invalid bit width + offset');
  if (space !== 0n) return yield* wrong('Invalid address space type');
  return { pa, bytes: bits / 8n, offset };
}

/** One GHES or GHESv2; its state is written last. */
function* takeSource(ghes: Ghes, cpu: Cpu, at: bigint, type: bigint, n: bigint): Hosted {
  const source = ARENA.sourcesPa + n * SOURCE_BYTES;
  for (let word = 0n; word < SOURCE_BYTES; word += 8n) yield* store(source + word, 0n);
  const enabled = yield* load(at + 7n, 1);
  const status = enabled ? yield* register(ghes, cpu, at + 20n) : undefined;
  const ack = enabled && type === TYPE.GHESv2 ? yield* register(ghes, cpu, at + 64n) : undefined;
  const whole = function* (offset: bigint): Hosted<bigint> {
    return (yield* load(at + offset, 4)) | ((yield* load(at + offset + 4n, 4)) << 32n);
  };
  const fields: readonly (readonly [bigint, bigint])[] = [
    [SOURCE.id, yield* load(at + 2n, 2)],
    [SOURCE.version, type === TYPE.GHESv2 ? 2n : 1n],
    [SOURCE.notify, yield* load(at + 32n, 1)],
    [SOURCE.pollMs, yield* load(at + 36n, 4)],
    [SOURCE.vector, yield* load(at + 40n, 4)],
    [SOURCE.blockBytes, yield* load(at + 60n, 4)],
    [SOURCE.statusPa, status?.pa ?? 0n],
    [SOURCE.statusBytes, status?.bytes ?? 0n],
    [SOURCE.ackPa, ack?.pa ?? 0n],
    [SOURCE.ackBytes, ack?.bytes ?? 0n],
    [SOURCE.ackOffset, ack?.offset ?? 0n],
    [SOURCE.ackPreserve, ack ? yield* whole(76n) : 0n],
    [SOURCE.ackWrite, ack ? yield* whole(84n) : 0n],
    [SOURCE.enabled, enabled],
  ];
  for (const [field, value] of fields) yield* store(source + field, value);
}

/**
 * Reads the table. One source that cannot be understood makes the whole table worthless, as its length is unknown.
 *
 * @returns number of GHES and GHESv2, those that are not enabled included; undefined when there is no usable table
 */
export function* parseHest(ghes: Ghes, cpu: Cpu): Hosted<bigint | undefined> {
  const { hestPa } = ghes.options;
  if ((yield* load(hestPa, 4)) !== SIGNATURE) return undefined;
  const end = hestPa + (yield* load(hestPa + 4n, 4));
  const count = yield* load(hestPa + COUNT_AT, 4);
  let at = hestPa + FIRST_AT;
  let found = 0n;
  const ids = new Set<bigint>();
  for (let n = 0n; n < count; n++) {
    const type = at + 2n <= end ? yield* load(at, 2) : -1n;
    const bytes = type < 0n ? undefined : yield* sizeOf(at, type);
    if (bytes === undefined) return yield* refuse(ghes, cpu, `Unknown or unused hardware error source type: ${type}`);
    const id = yield* load(at + 2n, 2);
    if (at + bytes > end) return yield* refuse(ghes, cpu, `Table contents overflow for hardware error source: ${id}`);
    if (type === TYPE.GHES || type === TYPE.GHESv2) {
      const enabled = (yield* load(at + 7n, 1)) !== 0n;
      if (enabled && ids.has(id)) return yield* refuse(ghes, cpu, `Duplicated hardware error source ID: ${id}`);
      if (enabled) ids.add(id);
      if (found >= BigInt(GHES_SOURCES_MAX)) return yield* refuse(ghes, cpu, `more than ${GHES_SOURCES_MAX} sources`);
      yield* takeSource(ghes, cpu, at, type, found++);
    }
    at += bytes;
  }
  yield* cpu.print('HEST: Table parsing has been initialized.\n');
  return found;
}
function* refuse(ghes: Ghes, cpu: Cpu, what: string): Hosted<undefined> {
  yield* ghes.warn(cpu, `HEST: ${what}`);
  return undefined;
}
