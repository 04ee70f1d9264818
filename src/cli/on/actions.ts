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
    name: 'stop',
    syntax: 'stop',
    doc: 'end the run at this boundary, exit code 0',
    parse: () => (context, rule) => context.stop(`stopped by --on '${rule}'`),
  },
];
