import { regmap } from './regmap.ts';

const TEST = 'integration test registers';
const id = (at: number, reset: number, doc: string) => ({ at, access: 'RO', reset, doc }) as const;

/** Interrupt bits of UARTIMSC, UARTRIS, UARTMIS and UARTICR. DDI 0183, "Interrupt mask set/clear register". */
const INTERRUPT_FIELDS = {
  RI: [0, 0],
  CTS: [1, 1],
  DCD: [2, 2],
  DSR: [3, 3],
  RX: [4, 4],
  TX: [5, 5],
  RT: [6, 6],
  FE: [7, 7],
  PE: [8, 8],
  BE: [9, 9],
  OE: [10, 10],
} as const;

/**
 * Registers of the PL011, as the document's summary lists them.
 *
 * Source: DDI 0183, "Summary of registers". The identification is that of r1p5, whose FIFOs are 32 deep. The bus
 * takes 8-, 16- and 32-bit accesses, as software uses all three.
 */
export const PL011_REGS = regmap(
  'PL011',
  { sizeBytes: 0x1000, source: 'DDI 0183', widths: [1, 2, 4] },
  {
    UARTDR: {
      at: 0x000,
      access: 'RW',
      fields: { DATA: [7, 0], FE: [8, 8], PE: [9, 9], BE: [10, 10], OE: [11, 11] },
      doc: 'data; the error bits belong to the character read',
    },
    UARTRSR: {
      at: 0x004,
      access: 'RW',
      fields: { FE: [0, 0], PE: [1, 1], BE: [2, 2], OE: [3, 3] },
      doc: 'receive status; any write (UARTECR) clears it',
    },
    UARTFR: {
      at: 0x018,
      access: 'RO',
      fields: {
        CTS: [0, 0],
        DSR: [1, 1],
        DCD: [2, 2],
        BUSY: [3, 3],
        RXFE: [4, 4],
        TXFF: [5, 5],
        RXFF: [6, 6],
        TXFE: [7, 7],
        RI: [8, 8],
      },
      doc: 'flags',
    },
    UARTILPR: { at: 0x020, access: 'RW', fields: { ILPDVSR: [7, 0] }, doc: 'IrDA low-power counter, kept only' },
    UARTIBRD: { at: 0x024, access: 'RW', fields: { BAUD_DIVINT: [15, 0] }, doc: 'integer baud rate, kept only' },
    UARTFBRD: { at: 0x028, access: 'RW', fields: { BAUD_DIVFRAC: [5, 0] }, doc: 'fractional baud rate, kept only' },
    UARTLCR_H: {
      at: 0x02c,
      access: 'RW',
      fields: { BRK: [0, 0], PEN: [1, 1], EPS: [2, 2], STP2: [3, 3], FEN: [4, 4], WLEN: [6, 5], SPS: [7, 7] },
      doc: 'line control',
    },
    UARTCR: {
      at: 0x030,
      access: 'RW',
      reset: 0x300,
      fields: {
        UARTEN: [0, 0],
        SIREN: [1, 1],
        SIRLP: [2, 2],
        LBE: [7, 7],
        TXE: [8, 8],
        RXE: [9, 9],
        DTR: [10, 10],
        RTS: [11, 11],
        OUT1: [12, 12],
        OUT2: [13, 13],
        RTSEN: [14, 14],
        CTSEN: [15, 15],
      },
      doc: 'control',
    },
    UARTIFLS: {
      at: 0x034,
      access: 'RW',
      reset: 0x12,
      fields: { TXIFLSEL: [2, 0], RXIFLSEL: [5, 3] },
      doc: 'FIFO levels that interrupt',
    },
    UARTIMSC: { at: 0x038, access: 'RW', fields: INTERRUPT_FIELDS, doc: 'interrupt mask; 1 lets it through' },
    UARTRIS: { at: 0x03c, access: 'RO', fields: INTERRUPT_FIELDS, doc: 'raw interrupt status' },
    UARTMIS: { at: 0x040, access: 'RO', fields: INTERRUPT_FIELDS, doc: 'masked interrupt status' },
    UARTICR: { at: 0x044, access: 'WO', fields: INTERRUPT_FIELDS, doc: 'interrupt clear' },
    UARTDMACR: {
      at: 0x048,
      access: 'RW',
      fields: { RXDMAE: [0, 0], TXDMAE: [1, 1], DMAONERR: [2, 2] },
      doc: 'DMA control, kept only',
    },
    UARTTCR: { at: 0x080, access: 'RW', notModelled: TEST, doc: 'test control' },
    UARTITIP: { at: 0x084, access: 'RW', notModelled: TEST, doc: 'integration test input' },
    UARTITOP: { at: 0x088, access: 'RW', notModelled: TEST, doc: 'integration test output' },
    UARTTDR: { at: 0x08c, access: 'RW', notModelled: TEST, doc: 'test data' },
    UARTPeriphID0: id(0xfe0, 0x11, 'part number 0x011'),
    UARTPeriphID1: id(0xfe4, 0x10, 'part number, designer 0x41'),
    UARTPeriphID2: id(0xfe8, 0x34, 'designer, revision 3 (r1p5)'),
    UARTPeriphID3: id(0xfec, 0x00, 'configuration'),
    UARTPCellID0: id(0xff0, 0x0d, 'PrimeCell'),
    UARTPCellID1: id(0xff4, 0xf0, 'PrimeCell'),
    UARTPCellID2: id(0xff8, 0x05, 'PrimeCell'),
    UARTPCellID3: id(0xffc, 0xb1, 'PrimeCell'),
  },
);

/** A register of the PL011. */
export type Pl011Name = keyof typeof PL011_REGS.registers;
