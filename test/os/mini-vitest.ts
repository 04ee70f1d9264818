/**
 * As much of vitest as the tests of `src/os` use, for a process that stops at the first failure: a suite that is run
 * once for each of many changed sources has no time for more.
 */

import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
/** @see vitest */
export const expect = chai.expect;

type Body = (...args: unknown[]) => unknown;
type Row = unknown;
let prefix: readonly string[] = [];
/** Tests that were declared, in their order. */
export const declared: { readonly name: string; readonly body: () => unknown }[] = [];

const argumentsOf = (row: Row): unknown[] => (Array.isArray(row) ? row : [row]);
function test(name: string, a: unknown, b?: unknown): void {
  const body = (typeof a === 'function' ? a : b) as () => unknown;
  declared.push({ name: [...prefix, name].join(' > '), body });
}
const eachTest =
  (rows: readonly Row[]) =>
  (name: string, body: Body): void => {
    for (const row of rows) test(`${name} ${String(argumentsOf(row)[0])}`, () => body(...argumentsOf(row)));
  };
function group(name: string, body: () => void): void {
  const before = prefix;
  prefix = [...before, name];
  body();
  prefix = before;
}
const eachGroup =
  (rows: readonly Row[]) =>
  (name: string, body: Body): void => {
    for (const row of rows) group(`${name} ${String(argumentsOf(row)[0])}`, () => void body(...argumentsOf(row)));
  };
const nothing = (): void => {};
/** @see vitest */
export const it = Object.assign(test, {
  each: eachTest,
  skip: nothing,
  skipIf: (skip: boolean) => (skip ? nothing : test),
});
/** @see vitest */
export const describe = Object.assign(group, { each: eachGroup, skip: nothing });
