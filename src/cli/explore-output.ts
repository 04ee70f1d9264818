/** Reports of `unmaskable explore` as text, JSON and JUnit. */
import type { ExploreReport, ResultKind } from '../explore/report.ts';
import type { Timeline } from '../explore/timeline.ts';
import { type CaseResult, OUTCOMES } from '../explore/types.ts';
import { encodeJson } from './explore-json.ts';
import { grouped } from './report.ts';

/** Version of the JSON report. */
export const REPORT_FORMAT = 'unmaskable-explore-1';

/** A report with what is needed to have its runs again. */
export interface FullReport {
  readonly format: typeof REPORT_FORMAT;
  readonly title: string;
  /** Path of the scenario. */
  readonly scenario: string;
  readonly variant?: string | undefined;
  readonly sha256: string;
  /** Fingerprint of the machine at the start. */
  readonly start: string;
  readonly report: ExploreReport;
  /** By number of the kind. */
  readonly timelines: Readonly<Record<number, Timeline>>;
}

/** Rows of the table by place. */
const PLACES_MAX = 40;
const PLACES_OF_KIND = 4;

/** The function of a place, without the offset. */
export function functionOf(place: string): string {
  return place.replace(/\+0x[0-9a-f]+$/, '').replace(/, yield \d+$/, '');
}

/** The line that has a kind again. */
export function replayLine(path: string | undefined, { number }: ResultKind): string {
  return `unmaskable replay ${path ?? 'REPORT.json'}#${number}`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** Counts of outcomes by function, the functions with most failures first. */
export function byFunction(
  kinds: readonly ResultKind[],
): { name: string; failures: number; counts: Map<string, number> }[] {
  const rows = new Map<string, { name: string; failures: number; counts: Map<string, number> }>();
  for (const { places, outcome, failure } of kinds) {
    for (const { place, count } of places) {
      const name = functionOf(place);
      const row = rows.get(name) ?? { name, failures: 0, counts: new Map<string, number>() };
      rows.set(name, row);
      if (failure) row.failures += count;
      row.counts.set(outcome, (row.counts.get(outcome) ?? 0) + count);
    }
  }
  return [...rows.values()].sort((a, b) => b.failures - a.failures || (a.name < b.name ? -1 : 1));
}

function tableByFunction({ kinds }: ExploreReport): string[] {
  const rows = byFunction(kinds);
  const outcomes = OUTCOMES.filter((outcome) => kinds.some((kind) => kind.outcome === outcome)).toReversed();
  const cells = rows
    .slice(0, PLACES_MAX)
    .map(({ name, counts }) => [name, ...outcomes.map((outcome) => `${counts.get(outcome) ?? ''}`)]);
  const more = rows.length > PLACES_MAX ? [`... and ${rows.length - PLACES_MAX} more functions`] : [];
  return [...table([['function', ...outcomes], ...cells]), ...more];
}

/** Numbers of what was tried. */
export function coverageLines({ coverage, window }: ExploreReport): string[] {
  const { boundaries, tried, cases, atOnce, later, undelivered, elsewhere, schedules, notCovered } = coverage;
  const lines = [
    `boundaries: ${grouped(tried)} tried of ${grouped(boundaries)} in the window (steps to ${grouped(window.closeStep)})`,
    `runs: ${grouped(cases)}; single events delivered at once ${grouped(atOnce)}, later ${grouped(later)}, not ${grouped(undelivered)}`,
  ];
  if (elsewhere.length > 0)
    lines.push(`interrupted elsewhere than undisturbed: boundaries ${elsewhere.slice(0, 10).join(', ')}`);
  else if (atOnce > 0) lines.push('each interrupted PC is that of the undisturbed run at its boundary');
  if (schedules)
    lines.push(
      `schedules: ${grouped(schedules.tried)}; switches left out as independent: ${grouped(schedules.independent)}`,
    );
  return [...lines, ...notCovered.map(({ text }) => `not covered: ${text}`)];
}

/** The report for a terminal. @param path - of the JSON report, for replay lines */
export function terminalReport({ report, title }: FullReport, path: string | undefined): string {
  const lines = [title, '', ...tableByFunction(report), ''];
  for (const kind of report.kinds) {
    if (!kind.failure) continue;
    const { number, outcome, count, places, first } = kind;
    const where = places.slice(0, PLACES_OF_KIND).map(({ place, count: n }) => `${place} (${n})`);
    const more = places.length > PLACES_OF_KIND ? `, and ${places.length - PLACES_OF_KIND} more` : '';
    lines.push(`#${number} ${outcome}, ${count} times: ${first.detail}`);
    lines.push(`    at ${where.join(', ')}${more}`, `    ${replayLine(path, kind)}`);
  }
  if (report.kinds.some(({ failure }) => failure)) lines.push('');
  return `${[...lines, ...coverageLines(report)].join('\n')}\n`;
}

/** A good result keeps only what its replay needs. */
function brief(result: CaseResult): CaseResult {
  const { differences } = result;
  return { ...result, differences: differences.slice(0, 5) };
}

/** The report as data. */
export function jsonReport(full: FullReport): string {
  const { report } = full;
  return `${encodeJson({ ...full, report: { ...report, results: report.results.map(brief) } }, 1)}\n`;
}

const escapeXml = (text: string): string =>
  text
    .replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no way to write them
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, '?');

/** A test for each function of the window, for whoever reads JUnit. @param path - of the JSON report */
export function junitReport({ report, title }: FullReport, path: string | undefined): string {
  const rows = byFunction(report.kinds);
  const failed = rows.filter(({ failures }) => failures > 0).length;
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>'];
  lines.push(`<testsuite name="${escapeXml(title)}" tests="${rows.length}" failures="${failed}">`);
  for (const { name, failures } of rows) {
    const open = `  <testcase classname="unmaskable.explore" name="${escapeXml(name)}"`;
    if (failures === 0) {
      lines.push(`${open}/>`);
      continue;
    }
    lines.push(`${open}>`);
    for (const kind of report.kinds) {
      const count = kind.places.filter(({ place }) => functionOf(place) === name).reduce((sum, p) => sum + p.count, 0);
      if (!kind.failure || count === 0) continue;
      const message = escapeXml(`${kind.outcome}, ${count} times: ${kind.first.detail}`);
      lines.push(`    <failure message="${message}">${escapeXml(replayLine(path, kind))}</failure>`);
    }
    lines.push('  </testcase>');
  }
  return `${[...lines, '</testsuite>'].join('\n')}\n`;
}
