/** What is wrong with the source text given to the assembler. */
export type AssemblerErrorCode =
  /** No instruction or directive has this name. */
  | 'UNKNOWN_MNEMONIC'
  /** No form of the instruction takes these operands, or a value is out of its range. */
  | 'OPERANDS'
  /** A symbol is used that nothing defines, or that is not yet defined where its value is needed at once. */
  | 'UNDEFINED_SYMBOL'
  /** A label or constant is defined twice. */
  | 'DUPLICATE_SYMBOL'
  /** The text is no statement, expression or string. */
  | 'SYNTAX'
  /** The operands of a directive are wrong. */
  | 'DIRECTIVE';

/** Where in the source: both count from 1. */
export interface SourcePlace {
  readonly line: number;
  readonly column: number;
}

/** The user's source text cannot be assembled; the message names the place, what was found and what was expected. */
export class AssemblerError extends Error {
  override readonly name = 'AssemblerError';
  readonly code: AssemblerErrorCode;
  readonly line: number;
  readonly column: number;

  constructor(code: AssemblerErrorCode, place: SourcePlace, message: string) {
    super(`line ${place.line}, column ${place.column}: ${message}`);
    this.code = code;
    this.line = place.line;
    this.column = place.column;
  }
}
