/**
 * Symbols of an ELF file: what `--symbols FILE` reads. Source: System V ABI, "Object Files", "Symbol Table".
 *
 * 64-bit little-endian files with a symbol table, of the linker or of the dynamic loader. Nothing is trusted: a damaged
 * file is an `E_SYMBOLS`, never a fault.
 */
import { MachineError } from '../../machine/errors.ts';
import type { NamedSymbol } from './table.ts';

/** Section types. */
const SHT = { SYMTAB: 2, DYNSYM: 11 } as const;
/** Symbol types: the low half of st_info. NOTYPE is what assembly without directives gives. */
const STT = { NOTYPE: 0, OBJECT: 1, FUNC: 2, GNU_IFUNC: 10 } as const;
const KINDS: Readonly<Record<number, NamedSymbol['kind']>> = {
  [STT.NOTYPE]: 'other',
  [STT.OBJECT]: 'object',
  [STT.FUNC]: 'function',
  [STT.GNU_IFUNC]: 'function',
};
const SHN_UNDEF = 0;
const SHN_LORESERVE = 0xff00;
const SHN_ABS = 0xfff1;
const ET_REL = 1;
const EM_AARCH64 = 183;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
/** `$x`, `$d`: mapping symbols of the assembler. ABI for the Arm 64-bit Architecture, "Mapping symbols". */
const MAPPING_SYMBOL = /^\$[a-z](?:\.|$)/;

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly link: number;
}

/** The bytes are an ELF file of any kind. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * Reads the functions and objects of an ELF file.
 *
 * @param what - how the file is called in messages
 * @throws MachineError `E_SYMBOLS` when it is no such file, is damaged, or has no symbols
 */
export function readElfSymbols(what: string, bytes: Uint8Array): readonly NamedSymbol[] {
  const refuse = (problem: string): never => {
    throw new MachineError('E_SYMBOLS', `${what}: ${problem}`);
  };
  if (!isElf(bytes)) refuse('not an ELF file. Give the file with symbols, e.g. vmlinux, not the Image.');
  if (bytes.length < 64 || bytes[4] !== 2 || bytes[5] !== 1)
    refuse('not a 64-bit little-endian ELF file. Give one that was built for arm64.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const machine = view.getUint16(18, true);
  if (machine !== EM_AARCH64)
    refuse(`an ELF file for machine ${machine}, not ${EM_AARCH64} (AArch64). Give one that was built for arm64.`);
  if (view.getUint16(16, true) === ET_REL)
    refuse('a relocatable file: its addresses are not final. Give the linked file; modules have none of their own.');
  const all = sections(view) ?? refuse('its section headers lie outside the file. Is it complete?');
  const table = all.find(({ type }) => type === SHT.SYMTAB) ?? all.find(({ type }) => type === SHT.DYNSYM);
  if (!table) return refuse('it has no symbol table. Was it stripped? Give the file as it was linked.');
  const names = all[table.link];
  if (!names || !within(view, table) || !within(view, names))
    return refuse('its symbol table lies outside the file. Is it complete?');
  const symbols = read(view, bytes, table, names);
  return symbols.length > 0 ? symbols : refuse('its symbol table names no function and no object.');
}

function within(view: DataView, { offset, sizeBytes }: Section): boolean {
  return offset + sizeBytes <= view.byteLength;
}

/** The section headers; undefined when they are not in the file. */
function sections(view: DataView): Section[] | undefined {
  const offset = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  if (view.getUint16(58, true) !== SECTION_BYTES && count > 0) return undefined;
  if (offset + count * SECTION_BYTES > view.byteLength) return undefined;
  return Array.from({ length: count }, (_, n) => {
    const at = offset + n * SECTION_BYTES;
    return {
      type: view.getUint32(at + 4, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      sizeBytes: Number(view.getBigUint64(at + 32, true)),
      link: view.getUint32(at + 40, true),
    };
  });
}

function read(view: DataView, bytes: Uint8Array, table: Section, names: Section): NamedSymbol[] {
  const symbols: NamedSymbol[] = [];
  const decoder = new TextDecoder();
  const end = names.offset + names.sizeBytes;
  for (let at = table.offset; at + SYMBOL_BYTES <= table.offset + table.sizeBytes; at += SYMBOL_BYTES) {
    const kind = KINDS[view.getUint8(at + 4) & 15];
    const section = view.getUint16(at + 6, true);
    if (kind === undefined || section === SHN_UNDEF) continue;
    if (section >= SHN_LORESERVE && !(section === SHN_ABS && kind !== 'other')) continue;
    const from = names.offset + view.getUint32(at, true);
    if (from >= end) continue;
    const zero = bytes.indexOf(0, from);
    const name = decoder.decode(bytes.subarray(from, zero < 0 || zero > end ? end : zero));
    if (name === '' || MAPPING_SYMBOL.test(name)) continue;
    const sizeBytes = Number(view.getBigUint64(at + 16, true));
    symbols.push({ name, address: view.getBigUint64(at + 8, true), sizeBytes, kind });
  }
  return symbols;
}
