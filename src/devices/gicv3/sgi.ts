import { G0, G1NS, G1S, type Group } from './groups.ts';

/** The three registers that generate SGIs. */
export type SgiRegister = 'ICC_SGI0R_EL1' | 'ICC_SGI1R_EL1' | 'ICC_ASGI1R_EL1';

/** Whom an SGI goes to, from the value written. IHI 0069, "ICC_SGI1R_EL1". */
export interface SgiRequest {
  readonly intid: number;
  /** True: every PE but the writer; the affinity and the list are then ignored. */
  readonly allButSelf: boolean;
  /** Aff3.Aff2.Aff1 as one number, Aff3 in bits [23:16]. */
  readonly cluster: number;
  /** Bit n: the PE with Aff0 = n. RS is RES0 because GICD_TYPER.RSS and ICC_CTLR_EL1.RSS are 0. */
  readonly targetList: number;
}

/** Takes the value written to an SGI register apart. */
export function decodeSgi(value: bigint): SgiRequest {
  const low = Number(value & 0xffff_ffffn);
  const high = Number((value >> 32n) & 0xffff_ffffn);
  const aff1 = (low >>> 16) & 0xff;
  const aff2 = high & 0xff;
  const aff3 = (high >>> 16) & 0xff;
  return {
    intid: (low >>> 24) & 0xf,
    allButSelf: ((high >>> 8) & 1) === 1,
    cluster: (aff3 << 16) | (aff2 << 8) | aff1,
    targetList: low & 0xffff,
  };
}

/** The state of the writer: Secure, Non-secure, or a system with one security state. */
export type SgiWriter = 'secure' | 'nonSecure' | 'single';

/**
 * Smallest GICR_NSACR field of the target with which the SGI is forwarded, by the group the INTID has at the target;
 * ALWAYS does not look at GICR_NSACR, NEVER drops the SGI. Columns: Group 0, Secure Group 1, Non-secure Group 1.
 * IHI 0069, "Forwarding an SGI to a target PE". With one security state each register reaches the group
 * it names, Group 0 for the other two: other implementations let ICC_SGI1R_EL1 reach Group 0 as well.
 */
const ALWAYS = 0;
const NEVER = 4;
const FORWARDED: Readonly<Record<SgiWriter, Readonly<Record<SgiRegister, readonly [number, number, number]>>>> = {
  secure: {
    ICC_SGI0R_EL1: [ALWAYS, NEVER, NEVER],
    ICC_SGI1R_EL1: [ALWAYS, ALWAYS, NEVER],
    ICC_ASGI1R_EL1: [NEVER, NEVER, ALWAYS],
  },
  nonSecure: {
    ICC_SGI0R_EL1: [1, NEVER, NEVER],
    ICC_SGI1R_EL1: [NEVER, NEVER, ALWAYS],
    ICC_ASGI1R_EL1: [1, 2, NEVER],
  },
  single: {
    ICC_SGI0R_EL1: [ALWAYS, NEVER, NEVER],
    ICC_SGI1R_EL1: [NEVER, NEVER, ALWAYS],
    ICC_ASGI1R_EL1: [ALWAYS, NEVER, NEVER],
  },
};

const COLUMN: Readonly<Record<Group, 0 | 1 | 2>> = { [G0]: 0, [G1S]: 1, [G1NS]: 2 };

/**
 * Whether a redistributor takes an SGI.
 *
 * @param group - group of the INTID at the target
 * @param nsacr - GICR_NSACR field of the INTID at the target, 0..3
 */
export function sgiIsForwarded(register: SgiRegister, writer: SgiWriter, group: Group, nsacr: number): boolean {
  return nsacr >= FORWARDED[writer][register][COLUMN[group]];
}
