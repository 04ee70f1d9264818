/**
 * Names for encodings that no clause runs: instructions of later or optional features, and the parts of the encoding
 * space that are reserved. The guest gets the exception for an UNDEFINED instruction; the log says what it was.
 *
 * DDI 0487, "A64 instruction set encoding" and the feature of each instruction class.
 */
import type { FeatureName } from '../arch/features.ts';
import type { Clause } from './clause.ts';
import { type Encoding, extractFields, parseEncoding } from './encoding.ts';

/** One class of instructions that is not modelled. */
export interface NotModelled {
  /** Mnemonics or the class's name. */
  readonly name: string;
  /** The feature that adds it, as Arm spells it. */
  readonly feature: string;
  readonly encoding: Encoding;
}

function row(name: string, feature: string, pattern: string): NotModelled {
  return { name, feature, encoding: parseEncoding(name, pattern) };
}

/** Instruction classes of features that no profile has, most specific first. */
export const NOT_MODELLED: readonly NotModelled[] = [
  row('PACGA', 'FEAT_PAuth', '1 0 0 11010110 xxxxx 001100 xxxxx xxxxx'),
  row('PAC*, AUT*, XPAC*', 'FEAT_PAuth', '1 1 0 11010110 00001 xxxxxx xxxxx xxxxx'),
  row('BRAA, BLRAA, RETAA, ERETAA', 'FEAT_PAuth', '1101011 xxxx 11111 00001x xxxxx xxxxx'),
  row('LDRAA, LDRAB', 'FEAT_PAuth', '11 111 0 00 x x 1 xxxxxxxxx x 1 xxxxx xxxxx'),
  row('RMIF', 'FEAT_FlagM', '1 0 1 11010000 xxxxxx 00001 xxxxx 0 xxxx'),
  row('SETF8, SETF16', 'FEAT_FlagM', '0 0 1 11010000 000000 x 0010 xxxxx 0 1101'),
  row('CFINV, XAFLAG, AXFLAG', 'FEAT_FlagM', '1101010100 0 00 000 0100 xxxx 0xx 11111'),
  row('SB', 'FEAT_SB', '1101010100 0 00 011 0011 0000 111 11111'),
  row('WFET, WFIT', 'FEAT_WFxT', '1101010100 0 00 011 0001 0000 00x xxxxx'),
  row('TSTART, TTEST', 'FEAT_TME', '1101010100 1 00 011 0011 000x 011 xxxxx'),
  row('TCOMMIT', 'FEAT_TME', '1101010100 0 00 011 0011 0000 011 11111'),
  row('DCPS1, DCPS2, DCPS3', 'Debug state', '11010100 101 xxxxxxxxxxxxxxxx 000 xx'),
  row('TCANCEL', 'FEAT_TME', '11010100 011 xxxxxxxxxxxxxxxx 000 00'),
  row('DRPS', 'Debug state', '1101011 0101 11111 000000 11111 00000'),
  row('ADDG, SUBG', 'FEAT_MTE', '1 x 0 100011 0 xxxxxx xx xxxx xxxxx xxxxx'),
  row('IRG, GMI, SUBP', 'FEAT_MTE', '1 0 x 11010110 xxxxx 000 x0x xxxxx xxxxx'),
  row('STG, LDG, ST2G, STZG', 'FEAT_MTE', '11011001 xx 1 xxxxxxxxx xx xxxxx xxxxx'),
  row('LDAPUR, STLUR', 'FEAT_LRCPC2', 'xx 011001 xx 0 xxxxxxxxx 00 xxxxx xxxxx'),
  row('CPY*, SET*', 'FEAT_MOPS', 'xx 011 x 01 xx 0 xxxxx xxxx 01 xxxxx xxxxx'),
  row('LD64B, ST64B, ST64BV, ST64BV0', 'FEAT_LS64', '11 111000 001 xxxxx 1 xxx 00 xxxxx xxxxx'),
  row('ABS, CNT, CTZ, SMAX and their like', 'FEAT_CSSC', 'x 1 0 11010110 00000 001xxx xxxxx xxxxx'),
  row('SMAX, SMIN, UMAX, UMIN (register)', 'FEAT_CSSC', 'x 0 0 11010110 xxxxx 0110xx xxxxx xxxxx'),
  row('FJCVTZS', 'FEAT_JSCVT', '0 0 0 11110 01 1 11 110 000000 xxxxx xxxxx'),
  row('FRINT32Z, FRINT32X, FRINT64Z, FRINT64X', 'FEAT_FRINTTS', '0 0 0 11110 0x 1 0100 xx 10000 xxxxx xxxxx'),
  row('scalar half-precision arithmetic', 'FEAT_FP16', '0 0 0 1111x 11 xxxxxx xxxxxxxxxxx xxxxx'),
  row('vector half-precision, three registers', 'FEAT_FP16', '0 x x 0111x x10 xxxxx 00 xxx 1 xxxxx xxxxx'),
  row('vector half-precision, two registers', 'FEAT_FP16', '0 x x 0111x x 111100 xxxxx 10 xxxxx xxxxx'),
  row('vector half-precision, by element', 'FEAT_FP16', '0 x x 0111x 00 xx xxxx xx01 x 0 xxxxx xxxxx'),
  row('SDOT, UDOT', 'FEAT_DotProd', '0 x x 01110 10 0 xxxxx 1 0010 1 xxxxx xxxxx'),
  row('SDOT, UDOT (by element)', 'FEAT_DotProd', '0 x x 01111 10 xx xxxx 1110 x 0 xxxxx xxxxx'),
  row('FCMLA, FCADD', 'FEAT_FCMA', '0 x 1 01110 xx 0 xxxxx 1 1xxx 1 xxxxx xxxxx'),
  row('FCMLA (by element)', 'FEAT_FCMA', '0 x 1 01111 xx xx xxxx 0xx1 x 0 xxxxx xxxxx'),
  row('FMLAL, FMLSL', 'FEAT_FHM', '0 x x 01110 x 0 1 xxxxx 11x01 1 xxxxx xxxxx'),
  row('SMMLA, UMMLA, USMMLA, USDOT', 'FEAT_I8MM', '0 x x 01110 10 0 xxxxx 1 0xxx 1 xxxxx xxxxx'),
  row('BFDOT, BFMMLA, BFMLAL', 'FEAT_BF16', '0 x 1 01110 x1 0 xxxxx 1 11x1 1 xxxxx xxxxx'),
  row('SHA512, SHA3, SM3, SM4', 'FEAT_SHA512, FEAT_SHA3, FEAT_SM3 or FEAT_SM4', '11001110 xxxxxxxxxxxxxxxxxxxxxxxx'),
  row('SVE and SVE2', 'FEAT_SVE', 'xxx 0010 xxxxxxxxxxxxxxxxxxxxxxxxx'),
  row('SME', 'FEAT_SME', '1xx 0000 xxxxxxxxxxxxxxxxxxxxxxxxx'),
];

/** Top-level groups by bits 28:25, for encodings that are reserved or unallocated. */
const GROUPS: readonly (readonly [Encoding, string])[] = [
  [parseEncoding('reserved', '0xx 0000 xxxxxxxxxxxxxxxxxxxxxxxxx'), 'Reserved'],
  [parseEncoding('dpi', 'xxx 100x xxxxxxxxxxxxxxxxxxxxxxxxx'), 'Data Processing -- Immediate'],
  [
    parseEncoding('branch', 'xxx 101x xxxxxxxxxxxxxxxxxxxxxxxxx'),
    'Branches, Exception Generating and System instructions',
  ],
  [parseEncoding('ldst', 'xxx x1x0 xxxxxxxxxxxxxxxxxxxxxxxxx'), 'Loads and Stores'],
  [parseEncoding('dpr', 'xxx x101 xxxxxxxxxxxxxxxxxxxxxxxxx'), 'Data Processing -- Register'],
  [
    parseEncoding('simd', 'xxx x111 xxxxxxxxxxxxxxxxxxxxxxxxx'),
    'Data Processing -- Scalar Floating-Point and Advanced SIMD',
  ],
];

function matches(encoding: Encoding, word: number): boolean {
  return (word & encoding.mask) >>> 0 === encoding.value;
}

/**
 * What an instruction word that is UNDEFINED on a processor is, for the log.
 *
 * @param clauses - the whole table, to recognise instructions whose feature the processor lacks
 */
export function describeUndefined(
  word: number,
  clauses: readonly Clause[],
  features: ReadonlySet<FeatureName>,
): string {
  const lacking = clauses.find(
    (c) =>
      c.feature !== undefined &&
      !features.has(c.feature) &&
      matches(c.encoding, word) &&
      !c.unless?.(extractFields(c.encoding, word)),
  );
  if (lacking) return `${lacking.name}, of ${lacking.feature}, which this processor does not have`;
  const later = NOT_MODELLED.find((n) => matches(n.encoding, word));
  if (later) return `${later.name}, of ${later.feature}, which this processor does not have`;
  const group = GROUPS.find(([encoding]) => matches(encoding, word));
  return `unallocated, in "${group?.[1] ?? 'Reserved'}"`;
}
