/** Whether two states of one machine are the same, but for what is declared to differ. */
import { ARCHITECTURAL_BYTES } from '../arch/pestate.ts';
import type { PlainData } from '../devices/device.ts';
import { plainImage } from '../engine/hosted/activation.ts';
import { changedWords, PAGE_BYTES } from '../engine/pages.ts';
import { VIRT_MEMORY_MAP } from '../machine/board/virt.ts';
import type { Machine, Snapshot } from '../machine/machine.ts';
import { placeOf, registersOf } from '../machine/snapshot-file/registers.ts';
import { partsOf } from '../machine/whole.ts';
import type { IgnoreSpec, StateDifference } from './types.ts';

const RAM_PA = Number(VIRT_MEMORY_MAP.ram.basePa);

/**
 * What any interrupt leaves behind: an exception return sets the event register and clears the local monitor. DDI 0487,
 * "WFE wake-up events", "Context switch support". What a guest does because of it still counts.
 */
const ALWAYS_IGNORED = [
  'eventRegister',
  'exclusiveValid',
  'exclusiveSizeBytes',
  'exclusivePa',
  'exclusiveVa',
  'serrorSyndrome',
];

/** What calls leave in registers of EL3 where firmware has no code of its own there: nobody can read them. */
const FIRMWARE_REGISTERS = ['SPSR_EL3', 'ELR_EL3', 'ESR_EL3', 'FAR_EL3'];

const isFields = (value: PlainData | undefined): value is { readonly [name: string]: PlainData } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

function show(value: PlainData | undefined): string {
  if (value === undefined) return 'absent';
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return Array.isArray(value) ? `[${value.length} elements]` : '{...}';
}
/** A PE's block as words. */
const wordsOf = (block: Uint8Array): Int32Array => new Int32Array(block.buffer, block.byteOffset, block.length / 4);

/** The same data: what is the same object needs no look inside. */
function equalData(a: PlainData | undefined, b: PlainData | undefined): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let n = 0; n < a.length; n++) if (!equalData(a[n], b[n])) return false;
    return true;
  }
  if (a instanceof Uint8Array) {
    if (!(b instanceof Uint8Array) || a.length !== b.length) return false;
    for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return false;
    return true;
  }
  if (!isFields(a) || !isFields(b)) return false;
  for (const name in a) if (!equalData(a[name], b[name])) return false;
  for (const name in b) if (!Object.hasOwn(a, name)) return false;
  return true;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** Compares states of one machine. */
export class Comparison {
  private readonly machine: Machine;
  private readonly registers: ReadonlySet<string>;
  private readonly fields: readonly string[];
  private readonly memory: readonly { readonly from: number; readonly to: number }[];
  private readonly symbolize: (addr: bigint) => string | undefined;
  private readonly most: number;
  /** By bit of a PE's block, as words: 1 where what lies there is ignored. */
  private readonly masked = new Int32Array(ARCHITECTURAL_BYTES / 4);
  private found: StateDifference[] = [];

  /**
   * @param most - differences that are listed
   * @param strict - also what any interrupt leaves behind counts
   */
  constructor(
    machine: Machine,
    ignore: IgnoreSpec,
    {
      symbolize,
      most,
      strict = false,
    }: {
      readonly symbolize: (addr: bigint) => string | undefined;
      readonly most: number;
      readonly strict?: boolean;
    },
  ) {
    this.machine = machine;
    this.symbolize = symbolize;
    this.most = most;
    const firmware = machine.options.firmware === 'typescript' ? FIRMWARE_REGISTERS : [];
    this.registers = new Set([...(strict ? [] : [...ALWAYS_IGNORED, ...firmware]), ...(ignore.registers ?? [])]);
    const masked = new Uint8Array(this.masked.buffer);
    for (const name of this.registers) {
      const place = placeOf(name);
      if (place) masked.fill(0xff, place.offset, place.offset + place.sizeBytes);
    }
    this.fields = ignore.fields ?? [];
    this.memory = (ignore.memory ?? []).map(({ addrPa, sizeBytes }) => {
      const from = Number(addrPa) - RAM_PA;
      return { from, to: from + sizeBytes };
    });
  }

  /**
   * Where the machine as it is now differs from a state of it; steps never count.
   *
   * @param time - virtual time counts
   */
  differences(expected: Snapshot, time: boolean): readonly StateDifference[] {
    this.found = [];
    const found = this.machine.stateNow();
    if (time && expected.time.timeNs !== found.time.timeNs)
      this.add('time', 'timeNs', `${expected.time.timeNs}`, `${found.time.timeNs}`);
    if (expected.ended !== found.ended)
      this.add('time', 'ended', expected.ended ?? 'running', found.ended ?? 'running');
    this.values('schedule', '', expected.schedule, found.schedule);
    expected.pes.forEach((pe, n) => {
      this.block(n, pe.block, found.pes[n]!.block);
      this.values(`pe ${n}`, '', pe.extra as unknown as PlainData, found.pes[n]!.extra as unknown as PlainData);
    });
    if (expected.hosted.length > 0 || found.hosted.length > 0)
      this.values('hosted', '', hostedOf(expected), hostedOf(found));
    const [a, b] = [partsOf(expected.devices), partsOf(found.devices)];
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) this.values(name, '', a[name], b[name]);
    if (!this.full) this.ram(expected);
    return this.found;
  }
  private get full(): boolean {
    return this.found.length >= this.most;
  }
  private add(part: string, what: string, expected: string, found: string): void {
    if (!this.full) this.found.push({ part, what, expected, found });
  }
  private ignored(path: string): boolean {
    return this.fields.some((field) => path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`));
  }

  private block(pe: number, a: Uint8Array, b: Uint8Array): void {
    const { masked } = this;
    const [v, w] = [wordsOf(a), wordsOf(b)];
    let at = 0;
    while (at < masked.length && ((v[at]! ^ w[at]!) & ~masked[at]!) === 0) at++;
    if (at === masked.length || this.full) return;
    const [x, y] = [registersOf(a), registersOf(b)];
    for (const [name, value] of Object.entries(x)) {
      if (value === y[name] || this.registers.has(name) || this.ignored(`pe ${pe}.${name}`)) continue;
      this.add(`pe ${pe}`, name, show(value), show(y[name]));
    }
  }

  private values(part: string, what: string, a: PlainData | undefined, b: PlainData | undefined): void {
    // Names are only made where there is something to be named: hardly anything differs.
    if (this.full || equalData(a, b)) return;
    const inside = (name: string): string => (what === '' ? name : `${what}.${name}`);
    if (Array.isArray(a) && Array.isArray(b)) {
      for (let n = 0; n < Math.max(a.length, b.length); n++)
        this.values(part, `${what}[${n}]`, a[n] as PlainData, b[n] as PlainData);
      return;
    }
    if (isFields(a) && isFields(b)) {
      for (const name in a) this.values(part, inside(name), a[name], b[name]);
      for (const name in b) if (!Object.hasOwn(a, name)) this.values(part, inside(name), undefined, b[name]);
      return;
    }
    if (a instanceof Uint8Array && b instanceof Uint8Array && a.length === b.length) {
      const at = a.findIndex((byte, n) => byte !== b[n]);
      if (at < 0 || this.ignored(`${part}${what === '' ? '' : `.${what}`}`)) return;
      const side = (bytes: Uint8Array): string => `<${hex(bytes.subarray(at, at + 16))}>`;
      return this.add(part, `${what}[${at}..]`, side(a), side(b));
    }
    const path = what === '' ? part : what.startsWith('[') ? part + what : `${part}.${what}`;
    if (!this.ignored(path)) this.add(part, what === '' ? 'state' : what, show(a), show(b));
  }

  // --- RAM ---

  private ram(expected: Snapshot): void {
    // Ascending, so that what is listed does not depend on the order of writes.
    const pages = [...this.machine.whole.changedPages(expected)].sort((a, b) => a.page - b.page);
    for (const { page, bytes } of pages) this.page(page, bytes);
  }
  private page(page: number, before: Uint8Array): void {
    const at = page * PAGE_BYTES;
    const now = this.machine.whole.ramAt(at, PAGE_BYTES);
    let said = -1;
    for (const changed of changedWords(before, now)) {
      const word = (changed * 4) & ~7;
      if (word === said || !this.counts(at, changed * 4, before, now)) continue;
      if (this.full) return;
      said = word;
      const pa = BigInt(RAM_PA + at + word);
      const name = this.symbolize(pa);
      const what = `0x${pa.toString(16)}${name === undefined ? '' : ` <${name}>`}`;
      const value = (bytes: Uint8Array): string =>
        `0x${new DataView(bytes.buffer, bytes.byteOffset + word, 8).getBigUint64(0, true).toString(16)}`;
      this.add('ram', what, value(before), value(now));
    }
  }
  /** A byte of the word at offset `first` of the page at `at` differs, and nobody declared that it may. */
  private counts(at: number, first: number, before: Uint8Array, now: Uint8Array): boolean {
    for (let n = first; n < first + 4; n++) {
      const declared = before[n] === now[n] || this.memory.some(({ from, to }) => at + n >= from && at + n < to);
      if (!declared) return true;
    }
    return false;
  }
}

function hostedOf({ hosted }: Pick<Snapshot, 'hosted'>): PlainData {
  return plainImage(hosted).map(({ results, ...rest }) => ({
    ...rest,
    yields: results.length,
    past: results.at(-1)?.hash ?? 0n,
  })) as unknown as PlainData;
}
