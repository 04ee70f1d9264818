import { describe, expect, it } from 'vitest';
import { parseCount, parseRegex, parseSize, parseTimeNs } from './values.ts';

describe('sizes', () => {
  it.each([
    ['512M', 512 * 2 ** 20],
    ['2G', 2 ** 31],
    ['2GiB', 2 ** 31],
    ['64k', 65536],
    ['1.5G', 1.5 * 2 ** 30],
    ['4096', 4096],
    ['1B', 1],
  ])('%s is %d bytes', (text, bytes) => expect(parseSize('--memory', text)).toBe(bytes));

  it.each(['', '0', '-1', 'lots', '12X', '0.3', '1e9', '99999999T', '512 M B'])(
    '%j is refused with an example',
    (text) => {
      expect(() => parseSize('--memory', text)).toThrow(/--memory '.*': not a size\. .*e\.g\. --memory 512M/);
    },
  );
});

describe('counts', () => {
  it.each([
    ['0', 0],
    ['1_000_000', 1_000_000],
    ['250k', 250_000],
    ['1.5G', 1_500_000_000],
    ['9007199254740991', 2 ** 53 - 1],
  ])('%s is %d', (text, count) => expect(parseCount('--max-steps', text)).toBe(count));

  it.each(['', '-1', '1.5', '0x10', '9007199254740992', 'many', '_1'])('%j is refused', (text) => {
    expect(() => parseCount('--max-steps', text)).toThrow(/--max-steps '.*': not a count/);
  });
});

describe('times', () => {
  it.each([
    ['12ms', 12_000_000n],
    ['1.5s', 1_500_000_000n],
    ['7ns', 7n],
    ['0.25us', 250n],
  ])('%s is %d ns', (text, ns) => expect(parseTimeNs('time', text)).toBe(ns));

  it.each(['12', '1.5ns', 's', '-1s', '1h'])('%j is refused', (text) => {
    expect(() => parseTimeNs('time', text)).toThrow(/not a time in whole nanoseconds/);
  });
});

describe('patterns', () => {
  it('match at line borders', () => expect(parseRegex('--until', '^b$').test('a\r\nb\r\nc')).toBe(true));

  it.each([
    ['(', '', /not a regular expression: Unterminated group/],
    ['', '', /is empty/],
    ['a', 'q', /unknown flags/],
    ['a', 'uv', /not a regular expression/],
  ])('/%s/%s is refused and says why', (source, flags, message) => {
    expect(() => parseRegex('--until', source, flags)).toThrow(message);
  });
});
