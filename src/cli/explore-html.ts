/** The report as a page to keep: nothing is loaded from elsewhere, tables sort by a click on their heads. */
import type { ResultKind } from '../explore/report.ts';
import type { Timeline } from '../explore/timeline.ts';
import { OUTCOMES } from '../explore/types.ts';
import { byFunction, coverageLines, type FullReport, replayLine } from './explore-output.ts';

const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const STYLE = `
body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#1c1c1c;background:#fff}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}code,pre{font:12px/1.4 ui-monospace,monospace}
table{border-collapse:collapse;margin:.6em 0}th,td{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child{text-align:left}th{cursor:pointer;user-select:none;background:#f4f4f4}
.bad{color:#a30000;font-weight:600}.replay{background:#f4f4f4;padding:.3em .6em;display:inline-block}
.marks{max-height:16em;overflow:auto;background:#fafafa;border:1px solid #ddd;padding:.4em}
svg{background:#fafafa;border:1px solid #ddd;max-width:100%}
@media(prefers-color-scheme:dark){body{background:#16181b;color:#ddd}th,.replay,.marks,svg{background:#22252a}
td,th,.marks,svg{border-color:#3a3d42}.bad{color:#ff7a70}}`;

const SCRIPT = `
for (const th of document.querySelectorAll('th')) th.onclick = () => {
  const table = th.closest('table'), body = table.tBodies[0], n = th.cellIndex;
  const down = th.dataset.down = th.dataset.down === '1' ? '' : '1';
  const key = (row) => row.cells[n].textContent;
  const order = (a, b) => { const x = key(a), y = key(b), p = Number(x || 0), q = Number(y || 0);
    return Number.isNaN(p) || Number.isNaN(q) ? (x < y ? -1 : 1) : p - q; };
  for (const row of [...body.rows].sort((a, b) => (down ? -1 : 1) * order(a, b))) body.append(row);
};`;

/** Colours of Exception levels 0 to 3. */
const COLOURS = ['#7aa6c2', '#3f7d4e', '#c08a2b', '#b0413e'] as const;
const DIFFERENCE_HEAD = '<tr><th>part</th><th>what</th><th>undisturbed</th><th>found</th></tr>';
const WIDTH = 900;
const LANE = 22;
const LEFT = 70;

/** Exception levels as lanes, steps to the right. */
function drawn({ from, to, spans, marks, cut }: Timeline): string {
  const lanes = [...new Set(spans.map(({ pe, el }) => `${pe} ${el}`))]
    .sort()
    .map((lane) => lane.split(' ').map(Number));
  const laneOf = (pe: number, el: number): number => lanes.findIndex(([p, e]) => p === pe && e === el);
  const scale = (WIDTH - LEFT - 10) / Math.max(to - from, 1);
  const x = (step: number): string => (LEFT + (step - from) * scale).toFixed(1);
  const height = lanes.length * LANE + 30;
  const parts = [`<svg viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" role="img">`];
  lanes.forEach(([pe, el], n) => {
    parts.push(`<text x="4" y="${n * LANE + 16}" font-size="11" fill="currentColor">PE ${pe} EL${el}</text>`);
  });
  for (const { pe, el, from: begin, to: end, place } of spans) {
    const width = Math.max((end - begin) * scale, 1).toFixed(1);
    const y = laneOf(pe, el) * LANE + 4;
    const title = escaped(`steps ${begin} to ${end}: ${place}`);
    parts.push(
      `<rect x="${x(begin)}" y="${y}" width="${width}" height="${LANE - 8}" fill="${COLOURS[el]}"><title>${title}</title></rect>`,
    );
  }
  const bottom = lanes.length * LANE;
  for (const { step, text } of marks) {
    const at = x(step);
    const title = escaped(`${step}: ${text}`);
    const line = `<line x1="${at}" x2="${at}" y1="0" y2="${bottom}" stroke="currentColor" opacity=".35">`;
    parts.push(`${line}<title>${title}</title></line>`);
  }
  const last = cut ? `${to}, where the drawing ends` : `${to}`;
  parts.push(`<text x="${LEFT}" y="${bottom + 18}" font-size="11" fill="currentColor">steps ${from} to ${last}</text>`);
  const list = marks.map(({ step, pe, text }) => `${step}  PE ${pe}  ${escaped(text)}`).join('\n');
  return `${parts.join('')}</svg><pre class="marks">${list}</pre>`;
}

function kindSection(full: FullReport, path: string | undefined, kind: ResultKind): string {
  const { number, outcome, count, first, places } = kind;
  const timeline = full.timelines[number];
  const rows = places
    .map(({ place, count: n }) => `<tr><td><code>${escaped(place)}</code></td><td>${n}</td></tr>`)
    .join('');
  const differences = first.differences
    .map(
      (d) =>
        `<tr><td>${escaped(d.part)}</td><td><code>${escaped(d.what)}</code></td><td><code>${escaped(d.expected)}</code></td>` +
        `<td><code>${escaped(d.found)}</code></td></tr>`,
    )
    .join('');
  return [
    `<h2 id="k${number}">#${number} <span class="bad">${outcome}</span>, ${count} times</h2>`,
    `<p>${escaped(first.detail)}</p><p><code class="replay">${escaped(replayLine(path, kind))}</code></p>`,
    timeline ? drawn(timeline) : '',
    differences ? `<table><thead>${DIFFERENCE_HEAD}</thead><tbody>${differences}</tbody></table>` : '',
    `<details><summary>${places.length} places</summary><table><thead><tr><th>place</th><th>count</th></tr></thead>`,
    `<tbody>${rows}</tbody></table></details>`,
  ].join('\n');
}

/** The page. @param path - of the JSON report, for replay lines */
export function htmlReport(full: FullReport, path: string | undefined): string {
  const { report, title } = full;
  const outcomes = OUTCOMES.filter((outcome) => report.kinds.some((kind) => kind.outcome === outcome)).toReversed();
  const rows = byFunction(report.kinds).map(({ name, counts }) => {
    const cells = outcomes.map((outcome) => `<td>${counts.get(outcome) ?? ''}</td>`);
    return `<tr><td><code>${escaped(name)}</code></td>${cells.join('')}</tr>`;
  });
  const failures = report.kinds.filter(({ failure }) => failure);
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>`,
    `<style>${STYLE}</style></head>`,
    `<body><h1>${escaped(title)}</h1>`,
    `<ul>${coverageLines(report)
      .map((line) => `<li>${escaped(line)}</li>`)
      .join('')}</ul>`,
    failures.length === 0 ? '<p>No failures.</p>' : `<p class="bad">${failures.length} kinds of failure.</p>`,
    `<table><thead><tr><th>function</th>${outcomes.map((o) => `<th>${o}</th>`).join('')}</tr></thead>`,
    `<tbody>${rows.join('\n')}</tbody></table>`,
    ...failures.map((kind) => kindSection(full, path, kind)),
    `<script>${SCRIPT}</script></body></html>\n`,
  ].join('\n');
}
