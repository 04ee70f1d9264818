/**
 * PSTATE when the client is entered.
 *
 * Source: DEN0054, "Event handler entry", which follows DDI 0487, "PSTATE fields on exception entry".
 */
import type { FeatureName } from '../../arch/features.ts';
import { SPSR, SPSR_FIELDS, SPSR_MODES } from '../../arch/pstate.ts';

/** What the value depends on besides the interrupted PSTATE. */
export interface ClientRegime {
  readonly clientEl: 1 | 2;
  readonly features: ReadonlySet<FeatureName>;
  /** SCTLR_ELx of the client's Exception level. */
  readonly sctlr: bigint;
  /** HCR_EL2.E2H and TGE are both in force. */
  readonly hostRegime: boolean;
}

const SCTLR = { SPAN: 1n << 23n, DSSBS: 1n << 44n, SPINTMASK: 1n << 62n } as const;
const BTYPE = 3 << SPSR_FIELDS.BTYPE[1];
/** Bits of SPSR that mean something only in AArch32: T, E, IT, GE and Q. */
const AARCH32_ONLY = 0x0e0f_fe20;

/** Mode of the client with its own stack pointer, everything masked. */
export function bareHandlerPstate(clientEl: 1 | 2): number {
  return SPSR.DAIF | (clientEl === 2 ? SPSR_MODES.EL2h : SPSR_MODES.EL1h);
}

/**
 * PSTATE at the entry of an event handler, in the layout of SPSR_ELx: as at an exception taken to the client from the
 * interrupted PSTATE.
 */
export function handlerPstate(interrupted: number, regime: ClientRegime): number {
  const { clientEl, features, sctlr, hostRegime } = regime;
  let value = interrupted & ~(0xf | SPSR.nRW | SPSR.SS | SPSR.IL);
  if (interrupted & SPSR.nRW) value &= ~AARCH32_ONLY;
  const assign = (feature: FeatureName, mask: number, set: boolean): void => {
    if (features.has(feature)) value = set ? value | mask : value & ~mask;
  };
  if (features.has('FEAT_PAN') && !(sctlr & SCTLR.SPAN) && (clientEl === 1 || hostRegime)) value |= SPSR.PAN;
  assign('FEAT_UAO', SPSR.UAO, false);
  assign('FEAT_BTI', BTYPE, false);
  assign('FEAT_SSBS', SPSR.SSBS, (sctlr & SCTLR.DSSBS) !== 0n);
  assign('FEAT_MTE', SPSR.TCO, true);
  assign('FEAT_NMI', SPSR.ALLINT, !(sctlr & SCTLR.SPINTMASK));
  return (value | bareHandlerPstate(clientEl)) >>> 0;
}
