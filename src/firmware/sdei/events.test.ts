import { describe, expect, test } from 'vitest';
import { checkSdeiEvents, SDEI_EVENTS_DEFAULT, type SdeiEvent } from './events.ts';

const BOARD = { intidEnd: 256, taken: new Map([[27, 'the virtual timer']]) };
const check = (...events: SdeiEvent[]): readonly SdeiEvent[] =>
  checkSdeiEvents(events, BOARD, (message) => {
    throw new Error(message);
  });
const event = (more: Partial<SdeiEvent>): SdeiEvent => ({ number: 7, type: 'private', priority: 'normal', ...more });

test('the default events are good as they are', () => {
  expect(check(...SDEI_EVENTS_DEFAULT)).toEqual(SDEI_EVENTS_DEFAULT);
});

test('event 0 is always there, and events are in order', () => {
  expect(check(event({ number: 9 }), event({ number: 0x4000_0001 }), event({})).map((e) => e.number)).toEqual([
    0, 7, 9, 0x4000_0001,
  ]);
  expect(check()[0]).toMatchObject({ number: 0, signalable: true });
});

describe('an impossible event is refused by the entry’s name', () => {
  const cases: [string, SdeiEvent, RegExp][] = [
    ['negative', event({ number: -1 }), /number -1/],
    ['bit 31', event({ number: 0x8000_0000 }), /number 2147483648/],
    ['bits 29:24', event({ number: 0x100_0000 }), /number 16777216/],
    ['a fraction', event({ number: 1.5 }), /number 1.5/],
    ['no type', event({ type: 'local' as never }), /type 'local'/],
    ['no priority', event({ priority: 'high' as never }), /priority 'high'/],
    ['event 0 shared', event({ number: 0, type: 'shared' }), /event 0 is private/],
    ['event 0 not signalable', event({ number: 0, signalable: false }), /event 0 can always/],
    ['shared signalable', event({ type: 'shared', signalable: true }), /can be signalled/],
    ['critical slot', event({ interrupt: 'dynamic', priority: 'critical' }), /normal priority/],
    ['a PPI for a shared event', event({ type: 'shared', interrupt: 20 }), /INTID from 32 to 255/],
    ['an SPI for a private event', event({ interrupt: 40 }), /INTID from 16 to 31/],
    ['an SGI', event({ interrupt: 3 }), /INTID from 16 to 31/],
    ['an SPI that does not exist', event({ type: 'shared', interrupt: 256 }), /INTID from 32/],
    ['a timer’s PPI', event({ interrupt: 27 }), /the virtual timer/],
  ];
  test.each(cases)('%s', (_name, bad, message) => {
    expect(() => check(event({ number: 1 }), bad)).toThrow(message);
    expect(() => check(event({ number: 1 }), bad)).toThrow(/^sdei\.events\[1\] \(event /);
  });
  test('the same number, or the same interrupt, twice', () => {
    expect(() => check(event({}), event({}))).toThrow(/sdei\.events\[1\].*sdei\.events\[0\] has the same number/);
    expect(() => check(event({ interrupt: 20 }), event({ number: 8, interrupt: 20 }))).toThrow(
      /interrupt 20 belongs to sdei\.events\[0\]/,
    );
  });
  test('too many', () => {
    expect(() => check(...Array.from({ length: 65 }, (_, n) => event({ number: n + 1 })))).toThrow(/65 events/);
  });
});
