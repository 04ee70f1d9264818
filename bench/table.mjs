// Rows as a table that people read and as data that programs read.
import { median } from './tools.mjs';

const number = (value) => {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
};

/** `aim`, `met` (the must) or `MISSED`, by the median; nothing for a row without a limit. */
export function verdictOf({ samples, must, aim, better }) {
  if (must === undefined) return '';
  const value = median(samples);
  const reaches = (limit) => (better === 'more' ? value >= limit : value <= limit);
  return reaches(aim) ? 'aim' : reaches(must) ? 'met' : 'MISSED';
}

const COLUMNS = ['benchmark', 'ours', 'other', 'figure', 'spread', 'must', 'aim', ''];

function cells(row, judged) {
  const of = (values) => (values ? `${number(median(values))}${row.in ?? ''}` : '-');
  const limit = (value) => (value === undefined ? '-' : `${row.better === 'more' ? '≥' : '≤'} ${number(value)}`);
  const spread = `${number(Math.min(...row.samples))} to ${number(Math.max(...row.samples))}`;
  const figure = `${number(median(row.samples))}${row.unit}`;
  return [
    row.name,
    of(row.ours),
    of(row.theirs),
    figure,
    spread,
    limit(row.must),
    limit(row.aim),
    judged ? verdictOf(row) : '',
  ];
}

/**
 * The rows as text: name, medians of ours and of the other machine (QEMU unless the name says which), the figure that
 * counts with its spread, limits, and when it is `judged` the verdict.
 */
export function tableOf(rows, judged) {
  const lines = [COLUMNS, ...rows.map((row) => cells(row, judged))];
  const widths = COLUMNS.map((_, n) => Math.max(...lines.map((line) => line[n].length)));
  const text = (line) =>
    line.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n]))).join('  ');
  return lines.map((line) => text(line).trimEnd()).join('\n');
}

/** A series in one line: `unmaskable 1: 2.5, 2: 2.7, 4: 3.1 s by CPUs`. */
export function seriesOf({ x, y, lines }) {
  const line = ([name, points]) => `${name} ${points.map(([at, value]) => `${at}: ${number(value)}`).join(', ')}`;
  return `${Object.entries(lines).map(line).join('; ')} ${y} by ${x}`;
}

/** A row for a file: everything, with the statistics that the table shows. */
export function dataOf(row) {
  const { in: unitOfTimes, ...rest } = row;
  const [min, max] = [Math.min(...row.samples), Math.max(...row.samples)];
  return { ...rest, unitOfTimes, median: median(row.samples), min, max, verdict: verdictOf(row) };
}
