import type { ConsoleMatcher } from '../console-match.ts';
import type { MachinePort } from '../machine-port.ts';
import { ACTIONS } from './actions.ts';
import type { Inside } from './inside.ts';
import { Scanner } from './scan.ts';
import { TRIGGERS } from './triggers.ts';

/** What a rule may watch and act on. */
export interface OnContext {
  readonly machine: MachinePort;
  readonly console: ConsoleMatcher;
  /** Ends the run at the current boundary; `why` goes into the summary. */
  readonly stop: (why: string) => void;
  /** Tells the user, in a line, what happened to a rule. */
  readonly report: (message: string) => void;
  /** Writes a snapshot of the machine as it is now to a file. */
  readonly save: (path: string, rule: string) => void;
  /** The machine from the inside; a stand-in has none. */
  readonly inside: Inside | undefined;
}

/** Where a trigger fired, as far as it knows. */
export interface WhereFired {
  readonly pe?: number;
}

/** Says before the run what is wrong with an argument on this machine. @throws UsageError with the column */
interface Checked {
  readonly check?: (inside: Inside) => void;
}

/** A trigger with its argument: calls `fire` whenever its condition comes about. */
export type ArmedTrigger = ((context: OnContext, fire: (where?: WhereFired) => void) => void) & Checked;

/** An action with its argument; `rule` is the text of the whole rule. */
export type ReadyAction = ((context: OnContext, rule: string, where: WhereFired) => void) & Checked;

/** One word of the grammar: a row of the table of triggers or of the table of actions. */
export interface OnWord<Meaning> {
  readonly name: string;
  /** How it is written, e.g. `step:N`. */
  readonly syntax: string;
  readonly doc: string;
  /** Reads what follows the name (and its colon, when the syntax has one). */
  readonly parse: (scan: Scanner) => Meaning;
}

/** `TRIGGER => ACTION, ACTION, ...`, parsed. */
export interface OnRule {
  /** As it was given. */
  readonly text: string;
  readonly trigger: ArmedTrigger;
  /** Done in this order. */
  readonly actions: readonly ReadyAction[];
}

function word<Meaning>(scan: Scanner, kind: string, rows: readonly OnWord<Meaning>[]): Meaning {
  scan.skipSpace();
  const start = scan.at;
  const name = scan.name();
  const row = rows.find((candidate) => candidate.name === name);
  if (row === undefined) {
    const known = rows.map((candidate) => candidate.syntax).join(', ');
    const found = name === '' ? `expected the name of ${kind}` : `no ${kind.replace(/^an? /, '')} is called '${name}'`;
    throw scan.fail(`${found}. Known: ${known}.`, start);
  }
  if (row.syntax.includes(':')) scan.expect(':', `It is written ${row.syntax}.`);
  return row.parse(scan);
}

/**
 * Reads one rule, `TRIGGER => ACTION`; several actions have commas between them.
 *
 * @throws UsageError `E_ON`, `E_REGEX`, `E_COUNT` or `E_TIME` with the column and what is known there
 */
export function parseRule(text: string): OnRule {
  const scan = new Scanner(text);
  const trigger = word(scan, 'a trigger', TRIGGERS);
  scan.skipSpace();
  scan.expect('=>', "A rule is written 'TRIGGER => ACTION'.");
  const actions: ReadyAction[] = [];
  do {
    actions.push(word(scan, 'an action', ACTIONS));
    scan.skipSpace();
  } while (scan.take(','));
  scan.expectEnd();
  return { text, trigger, actions };
}

/** Puts rules to work on a machine, in the order given, before its first step. */
export function armRules(rules: readonly OnRule[], context: OnContext): void {
  for (const { text, trigger, actions } of rules) {
    trigger(context, (where = {}) => {
      // Some triggers fire within a step: what enters the machine enters at a boundary, where it can be recorded.
      context.machine.at(0, () => {
        for (const action of actions) action(context, text, where);
      });
    });
  }
}

/**
 * Checks rules against the machine that they are for.
 *
 * @throws UsageError with the column of what does not exist there: a symbol, an event, an interrupt, a PE
 */
export function checkRules(rules: readonly OnRule[], inside: Inside | undefined): void {
  if (!inside) return;
  for (const { trigger, actions } of rules) for (const word of [trigger, ...actions]) word.check?.(inside);
}

/** The words of the grammar, for the command's help. */
export function describeGrammar(): string {
  const section = (title: string, rows: readonly OnWord<unknown>[]): string[] => [
    `${title}:`,
    ...rows.map(
      ({ syntax, doc }) => `  ${syntax.length > 22 ? `${syntax}\n${' '.repeat(24)}` : syntax.padEnd(22)} ${doc}`,
    ),
  ];
  return [...section('Triggers of --on', TRIGGERS), ...section('Actions of --on', ACTIONS)].join('\n');
}
