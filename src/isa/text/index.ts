/** Assembly text of A64 in both directions, made from the templates of the clauses. */
export { type Assembled, type AssembleOptions, assemble } from './assemble.ts';
export { type DisassembleOptions, disassemble } from './disassemble.ts';
export { AssemblerError, type AssemblerErrorCode, type SourcePlace } from './errors.ts';
