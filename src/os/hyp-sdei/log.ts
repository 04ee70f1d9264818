/** What the hypervisor has to say: lines in its memory, the last ones of which are kept. */
import { type Hosted, load, store } from '../../engine/hosted/effects.ts';
import { LOG, WORD } from './layout.ts';

/** Characters of a line at most: what lies behind its length. */
const LINE_MAX = Number(LOG.bytes) - 8;

/** Writes a line; longer ones are cut. */
export function* log(basePa: bigint, text: string): Hosted {
  const count = yield* load(basePa + WORD.logged);
  const at = basePa + LOG.at + (count % BigInt(LOG.lines)) * LOG.bytes;
  const line = text.slice(0, LINE_MAX);
  yield* store(at, BigInt(line.length));
  for (let n = 0; n < line.length; n += 8) {
    let word = 0n;
    for (let i = 0; i < 8; i++) word |= BigInt(line.charCodeAt(n + i) & 0x7f || 0) << BigInt(8 * i);
    yield* store(at + 8n + BigInt(n), word);
  }
  yield* store(basePa + WORD.logged, count + 1n);
}

/** Reads the lines that are kept, oldest first; `word` gives the doubleword at an address. */
export function readLog(basePa: bigint, word: (pa: bigint) => bigint): string[] {
  const count = word(basePa + WORD.logged);
  const first = count > BigInt(LOG.lines) ? count - BigInt(LOG.lines) : 0n;
  const lines: string[] = [];
  for (let n = first; n < count; n++) {
    const at = basePa + LOG.at + (n % BigInt(LOG.lines)) * LOG.bytes;
    const length = Number(word(at));
    let text = '';
    for (let i = 0; i < length; i++)
      text += String.fromCharCode(Number((word(at + 8n + BigInt(i & ~7)) >> BigInt(8 * (i & 7))) & 0xffn));
    lines.push(text);
  }
  return lines;
}
