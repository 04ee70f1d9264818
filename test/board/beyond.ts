/** A test idea that is beyond this machine: its sentence, and why. */
export interface Beyond {
  readonly sentence: string;
  readonly reason: string;
}

const MORE_PES = 'more PEs than 8, the most this machine has';
const NO_VIRTUAL = 'the virtual CPU interface is not modelled';
const NO_VHE = 'no processor of this machine has FEAT_VHE';
const NO_CALL = 'the call is not implemented, and PSCI_FEATURES or SMCCC say so';

/** All of them, in the order of the lists they come from. */
export const BEYOND: readonly Beyond[] = [
  { sentence: '1. the device tree for 16, 17 and 124 CPUs', reason: MORE_PES },
  { sentence: '2. CPU 16 has MPIDR 0x80000100 and DT reg 0x100', reason: MORE_PES },
  { sentence: '51. an LR in pending state raises vIRQ under its conditions', reason: NO_VIRTUAL },
  { sentence: '52. guest EOI of an HW = 1 LR deactivates the physical interrupt', reason: NO_VIRTUAL },
  { sentence: '53. EOI without a matching LR increments EOIcount', reason: NO_VIRTUAL },
  { sentence: '54. UIE raises PPI 25', reason: NO_VIRTUAL },
  { sentence: '56. ICH_VMCR and the ICV registers mirror each other', reason: NO_VIRTUAL },
  { sentence: '61. an EL2 host with E2H sees offset 0', reason: NO_VHE },
  { sentence: '64. CNTHV drives PPI 28', reason: NO_VHE },
  { sentence: 'H67. SYSTEM_SUSPEND with another CPU on gives -3', reason: NO_CALL },
  { sentence: 'H71. TRNG RND64 of 65 bits returns zero above bit 0 of x2', reason: NO_CALL },
];
