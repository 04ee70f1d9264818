import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { laneNamed, outline, readLanes, type TraceLane } from '../../../test/support/perfetto-slices.ts';
import { CHUNK_CHARS } from './chunks.ts';
import { LANE_DEPTH_MAX } from './lanes.ts';
import { PerfettoTrace } from './perfetto.ts';
import type { TraceRecord } from './records.ts';
import { TextTrace } from './text.ts';

/** Records without what the test does not care for. */
type Part = { readonly kind: TraceRecord['kind'] } & Readonly<Record<string, unknown>>;

const DEFAULTS = {
  exception: { exception: 'IRQ', vector: 'Current EL with SP_ELx', PC: 0n, ELR: 0n, SPSR: 0n, fromEl: 1 },
  return: { fromEl: 1, PC: 0n, IL: false },
  call: { name: 'PSCI_VERSION', args: [], PC: 0n },
  sdei: { event: 0, type: 'private', priority: 'normal', before: 'a', after: 'b', clientEl: 1, PC: 0n, entry: 0n },
  interrupt: { what: 'acknowledged', INTID: 27, name: 'CNTV' },
  power: { state: 'WFI', before: 'RUNNING' },
  reset: {},
  restore: {},
};
const full = (part: Part, step: number): TraceRecord =>
  ({ step, timeNs: BigInt(step), pe: 0, el: 1, ...DEFAULTS[part.kind], ...part }) as unknown as TraceRecord;

/** Lanes of a trace of records, one each nanosecond. */
function traced(parts: readonly Part[]): TraceLane[] {
  let json = '';
  const trace = new PerfettoTrace((piece) => (json += piece));
  parts.forEach((part, n) => {
    trace.record(full(part, n));
  });
  trace.end(BigInt(parts.length));
  return readLanes(json);
}
const el1 = (parts: readonly Part[]): string => outline(laneNamed(traced(parts), 'PE 0', 'EL1').slices);
const enter = (fromEl: number, ELR: bigint, exception = 'IRQ'): Part => ({ kind: 'exception', exception, fromEl, ELR });
const leave = (el: number, PC: bigint): Part => ({ kind: 'return', el, PC });

describe('slices of exceptions', () => {
  it('end with the return to where they came from', () => {
    expect(el1([enter(0, 1n), enter(1, 2n), leave(1, 2n), enter(1, 3n), leave(1, 3n), leave(0, 1n)])).toBe(
      'IRQ [IRQ, IRQ]',
    );
  });

  it('of another context are ended by the return from them, with what never returned inside', () => {
    const switched = [enter(1, 2n), enter(1, 7n), leave(1, 2n), enter(1, 9n), leave(1, 9n)];
    expect(el1(switched)).toBe('IRQ [IRQ], IRQ');
  });

  it('all end when the Exception level is left for a lower one: its context was switched', () => {
    expect(el1([enter(0, 1n, 'SError'), enter(1, 2n), leave(0, 77n), enter(0, 5n), leave(0, 5n)])).toBe(
      'SError [IRQ], IRQ',
    );
  });

  it('are not ended by a return within the level of a context that began there', () => {
    expect(el1([enter(0, 1n, 'SError'), leave(1, 50n), enter(1, 2n), leave(1, 2n)])).toBe('SError [IRQ]');
  });

  it('end where entries are seen no more to return', () => {
    const parts = Array.from({ length: LANE_DEPTH_MAX + 1 }, (_, n) => enter(1, BigInt(n)));
    expect(laneNamed(traced(parts), 'PE 0', 'EL1').slices).toHaveLength(2);
  });

  it('do not end SDEI handlers, which only completion does', () => {
    const handler = { kind: 'sdei', operation: 'DISPATCH', event: 5 } as const;
    const done = { kind: 'sdei', operation: 'COMPLETE', event: 5 } as const;
    expect(el1([enter(0, 1n), handler, enter(1, 2n), leave(0, 3n), enter(0, 4n), done, leave(0, 1n)])).toBe(
      'IRQ [SDEI event 5 (normal) [IRQ, IRQ]]',
    );
  });

  it('begin where a handler ended by COMPLETE_AND_RESUME, until the return to what it had interrupted', () => {
    const parts: Part[] = [
      enter(0, 1n),
      { kind: 'sdei', operation: 'DISPATCH', event: 5, PC: 0x40n },
      { kind: 'sdei', operation: 'COMPLETE', event: 5 },
      { kind: 'call', name: 'SDEI_EVENT_COMPLETE_AND_RESUME' },
      enter(1, 2n),
      leave(1, 2n),
      leave(1, 0x40n),
      leave(0, 1n),
    ];
    expect(el1(parts)).toBe('IRQ [SDEI event 5 (normal), resumed [IRQ]]');
  });
});

describe('a trace for Perfetto', () => {
  const el = fc.integer({ min: 0, max: 3 });
  const word = fc.bigInt({ min: 0n, max: 4n });
  const number = fc.integer({ min: 0, max: 3 });
  const pe = fc.integer({ min: 0, max: 1 });
  const part: fc.Arbitrary<Part> = fc.oneof(
    fc.record({
      kind: fc.constant('exception' as const),
      pe,
      el: fc.integer({ min: 1, max: 3 }),
      fromEl: el,
      ELR: word,
    }),
    fc.record({ kind: fc.constant('return' as const), pe, el, fromEl: el, PC: word, IL: fc.boolean() }),
    fc.record({
      kind: fc.constant('sdei' as const),
      pe,
      el,
      event: number,
      operation: fc.constantFrom('DISPATCH', 'COMPLETE', 'ENABLE'),
    }),
    fc.record({
      kind: fc.constant('call' as const),
      pe,
      el,
      name: fc.constantFrom('SDEI_EVENT_COMPLETE', 'SDEI_EVENT_COMPLETE_AND_RESUME', '"\\\u0000'),
    }),
    fc.record({
      kind: fc.constant('interrupt' as const),
      pe: fc.integer({ min: -1, max: 1 }),
      INTID: number,
      what: fc.constantFrom('acknowledged', 'ended', 'raised'),
    }),
    fc.record({ kind: fc.constant('power' as const), pe, state: fc.constantFrom('WFI', 'OFF', 'RUNNING') }),
    fc.record({ kind: fc.constantFrom('reset' as const, 'restore' as const), pe: fc.constant(-1) }),
  );

  it('nests in every lane and ends all it began, whatever happens in whatever order', () => {
    const check = fc.property(fc.array(part, { maxLength: 200 }), (parts) => {
      expect(() => traced(parts)).not.toThrow();
    });
    fc.assert(check, { numRuns: 300 });
  });

  it('has times exact to the nanosecond, however late', () => {
    let json = '';
    const trace = new PerfettoTrace((piece) => (json += piece));
    trace.record({ ...full(enter(0, 0n), 0), timeNs: 2n ** 52n + 1n });
    trace.end(2n ** 52n + 2n);
    expect(json).toContain('"ts":4503599627370.497,');
    expect(json).toContain('"ts":4503599627370.498,');
  });

  it('without records is an empty list', () => {
    expect(traced([])).toEqual([]);
  });

  it.each([
    ['for Perfetto', (write: (text: string) => void) => new PerfettoTrace(write)],
    ['as text', (write: (text: string) => void) => new TextTrace(write)],
  ])('%s is written in pieces, so that its length takes no memory', (_name, make) => {
    const sizes: number[] = [];
    const trace = make((piece) => sizes.push(piece.length));
    for (let n = 0; n < 20_000; n++) trace.record(full(n & 1 ? leave(0, 1n) : enter(0, 1n), n));
    expect(sizes.length).toBeGreaterThan(20);
    expect(Math.max(...sizes)).toBeLessThan(CHUNK_CHARS + 2000);
  });
});
