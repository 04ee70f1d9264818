/**
 * Which events a dispatcher has: declared as data, checked before a machine is made of them.
 *
 * Source: DEN0054, "Event number allocation" and "Event attributes".
 */

/** One event, as it is declared. */
export interface SdeiEvent {
  /** 0 to 0x7fff_ffff with bits 29:24 zero; bit 30 marks a vendor's event. */
  readonly number: number;
  /** `private`: one handler on each PE. `shared`: one for the system. */
  readonly type: 'private' | 'shared';
  readonly priority: 'normal' | 'critical';
  /** SDEI_EVENT_SIGNAL can raise it; only private events without an interrupt. Default: event 0 alone. */
  readonly signalable?: boolean;
  /**
   * What raises it: `dynamic` is an interrupt the client binds, a number is the INTID of an interrupt that belongs to
   * it for good, nothing is the firmware (or a signal).
   */
  readonly interrupt?: 'dynamic' | number;
}

/** Event 0: private, normal, raised by SDEI_EVENT_SIGNAL. DEN0054, "Software event". */
export const SOFTWARE_EVENT = 0;

const slots = (first: number, count: number, type: SdeiEvent['type']): SdeiEvent[] =>
  Array.from({ length: count }, (_, n) => ({ number: first + n, type, priority: 'normal', interrupt: 'dynamic' }));

/** What a machine has when nothing is declared: event 0, slots for PPIs and SPIs, and events for errors (RAS). */
export const SDEI_EVENTS_DEFAULT: readonly SdeiEvent[] = [
  { number: SOFTWARE_EVENT, type: 'private', priority: 'normal', signalable: true },
  ...slots(1000, 4, 'private'),
  ...slots(2000, 8, 'shared'),
  { number: 3000, type: 'private', priority: 'normal' },
  { number: 3001, type: 'private', priority: 'critical' },
  { number: 3002, type: 'shared', priority: 'normal' },
  { number: 3003, type: 'shared', priority: 'critical' },
];

const NUMBER_RESERVED = 0x3f00_0000;
/** Most events of one dispatcher. */
export const SDEI_EVENTS_MAX = 64;
const SPI_FIRST = 32;

/** What the board says of interrupts. */
export interface BoardInterrupts {
  /** First INTID behind the implemented SPIs. */
  readonly intidEnd: number;
  /** Interrupts of the board's own PPIs in use, by INTID: timers, PMU. */
  readonly taken: ReadonlyMap<number, string>;
}

/** Why an event cannot be, or undefined. */
function problemOf(event: SdeiEvent, board: BoardInterrupts): string | undefined {
  const { number, type, priority, interrupt, signalable = false } = event;
  if (!(Number.isInteger(number) && number >= 0 && number <= 0x7fff_ffff && (number & NUMBER_RESERVED) === 0))
    return `number ${number} is not 0 to 16777215, or such a number with bit 30 set. Choose one of those.`;
  if (type !== 'private' && type !== 'shared') return `type '${type}' is not 'private' or 'shared'.`;
  if (priority !== 'normal' && priority !== 'critical') return `priority '${priority}' is not 'normal' or 'critical'.`;
  if (number === SOFTWARE_EVENT && !(type === 'private' && priority === 'normal' && interrupt === undefined))
    return 'event 0 is private, normal and has no interrupt. Declare it so, or leave it out to have it added.';
  if (number === SOFTWARE_EVENT && event.signalable === false) return 'event 0 can always be signalled.';
  if (signalable && (type !== 'private' || interrupt !== undefined))
    return 'only a private event without an interrupt can be signalled. Leave out signalable.';
  if (interrupt === undefined) return undefined;
  if (interrupt === 'dynamic')
    return priority === 'normal' ? undefined : 'a dynamic event has normal priority. Choose normal.';
  const [first, end] = type === 'private' ? [16, SPI_FIRST] : [SPI_FIRST, board.intidEnd];
  if (!(Number.isInteger(interrupt) && interrupt >= first && interrupt < end))
    return `interrupt ${interrupt} is not an INTID from ${first} to ${end - 1}, which a ${type} event needs.`;
  const owner = board.taken.get(interrupt);
  return owner && `interrupt ${interrupt} belongs to ${owner}. Choose a free one.`;
}

/**
 * Checks declared events and adds event 0 where it is missing.
 *
 * @param refuse - throws the user's error; its text begins with the entry, e.g. `sdei.events[3] (event 2000): ...`
 * @returns the events by ascending number
 */
export function checkSdeiEvents(
  events: readonly SdeiEvent[],
  board: BoardInterrupts,
  refuse: (message: string) => never,
): readonly SdeiEvent[] {
  if (events.length > SDEI_EVENTS_MAX)
    refuse(`sdei.events: ${events.length} events; a dispatcher has up to ${SDEI_EVENTS_MAX}. Leave some out.`);
  const numbers = new Map<number, number>();
  const interrupts = new Map<number, number>();
  events.forEach((event, n) => {
    const at = `sdei.events[${n}] (event ${event.number}): `;
    const problem = problemOf(event, board);
    if (problem) refuse(at + problem);
    const twin = numbers.get(event.number);
    if (twin !== undefined) refuse(`${at}sdei.events[${twin}] has the same number. Give each its own.`);
    numbers.set(event.number, n);
    if (typeof event.interrupt !== 'number') return;
    const other = interrupts.get(event.interrupt);
    if (other !== undefined)
      refuse(`${at}interrupt ${event.interrupt} belongs to sdei.events[${other}]. Choose another.`);
    interrupts.set(event.interrupt, n);
  });
  const all = numbers.has(SOFTWARE_EVENT) ? events : [SDEI_EVENTS_DEFAULT[0]!, ...events];
  return [...all]
    .map((event) => (event.number === SOFTWARE_EVENT ? SDEI_EVENTS_DEFAULT[0]! : event))
    .sort((a, b) => a.number - b.number);
}
