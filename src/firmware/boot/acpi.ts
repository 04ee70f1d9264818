/**
 * ACPI tables in memory, and the EFI structures through which a kernel finds them: a block at the end of RAM.
 *
 * Source: ACPI Specification 6.5, "Finding the RSDP on UEFI Enabled Systems" and "System Address Map Interfaces".
 * The order from low to high: RAM for the kernel, tables and EFI structures, memory that stays the firmware's.
 */
import { encodeRsdp } from '../../tables/acpi/rsdp.ts';
import { signatureOf } from '../../tables/acpi/table.ts';
import { encodeXsdt } from '../../tables/acpi/xsdt.ts';
import type { Segment } from './boot.ts';
import {
  EFI_MEMORY_DESCRIPTOR_STRIDE_BYTES,
  EFI_MEMORY_DESCRIPTOR_VERSION,
  EFI_MEMORY_TYPE,
  EFI_TABLE_GUID,
  type EfiMemory,
  encodeEfiConfigurationTable,
  encodeEfiMemoryMap,
  encodeEfiSystemTable,
  encodeNoReservations,
  encodeNoRuntimeServices,
  ucs2,
} from './efi.ts';
import { BootError, sizeText } from './error.ts';
import type { Range } from './handover.ts';

/** Blocks of memory of different kinds begin at multiples of this, so that kernels with pages of 64 KiB do not mix them. */
const BLOCK_BYTES = 0x1_0000n;
/** Tables begin at multiples of this. */
const TABLE_ALIGN_BYTES = 16n;
/** A kernel maps a whole table at once, early, and cannot map more than this. Linux, NR_FIX_BTMAPS of arm64. */
const TABLE_BYTES_MAX = 256 * 1024;
const VENDOR = 'unmaskable';
/** Linux reads the vendor's name as an array of this length, whatever its end. */
const VENDOR_BYTES = 200;

/** The tables of a machine. */
export interface AcpiTables {
  readonly dsdt: Uint8Array;
  /** FADT with the address of the DSDT in it; its size does not depend on the address. */
  fadt(dsdtPa: bigint): Uint8Array;
  /** All others that the XSDT lists, in its order behind the FADT. */
  readonly others: readonly Uint8Array[];
}

/** What a machine hands over by ACPI. */
export interface AcpiHandover {
  /** The device tree describes nothing, so that a kernel takes ACPI without being asked to. */
  readonly alone: boolean;
  /** Memory that stays the firmware's, outside of what the kernel calls RAM; 0 for none. */
  readonly firmwareSizeBytes: number;
  /** The tables, when it is known where the firmware's memory begins. */
  tables(firmwarePa: bigint): AcpiTables;
}

/** A block at the end of RAM that has been laid out. */
export interface AcpiLayout {
  /** RAM below it. */
  readonly below: Range;
  /** Memory that stays the firmware's; a multiple of 64 KiB. */
  readonly firmware: Range;
  readonly segments: readonly Segment[];
  /** Properties of `/chosen` that lead a kernel to the system table. */
  readonly chosen: Readonly<Record<string, bigint | number>>;
}

const alignUp = (value: bigint, alignment: bigint): bigint => ((value + alignment - 1n) / alignment) * alignment;

/** Places pieces one behind the other. */
class Block {
  readonly segments: Segment[] = [];
  #nextPa: bigint;

  constructor(startPa: bigint) {
    this.#nextPa = startPa;
  }

  get endPa(): bigint {
    return this.#nextPa;
  }

  /** Leaves room for a piece, and says where. */
  reserve(sizeBytes: number): bigint {
    const addrPa = this.#nextPa;
    this.#nextPa = alignUp(addrPa + BigInt(sizeBytes), TABLE_ALIGN_BYTES);
    return addrPa;
  }

  put(what: Segment['what'], bytes: Uint8Array, addrPa = this.reserve(bytes.length)): bigint {
    this.segments.push({ what, addrPa, bytes });
    return addrPa;
  }
}

const RSDP_BYTES = 36;
const XSDT_HEADER_BYTES = 36;

/** RSDP and XSDT first, then what they lead to; the address of the RSDP. */
function putTables(block: Block, { dsdt, fadt, others }: AcpiTables): bigint {
  const rsdpPa = block.reserve(RSDP_BYTES);
  const xsdtPa = block.reserve(XSDT_HEADER_BYTES + 8 * (1 + others.length));
  const named = (bytes: Uint8Array): bigint => block.put(`acpi ${signatureOf(bytes)}`, bytes);
  const fadtPa = block.reserve(fadt(0n).length);
  const dsdtPa = named(dsdt);
  block.put('acpi FACP', fadt(dsdtPa), fadtPa);
  const addresses = [fadtPa, ...others.map(named)];
  block.put('acpi XSDT', encodeXsdt({ addresses }), xsdtPa);
  block.put('acpi RSDP', encodeRsdp({ xsdtAddress: xsdtPa }), rsdpPa);
  for (const { what, bytes } of block.segments) {
    if (bytes.length > TABLE_BYTES_MAX) throw new Error(`assertion: ${what} of ${bytes.length} bytes`);
  }
  return rsdpPa;
}

/** Vendor, configuration and system table; the address of the system table. */
function putEfi(block: Block, rsdpPa: bigint): bigint {
  const vendor = new Uint8Array(VENDOR_BYTES);
  vendor.set(ucs2(VENDOR));
  const entries: [string, bigint][] = [
    [EFI_TABLE_GUID.acpi20, rsdpPa],
    [EFI_TABLE_GUID.rtProperties, block.put('efi RT properties', encodeNoRuntimeServices())],
    [EFI_TABLE_GUID.linuxMemreserve, block.put('efi reservations', encodeNoReservations())],
  ];
  const vendorPa = block.put('efi vendor', vendor);
  const configurationPa = block.put('efi configuration table', encodeEfiConfigurationTable(entries));
  const table = encodeEfiSystemTable({ vendorPa, configurationPa, configurationEntries: entries.length });
  return block.put('efi system table', table);
}

/** Descriptors of three ranges; an empty one is not described. */
function memoryMap(below: Range, tables: Range, firmware: Range): EfiMemory[] {
  const { conventional, acpiReclaim, reserved } = EFI_MEMORY_TYPE;
  const ranges: EfiMemory[] = [
    { type: conventional, ...below },
    { type: acpiReclaim, ...tables },
    { type: reserved, ...firmware },
  ];
  return ranges.filter(({ sizeBytes }) => sizeBytes > 0);
}

/** Memory that stays the firmware's: the end of RAM, `sizeBytes` rounded up to 64 KiB. */
export function firmwareMemory(ram: Range, sizeBytes: number): Range {
  const roundedBytes = alignUp(BigInt(sizeBytes), BLOCK_BYTES);
  return { addrPa: ram.addrPa + BigInt(ram.sizeBytes) - roundedBytes, sizeBytes: Number(roundedBytes) };
}

/**
 * Lays everything out at the end of RAM.
 *
 * @throws BootError `E_ACPI_TOO_LARGE` when there is not so much RAM
 */
export function layOutAcpi(handover: AcpiHandover, ram: Range): AcpiLayout {
  const firmware = firmwareMemory(ram, handover.firmwareSizeBytes);
  const tables = handover.tables(firmware.addrPa);
  // Nothing in the block depends on where it is but addresses, so its size is known from a first try anywhere.
  const trial = new Block(0n);
  putEfi(trial, putTables(trial, tables));
  const mapBytes = encodeEfiMemoryMap(memoryMap(ram, ram, firmware)).length;
  trial.reserve(mapBytes);
  const blockBytes = alignUp(trial.endPa, BLOCK_BYTES);
  const startPa = firmware.addrPa - blockBytes;
  if (startPa <= ram.addrPa) {
    const needs = `${sizeText(blockBytes + BigInt(firmware.sizeBytes))} do not fit into ${sizeText(ram.sizeBytes)} RAM`;
    throw new BootError(
      'E_ACPI_TOO_LARGE',
      `tables: ACPI tables and memory of the firmware: ${needs}. Give more memory.`,
    );
  }
  const block = new Block(startPa);
  const systemTablePa = putEfi(block, putTables(block, tables));
  const below: Range = { addrPa: ram.addrPa, sizeBytes: Number(startPa - ram.addrPa) };
  const map = encodeEfiMemoryMap(memoryMap(below, { addrPa: startPa, sizeBytes: Number(blockBytes) }, firmware));
  const mapPa = block.put('efi memory map', map);
  return { below, firmware, segments: block.segments, chosen: chosenProperties(systemTablePa, mapPa, map.length) };
}

/** Linux Documentation/arch/arm/uefi.rst; the last one is asked for by the kernels of Debian and Ubuntu. */
function chosenProperties(systemTablePa: bigint, mapPa: bigint, mapBytes: number): AcpiLayout['chosen'] {
  const SECURE_BOOT_DISABLED = 2;
  return {
    'linux,uefi-system-table': systemTablePa,
    'linux,uefi-mmap-start': mapPa,
    'linux,uefi-mmap-size': mapBytes,
    'linux,uefi-mmap-desc-size': EFI_MEMORY_DESCRIPTOR_STRIDE_BYTES,
    'linux,uefi-mmap-desc-ver': EFI_MEMORY_DESCRIPTOR_VERSION,
    'linux,uefi-secure-boot': SECURE_BOOT_DISABLED,
  };
}
