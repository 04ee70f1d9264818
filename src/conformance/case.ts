/** What a conformance case is: a sentence, and hosted guest code that finds out whether it holds. */
import type { HostedFunction } from '../engine/hosted/program.ts';
import type { Choices } from '../firmware/sdei/choices.ts';
import type { Guest } from './guest.ts';

/** What a case needs that not every dispatcher or machine has. */
export type Requirement =
  /** Explicit events that the test can have raised from outside: not with a dispatcher in machine code. */
  | 'explicit events'
  /** Interrupts can be bound. */
  | 'binding'
  /** Events that an interrupt belongs to for good. */
  | 'static events'
  | 'EL2'
  /** AArch32 at EL0, which this machine does not have. */
  | 'AArch32'
  /** An interrupt that belongs to Secure software. */
  | 'a Secure interrupt'
  /** A signal that cannot be taken at once is kept: a choice of the profile. */
  | 'signals that wait'
  /** An explicit event that cannot be taken at once is kept: a choice of the profile. */
  | 'explicit events that wait';

/** All of them. */
export const REQUIREMENTS: readonly Requirement[] = [
  'explicit events',
  'binding',
  'static events',
  'EL2',
  'AArch32',
  'a Secure interrupt',
  'signals that wait',
  'explicit events that wait',
];

/** One sentence about a dispatcher. */
export interface ConformanceCase {
  /** The sentence, which is the name in every report. */
  readonly name: string;
  /** Group in reports, such as `register`. */
  readonly group: string;
  /** PEs the case needs; default 1. */
  readonly cpus: number;
  readonly needs: readonly Requirement[];
  /** Its functions; `main` runs on PE 0 at the client's Exception level. */
  functions(guest: Guest): Readonly<Record<string, HostedFunction>>;
}

/** What a case may say of itself. */
export interface CaseOptions {
  readonly cpus?: number;
  readonly needs?: readonly Requirement[];
}

/** A sentence does not hold: what was expected, what was found. */
export class CaseFailure extends Error {
  override readonly name = 'CaseFailure';
}

/** A group of cases under one heading. */
export class CaseGroup {
  readonly cases: ConformanceCase[] = [];
  private readonly group: string;

  constructor(group: string) {
    this.group = group;
  }
  /** Adds a case that is one function. */
  test(name: string, main: (guest: Guest) => ReturnType<HostedFunction>, options: CaseOptions = {}): void {
    this.functions(name, (guest) => ({ main: () => main(guest) }), options);
  }
  /** Adds a case with handlers or code for other PEs. */
  functions(name: string, functions: ConformanceCase['functions'], options: CaseOptions = {}): void {
    this.cases.push({ name, group: this.group, cpus: 1, needs: [], ...options, functions });
  }
}

/** Expectations that depend on what a dispatcher chose where it may choose. */
export type Policy = Choices;
