import type { Decoder } from '../decoder.ts';
import { a64Text } from './instructions.ts';

/** How an instruction word is shown. */
export interface DisassembleOptions {
  /** Address of the word: labels are shown as absolute addresses. Default 0. */
  readonly pc?: bigint;
  /** Decides which instructions exist. Default: every instruction that is modelled. */
  readonly decoder?: Decoder;
  /** True for the preferred alias (`mov`, `cmp`, `lsl`), false for the instruction's own text. Default false. */
  readonly aliases?: boolean;
}

/**
 * The text of one instruction word, which `assemble` turns back into the word.
 *
 * @param word - 0 to 2^32 - 1
 * @returns `.inst` with a comment for a word that is no instruction
 */
export function disassemble(word: number, options: DisassembleOptions = {}): string {
  const text = a64Text();
  const decoded = options.decoder ? options.decoder.decode(word) : text.decode(word);
  const printed = decoded && text.print(decoded.clause, decoded.fields, options.pc ?? 0n, options.aliases ?? false);
  return printed ?? `.inst 0x${(word >>> 0).toString(16).padStart(8, '0')} // undefined`;
}
