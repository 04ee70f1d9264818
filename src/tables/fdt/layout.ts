/**
 * Numbers of the flattened device tree format, version 17.
 *
 * Source: Devicetree Specification, "Flattened Devicetree (DTB) Format".
 */

/** First word of a blob, big-endian. */
export const FDT_MAGIC = 0xd00dfeed;
/** The version written. */
export const FDT_VERSION = 17;
/** The oldest format a reader must know to read what is written. */
export const FDT_LAST_COMP_VERSION = 16;

/** Offsets of the header's words. "Header". */
export const FDT_HEADER = {
  magic: 0x00,
  totalsize: 0x04,
  off_dt_struct: 0x08,
  off_dt_strings: 0x0c,
  off_mem_rsvmap: 0x10,
  version: 0x14,
  last_comp_version: 0x18,
  boot_cpuid_phys: 0x1c,
  size_dt_strings: 0x20,
  size_dt_struct: 0x24,
} as const;
/** Length of the header of version 17. */
export const FDT_HEADER_SIZE_BYTES = 0x28;

// Tokens of the structure block, "Lexical structure".

/** Starts a node: NUL-terminated name, padded to four bytes. */
export const FDT_BEGIN_NODE = 1;
/** Ends the node. */
export const FDT_END_NODE = 2;
/** A property: length, offset of its name in the strings block, value padded to four bytes. */
export const FDT_PROP = 3;
/** Nothing; readers skip it. */
export const FDT_NOP = 4;
/** Ends the structure block. */
export const FDT_END = 9;

/** An entry of the memory reservation block: 64-bit address and size; one of zeros ends it. */
export const FDT_RESERVATION_SIZE_BYTES = 16;
