import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONSOLE_WINDOW_CHARS, ConsoleMatcher } from './console-match.ts';
import { parseRegex } from './values.ts';

/** Where (in bytes emitted) and with what text `/source/flags` fires, when `bytes` arrive cut into these pieces. */
function firings(source: string, bytes: Uint8Array, cuts: readonly number[] = [], every = false, flags = ''): string[] {
  const matcher = new ConsoleMatcher();
  const found: string[] = [];
  matcher.watch(parseRegex('console:', source, flags), every, (text) => found.push(text));
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut <= from) continue;
    matcher.feed(bytes.subarray(from, cut));
    from = cut;
  }
  return found;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('patterns over console output', () => {
  it('fire at the byte that completes them, not at the end of the piece', () => {
    const matcher = new ConsoleMatcher();
    const order: string[] = [];
    matcher.watch(parseRegex('a', 'late'), false, () => order.push('late'));
    matcher.watch(parseRegex('b', 'early'), false, () => order.push('early'));
    matcher.feed(bytesOf('early late'));
    expect(order).toEqual(['early', 'late']);
  });

  it('see a prompt that no newline follows', () => expect(firings('# $', bytesOf('~ # '))).toEqual(['# ']));

  it('fire once, or with every each time, without seeing the same text twice', () => {
    expect(firings('ok', bytesOf('ok ok ok'))).toEqual(['ok']);
    expect(firings('ok', bytesOf('ok ok ok'), [], true)).toEqual(['ok', 'ok', 'ok']);
    expect(firings('^.*k', bytesOf('ak bk\nck'), [], true)).toEqual(['ak', 'ck']);
  });

  it('do not take the start of the window for the start of a line', () => {
    const long = bytesOf(`${'a'.repeat(2 * CONSOLE_WINDOW_CHARS)}\nab`);
    expect(firings('^a+b', long)).toEqual(['ab']);
  });

  it('span the window and no more', () => {
    const gap = (chars: number): Uint8Array => bytesOf(`<${'-'.repeat(chars)}>`);
    expect(firings('<-*>', gap(CONSOLE_WINDOW_CHARS - 2))).toHaveLength(1);
    expect(firings('<-*>', gap(CONSOLE_WINDOW_CHARS - 1))).toHaveLength(0);
  });

  it('match characters beyond ASCII, and what follows a broken sequence', () => {
    expect(firings('é€😀', bytesOf('é€😀'), [], false, 'u')).toEqual(['é€😀']);
    expect(firings('ok', Uint8Array.from([0xe2, 0x82, 0x6f, 0x6b]))).toEqual(['ok']);
    expect(firings('ok', Uint8Array.from([0xff, 0xe2, 0xe2, 0x6f, 0x6b]))).toEqual(['ok']);
  });

  it('are found at the same bytes however the output is cut', () => {
    const sources = ['ab', 'a+b', '^a', 'b$', '(a|b)\\n?é', '[^a]b'];
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'é', '😀'), maxLength: 60 });
    fc.assert(
      fc.property(
        text,
        fc.array(fc.nat(120)),
        fc.constantFrom(...sources),
        fc.boolean(),
        (output, cuts, source, every) => {
          const bytes = bytesOf(output);
          const sorted = cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b);
          expect(firings(source, bytes, sorted, every)).toEqual(firings(source, bytes, [], every));
        },
      ),
    );
  });

  it('fire exactly when the pattern matches what was emitted so far', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 40 });
    fc.assert(
      fc.property(text, fc.constantFrom('ab', '^b', 'a\\nb', 'b{2,3}', '(?<=a)b'), (output, source) => {
        let emitted = 0;
        let firedAt = -1;
        const matcher = new ConsoleMatcher();
        matcher.watch(parseRegex('x', source), false, () => (firedAt = emitted));
        for (const byte of bytesOf(output)) {
          emitted++;
          matcher.feed(Uint8Array.of(byte));
        }
        const ends = Array.from({ length: output.length }, (_, i) => i + 1);
        const expected = ends.find((end) => new RegExp(source, 'm').test(output.slice(0, end))) ?? -1;
        expect(firedAt).toBe(expected);
      }),
    );
  });
});
