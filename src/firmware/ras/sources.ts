/**
 * Error sources of the firmware: which there are, and how each tells the operating system.
 *
 * Source: ACPI Specification 6.5, "Generic Hardware Error Source" and "Hardware Error Notification".
 */

/** How a source notifies. */
export const RAS_NOTIFICATIONS = ['sdei', 'sdei-critical', 'sea', 'sei', 'gsiv', 'gpio', 'polled'] as const;
/**
 * One of {@link RAS_NOTIFICATIONS}. `gsiv` and `gpio` both reach the error device (PNP0C33) through the generic event
 * device; `sea` and `sei` are a synchronous External abort and an SError on the PE that met the error.
 */
export type RasNotification = (typeof RAS_NOTIFICATIONS)[number];

/** One error source, as it is declared. */
export interface RasSource {
  /** Source id in the HEST, 0 to 65534; Linux calls the source `GHES.<id>`. */
  readonly id: number;
  readonly notify: RasNotification;
  /** Number of the SDEI event; only with `sdei` and `sdei-critical`, whose priority the event must have. */
  readonly event?: number;
  /** Interval in ms, 1 to 3,600,000; only with `polled`, default 1000. */
  readonly pollMs?: number;
  /** Structure in the HEST: 2, the default, has a register with which the operating system gives its block back. */
  readonly ghes?: 1 | 2;
}

/** A source with its defaults filled in; `event` and `pollMs` are 0 where they mean nothing. */
export interface CheckedSource {
  readonly id: number;
  readonly notify: RasNotification;
  readonly event: number;
  readonly pollMs: number;
  readonly ghes: 1 | 2;
}

/** Most sources of one machine: each has a block and a register of its own. */
export const RAS_SOURCES_MAX = 16;
/** SDEI events that errors use unless told: explicit, private, of the two priorities. */
export const RAS_SDEI_EVENTS = { sdei: 3000, 'sdei-critical': 3001 } as const;
const POLL_MS_DEFAULT = 1000;
/** An hour: whoever polls less often does not want to know. */
const POLL_MS_MAX = 3_600_000;
/** 0xffff says that there is no source. */
const ID_MAX = 0xfffe;

/**
 * What a machine has when nothing is declared: one source for each notification that Linux takes on arm64. `sei` is not
 * among them because Linux refuses such a source with an error.
 */
export const RAS_SOURCES_DEFAULT: readonly RasSource[] = [
  { id: 1, notify: 'sdei' },
  { id: 2, notify: 'sdei-critical' },
  { id: 3, notify: 'sea' },
  { id: 4, notify: 'gsiv' },
  { id: 5, notify: 'gpio' },
  { id: 6, notify: 'polled' },
];

const usesSdei = (notify: RasNotification): notify is keyof typeof RAS_SDEI_EVENTS =>
  Object.hasOwn(RAS_SDEI_EVENTS, notify);

function checkOne(source: RasSource, refuse: (message: string) => never): CheckedSource {
  const { id, notify, ghes = 2 } = source;
  if (!RAS_NOTIFICATIONS.includes(notify))
    refuse(`notify '${notify}': no such notification. Known: ${RAS_NOTIFICATIONS.join(', ')}.`);
  if (!(Number.isInteger(id) && id >= 0 && id <= ID_MAX)) refuse(`id ${id} is not 0 to ${ID_MAX}.`);
  if (ghes !== 1 && ghes !== 2) refuse(`ghes ${ghes}: there are versions 1 and 2. Choose one.`);
  const pollMs = source.pollMs ?? (notify === 'polled' ? POLL_MS_DEFAULT : 0);
  if (notify !== 'polled' && pollMs !== 0) refuse('pollMs is for polled sources. Leave it out.');
  if (notify === 'polled' && !(Number.isInteger(pollMs) && pollMs >= 1 && pollMs <= POLL_MS_MAX))
    refuse(`pollMs ${pollMs} is not 1 to ${POLL_MS_MAX}.`);
  const event = source.event ?? (usesSdei(notify) ? RAS_SDEI_EVENTS[notify] : 0);
  if (!usesSdei(notify) && event !== 0) refuse('event is for SDEI sources. Leave it out.');
  return { id, notify, event, pollMs, ghes };
}

/**
 * Checks declared sources.
 *
 * @param refuse - throws the user's error; its text begins with the entry, e.g. `ras.sources[3]: ...`
 * @returns sources by ascending id
 */
export function checkSources(
  sources: readonly RasSource[],
  refuse: (message: string) => never,
): readonly CheckedSource[] {
  if (sources.length === 0 || sources.length > RAS_SOURCES_MAX)
    refuse(`ras.sources: ${sources.length} sources; there can be 1 to ${RAS_SOURCES_MAX}.`);
  const checked = sources.map((source, n) => checkOne(source, (text) => refuse(`ras.sources[${n}]: ${text}`)));
  const twice = (key: (source: CheckedSource) => number | undefined, what: string): void => {
    const seen = new Map<number, number>();
    checked.forEach((source, n) => {
      const value = key(source);
      if (value === undefined) return;
      const before = seen.get(value);
      if (before !== undefined) refuse(`ras.sources[${n}]: ras.sources[${before}] has ${what} ${value} already.`);
      seen.set(value, n);
    });
  };
  twice(({ id }) => id, 'id');
  twice(({ notify, event }) => (usesSdei(notify) ? event : undefined), 'SDEI event');
  return [...checked].sort((a, b) => a.id - b.id);
}
