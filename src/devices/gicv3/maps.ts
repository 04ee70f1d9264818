import { type RegisterSpec, regmap } from '../regmap.ts';

const SOURCE = 'IHI 0069';
const NO_LEGACY = 'no effect with affinity routing, which cannot be switched off here';
const NO_MBIS = 'message-based SPIs, GICD_TYPER.MBIS is 0';
const NO_DIRECT_LPIS = 'LPIs come from the ITS; GICR_TYPER.DirectLPI and GICR_CTLR.IR are 0';
const NO_NMI = 'FEAT_GICv3_NMI, GICD_TYPER.NMI is 0';
const NO_LOG = 'the optional error log; reads as zero';

/** Bits of GICD_CTLR that this distributor has. IHI 0069, "GICD_CTLR, Distributor Control Register". */
export const GICD_CTLR = {
  EnableGrp0: 1 << 0,
  EnableGrp1NS: 1 << 1,
  EnableGrp1S: 1 << 2,
  /** ARE_S in the Secure view, ARE_NS in the Non-secure view, ARE when DS is 1. */
  ARE: 1 << 4,
  ARE_NS: 1 << 5,
  DS: 1 << 6,
} as const;

/** Bits of GICR_WAKER. IHI 0069, "GICR_WAKER, Redistributor Wake Register". */
export const GICR_WAKER = { ProcessorSleep: 1 << 1, ChildrenAsleep: 1 << 2 } as const;

/** Distance between two redistributors in bytes: an RD frame and an SGI frame of 64 KiB each. */
export const GICR_STRIDE_BYTES = 0x2_0000;

/** Implementer 0x43B (Arm), product, variant and revision 0: what an unnamed GIC of the `virt` board says. */
export const IIDR = 0x0000_043b;

const id = (at: number, reset: number, doc: string): RegisterSpec => ({ at, access: 'RO', reset, doc });

/** The identification block at the end of a frame of 64 KiB; `base` is the frame, `part` the low byte of the part number. */
export function idRegisters<P extends string>(prefix: P, base: number, part: number) {
  type Names = `${P}_PIDR${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}` | `${P}_CIDR${0 | 1 | 2 | 3}`;
  const rows: Record<string, RegisterSpec> = {};
  const pidr = [part, 0xb4, 0x3b, 0x00, 0x44, 0x00, 0x00, 0x00];
  const cidr = [0x0d, 0xf0, 0x05, 0xb1];
  pidr.forEach((value, n) => {
    const at = base + (n < 4 ? 0xffe0 + 4 * n : 0xffc0 + 4 * n);
    rows[`${prefix}_PIDR${n}`] = id(at, value, n === 2 ? 'peripheral ID, ArchRev 3' : 'peripheral ID');
  });
  cidr.forEach((value, n) => {
    rows[`${prefix}_CIDR${n}`] = id(base + 0xfff0 + 4 * n, value, 'component ID');
  });
  return rows as Record<Names, RegisterSpec>;
}

const words = (at: number, doc: string): RegisterSpec => ({ at, count: 32, access: 'RW', doc });

/** The distributor. IHI 0069, "Distributor register descriptions". */
export const GICD_REGS = regmap(
  'GICD',
  { sizeBytes: 0x1_0000, source: SOURCE },
  {
    GICD_CTLR: {
      at: 0x0000,
      access: 'RW',
      fields: {
        EnableGrp0: [0, 0],
        EnableGrp1NS: [1, 1],
        EnableGrp1S: [2, 2],
        ARE_S: [4, 4],
        ARE_NS: [5, 5],
        DS: [6, 6],
      },
      doc: 'control; three views',
    },
    GICD_TYPER: {
      at: 0x0004,
      access: 'RO',
      fields: {
        ITLinesNumber: [4, 0],
        CPUNumber: [7, 5],
        SecurityExtn: [10, 10],
        LPIS: [17, 17],
        IDbits: [23, 19],
        A3V: [24, 24],
      },
      doc: 'what is implemented',
    },
    GICD_IIDR: id(0x0008, IIDR, 'implementer'),
    GICD_TYPER2: id(0x000c, 0, 'GICv4.1 features: none'),
    GICD_STATUSR: { at: 0x0010, access: 'RW', notModelled: NO_LOG, doc: 'error status' },
    GICD_SETSPI_NSR: { at: 0x0040, access: 'WO', notModelled: NO_MBIS, doc: 'set SPI pending' },
    GICD_CLRSPI_NSR: { at: 0x0048, access: 'WO', notModelled: NO_MBIS, doc: 'clear SPI pending' },
    GICD_SETSPI_SR: { at: 0x0050, access: 'WO', notModelled: NO_MBIS, doc: 'set SPI pending, Secure' },
    GICD_CLRSPI_SR: { at: 0x0058, access: 'WO', notModelled: NO_MBIS, doc: 'clear SPI pending, Secure' },
    GICD_IGROUPR: words(0x0080, 'interrupt group'),
    GICD_ISENABLER: words(0x0100, 'set enable'),
    GICD_ICENABLER: words(0x0180, 'clear enable'),
    GICD_ISPENDR: words(0x0200, 'set pending'),
    GICD_ICPENDR: words(0x0280, 'clear pending'),
    GICD_ISACTIVER: words(0x0300, 'set active'),
    GICD_ICACTIVER: words(0x0380, 'clear active'),
    GICD_IPRIORITYR: { at: 0x0400, count: 255, access: 'RW', widths: [1, 4], doc: 'priority, a byte per INTID' },
    GICD_ITARGETSR: { at: 0x0800, count: 255, access: 'RW', widths: [1, 4], notModelled: NO_LEGACY, doc: 'targets' },
    GICD_ICFGR: { at: 0x0c00, count: 64, access: 'RW', doc: 'edge or level, two bits per INTID' },
    GICD_IGRPMODR: words(0x0d00, 'group modifier'),
    GICD_NSACR: { at: 0x0e00, count: 64, access: 'RW', doc: 'Non-secure access, two bits per INTID' },
    GICD_SGIR: { at: 0x0f00, access: 'WO', notModelled: NO_LEGACY, doc: 'generate an SGI' },
    GICD_CPENDSGIR: { at: 0x0f10, count: 4, access: 'RW', widths: [1, 4], notModelled: NO_LEGACY, doc: 'SGI pending' },
    GICD_SPENDSGIR: { at: 0x0f20, count: 4, access: 'RW', widths: [1, 4], notModelled: NO_LEGACY, doc: 'SGI pending' },
    GICD_INMIR: { at: 0x0f80, count: 32, access: 'RW', notModelled: NO_NMI, doc: 'non-maskable property' },
    GICD_IROUTER: {
      at: 0x6100,
      count: 988,
      first: 32,
      sizeBytes: 8,
      access: 'RW',
      fields: { Aff0: [7, 0], Aff1: [15, 8], Aff2: [23, 16], Interrupt_Routing_Mode: [31, 31], Aff3: [39, 32] },
      doc: 'which PE an SPI goes to',
    },
    ...idRegisters('GICD', 0, 0x92),
  },
);

const SGI = 0x1_0000;

/** One redistributor: RD frame at 0, SGI frame at 0x10000. IHI 0069, "Redistributor register descriptions". */
export const GICR_REGS = regmap(
  'GICR',
  { sizeBytes: GICR_STRIDE_BYTES, source: SOURCE },
  {
    GICR_CTLR: {
      at: 0x0000,
      access: 'RW',
      fields: { EnableLPIs: [0, 0], CES: [1, 1] },
      doc: 'control; zero where there are no LPIs',
    },
    GICR_IIDR: id(0x0004, IIDR, 'implementer'),
    GICR_TYPER: {
      at: 0x0008,
      sizeBytes: 8,
      access: 'RO',
      fields: {
        PLPIS: [0, 0],
        VLPIS: [1, 1],
        Last: [4, 4],
        Processor_Number: [23, 8],
        CommonLPIAff: [25, 24],
        Affinity_Value: [63, 32],
      },
      doc: 'which PE this is',
    },
    GICR_STATUSR: { at: 0x0010, access: 'RW', notModelled: NO_LOG, doc: 'error status' },
    GICR_WAKER: {
      at: 0x0014,
      access: 'RW',
      reset: 0x6,
      fields: { ProcessorSleep: [1, 1], ChildrenAsleep: [2, 2] },
      doc: 'power management; Secure when there are two security states',
    },
    GICR_SETLPIR: { at: 0x0040, sizeBytes: 8, access: 'WO', notModelled: NO_DIRECT_LPIS, doc: 'set LPI pending' },
    GICR_CLRLPIR: { at: 0x0048, sizeBytes: 8, access: 'WO', notModelled: NO_DIRECT_LPIS, doc: 'clear LPI pending' },
    GICR_PROPBASER: {
      at: 0x0070,
      sizeBytes: 8,
      access: 'RW',
      fields: { IDbits: [4, 0], Shareability: [11, 10], Physical_Address: [51, 12] },
      doc: 'LPI configuration table; read-only while LPIs are enabled, zero where there are none',
    },
    GICR_PENDBASER: {
      at: 0x0078,
      sizeBytes: 8,
      access: 'RW',
      fields: { Shareability: [11, 10], Physical_Address: [51, 16], PTZ: [62, 62] },
      doc: 'LPI pending table; read-only while LPIs are enabled, zero where there are none',
    },
    GICR_INVLPIR: { at: 0x00a0, sizeBytes: 8, access: 'WO', notModelled: NO_DIRECT_LPIS, doc: 'invalidate an LPI' },
    GICR_INVALLR: { at: 0x00b0, sizeBytes: 8, access: 'WO', notModelled: NO_DIRECT_LPIS, doc: 'invalidate all LPIs' },
    GICR_SYNCR: { at: 0x00c0, access: 'RO', notModelled: NO_DIRECT_LPIS, doc: 'synchronize' },
    ...idRegisters('GICR', 0, 0x93),
    GICR_IGROUPR0: { at: SGI + 0x0080, access: 'RW', doc: 'interrupt group' },
    GICR_ISENABLER0: { at: SGI + 0x0100, access: 'RW', doc: 'set enable' },
    GICR_ICENABLER0: { at: SGI + 0x0180, access: 'RW', doc: 'clear enable' },
    GICR_ISPENDR0: { at: SGI + 0x0200, access: 'RW', doc: 'set pending' },
    GICR_ICPENDR0: { at: SGI + 0x0280, access: 'RW', doc: 'clear pending' },
    GICR_ISACTIVER0: { at: SGI + 0x0300, access: 'RW', doc: 'set active' },
    GICR_ICACTIVER0: { at: SGI + 0x0380, access: 'RW', doc: 'clear active' },
    GICR_IPRIORITYR: { at: SGI + 0x0400, count: 8, access: 'RW', widths: [1, 4], doc: 'priority, a byte per INTID' },
    GICR_ICFGR0: { at: SGI + 0x0c00, access: 'RW', reset: 0xaaaa_aaaa, doc: 'SGIs are edge-triggered, fixed' },
    GICR_ICFGR1: { at: SGI + 0x0c04, access: 'RW', doc: 'edge or level of PPIs' },
    GICR_IGRPMODR0: { at: SGI + 0x0d00, access: 'RW', doc: 'group modifier' },
    GICR_NSACR: { at: SGI + 0x0e00, access: 'RW', doc: 'Non-secure generation of SGIs, two bits each' },
    GICR_INMIR0: { at: SGI + 0x0f80, access: 'RW', notModelled: NO_NMI, doc: 'non-maskable property' },
  },
);
