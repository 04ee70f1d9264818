import type { ConsoleMatcher } from '../console-match.ts';
import type { MachinePort } from '../machine-port.ts';
import { ACTIONS } from './actions.ts';
import { Scanner } from './scan.ts';
import { TRIGGERS } from './triggers.ts';

/** What a rule may watch and act on. */
export interface OnContext {
  readonly machine: MachinePort;
  readonly console: ConsoleMatcher;
  /** Ends the run at the current boundary; `why` goes into the summary. */
  readonly stop: (why: string) => void;
}

/** A trigger with its argument: calls `fire` whenever its condition comes about. */
export type ArmedTrigger = (context: OnContext, fire: () => void) => void;

/** An action with its argument; `rule` is the text of the whole rule. */
export type ReadyAction = (context: OnContext, rule: string) => void;

/** One word of the grammar: a row of the table of triggers or of the table of actions. */
export interface OnWord<Meaning> {
  readonly name: string;
  /** How it is written, e.g. `step:N`. */
  readonly syntax: string;
  readonly doc: string;
  /** Reads what follows the name (and its colon, when the syntax has one). */
  readonly parse: (scan: Scanner) => Meaning;
}

/** `TRIGGER => ACTION`, parsed. */
export interface OnRule {
  /** As it was given. */
  readonly text: string;
  readonly trigger: ArmedTrigger;
  readonly action: ReadyAction;
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
 * Reads one rule, `TRIGGER => ACTION`.
 *
 * @throws UsageError `E_ON`, `E_REGEX`, `E_COUNT` or `E_TIME` with the column and what is known there
 */
export function parseRule(text: string): OnRule {
  const scan = new Scanner(text);
  const trigger = word(scan, 'a trigger', TRIGGERS);
  scan.skipSpace();
  scan.expect('=>', "A rule is written 'TRIGGER => ACTION'.");
  const action = word(scan, 'an action', ACTIONS);
  scan.expectEnd();
  return { text, trigger, action };
}

/** Puts rules to work on a machine, in the order given, before its first step. */
export function armRules(rules: readonly OnRule[], context: OnContext): void {
  for (const rule of rules) rule.trigger(context, () => rule.action(context, rule.text));
}

/** The words of the grammar, for the command's help. */
export function describeGrammar(): string {
  const section = (title: string, rows: readonly OnWord<unknown>[]): string[] => [
    `${title}:`,
    ...rows.map((row) => `  ${row.syntax.padEnd(22)} ${row.doc}`),
  ];
  return [...section('Triggers of --on', TRIGGERS), ...section('Actions of --on', ACTIONS)].join('\n');
}
