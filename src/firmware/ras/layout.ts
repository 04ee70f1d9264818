/**
 * Where the firmware's error interfaces are: blocks and buffers in memory that is not the operating system's, and
 * registers that act.
 *
 * Source: ACPI Specification 6.5, "ACPI Platform Error Interfaces (APEI)"; the places are this firmware's own.
 */

/** Size of an error status block, header included, as the HEST says it. */
export const STATUS_BLOCK_BYTES = 0x1000;
/** Size of the boot error region. */
export const BERT_REGION_BYTES = 0x4000;
/** Size of the buffer through which ERST records pass; Linux writes records up to its whole size. */
export const ERST_RANGE_BYTES = 0x4000;

const PAGE_BYTES = 0x1000;

/** Addresses in the firmware's memory. */
export interface RasLayout {
  readonly basePa: bigint;
  readonly sizeBytes: number;
  /** By place of a source: the 8-byte register that holds the address of its block, and the block. */
  readonly sources: readonly { readonly statusAddressPa: bigint; readonly blockPa: bigint }[];
  readonly bertPa: bigint;
  readonly einjParameterPa: bigint;
  readonly einjTriggerPa: bigint;
  readonly erstRangePa: bigint;
}

/** What lies where, for a number of sources. */
export function rasLayout(basePa: bigint, sourceCount: number): RasLayout {
  let next = 0;
  const take = (sizeBytes: number): bigint => {
    const at = basePa + BigInt(next);
    next += Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES;
    return at;
  };
  const addresses = take(sourceCount * 8);
  const sources = Array.from({ length: sourceCount }, (_, n) => ({
    statusAddressPa: addresses + BigInt(8 * n),
    blockPa: take(STATUS_BLOCK_BYTES),
  }));
  const rest = {
    bertPa: take(BERT_REGION_BYTES),
    einjParameterPa: take(PAGE_BYTES),
    einjTriggerPa: take(PAGE_BYTES),
    erstRangePa: take(ERST_RANGE_BYTES),
  };
  return { basePa, sources, ...rest, sizeBytes: next };
}
