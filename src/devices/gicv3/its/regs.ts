import { type RegisterSpec, regmap } from '../../regmap.ts';
import { IIDR, idRegisters } from '../maps.ts';

/** Bits of GITS_CTLR, of GITS_CREADR and of GITS_CWRITER, all in [31:0]. */
export const GITS = { Enabled: 1, Quiescent: 0x8000_0000, Stalled: 1, Retry: 1, Offset: 0xf_ffe0 } as const;

/**
 * GITS_TYPER, [31:0] and [63:32]: physical LPIs, translation entries of 12 bytes, 16 bits each of EventID, DeviceID and
 * collection, collections in memory only, PEs named by GICR_TYPER.Processor_Number (PTA is 0), no SError (SEIS is 0).
 */
export const GITS_TYPER = [0x0001_efb1, 0x1f] as const;

/** What each GITS_BASER<n> is: Type and Entry_Size, in [63:32]. IHI 0069, "GITS_BASER<n>". */
export const BASER_FIXED = [0x0107_0000, 0x0407_0000] as const;
/** What of GITS_BASER<n> can be written, [31:0] and [63:32]. */
export const BASER_KEPT = [0xffff_ffff, 0xf8e0_ffff] as const;
/** GITS_BASER<n>[31:0] after reset: pages of 64 KiB. */
export const BASER_RESET_LOW = 0x200;
/** What of GITS_CBASER can be written, [31:0] and [63:32]. */
export const CBASER_KEPT = [0xffff_fcff, 0xb8ef_ffff] as const;

/** Entry sizes in bytes that the registers above announce. */
export const TABLE_ENTRY_BYTES = 8;
/** See TABLE_ENTRY_BYTES; of an interrupt translation table. */
export const ITT_ENTRY_BYTES = 12;

const TRANSLATION = 0x1_0000;
const double = (at: number, access: 'RO' | 'RW', doc: string): RegisterSpec => ({ at, sizeBytes: 8, access, doc });

/** The ITS: control frame at 0, translation frame at 0x10000. IHI 0069, "ITS register descriptions". */
export const GITS_REGS = regmap(
  'GITS',
  { sizeBytes: 0x2_0000, source: 'IHI 0069' },
  {
    GITS_CTLR: {
      at: 0x0000,
      access: 'RW',
      reset: 0x8000_0000,
      fields: { Enabled: [0, 0], Quiescent: [31, 31] },
      doc: 'control',
    },
    GITS_IIDR: { at: 0x0004, access: 'RO', reset: IIDR, doc: 'implementer' },
    GITS_TYPER: {
      ...double(0x0008, 'RO', 'what is implemented'),
      fields: {
        Physical: [0, 0],
        ITT_entry_size: [7, 4],
        ID_bits: [12, 8],
        Devbits: [17, 13],
        SEIS: [18, 18],
        PTA: [19, 19],
        HCC: [31, 24],
        CIDbits: [35, 32],
        CIL: [36, 36],
      },
    },
    GITS_CBASER: {
      ...double(0x0080, 'RW', 'where the command queue is; read-only while enabled'),
      fields: { Size: [7, 0], Shareability: [11, 10], Physical_Address: [51, 12], Valid: [63, 63] },
    },
    GITS_CWRITER: {
      ...double(0x0088, 'RW', 'where software writes the next command'),
      fields: { Retry: [0, 0], Offset: [19, 5] },
    },
    GITS_CREADR: {
      ...double(0x0090, 'RO', 'where the ITS reads the next command'),
      fields: { Stalled: [0, 0], Offset: [19, 5] },
    },
    GITS_BASER: {
      ...double(
        0x0100,
        'RW',
        'device table (0) and collection table (1); the others are RES0; read-only while enabled',
      ),
      count: 8,
      fields: {
        Size: [7, 0],
        Page_Size: [9, 8],
        Shareability: [11, 10],
        Physical_Address: [47, 12],
        Entry_Size: [52, 48],
        Type: [58, 56],
        Indirect: [62, 62],
        Valid: [63, 63],
      },
    },
    ...idRegisters('GITS', 0, 0x94),
    GITS_TRANSLATER: {
      at: TRANSLATION + 0x0040,
      access: 'WO',
      widths: [2, 4],
      fields: { EventID: [31, 0] },
      doc: 'signals the event; the DeviceID comes with the write, from a PE it is 0',
    },
  },
);
