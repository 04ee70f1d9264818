/**
 * Lists of tables: XSDT with addresses of 64 bits, RSDT with addresses of 32.
 *
 * Source: ACPI 6.5, "Extended System Description Table (XSDT)", "Root System Description Table (RSDT)".
 */
import { AcpiError } from './error.ts';
import { ENTRIES_MAX, type Reader } from './reader.ts';
import type { Codec } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

/** Physical addresses of tables; FADT first by convention, and never the DSDT. */
export interface TableAddresses {
  /** 0..2^64-1; in an RSDT 0..2^32-1. */
  addresses: readonly bigint[];
  /** Bytes after the last whole address. */
  trailing?: Uint8Array;
}

function addressList(title: string, sizeBytes: 4 | 8): Codec<TableAddresses> {
  return {
    title,
    read: (reader: Reader, at, tableBytes) => {
      const room = Math.floor((tableBytes - HEADER_BYTES) / sizeBytes);
      const count = Math.min(room, ENTRIES_MAX);
      if (room > count) reader.find(at + 4, 'number of addresses', `${room}`, `at most ${ENTRIES_MAX} are read`);
      const addresses: bigint[] = [];
      for (let n = 0; n < count; n++) {
        const here = at + HEADER_BYTES + n * sizeBytes;
        const { view } = reader;
        const address = sizeBytes === 8 ? view.getBigUint64(here, true) : BigInt(view.getUint32(here, true));
        reader.leaf(`table ${n}`, here, sizeBytes, `0x${address.toString(16)}`);
        addresses.push(address);
      }
      const next = at + HEADER_BYTES + count * sizeBytes;
      if (room === count && next < at + tableBytes) {
        reader.find(
          next,
          'size of the addresses',
          `${at + tableBytes - next} bytes more`,
          `a multiple of ${sizeBytes}`,
        );
      }
      const trailing = reader.rest(next, at + tableBytes);
      return trailing === undefined ? { addresses } : { addresses, trailing };
    },
    bytes: ({ addresses, trailing = new Uint8Array() }) => {
      const bytes = new Uint8Array(HEADER_BYTES + addresses.length * sizeBytes + trailing.length);
      const view = new DataView(bytes.buffer);
      addresses.forEach((address, n) => {
        const here = HEADER_BYTES + n * sizeBytes;
        if (address < 0n || address >= 1n << BigInt(8 * sizeBytes)) {
          const takes = `this table takes addresses of ${8 * sizeBytes} bits`;
          throw new AcpiError('E_ACPI_RANGE', `${title}: address ${n} is 0x${address.toString(16)}; ${takes}`);
        }
        if (sizeBytes === 8) view.setBigUint64(here, address, true);
        else view.setUint32(here, Number(address), true);
      });
      bytes.set(trailing, bytes.length - trailing.length);
      return bytes;
    },
  };
}

/** The XSDT. */
export const XSDT_TABLE = table<TableAddresses, TableAddresses>({
  signature: 'XSDT',
  title: 'Extended System Description Table',
  source: 'ACPI 6.5, "Extended System Description Table (XSDT)"',
  revision: 1,
  body: addressList('Extended System Description Table', 8),
});

/** The RSDT. */
export const RSDT_TABLE = table<TableAddresses, TableAddresses>({
  signature: 'RSDT',
  title: 'Root System Description Table',
  source: 'ACPI 6.5, "Root System Description Table (RSDT)"',
  revision: 1,
  body: addressList('Root System Description Table', 4),
});

/** A decoded XSDT. */
export type Xsdt = TableAddresses & InTable;
/** An XSDT as its encoder takes it. */
export type XsdtInput = TableAddresses & InTableInput;

/** The bytes of an XSDT. Throws AcpiError when an address does not fit. */
export const encodeXsdt = (input: XsdtInput): Uint8Array => XSDT_TABLE.encode(input);
/** Reads an XSDT; never throws. */
export const decodeXsdt = (bytes: Uint8Array): DecodedTree<Xsdt> => XSDT_TABLE.decode(bytes);
/** The bytes of an RSDT. Throws AcpiError when an address does not fit. */
export const encodeRsdt = (input: XsdtInput): Uint8Array => RSDT_TABLE.encode(input);
/** Reads an RSDT; never throws. */
export const decodeRsdt = (bytes: Uint8Array): DecodedTree<Xsdt> => RSDT_TABLE.decode(bytes);
