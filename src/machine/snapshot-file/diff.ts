/** Where two states of machines differ: registers by Arm's names, fields of devices, RAM by address. */
import type { PlainData } from '../../devices/device.ts';
import { PAGE_BYTES } from '../../engine/memory.ts';
import { VIRT_MEMORY_MAP } from '../board/virt.ts';
import type { StoredMachine } from './stored.ts';

/** One place in which two states differ. */
export interface Difference {
  /** `pe 0`, `time`, `options`, a device, `ram`. */
  readonly part: string;
  /** Name of the register or path of the field, e.g. `X3`, `extra.timers[1].ctl`; for RAM a range of addresses. */
  readonly what: string;
  readonly a: string;
  readonly b: string;
}

const RAM_PA = Number(VIRT_MEMORY_MAP.ram.basePa);
/** Bytes of memory that are shown of each side. */
const SHOWN_BYTES = 16;
const hexBytes = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

function show(value: PlainData | undefined): string {
  if (value === undefined) return 'absent';
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array)
    return value.length <= SHOWN_BYTES ? `<${hexBytes(value)}>` : `<${value.length} bytes>`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return Array.isArray(value) ? `[${value.length} elements]` : '{...}';
}

const isFields = (value: PlainData | undefined): value is { readonly [name: string]: PlainData } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

function* bytesDiffer(part: string, what: string, a: Uint8Array, b: Uint8Array): Generator<Difference> {
  const first = a.findIndex((byte, n) => byte !== b[n]);
  const at = first < 0 ? a.length : first;
  if (at === a.length && a.length === b.length) return;
  const side = (bytes: Uint8Array): string => `<${hexBytes(bytes.subarray(at, at + SHOWN_BYTES))}>`;
  yield { part, what: `${what}[${at}..]`, a: side(a), b: side(b) };
}

/** Differences of two values, the smaller ones where both are fields or lists. */
function* valuesDiffer(
  part: string,
  what: string,
  a: PlainData | undefined,
  b: PlainData | undefined,
): Generator<Difference> {
  if (Object.is(a, b)) return;
  if (a instanceof Uint8Array && b instanceof Uint8Array) yield* bytesDiffer(part, what, a, b);
  else if (Array.isArray(a) && Array.isArray(b)) {
    for (let n = 0; n < Math.max(a.length, b.length); n++)
      yield* valuesDiffer(part, `${what}[${n}]`, a[n] as PlainData, b[n] as PlainData);
  } else if (isFields(a) && isFields(b)) {
    const names = new Set([...Object.keys(a), ...Object.keys(b)]);
    for (const name of names) yield* valuesDiffer(part, what === '' ? name : `${what}.${name}`, a[name], b[name]);
  } else yield { part, what: what === '' ? 'state' : what, a: show(a), b: show(b) };
}

function* ramDiffers(a: StoredMachine, b: StoredMachine): Generator<Difference> {
  const zeros = new Uint8Array(PAGE_BYTES);
  const byPage = (stored: StoredMachine): Map<number, Uint8Array> =>
    new Map(Array.from(stored.pages(), ({ page, bytes }) => [page, bytes]));
  const [inA, inB] = [byPage(a), byPage(b)];
  const pages = [...new Set([...inA.keys(), ...inB.keys()])].sort((p, q) => p - q);
  const bytesOf = (pagesOf: Map<number, Uint8Array>, page: number): Uint8Array => pagesOf.get(page) ?? zeros;
  const differing = pages.filter((page) => {
    const [x, y] = [bytesOf(inA, page), bytesOf(inB, page)];
    return x !== y && x.some((byte, n) => byte !== y[n]);
  });
  for (let n = 0; n < differing.length; ) {
    const first = differing[n]!;
    let count = 1;
    while (differing[n + count] === first + count) count++;
    const [x, y] = [bytesOf(inA, first), bytesOf(inB, first)];
    const at = x.findIndex((byte, i) => byte !== y[i]);
    const place = (offset: number): string => `0x${(RAM_PA + first * PAGE_BYTES + offset).toString(16)}`;
    const range = `${place(0)} to ${place(count * PAGE_BYTES - 1)}, from ${place(at)}`;
    const side = (bytes: Uint8Array): string => `<${hexBytes(bytes.subarray(at, at + SHOWN_BYTES))}>`;
    yield { part: 'ram', what: range, a: side(x), b: side(y) };
    n += count;
  }
}

/** Where two states differ, in the order PEs, time, devices, RAM, options. Nothing when they are equal. */
export function* differences(a: StoredMachine, b: StoredMachine): Generator<Difference> {
  for (let n = 0; n < Math.max(a.pes.length, b.pes.length); n++) {
    yield* valuesDiffer(`pe ${n}`, '', a.pes[n]?.registers, b.pes[n]?.registers);
    yield* valuesDiffer(`pe ${n}`, 'extra', a.pes[n]?.extra, b.pes[n]?.extra);
  }
  const moment = ({ time, schedule, ended }: StoredMachine): PlainData => ({ ...time, schedule, ended: ended ?? null });
  yield* valuesDiffer('time', '', moment(a), moment(b));
  for (const name of new Set([...Object.keys(a.parts), ...Object.keys(b.parts)]))
    yield* valuesDiffer(name, '', a.parts[name], b.parts[name]);
  yield* valuesDiffer('hosted', '', a.hosted as unknown as PlainData, b.hosted as unknown as PlainData);
  yield* ramDiffers(a, b);
  yield* valuesDiffer('options', '', a.options, b.options);
}

/** One difference as a line. */
export function differenceLine({ part, what, a, b }: Difference): string {
  return `${part} ${what}: ${a} | ${b}`;
}
