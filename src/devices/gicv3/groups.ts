/** Group 0. Secure when there are two security states. IHI 0069, "Interrupt grouping". */
export const G0 = 0;
/** Secure Group 1; exists only with two security states. */
export const G1S = 1;
/** Non-secure Group 1, or the only Group 1 when there is one security state. */
export const G1NS = 2;
/** The group of an interrupt. */
export type Group = typeof G0 | typeof G1S | typeof G1NS;

/** Special INTIDs. IHI 0069, "Special interrupt numbers". */
export const INTID_SECURE = 1020;
/** At EL3 through a group 0 register: a Non-secure Group 1 interrupt is pending. */
export const INTID_NONSECURE = 1021;
/** Nothing to acknowledge. */
export const INTID_NONE = 1023;
/** The first INTID that is never a real interrupt. */
export const INTID_SPECIAL_FIRST = 1020;

/** True for 1020 to 1023, which are never a real interrupt. */
export function isSpecialIntid(intid: number): boolean {
  return intid >= INTID_SPECIAL_FIRST && intid <= INTID_NONE;
}

/** The priority that masks nothing and that nothing has: idle. */
export const PRIORITY_IDLE = 0xff;

/** Stored priority of what Non-secure software writes to a priority or mask it sees shifted. */
export function fromNonSecurePriority(value: number): number {
  return 0x80 | ((value & 0xff) >> 1);
}

/**
 * What Non-secure software reads from ICC_PMR_EL1 or ICC_RPR_EL1 when Group 0 is not its own.
 * IHI 0069, "Software accesses of interrupt priority".
 */
export function toNonSecureRunning(stored: number): number {
  if (stored < 0x80) return 0;
  return stored === PRIORITY_IDLE ? PRIORITY_IDLE : (stored << 1) & 0xff;
}
