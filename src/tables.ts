/**
 * `unmaskable/tables`: what firmware hands to an operating system, as bytes and back; no machine needed.
 *
 * Decoders never throw on bytes: they give what could be read and a list of findings. What was decoded encodes to the
 * same bytes again.
 */
export { decodeAml } from './tables/acpi/aml/decode.ts';
export { encodeAml } from './tables/acpi/aml/encode.ts';
export { type AcpiTable, decodeTable, encodeTable, isTable } from './tables/acpi/any.ts';
export { AcpiError } from './tables/acpi/error.ts';
export {
  decodeStatusBlock,
  describeStatusBlock,
  type ErrorStatusBlock,
  type ErrorStatusBlockInput,
  encodeStatusBlock,
} from './tables/cper/block.ts';
export { CperError } from './tables/cper/error.ts';
export {
  type CperRecord,
  type CperRecordInput,
  decodeRecord,
  describeRecord,
  encodeRecord,
} from './tables/cper/record.ts';
export { decodeErrorRegion, describeErrorRegion, type ErrorRegion, encodeErrorRegion } from './tables/cper/region.ts';
export { decodeFdt } from './tables/fdt/decode.ts';
export { encodeFdt } from './tables/fdt/encode.ts';
export type { Decoded, Finding } from './tables/finding.ts';
export type { TreeNode } from './tables/tree-node.ts';
