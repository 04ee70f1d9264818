/**
 * What UEFI firmware leaves behind for a kernel that it started, without any UEFI: system table, configuration table,
 * memory map. No service is behind it, at boot or at run time.
 *
 * Source: UEFI Specification 2.10, "EFI System Table", "EFI Configuration Table & Properties Table",
 * "EFI_BOOT_SERVICES.GetMemoryMap()"; Linux Documentation/arch/arm/uefi.rst, "UEFI support in the kernel" (`/chosen`).
 */
import { GUID_SIZE_BYTES, writeGuid } from '../../tables/cper/guid.ts';

/** Configuration tables by GUID. */
export const EFI_TABLE_GUID = {
  acpi20: '8868e871-e4f1-11d3-bc22-0080c73c8881',
  rtProperties: 'eb66918a-7eef-402a-842e-931d21c38ae9',
  /** Linux's own: memory that a kernel has promised to a device for good, such as LPI tables, for the next kernel. */
  linuxMemreserve: '888eb0c6-8ede-4ff5-a8f0-9aee5cb977c2',
} as const;

/** Types of memory, EFI_MEMORY_TYPE, as far as they are used here. */
export const EFI_MEMORY_TYPE = {
  /** Not the operating system's: firmware's own memory. */
  reserved: 0,
  /** Free. */
  conventional: 7,
  /** Free once the tables in it have been read. */
  acpiReclaim: 9,
} as const;

/** Attribute of all RAM: it can be mapped uncached, write-combining, write-through and write-back. */
const EFI_MEMORY_UC_WC_WT_WB = 0xfn;

/** Distance of two descriptors: larger than one (40 bytes), so that readers have to use the size they are told. */
export const EFI_MEMORY_DESCRIPTOR_STRIDE_BYTES = 48;
/** EFI_MEMORY_DESCRIPTOR_VERSION. */
export const EFI_MEMORY_DESCRIPTOR_VERSION = 1;
const EFI_PAGE_BYTES = 4096;

/** A range of memory and what it is for. */
export interface EfiMemory {
  readonly type: number;
  readonly addrPa: bigint;
  /** A multiple of 4 KiB. */
  readonly sizeBytes: number;
}

/** The descriptors of a memory map, sorted by the caller. */
export function encodeEfiMemoryMap(ranges: readonly EfiMemory[]): Uint8Array {
  const bytes = new Uint8Array(ranges.length * EFI_MEMORY_DESCRIPTOR_STRIDE_BYTES);
  const view = new DataView(bytes.buffer);
  ranges.forEach(({ type, addrPa, sizeBytes }, n) => {
    if (sizeBytes % EFI_PAGE_BYTES !== 0) throw new Error(`assertion: EFI memory of ${sizeBytes} bytes`);
    const at = n * EFI_MEMORY_DESCRIPTOR_STRIDE_BYTES;
    view.setUint32(at, type, true);
    view.setBigUint64(at + 8, addrPa, true);
    view.setBigUint64(at + 24, BigInt(sizeBytes / EFI_PAGE_BYTES), true);
    view.setBigUint64(at + 32, EFI_MEMORY_UC_WC_WT_WB, true);
  });
  return bytes;
}

/** EFI_CONFIGURATION_TABLE entries: GUIDs and where their tables are. */
export function encodeEfiConfigurationTable(entries: readonly (readonly [guid: string, addrPa: bigint])[]): Uint8Array {
  const entryBytes = GUID_SIZE_BYTES + 8;
  const bytes = new Uint8Array(entries.length * entryBytes);
  const view = new DataView(bytes.buffer);
  entries.forEach(([guid, addrPa], n) => {
    writeGuid(bytes, n * entryBytes, guid);
    view.setBigUint64(n * entryBytes + GUID_SIZE_BYTES, addrPa, true);
  });
  return bytes;
}

/**
 * EFI_RT_PROPERTIES_TABLE that says that no runtime service is supported; without it Linux takes a system table
 * without services at its word and calls address 0.
 */
export function encodeNoRuntimeServices(): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 1, true);
  view.setUint16(2, bytes.length, true);
  return bytes;
}

/**
 * An empty head of Linux's list of reservations, as its EFI stub makes it (linux_efi_memreserve in its
 * include/linux/efi.h: size, count, next); without it a kernel that finds LPIs warns that it cannot keep their tables.
 */
export function encodeNoReservations(): Uint8Array {
  return new Uint8Array(16);
}

/** Text in UCS-2 that ends with a NUL. */
export function ucs2(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length + 1) * 2);
  const view = new DataView(bytes.buffer);
  for (let n = 0; n < text.length; n++) view.setUint16(2 * n, text.charCodeAt(n), true);
  return bytes;
}

const SYSTEM_TABLE_BYTES = 120;
/** "IBI SYST". */
const SYSTEM_TABLE_SIGNATURE = 0x5453_5953_2049_4249n;
/** EFI_2_70_SYSTEM_TABLE_REVISION. */
const SYSTEM_TABLE_REVISION = (2 << 16) | 70;
const AT = {
  revision: 8,
  headerSize: 12,
  crc32: 16,
  vendor: 24,
  firmwareRevision: 32,
  count: 104,
  tables: 112,
} as const;

/** Addresses in a system table. */
export interface EfiSystemTable {
  readonly vendorPa: bigint;
  readonly configurationPa: bigint;
  readonly configurationEntries: number;
}

/** EFI_SYSTEM_TABLE after ExitBootServices(), without consoles and without runtime services. */
export function encodeEfiSystemTable(table: EfiSystemTable): Uint8Array {
  const bytes = new Uint8Array(SYSTEM_TABLE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, SYSTEM_TABLE_SIGNATURE, true);
  view.setUint32(AT.revision, SYSTEM_TABLE_REVISION, true);
  view.setUint32(AT.headerSize, SYSTEM_TABLE_BYTES, true);
  view.setBigUint64(AT.vendor, table.vendorPa, true);
  view.setUint32(AT.firmwareRevision, 0x1_0000, true);
  view.setBigUint64(AT.count, BigInt(table.configurationEntries), true);
  view.setBigUint64(AT.tables, table.configurationPa, true);
  view.setUint32(AT.crc32, crc32(bytes), true);
  return bytes;
}

/** CRC-32 as Ethernet and UEFI have it: reflected, polynomial 0x04c11db7, inverted at both ends. 32 bits. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  return ~crc >>> 0;
}
