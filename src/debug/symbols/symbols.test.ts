import { describe, expect, it } from 'vitest';
import { guest } from '../../../test/exact/guests.ts';
import { elf } from '../../../test/support/elf.ts';
import { isElf, readElfSymbols } from './elf.ts';
import { Symbols } from './symbols.ts';
import { SymbolTable } from './table.ts';

const FILE = elf([
  { name: '$x.1', address: 0x1000n, type: 'none' },
  { name: 'main', address: 0x1000n, type: 'function', sizeBytes: 0x20 },
  { name: 'counter', address: 0x2000n, type: 'object', sizeBytes: 8 },
  { name: 'local_label', address: 0x1010n, type: 'none' },
  { name: 'same', address: 0x3000n, type: 'function' },
  { name: 'same', address: 0x3100n, type: 'function' },
]);
const symbols = (): Symbols => new Symbols(guest('b .').machine, { what: '--symbols a.out', bytes: FILE });

describe('symbols of an ELF file', () => {
  it('are its functions, objects and labels, without the marks of the assembler', () => {
    expect(readElfSymbols('x', FILE).map(({ name, kind }) => [name, kind])).toEqual([
      ['main', 'function'],
      ['counter', 'object'],
      ['local_label', 'other'],
      ['same', 'function'],
      ['same', 'function'],
    ]);
  });

  it.each([
    ['no ELF file', new Uint8Array(100), /x: not an ELF file/],
    ['one of another machine', elf([], 62), /for machine 62, not 183/],
    ['one without symbols', elf([]), /names no function and no object/],
    ['one that ends early', FILE.slice(0, 300), /lies outside the file/],
    ['one of 32 bits', Uint8Array.from(FILE, (byte, n) => (n === 4 ? 1 : byte)), /not a 64-bit little-endian/],
    ['an object file', Uint8Array.from(FILE, (byte, n) => (n === 16 ? 1 : byte)), /relocatable/],
  ])('%s is refused', (_name, bytes, message) => {
    expect(() => readElfSymbols('x', bytes)).toThrow(message);
    expect(() => readElfSymbols('x', bytes)).toThrow(expect.objectContaining({ code: 'E_SYMBOLS' }));
  });

  it('a damaged byte is never a fault of ours', () => {
    for (let at = 0; at < FILE.length; at++) {
      const bytes = FILE.slice();
      bytes[at]! ^= 0xff;
      try {
        readElfSymbols('x', bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'E_SYMBOLS' });
      }
    }
  });

  it('an ELF file is told from others', () => {
    expect([isElf(FILE), isElf(new Uint8Array(3))]).toEqual([true, false]);
  });
});

describe('Symbols', () => {
  it.each([
    ['main', [0x1000n]],
    ['main+0x10', [0x1010n]],
    ['main+8', [0x1008n]],
    ['same', [0x3000n, 0x3100n]],
    ['local_label', [0x1010n]],
    ['0x40080000', [0x4008_0000n]],
    ['0x40080000+4', [0x4008_0004n]],
    ['4096', [0x1000n]],
  ])('%s stands for %o', (text, addresses) => {
    expect(
      symbols()
        .lookup(text)
        .map(({ address }) => address),
    ).toEqual(addresses);
  });

  it.each([
    ['mian', /the file has no symbol of that name\. Similar: main\./],
    ['nothing_like_it_at_all', /the file has no symbol of that name\. Give an address\./],
    ['counter', /names data, not code/],
    ['main+2', /multiples of 4/],
    ['a b', /neither an address nor NAME/],
  ])('%s is refused', (text, message) => {
    expect(() => symbols().lookup(text)).toThrow(message);
  });

  it('an address belongs to the symbol that begins there or before it, and reaches to it', () => {
    const s = symbols();
    expect([0xfffn, 0x1000n, 0x1004n, 0x1020n, 0x2004n, 0x2008n, 0x3004n].map((a) => s.symbolize(a))).toEqual([
      undefined,
      'main',
      'main+0x4',
      'local_label+0x10',
      'counter+0x4',
      undefined,
      'same+0x4',
    ]);
  });

  it('where several begin at one address, a function comes first', () => {
    const at = (name: string, kind: 'function' | 'object' | 'other') => ({ name, address: 8n, sizeBytes: 0, kind });
    expect(new SymbolTable([at('a', 'other'), at('b', 'object'), at('c', 'function')]).at(9n)?.name).toBe('c');
  });
});
