import { decodeFadt } from '../../src/tables/acpi/fadt.ts';
import { decodeRsdp } from '../../src/tables/acpi/rsdp.ts';
import { signatureOf } from '../../src/tables/acpi/table.ts';
import { decodeXsdt } from '../../src/tables/acpi/xsdt.ts';
import { readGuid } from '../../src/tables/cper/guid.ts';

/** Bytes of guest memory. */
export type ReadPa = (addrPa: bigint, sizeBytes: number) => Uint8Array;

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** A descriptor of an EFI memory map. */
export interface Descriptor {
  readonly type: number;
  readonly addrPa: bigint;
  readonly sizeBytes: bigint;
  readonly attribute: bigint;
}

/** What an operating system finds when it follows `/chosen`, by its own reading of the documents. */
export interface Found {
  readonly vendor: string;
  readonly systemTable: Uint8Array;
  readonly configuration: ReadonlyMap<string, bigint>;
  readonly memory: readonly Descriptor[];
  /** Tables by signature, the DSDT among them. */
  readonly tables: ReadonlyMap<string, { readonly addrPa: bigint; readonly bytes: Uint8Array }>;
}

/** Follows the properties of `/chosen` to every table; throws where something leads nowhere. */
export function findByChosen(read: ReadPa, chosen: (name: string) => bigint): Found {
  const systemTable = read(chosen('linux,uefi-system-table'), 120);
  const system = view(systemTable);
  if (new TextDecoder().decode(systemTable.subarray(0, 8)) !== 'IBI SYST') throw new Error('no system table');
  const configuration = new Map<string, bigint>();
  for (let n = 0n; n < system.getBigUint64(104, true); n++) {
    const entry = read(system.getBigUint64(112, true) + 24n * n, 24);
    configuration.set(readGuid(entry, 0), view(entry).getBigUint64(16, true));
  }
  const vendor = new TextDecoder('utf-16le').decode(read(system.getBigUint64(24, true), 200)).split('\0')[0]!;
  const rsdpPa = configuration.get('8868e871-e4f1-11d3-bc22-0080c73c8881');
  if (rsdpPa === undefined) throw new Error('no RSDP');
  return { vendor, systemTable, configuration, memory: memoryMap(read, chosen), tables: tables(read, rsdpPa) };
}

function memoryMap(read: ReadPa, chosen: (name: string) => bigint): Descriptor[] {
  const size = Number(chosen('linux,uefi-mmap-size'));
  const stride = Number(chosen('linux,uefi-mmap-desc-size'));
  const map = view(read(chosen('linux,uefi-mmap-start'), size));
  return Array.from({ length: size / stride }, (_, n) => ({
    type: map.getUint32(n * stride, true),
    addrPa: map.getBigUint64(n * stride + 8, true),
    sizeBytes: map.getBigUint64(n * stride + 24, true) * 4096n,
    attribute: map.getBigUint64(n * stride + 32, true),
  }));
}

function tables(read: ReadPa, rsdpPa: bigint): Found['tables'] {
  const found = new Map<string, { addrPa: bigint; bytes: Uint8Array }>();
  const at = (addrPa: bigint): Uint8Array => {
    const bytes = read(addrPa, view(read(addrPa, 8)).getUint32(4, true));
    found.set(signatureOf(bytes), { addrPa, bytes });
    return bytes;
  };
  const rsdp = decodeRsdp(read(rsdpPa, 36));
  if (rsdp.findings.length > 0) throw new Error(`RSDP: ${JSON.stringify(rsdp.findings)}`);
  const xsdt = decodeXsdt(at(rsdp.value!.xsdtAddress!));
  for (const addrPa of xsdt.value!.addresses) at(addrPa);
  const fadt = found.get('FACP');
  if (fadt === undefined) throw new Error('no FADT');
  at(decodeFadt(fadt.bytes).value!.xDsdtAddress!);
  return found;
}
