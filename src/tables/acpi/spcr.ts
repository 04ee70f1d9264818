/**
 * Serial Port Console Redirection table.
 *
 * Source: Microsoft, "Serial Port Console Redirection Table (SPCR)", and "Debug Port Table 2" for interface types.
 */
import { later, reserved, u8, u16, u32, zero } from './fields.ts';
import { gas } from './gas.ts';
import { type Codec, type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

/** Serial port subtypes of the DBG2 table, which the SPCR uses for its interface type. */
export const SERIAL_SUBTYPES = {
  0: '16550',
  1: '16550 subset',
  2: 'MAX311xE SPI',
  3: 'Arm PL011',
  4: 'MSM8x60',
  5: '16550 Nvidia',
  6: 'TI OMAP',
  8: 'APM88xxxx',
  9: 'MSM8974',
  10: 'SAM5250',
  11: 'Intel USIF',
  12: 'i.MX 6',
  13: 'Arm SBSA generic UART, 32-bit only',
  14: 'Arm SBSA generic UART',
  15: 'Arm DCC',
  16: 'BCM2835',
  17: 'SDM845 1.8432 MHz',
  18: '16550 by Generic Address Structure',
  19: 'SDM845 7.372 MHz',
  20: 'Intel LPSS',
  21: 'RISC-V SBI console',
} as const;

/** Values of `baudRate`. */
export const SPCR_BAUD_RATES = { 0: 'as it is', 3: '9600', 4: '19200', 6: '57600', 7: '115200' } as const;

/** Fields of the SPCR. Sizes: 80 bytes up to revision 3, 88 and a name from revision 4. */
export const SPCR = struct(
  'Serial Port Console Redirection Table',
  'Microsoft, "Serial Port Console Redirection Table (SPCR)"',
  { full: 88, base: 80, usual: 80, first: HEADER_BYTES },
  {
    interfaceType: u8('kind of UART', { names: SERIAL_SUBTYPES }),
    reserved: reserved(3),
    baseAddress: gas('registers of the UART'),
    interruptType: zero(
      u8('kinds of interrupt', { bits: { 8259: 0, 'I/O APIC': 1, 'I/O SAPIC': 2, GIC: 3, PLIC: 4 } }),
    ),
    irq: zero(u8('PC-AT interrupt')),
    globalSystemInterrupt: zero(u32('interrupt')),
    baudRate: zero(u8('baud rate', { names: SPCR_BAUD_RATES })),
    parity: zero(u8('0, none')),
    stopBits: zero(u8('1')),
    flowControl: zero(u8('flow control', { bits: { DCD: 0, 'RTS/CTS': 1, 'XON/XOFF': 2 } })),
    terminalType: zero(u8('terminal', { names: { 0: 'VT100', 1: 'VT100+', 2: 'VT-UTF8', 3: 'ANSI' } })),
    language: zero(u8('0')),
    pciDeviceId: zero(u16('PCI device, 0xffff if it is none')),
    pciVendorId: zero(u16('PCI vendor, 0xffff if it is none')),
    pciBus: zero(u8('PCI bus')),
    pciDevice: zero(u8('PCI device number')),
    pciFunction: zero(u8('PCI function')),
    pciFlags: zero(u32('flags', { bits: { 'do not suppress enumeration': 0 } })),
    pciSegment: zero(u8('PCI segment')),
    uartClockHz: zero(u32('clock of the UART, 0 if not known; before revision 3 reserved')),
    preciseBaudRate: later(u32('baud rate, or 0 for that of the field above')),
    namespaceStringLengthBytes: later(u16('with its NUL')),
    namespaceStringOffset: later(u16('from the table')),
  },
);

type Named = { /** Path of the UART in the namespace; makes a table of revision 4. */ namespaceString?: string };
type Body = Value<typeof SPCR> & Named;
type BodyInput = Input<typeof SPCR> & Named;

/** The name, when it lies where encoders put it and is all that follows the fields. */
function plainName(value: Body): string | undefined {
  const { trailing, namespaceStringOffset, namespaceStringLengthBytes } = value;
  if (trailing === undefined || trailing.indexOf(0) !== trailing.length - 1) return undefined;
  if (namespaceStringOffset !== SPCR.fullBytes || namespaceStringLengthBytes !== trailing.length) return undefined;
  return String.fromCharCode(...trailing.subarray(0, -1));
}

const BODY: Codec<Body, BodyInput> = {
  title: SPCR.title,
  read: (reader, at, sizeBytes) => {
    const value: Body | undefined = SPCR.read(reader, at, sizeBytes);
    const namespaceString = value && plainName(value);
    if (value === undefined || namespaceString === undefined) return value;
    const { trailing: _, sizeBytes: __, namespaceStringOffset: ___, namespaceStringLengthBytes: ____, ...rest } = value;
    return { ...rest, namespaceString };
  },
  bytes: ({ namespaceString, ...fields }) => {
    if (namespaceString === undefined) return SPCR.bytes(fields);
    const trailing = Uint8Array.from([...namespaceString].map((char) => char.charCodeAt(0)).concat(0));
    return SPCR.bytes({
      ...fields,
      sizeBytes: SPCR.fullBytes + trailing.length,
      namespaceStringOffset: SPCR.fullBytes,
      namespaceStringLengthBytes: trailing.length,
      trailing,
    });
  },
};

/** The SPCR. Encoders write revision 2 unless told otherwise. */
export const SPCR_TABLE = table({
  signature: 'SPCR',
  title: SPCR.title,
  source: SPCR.source,
  revision: 2,
  body: BODY,
});

/** A decoded SPCR. */
export type Spcr = Body & InTable;
/** A SPCR as its encoder takes it. */
export type SpcrInput = BodyInput & InTableInput;

/** The bytes of a SPCR. Throws AcpiError when a value does not fit its field. */
export const encodeSpcr = (input: SpcrInput): Uint8Array => SPCR_TABLE.encode(input);
/** Reads a SPCR of any revision; never throws. */
export const decodeSpcr = (bytes: Uint8Array): DecodedTree<Spcr> => SPCR_TABLE.decode(bytes);
