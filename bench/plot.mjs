// A series as a plot: an SVG with two axes and a line for each name. Both axes are logarithmic, so that cost in
// proportion to work is a line of slope 1 and cost that does not grow is level.
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 400, 70, 130, 40, 50];
const COLOURS = ['#0b6e99', '#c4621d', '#4d7c2a', '#7a3e9d'];

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const label = (value) => (value >= 1000 ? `${value / 1000}k` : String(Number(value.toPrecision(2))));

/** Powers of ten, with 2 and 5 times each, from below the least value to above the largest. */
function ticks(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const all = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++)
    for (const factor of [1, 2, 5]) all.push(factor * 10 ** power);
  const from = all.findLastIndex((tick) => tick <= least);
  const to = all.findIndex((tick) => tick >= most);
  return all.slice(Math.max(from, 0), (to < 0 ? all.length : to) + 1);
}

function scale(marks, from, to) {
  const [low, high] = [Math.log10(marks[0]), Math.log10(marks.at(-1))];
  const span = high - low || 1;
  return (value) => from + ((Math.log10(value) - low) / span) * (to - from);
}

/** `{ x, y, lines: { NAME: [[x, y], ...] } }` with a title, as SVG. */
export function plot(title, { x, y, lines }) {
  const points = Object.values(lines).flat();
  const [xs, ys] = [ticks(points.map((p) => p[0])), ticks(points.map((p) => p[1]))];
  const atX = scale(xs, LEFT, WIDTH - RIGHT);
  const atY = scale(ys, HEIGHT - BOTTOM, TOP);
  const text = (cx, cy, content, anchor = 'middle') =>
    `<text x="${cx.toFixed(1)}" y="${cy.toFixed(1)}" text-anchor="${anchor}">${escaped(content)}</text>`;
  const rule = (x1, y1, x2, y2) =>
    `<path d="M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}" stroke="#ddd"/>`;
  const parts = [
    ...xs.map((v) => rule(atX(v), TOP, atX(v), HEIGHT - BOTTOM) + text(atX(v), HEIGHT - BOTTOM + 18, label(v))),
    ...ys.map((v) => rule(LEFT, atY(v), WIDTH - RIGHT, atY(v)) + text(LEFT - 8, atY(v) + 4, label(v), 'end')),
    text(WIDTH / 2 - 30, 22, title),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x),
    text(LEFT - 8, TOP - 14, y, 'end'),
  ];
  Object.entries(lines).forEach(([name, line], n) => {
    const colour = COLOURS[n % COLOURS.length];
    const path = line.map(([px, py], i) => `${i ? 'L' : 'M'}${atX(px).toFixed(1)} ${atY(py).toFixed(1)}`).join('');
    const dots = line.map(([px, py]) => `<circle cx="${atX(px).toFixed(1)}" cy="${atY(py).toFixed(1)}" r="3.5"/>`);
    const [endX, endY] = line.at(-1);
    parts.push(`<g fill="${colour}"><path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    parts.push(`${dots.join('')}${text(atX(endX) + 8, atY(endY) + 4, name, 'start')}</g>`);
  });
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}"`;
  const style = 'font-family="sans-serif" font-size="12"';
  const spoken = `<title>${escaped(title)}</title>`;
  return `${head} ${style}>\n${spoken}\n<rect width="100%" height="100%" fill="white"/>\n${parts.join('\n')}\n</svg>\n`;
}
