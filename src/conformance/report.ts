/** What a run of the conformance suite prints. */
import type { CaseResult, CaseStatus } from './runner.ts';

/** Statuses in the order of the totals. */
export const STATUSES: readonly CaseStatus[] = ['PASS', 'FAIL', 'SKIP', 'XFAIL'];

/** `STATUS: name`, with the reason behind it. */
export function resultLine({ status, name, why }: CaseResult): string {
  return why === undefined ? `${status}: ${name}` : `${status}: ${name} (${why})`;
}

/** How many cases ended how. */
export function totals(results: readonly CaseResult[]): Readonly<Record<CaseStatus, number>> {
  const count = (status: CaseStatus): number => results.filter((r) => r.status === status).length;
  return Object.fromEntries(STATUSES.map((s) => [s, count(s)])) as Record<CaseStatus, number>;
}

/** `PASS 140, FAIL 0, SKIP 3, XFAIL 0`. */
export function totalsLine(results: readonly CaseResult[]): string {
  const count = totals(results);
  return STATUSES.map((status) => `${status} ${count[status]}`).join(', ');
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const FORBIDDEN = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g;
const escaped = (text: string): string => text.replace(FORBIDDEN, '?').replace(/[&<>"]/g, (c) => ESCAPES[c]!);

/** The results as JUnit XML, one test suite for each group. Characters that XML cannot have become `?`. */
export function junit(results: readonly CaseResult[], name: string): string {
  const groups = [...new Set(results.map(({ group }) => group))];
  const suite = (group: string): string => {
    const own = results.filter((r) => r.group === group);
    const { FAIL, SKIP } = totals(own);
    const head = `name="${escaped(group)}" tests="${own.length}" failures="${FAIL}" skipped="${SKIP}"`;
    return [`  <testsuite ${head}>`, ...own.map(testcase), '  </testsuite>'].join('\n');
  };
  const { FAIL } = totals(results);
  const head = `name="${escaped(name)}" tests="${results.length}" failures="${FAIL}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${head}>`,
    ...groups.map(suite),
    '</testsuites>',
    '',
  ].join('\n');
}

function testcase({ name, group, status, why = '' }: CaseResult): string {
  const head = `    <testcase classname="${escaped(group)}" name="${escaped(name)}"`;
  if (status === 'FAIL') return `${head}><failure message="${escaped(why)}"/></testcase>`;
  if (status === 'PASS') return `${head}/>`;
  return `${head}><skipped message="${escaped(why)}"/></testcase>`;
}
