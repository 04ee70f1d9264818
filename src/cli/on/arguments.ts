/** Arguments that several words of `--on` share. */
import { isUserError, type UsageError } from '../errors.ts';
import type { Inside } from './inside.ts';
import type { ArmedTrigger, OnContext, WhereFired } from './rule.ts';
import type { Scanner } from './scan.ts';

const NUMBER = /^(?:0x[0-9a-f]+|\d+)$/i;

/** A whole number, decimal or hexadecimal, that a JavaScript number holds exactly; undefined for anything else. */
export function wholeNumber(text: string): number | undefined {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** What was written, and how to complain about it later: the rule's text and the column stay with it. */
export interface Written {
  readonly text: string;
  fail(message: string): UsageError;
}

/** An argument, and at which of its arrivals the rule acts: a number from 1, or every one. */
export interface Counted extends Written {
  readonly hit: number | 'every';
}

/** How `#HIT` is written. */
export const HIT_FORM = '[#HIT]';

/** Reads `ARGUMENT[#HIT]`; without `#HIT` the first. `#*` is every one. */
export function counted(scan: Scanner, what: string): Counted {
  const start = scan.at;
  const word = scan.word(what);
  const at = word.lastIndexOf('#');
  const text = at < 0 ? word : word.slice(0, at);
  const number = at < 0 ? '1' : word.slice(at + 1);
  const hit = number === '*' ? 'every' : wholeNumber(number);
  if (hit === undefined || hit === 0)
    throw scan.fail(`'#${number}' is no count of arrivals. Give #1, #2, ... or #* for every one.`, start + at);
  if (text === '') throw scan.fail(`expected ${what} before '#'.`, start);
  return { text, hit, fail: (message) => scan.fail(message, start) };
}

/** Reads `ARGUMENT[@PE]`. */
export function atPe(scan: Scanner, what: string): Written & { readonly pe: number | undefined } {
  const start = scan.at;
  const word = scan.word(what);
  const at = word.lastIndexOf('@');
  const text = at < 0 ? word : word.slice(0, at);
  if (text === '') throw scan.fail(`expected ${what} before '@'.`, start);
  const fail = (message: string): UsageError => scan.fail(message, start);
  return { text, pe: at < 0 ? undefined : peNumber(scan, word.slice(at + 1), start + at + 1), fail };
}

/** A PE by number, read at a column. */
export function peNumber(scan: Scanner, text: string, column: number): number {
  const pe = wholeNumber(text);
  if (pe === undefined) throw scan.fail(`'${text}' is no PE. PEs have numbers from 0.`, column);
  return pe;
}

/** Whatever the library says against an argument is said with its column. */
export function complain<T>(written: Written, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (isUserError(error) && error.name !== 'UsageError') throw written.fail(error.message);
    throw error;
  }
}

/** The inside of the machine of a run. @throws Error (assertion) on a stand-in */
export function insideFor(context: OnContext): Inside {
  if (!context.inside) throw new Error('assertion: this rule needs a whole machine');
  return context.inside;
}

/** Calls what comes with each arrival until the wanted one; `listen` gives a function that ends listening. */
export function fireAt(
  hit: Counted['hit'],
  fire: (where: WhereFired) => void,
  listen: (arrived: (where: WhereFired) => void) => () => void,
): void {
  let count = 0;
  const off = listen((where) => {
    count++;
    if (hit !== 'every' && count !== hit) return;
    if (hit !== 'every') off();
    fire(where);
  });
}

/** A trigger that can say before the run what is wrong with its argument on this machine. */
export function checked(check: (inside: Inside) => void, arm: ArmedTrigger): ArmedTrigger {
  return Object.assign(arm, { check });
}
