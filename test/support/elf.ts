/** A symbol for {@link elf}. */
export interface ElfSymbol {
  readonly name: string;
  readonly address: bigint;
  readonly type: 'function' | 'object' | 'none';
  readonly sizeBytes?: number;
}

const TYPES = { none: 0, object: 1, function: 2 } as const;

/** An arm64 ELF file with nothing in it but symbols: System V ABI, "Object Files". */
export function elf(symbols: readonly ElfSymbol[], machine = 183): Uint8Array {
  const names = new TextEncoder().encode(`\0${symbols.map(({ name }) => name).join('\0')}\0`);
  const table = 64 + 3 * 64;
  const strings = table + 24 * (symbols.length + 1);
  const bytes = new Uint8Array(strings + names.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, machine, true);
  view.setBigUint64(40, 64n, true);
  view.setUint16(58, 64, true);
  view.setUint16(60, 3, true);
  const section = (n: number, type: number, offset: number, size: number, link: number): void => {
    const at = 64 + n * 64;
    view.setUint32(at + 4, type, true);
    view.setBigUint64(at + 24, BigInt(offset), true);
    view.setBigUint64(at + 32, BigInt(size), true);
    view.setUint32(at + 40, link, true);
  };
  section(1, 2, table, strings - table, 2);
  section(2, 3, strings, names.length, 0);
  let name = 1;
  symbols.forEach((symbol, n) => {
    const at = table + 24 * (n + 1);
    view.setUint32(at, name, true);
    view.setUint8(at + 4, 0x10 | TYPES[symbol.type]);
    view.setUint16(at + 6, 1, true);
    view.setBigUint64(at + 8, symbol.address, true);
    view.setBigUint64(at + 16, BigInt(symbol.sizeBytes ?? 0), true);
    name += symbol.name.length + 1;
  });
  bytes.set(names, strings);
  return bytes;
}
