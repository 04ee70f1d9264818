import { type RegisterSpec, regmap } from '../regmap.ts';

const SOURCE = 'IHI 0048';

/** Bits of GICD_CTLR in the Secure view; the Non-secure view shows EnableGrp1 in bit 0. */
export const GICD_CTLR = { EnableGrp0: 1 << 0, EnableGrp1: 1 << 1 } as const;

/** Bits of GICC_CTLR in the Secure view, or of the only view without the Security Extensions. */
export const GICC_CTLR = {
  EnableGrp0: 1 << 0,
  EnableGrp1: 1 << 1,
  AckCtl: 1 << 2,
  FIQEn: 1 << 3,
  CBPR: 1 << 4,
  FIQBypDisGrp0: 1 << 5,
  IRQBypDisGrp0: 1 << 6,
  FIQBypDisGrp1: 1 << 7,
  IRQBypDisGrp1: 1 << 8,
  EOImodeS: 1 << 9,
  EOImodeNS: 1 << 10,
} as const;

/** Implementer 0x43B (Arm), product, variant and revision 0. */
const GICD_IIDR = 0x0000_043b;
/** The same with architecture version 2 in [19:16]. */
const GICC_IIDR = 0x0002_043b;

const words = (at: number, doc: string): RegisterSpec => ({ at, count: 32, access: 'RW', doc });
const id = (at: number, reset: number, doc: string): RegisterSpec => ({ at, access: 'RO', reset, doc });
const bytes = (at: number, count: number, doc: string): RegisterSpec => ({
  at,
  count,
  access: 'RW',
  widths: [1, 4],
  doc,
});

/** Peripheral and component identification: part 0x490, architecture version 2 in PIDR2. */
const ID_REGISTERS = {
  GICD_PIDR4: id(0xfd0, 0x04, 'peripheral ID'),
  GICD_PIDR5: id(0xfd4, 0x00, 'peripheral ID'),
  GICD_PIDR6: id(0xfd8, 0x00, 'peripheral ID'),
  GICD_PIDR7: id(0xfdc, 0x00, 'peripheral ID'),
  GICD_PIDR0: id(0xfe0, 0x90, 'peripheral ID'),
  GICD_PIDR1: id(0xfe4, 0xb4, 'peripheral ID'),
  GICD_PIDR2: id(0xfe8, 0x2b, 'peripheral ID, ArchRev 2'),
  GICD_PIDR3: id(0xfec, 0x00, 'peripheral ID'),
  GICD_CIDR0: id(0xff0, 0x0d, 'component ID'),
  GICD_CIDR1: id(0xff4, 0xf0, 'component ID'),
  GICD_CIDR2: id(0xff8, 0x05, 'component ID'),
  GICD_CIDR3: id(0xffc, 0xb1, 'component ID'),
} as const;

/** The distributor. IHI 0048, "Distributor register descriptions". */
export const GICD_REGS = regmap(
  'GICD',
  { sizeBytes: 0x1000, source: SOURCE },
  {
    GICD_CTLR: {
      at: 0x000,
      access: 'RW',
      fields: { EnableGrp0: [0, 0], EnableGrp1: [1, 1] },
      doc: 'control; two views',
    },
    GICD_TYPER: {
      at: 0x004,
      access: 'RO',
      fields: { ITLinesNumber: [4, 0], CPUNumber: [7, 5], SecurityExtn: [10, 10], LSPI: [15, 11] },
      doc: 'what is implemented',
    },
    GICD_IIDR: id(0x008, GICD_IIDR, 'implementer'),
    GICD_IGROUPR: words(0x080, 'interrupt group'),
    GICD_ISENABLER: words(0x100, 'set enable; SGIs are always enabled'),
    GICD_ICENABLER: words(0x180, 'clear enable'),
    GICD_ISPENDR: words(0x200, 'set pending; not of SGIs'),
    GICD_ICPENDR: words(0x280, 'clear pending; not of SGIs'),
    GICD_ISACTIVER: words(0x300, 'set active'),
    GICD_ICACTIVER: words(0x380, 'clear active'),
    GICD_IPRIORITYR: bytes(0x400, 255, 'priority, a byte per INTID'),
    GICD_ITARGETSR: bytes(0x800, 255, 'PEs an SPI goes to, a byte per INTID; of private interrupts the PE that reads'),
    GICD_ICFGR: { at: 0xc00, count: 64, access: 'RW', doc: 'edge or level, two bits per INTID' },
    GICD_NSACR: { at: 0xe00, count: 64, access: 'RW', doc: 'Non-secure access, two bits per INTID' },
    GICD_SGIR: {
      at: 0xf00,
      access: 'WO',
      fields: { SGIINTID: [3, 0], NSATT: [15, 15], CPUTargetList: [23, 16], TargetListFilter: [25, 24] },
      doc: 'generate an SGI',
    },
    GICD_CPENDSGIR: bytes(0xf10, 4, 'clear SGI pending, a bit per source PE'),
    GICD_SPENDSGIR: bytes(0xf20, 4, 'set SGI pending, a bit per source PE'),
    ...ID_REGISTERS,
  },
);

/** The CPU interface of the PE that accesses it. IHI 0048, "CPU interface register descriptions". */
export const GICC_REGS = regmap(
  'GICC',
  { sizeBytes: 0x2000, source: SOURCE },
  {
    GICC_CTLR: {
      at: 0x00,
      access: 'RW',
      fields: {
        EnableGrp0: [0, 0],
        EnableGrp1: [1, 1],
        AckCtl: [2, 2],
        FIQEn: [3, 3],
        CBPR: [4, 4],
        FIQBypDisGrp0: [5, 5],
        IRQBypDisGrp0: [6, 6],
        FIQBypDisGrp1: [7, 7],
        IRQBypDisGrp1: [8, 8],
        EOImodeS: [9, 9],
        EOImodeNS: [10, 10],
      },
      doc: 'control; two views. There is no bypass signal: its bits are kept and do nothing',
    },
    GICC_PMR: { at: 0x04, access: 'RW', doc: 'priority mask' },
    GICC_BPR: { at: 0x08, access: 'RW', doc: 'binary point' },
    GICC_IAR: { at: 0x0c, access: 'RO', doc: 'acknowledge' },
    GICC_EOIR: { at: 0x10, access: 'WO', doc: 'end of interrupt' },
    GICC_RPR: { at: 0x14, access: 'RO', doc: 'running priority' },
    GICC_HPPIR: { at: 0x18, access: 'RO', doc: 'highest priority pending' },
    GICC_ABPR: { at: 0x1c, access: 'RW', doc: 'binary point of Group 1; Secure' },
    GICC_AIAR: { at: 0x20, access: 'RO', doc: 'acknowledge Group 1; Secure' },
    GICC_AEOIR: { at: 0x24, access: 'WO', doc: 'end of Group 1 interrupt; Secure' },
    GICC_AHPPIR: { at: 0x28, access: 'RO', doc: 'highest priority pending of Group 1; Secure' },
    GICC_APR: { at: 0xd0, count: 4, access: 'RW', doc: 'active priorities; only 0 with 5 bits of priority' },
    GICC_NSAPR: { at: 0xe0, count: 4, access: 'RW', doc: 'active priorities of Group 1; only 0 with 5 bits; Secure' },
    GICC_IIDR: id(0xfc, GICC_IIDR, 'implementer, architecture version'),
    GICC_DIR: { at: 0x1000, access: 'WO', doc: 'deactivate' },
  },
);
