import { describe, expect, it } from 'vitest';
import { type Found, findByChosen } from '../../../test/support/acpi-walk.ts';
import { encodeFadt } from '../../tables/acpi/fadt.ts';
import { ANY_TABLE, encodeDsdt } from '../../tables/acpi/plain.ts';
import { checksumOf } from '../../tables/acpi/table.ts';
import { type AcpiHandover, type AcpiLayout, layOutAcpi } from './acpi.ts';
import { crc32 } from './efi.ts';
import { BootError } from './error.ts';

const MIB = 2 ** 20;
const RAM = { addrPa: 0x4000_0000n, sizeBytes: 64 * MIB };
const RAM_END = 0x4400_0000n;
const WB = 8n;

const any = (signature: string, sizeBytes = 0) =>
  ANY_TABLE.encode({ header: { signature }, contents: new Uint8Array(sizeBytes).fill(0xa5) });

function handover(more: Partial<AcpiHandover> = {}): AcpiHandover {
  return {
    alone: true,
    firmwareSizeBytes: 0,
    tables: () => ({
      dsdt: encodeDsdt({ aml: Uint8Array.of(0xa3) }),
      fadt: (dsdtPa) => encodeFadt({ xDsdtAddress: dsdtPa }),
      others: [any('APIC', 5), any('ZZZZ', 70_000)],
    }),
    ...more,
  };
}

/** What an operating system finds in memory that holds nothing but the layout. */
function found({ segments, chosen }: AcpiLayout): Found {
  const read = (addrPa: bigint, sizeBytes: number): Uint8Array => {
    const segment = segments.find((s) => s.addrPa <= addrPa && addrPa < s.addrPa + BigInt(s.bytes.length));
    if (segment === undefined) throw new Error(`nothing at 0x${addrPa.toString(16)}`);
    const from = Number(addrPa - segment.addrPa);
    return segment.bytes.slice(from, from + sizeBytes);
  };
  return findByChosen(read, (name) => BigInt(chosen[name]!));
}

describe('ACPI tables at the end of RAM', () => {
  it('are found from /chosen: system table, configuration table, RSDP, XSDT, every table with its checksum', () => {
    const { tables, vendor } = found(layOutAcpi(handover(), RAM));
    expect(vendor).toBe('unmaskable');
    expect([...tables.keys()].sort()).toEqual(['APIC', 'DSDT', 'FACP', 'XSDT', 'ZZZZ']);
    for (const [signature, { bytes, addrPa }] of tables) {
      expect(checksumOf(bytes, 9), signature).toBe(bytes[9]);
      expect(addrPa % 16n, signature).toBe(0n);
    }
    expect(
      tables
        .get('ZZZZ')!
        .bytes.slice(36)
        .every((byte) => byte === 0xa5),
    ).toBe(true);
  });

  it('the system table has the CRC that its specification asks for, and no services', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf4_3926);
    const { systemTable, configuration } = found(layOutAcpi(handover(), RAM));
    const view = new DataView(systemTable.buffer, systemTable.byteOffset);
    const crc = view.getUint32(16, true);
    view.setUint32(16, 0, true);
    expect(crc32(systemTable)).toBe(crc);
    expect([view.getBigUint64(88, true), view.getBigUint64(96, true)]).toEqual([0n, 0n]);
    expect(configuration.has('eb66918a-7eef-402a-842e-931d21c38ae9')).toBe(true);
  });

  it('the memory map covers RAM without gap and overlap, in blocks of 64 KiB, all of it write-back', () => {
    const { memory } = found(layOutAcpi(handover({ firmwareSizeBytes: 100_000 }), RAM));
    expect(memory.map(({ type }) => type)).toEqual([7, 9, 0]);
    let next = RAM.addrPa;
    for (const { addrPa, sizeBytes, attribute } of memory) {
      expect(addrPa).toBe(next);
      expect(sizeBytes % 0x1_0000n).toBe(0n);
      expect(attribute & WB).toBe(WB);
      next = addrPa + sizeBytes;
    }
    expect(next).toBe(RAM_END);
  });

  it('tables and EFI structures lie in ACPI memory, no two in the same bytes, none in what is free', () => {
    const layout = layOutAcpi(handover({ firmwareSizeBytes: 1 }), RAM);
    const acpi = found(layout).memory.find(({ type }) => type === 9)!;
    const sorted = [...layout.segments].sort((a, b) => (a.addrPa < b.addrPa ? -1 : 1));
    let next = acpi.addrPa;
    for (const { addrPa, bytes, what } of sorted) {
      expect(addrPa, what).toBeGreaterThanOrEqual(next);
      next = addrPa + BigInt(bytes.length);
    }
    expect(next).toBeLessThanOrEqual(acpi.addrPa + acpi.sizeBytes);
    expect(layout.below.addrPa + BigInt(layout.below.sizeBytes)).toBe(acpi.addrPa);
  });

  it("the firmware's memory is the end of RAM, and its tables are told where it begins", () => {
    let told = 0n;
    const tables: AcpiHandover['tables'] = (firmwarePa) => {
      told = firmwarePa;
      return handover().tables(firmwarePa);
    };
    const { firmware } = layOutAcpi(handover({ firmwareSizeBytes: 0x1_0001, tables }), RAM);
    expect(firmware).toEqual({ addrPa: RAM_END - 0x2_0000n, sizeBytes: 0x2_0000 });
    expect(told).toBe(firmware.addrPa);
  });

  it('without memory of the firmware the map does not mention any', () => {
    expect(found(layOutAcpi(handover(), RAM)).memory.map(({ type }) => type)).toEqual([7, 9]);
  });

  it('more than there is RAM is refused with what is needed and what is there', () => {
    const tooMuch = (): AcpiLayout => layOutAcpi(handover({ firmwareSizeBytes: 64 * MIB }), RAM);
    expect(tooMuch).toThrow(BootError);
    expect(tooMuch).toThrow(/do not fit into 64 MiB RAM. Give more memory/);
  });
});
