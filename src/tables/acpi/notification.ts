/** Hardware Error Notification structure. Source: ACPI 6.5, "Hardware Error Notification". */
import { type Field, must, preset, u8, u16, u32, zero } from './fields.ts';
import { type Input, nested, struct, type Value } from './struct.ts';

/** Numbers of the ways in which an error source notifies. */
export const NOTIFICATION = {
  polled: 0,
  externalInterrupt: 1,
  localInterrupt: 2,
  SCI: 3,
  NMI: 4,
  CMCI: 5,
  MCE: 6,
  GPIO: 7,
  SEA: 8,
  SEI: 9,
  GSIV: 10,
  SDEI: 11,
} as const;

const NAMES = {
  0: 'polled',
  1: 'external interrupt',
  2: 'local interrupt',
  3: 'SCI',
  4: 'NMI',
  5: 'CMCI',
  6: 'MCE',
  7: 'GPIO signal',
  8: 'Armv8 SEA',
  9: 'Armv8 SEI',
  10: 'external interrupt, GSIV',
  11: 'software delegated exception (SDEI)',
  12: 'RISC-V software event',
} as const;

const SIZE_BYTES = 28;

/** Fields of the notification structure. */
export const NOTIFICATION_STRUCTURE = struct(
  'Hardware Error Notification Structure',
  'ACPI 6.5, "Hardware Error Notification"',
  { full: SIZE_BYTES },
  {
    type: u8('how the source notifies', { names: NAMES }),
    length: must(
      preset(u8('size of the structure in bytes'), SIZE_BYTES),
      'length of a notification structure',
      `${SIZE_BYTES}`,
      (value) => value === SIZE_BYTES,
    ),
    configurationWriteEnable: zero(
      u16('what software may change', {
        bits: {
          type: 0,
          'poll interval': 1,
          'switch to polling threshold value': 2,
          'switch to polling threshold window': 3,
          'error threshold value': 4,
          'error threshold window': 5,
        },
      }),
    ),
    pollIntervalMs: zero(u32('interval of polling')),
    vector: zero(u32('interrupt; with SDEI the number of the event')),
    switchToPollingThresholdValue: zero(u32('number of interrupts in the window')),
    switchToPollingThresholdWindowMs: zero(u32('window')),
    errorThresholdValue: zero(u32('number of errors in the window')),
    errorThresholdWindowMs: zero(u32('window')),
  },
);

/** How an error source notifies. */
export type Notification = Value<typeof NOTIFICATION_STRUCTURE>;
/** The same as encoders take it. */
export type NotificationInput = Input<typeof NOTIFICATION_STRUCTURE>;

function text({ type, vector, pollIntervalMs }: Notification): string {
  const name = (NAMES as Readonly<Record<number, string>>)[type] ?? `type ${type}`;
  return `${name}, vector ${vector}, poll interval ${pollIntervalMs} ms`;
}

/** A field that holds a notification structure. */
export const notification = (): Field<NotificationInput, 'required'> =>
  nested(NOTIFICATION_STRUCTURE, 'how the source notifies', text);
