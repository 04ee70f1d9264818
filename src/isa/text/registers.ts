/** Names of registers in assembly text: DDI 0487, "Register names" of "Structure of the A64 assembler language". */

/** A general-purpose register as it is written. */
export interface GeneralRegister {
  readonly file: 'x' | 'w';
  readonly number: number;
  /** True for SP and WSP, which share number 31 with the zero register. */
  readonly sp: boolean;
}

const SYNONYMS: Readonly<Record<string, string>> = { lr: 'x30', fp: 'x29', ip0: 'x16', ip1: 'x17' };

/** The register a word names, letters in either case; undefined when it names none. */
export function generalRegister(word: string): GeneralRegister | undefined {
  const name = SYNONYMS[word.toLowerCase()] ?? word.toLowerCase();
  if (name === 'sp' || name === 'wsp') return { file: name === 'sp' ? 'x' : 'w', number: 31, sp: true };
  const match = /^([xw])(zr|[0-9]|[12][0-9]|30)$/.exec(name);
  if (!match) return undefined;
  return { file: match[1] as 'x' | 'w', number: match[2] === 'zr' ? 31 : Number(match[2]), sp: false };
}

/** How a general-purpose register is written; number 31 is SP or the zero register. */
export function generalName(file: 'x' | 'w', number: number, sp: boolean): string {
  if (number !== 31) return `${file}${number}`;
  if (!sp) return `${file}zr`;
  return file === 'x' ? 'sp' : 'wsp';
}
