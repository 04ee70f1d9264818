/** A test idea that is beyond this machine: its sentence, and why. */
export interface Beyond {
  readonly sentence: string;
  readonly reason: string;
}

const MORE_PES = 'more PEs than 8, the most this machine has';
const NO_CALL = 'the call is not implemented, and PSCI_FEATURES or SMCCC say so';

/** All of them, in the order of the lists they come from. */
export const BEYOND: readonly Beyond[] = [
  { sentence: '1. the device tree for 16, 17 and 124 CPUs', reason: MORE_PES },
  { sentence: '2. CPU 16 has MPIDR 0x80000100 and DT reg 0x100', reason: MORE_PES },
  { sentence: 'H67. SYSTEM_SUSPEND with another CPU on gives -3', reason: NO_CALL },
  { sentence: 'H71. TRNG RND64 of 65 bits returns zero above bit 0 of x2', reason: NO_CALL },
];
