/**
 * Symbols of whatever runs in a machine: names for addresses in messages and traces, addresses for names in rules.
 *
 * A Linux kernel brings its own table (kallsyms); a file given by the user comes before it. A symbol of the kernel that
 * the machine loaded stands for a place in the Image: it is meant at the physical address where the Image lies, so it
 * is right before the MMU is on, and right wherever KASLR puts the kernel's virtual addresses.
 */
import { MachineError } from '../../machine/errors.ts';
import type { Machine } from '../../machine/machine.ts';
import { readElfSymbols } from './elf.ts';
import { KernelSymbols } from './kernel.ts';
import { type NamedSymbol, placeText, SymbolTable } from './table.ts';

/** Where code lies that a text names. */
export interface CodePlace {
  readonly address: bigint;
  /** `physical`: in the loaded kernel; `Symbols.meant` then says which arrivals are the kernel's. */
  readonly space: 'virtual' | 'physical';
}

/** A file with symbols. */
export interface SymbolFile {
  /** How it is called in messages, e.g. `--symbols vmlinux`. */
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** What is used of a machine. */
export type SymbolizedMachine = Pick<Machine, 'boot' | 'options' | 'readMemory'>;

/** The kernel's image is aligned to this wherever it runs. Linux arch/arm64/include/asm/memory.h, SEGMENT_ALIGN. */
const IMAGE_ALIGN = 0x1_0000n;
const RAM_PA = 0x4000_0000n;
const ADDRESS_AND_OFFSET = /^(0x[0-9a-f]+|\d+)(?:\+(0x[0-9a-f]+|\d+))?$/i;
const NAME_AND_OFFSET = /^([A-Za-z_.$][\w.$]*)(?:\+(0x[0-9a-f]+|\d+))?$/i;

/** See the head of the file. */
export class Symbols {
  private readonly machine: SymbolizedMachine;
  /** Of a file: absolute, or offsets from `_text` when it is the kernel's. */
  private readonly file: { readonly table: SymbolTable; readonly ofKernel: boolean } | undefined;
  private kernelFound: KernelSymbols | 'none' | undefined;

  /**
   * @param file - an ELF file; without it, only what the guest has
   * @throws MachineError `E_SYMBOLS` for a file that cannot be used, or of another kernel than the loaded one
   */
  constructor(machine: SymbolizedMachine, file?: SymbolFile) {
    this.machine = machine;
    this.file = file && this.read(file);
  }

  private read({ what, bytes }: SymbolFile): { table: SymbolTable; ofKernel: boolean } {
    const symbols = readElfSymbols(what, bytes);
    const addressOf = (name: string): bigint | undefined => symbols.find((s) => s.name === name)?.address;
    const [text, end, image] = [addressOf('_text'), addressOf('_end'), this.machine.boot?.image];
    if (text === undefined || end === undefined || !image || addressOf('init_task') === undefined)
      return { table: new SymbolTable(symbols), ofKernel: false };
    if (end - text !== BigInt(image.memorySizeBytes)) {
      const sizes = `from _text to _end it has ${end - text} bytes, the Image says ${image.memorySizeBytes}`;
      throw new MachineError('E_SYMBOLS', `${what}: of another kernel than --kernel: ${sizes}. Give its own vmlinux.`);
    }
    const relative = symbols.map((s) => ({ ...s, address: s.address - text })).filter((s) => s.address >= 0n);
    return { table: new SymbolTable(relative), ofKernel: true };
  }

  /** The kernel's own symbols: those of the loaded Image, or of a kernel that is somewhere in RAM. */
  kernel(): KernelSymbols | undefined {
    if (typeof this.kernelFound === 'object') return this.kernelFound;
    const { boot, options } = this.machine;
    const ram = {
      basePa: RAM_PA,
      sizeBytes: options.memoryBytes,
      read: (pa: bigint, sizeBytes: number) => this.machine.readMemory(pa, sizeBytes),
    };
    const image = boot?.segments.find(({ what }) => what === 'kernel');
    // What is in RAM changes: without an Image it is looked for again as long as nothing was found.
    if (image && this.kernelFound === 'none') return undefined;
    const found = image ? KernelSymbols.ofImage(image.bytes, image.addrPa, ram) : KernelSymbols.inRam(ram);
    this.kernelFound = found ?? 'none';
    return found;
  }

  /**
   * Where a text points to: an address, or a symbol of a function with or without an offset, e.g. `do_idle+0x10`.
   *
   * @returns several places when static functions share the name
   * @throws MachineError `E_SYMBOLS` for a name that nothing has; the message says which are similar
   */
  lookup(text: string): readonly CodePlace[] {
    const [, base, more = '0'] = ADDRESS_AND_OFFSET.exec(text) ?? [];
    if (base !== undefined) return [{ address: BigInt(base) + BigInt(more), space: 'virtual' }];
    const match = NAME_AND_OFFSET.exec(text);
    if (!match)
      throw new MachineError('E_SYMBOLS', `'${text}': neither an address nor NAME or NAME+OFFSET. E.g. do_idle+0x10.`);
    const [, name, offset = '0'] = match;
    const places = this.named(name!).map(({ address, space }) => ({ address: address + BigInt(offset), space }));
    if (places.some(({ address }) => address % 4n !== 0n))
      throw new MachineError('E_SYMBOLS', `'${text}': instructions have addresses that are multiples of 4.`);
    return places;
  }

  /** Whether anything has a name; for those who do not mind, since to say what is similar takes a while. */
  has(name: string): boolean {
    const named = ({ table }: { readonly table: SymbolTable }): boolean => table.named(name).length > 0;
    const kernel = this.kernel();
    return (this.file !== undefined && named(this.file)) || (kernel !== undefined && named(kernel));
  }

  private named(name: string): readonly CodePlace[] {
    const { file } = this;
    const found = file?.table.named(name) ?? [];
    if (found.length > 0) return this.functions(name, found, file!.ofKernel);
    const kernel = this.kernel();
    const own = kernel?.table.named(name) ?? [];
    if (own.length > 0) return this.functions(name, own, true);
    const similar = [...new Set([...(file?.table.similar(name) ?? []), ...(kernel?.table.similar(name) ?? [])])];
    const advice = similar.length > 0 ? ` Similar: ${similar.join(', ')}.` : '';
    const where = kernel
      ? file
        ? 'neither the file nor the kernel has'
        : 'the kernel has no'
      : file
        ? 'the file has no'
        : 'there is no table of symbols in the guest, and so no';
    throw new MachineError('E_SYMBOLS', `'${name}': ${where} symbol of that name.${advice || ' Give an address.'}`);
  }

  private functions(name: string, symbols: readonly NamedSymbol[], ofKernel: boolean): readonly CodePlace[] {
    const kernel = this.kernel();
    const code = symbols.filter(({ kind }) => kind !== 'object');
    if (code.length === 0) throw new MachineError('E_SYMBOLS', `'${name}': names data, not code. Name a function.`);
    return code.map(({ address }) => {
      if (!ofKernel) return { address, space: 'virtual' };
      const image = this.machine.boot?.segments.find(({ what }) => what === 'kernel');
      const textPa = kernel ? kernel.textPa : image?.addrPa;
      if (textPa !== undefined) return { address: textPa + address, space: 'physical' };
      const textVa = kernel?.textVa();
      if (textVa !== undefined) return { address: textVa + address, space: 'virtual' };
      throw new MachineError('E_SYMBOLS', `'${name}': the kernel is not up yet. Ask again when it is.`);
    });
  }

  /**
   * Whether a PC that arrived at a physical place in the loaded kernel is the kernel's: the memory of its start code is
   * used for other things later, at virtual addresses that do not fit.
   */
  static meant({ address, space }: CodePlace, pc: bigint): boolean {
    if (space === 'virtual' || pc === address) return true;
    return pc >> 63n === 1n && (pc - address) % IMAGE_ALIGN === 0n;
  }

  /** `name+0x12` for an address of code or data, as virtual address or, before the MMU is on, as physical one. */
  symbolize(address: bigint): string | undefined {
    const { file } = this;
    const absolute = file && !file.ofKernel ? file.table.at(address) : undefined;
    if (absolute) return placeText(absolute);
    const kernel = this.kernel();
    const offset = kernel?.offsetOf(address);
    if (offset === undefined) return undefined;
    const place = (file?.ofKernel ? file.table.at(offset) : undefined) ?? kernel!.at(offset);
    return place && placeText(place);
  }
}
