import { parseCount, parseRegex, parseTimeNs } from '../values.ts';
import { GUEST_TRIGGERS } from './events.ts';
import type { ArmedTrigger, OnWord } from './rule.ts';

/** Every trigger of `--on`, one row each. A trigger fires once, unless its row says otherwise. */
export const TRIGGERS: readonly OnWord<ArmedTrigger>[] = [
  {
    name: 'step',
    syntax: 'step:N',
    doc: 'at the boundary after N steps of the whole machine; 0 is before the first',
    parse: (scan) => {
      const step = parseCount('step', scan.word('a number of steps'));
      return (context, fire) => context.machine.at(step, () => fire());
    },
  },
  {
    name: 'time',
    syntax: 'time:12ms',
    doc: 'at the first boundary at or after this virtual time (ns, us, ms, s)',
    parse: (scan) => {
      const timeNs = parseTimeNs('time', scan.word('a time'));
      return (context, fire) => context.machine.atTimeNs(timeNs, () => fire());
    },
  },
  {
    name: 'console',
    syntax: 'console:/regex/flags',
    doc: 'when the console output matches; flag g: each time, not only the first',
    parse: (scan) => {
      const { source, flags } = scan.regex();
      const regex = parseRegex('console:', source, flags.replaceAll('g', ''));
      const every = flags.includes('g');
      return (context, fire) => context.console.watch(regex, every, () => fire());
    },
  },
  ...GUEST_TRIGGERS,
];
