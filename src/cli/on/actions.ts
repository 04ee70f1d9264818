import { INJECTIONS } from './injections.ts';
import { RAS_ACTIONS } from './ras.ts';
import type { OnWord, ReadyAction } from './rule.ts';

/** Every action of `--on`, one row each. */
export const ACTIONS: readonly OnWord<ReadyAction>[] = [
  {
    name: 'type',
    syntax: 'type:"text"',
    doc: 'type on the console; escapes \\n \\r \\t \\e \\xNN \\u{N} \\" \\\\',
    parse: (scan) => {
      const bytes = new TextEncoder().encode(scan.quoted());
      return (context) => context.machine.console.input(bytes);
    },
  },
  {
    name: 'save',
    syntax: 'save:FILE',
    doc: 'write a snapshot of the machine to FILE, for --restore; quotes where the name has spaces or commas',
    parse: (scan) => {
      const path = scan.peek('"') ? scan.quoted() : scan.word('the name of a file');
      return (context, rule) => context.save(path, rule);
    },
  },
  {
    name: 'stop',
    syntax: 'stop',
    doc: 'end the run at this boundary, exit code 0',
    parse: () => (context, rule) => context.stop(`stopped by --on '${rule}'`),
  },
  ...INJECTIONS,
  ...RAS_ACTIONS,
];
