import { LIST_REGISTERS } from '../gicv3/virtual.ts';
import { regmap } from '../regmap.ts';

const SOURCE = 'IHI 0048';
/** As GICC_IIDR: implementer 0x43B (Arm), architecture version 2. */
const GICV_IIDR = 0x0002_043b;
/** GICH_VTR: 5 bits of priority, all of which take part in preemption, and the list registers. */
const GICH_VTR = (4 << 29) | (4 << 26) | (LIST_REGISTERS - 1);

/** Bits of GICV_CTLR, and of GICH_VMCR where both have them. */
export const GICV_CTLR = {
  EnableGrp0: 1 << 0,
  EnableGrp1: 1 << 1,
  AckCtl: 1 << 2,
  FIQEn: 1 << 3,
  CBPR: 1 << 4,
  EOImode: 1 << 9,
} as const;

/** The hypervisor's side of the virtual interface of the PE that accesses it. IHI 0048, "GIC Virtualization". */
export const GICH_REGS = regmap(
  'GICH',
  { sizeBytes: 0x1_0000, source: SOURCE },
  {
    GICH_HCR: {
      at: 0x000,
      access: 'RW',
      fields: {
        En: [0, 0],
        UIE: [1, 1],
        LRENPIE: [2, 2],
        NPIE: [3, 3],
        VGrp0EIE: [4, 4],
        VGrp0DIE: [5, 5],
        VGrp1EIE: [6, 6],
        VGrp1DIE: [7, 7],
        EOICount: [31, 27],
      },
      doc: 'control',
    },
    GICH_VTR: { at: 0x004, access: 'RO', reset: GICH_VTR >>> 0, doc: 'what is implemented' },
    GICH_VMCR: {
      at: 0x008,
      access: 'RW',
      fields: {
        VMGrp0En: [0, 0],
        VMGrp1En: [1, 1],
        VMAckCtl: [2, 2],
        VMFIQEn: [3, 3],
        VMCBPR: [4, 4],
        VEM: [9, 9],
        VMABP: [20, 18],
        VMBP: [23, 21],
        VMPriMask: [31, 27],
      },
      doc: "the guest's view of its CPU interface",
    },
    GICH_MISR: { at: 0x010, access: 'RO', doc: 'why there is a maintenance interrupt' },
    GICH_EISR: { at: 0x020, count: 2, access: 'RO', doc: 'list registers whose interrupt was ended' },
    GICH_ELRSR: { at: 0x030, count: 2, access: 'RO', doc: 'list registers that are free' },
    GICH_APR: { at: 0x0f0, access: 'RW', doc: 'active priorities' },
    GICH_LR: {
      at: 0x100,
      count: LIST_REGISTERS,
      access: 'RW',
      fields: {
        VirtualID: [9, 0],
        PhysicalID: [19, 10],
        Priority: [27, 23],
        State: [29, 28],
        Grp1: [30, 30],
        HW: [31, 31],
      },
      doc: 'a virtual interrupt; with HW 0, bits 12:10 are the CPU of an SGI and bit 19 asks for EOI maintenance',
    },
  },
);

/** The guest's side: what it takes for GICC. IHI 0048, "The virtual CPU interface". */
export const GICV_REGS = regmap(
  'GICV',
  { sizeBytes: 0x1_0000, source: SOURCE },
  {
    GICV_CTLR: {
      at: 0x00,
      access: 'RW',
      fields: { EnableGrp0: [0, 0], EnableGrp1: [1, 1], AckCtl: [2, 2], FIQEn: [3, 3], CBPR: [4, 4], EOImode: [9, 9] },
      doc: 'control',
    },
    GICV_PMR: { at: 0x04, access: 'RW', doc: 'priority mask' },
    GICV_BPR: { at: 0x08, access: 'RW', doc: 'binary point of Group 0' },
    GICV_IAR: { at: 0x0c, access: 'RO', doc: 'acknowledge' },
    GICV_EOIR: { at: 0x10, access: 'WO', doc: 'end of interrupt' },
    GICV_RPR: { at: 0x14, access: 'RO', doc: 'running priority' },
    GICV_HPPIR: { at: 0x18, access: 'RO', doc: 'highest priority pending' },
    GICV_ABPR: { at: 0x1c, access: 'RW', doc: 'binary point of Group 1' },
    GICV_AIAR: { at: 0x20, access: 'RO', doc: 'acknowledge Group 1' },
    GICV_AEOIR: { at: 0x24, access: 'WO', doc: 'end of Group 1 interrupt' },
    GICV_AHPPIR: { at: 0x28, access: 'RO', doc: 'highest priority pending of Group 1' },
    GICV_APR: { at: 0xd0, count: 4, access: 'RW', doc: 'active priorities; only 0 with 5 bits of priority' },
    GICV_IIDR: { at: 0xfc, access: 'RO', reset: GICV_IIDR, doc: 'implementer, architecture version' },
    GICV_DIR: { at: 0x1000, access: 'WO', doc: 'deactivate' },
  },
);
