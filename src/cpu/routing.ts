/** Where exceptions go: DDI 0487, "Routing exceptions" and "Asynchronous exception masking". Pure functions. */

/**
 * Kinds of physical asynchronous exceptions, in the order they are taken when several could be (our choice,
 * IMPLEMENTATION DEFINED).
 */
export const ASYNC_KINDS = ['FIQ', 'IRQ', 'SError'] as const;
/** One kind of physical asynchronous exception. */
export type AsyncKind = (typeof ASYNC_KINDS)[number];

/** What routing depends on. Bits that do not exist count as 0. */
export interface RoutingState {
  readonly el: number;
  readonly el2: boolean;
  readonly el3: boolean;
  /** True below EL3 in Secure state, and at EL3. */
  readonly secure: boolean;
  /** SCR_EL3.FIQ, IRQ or EA for the kind. */
  readonly scrRoute: boolean;
  /** HCR_EL2.FMO, IMO or AMO for the kind. */
  readonly hcrRoute: boolean;
  readonly tge: boolean;
  readonly e2h: boolean;
}

/** EL2 exists and is enabled in the current security state (no FEAT_SEL2). */
export function el2Enabled(s: Pick<RoutingState, 'el2' | 'secure'>): boolean {
  return s.el2 && !s.secure;
}

/** Target of a physical asynchronous exception, or undefined when it stays pending at this Exception level. */
export function asyncTarget(s: RoutingState): 1 | 2 | 3 | undefined {
  if (s.el3 && s.scrRoute) return 3;
  if (el2Enabled(s) && s.el < 3 && (s.hcrRoute || s.tge)) return 2;
  return s.el <= 1 ? 1 : undefined;
}

/** Whether PSTATE's mask bit holds the exception back. */
export function asyncMasked(s: RoutingState, target: 1 | 2 | 3, maskBit: boolean): boolean {
  if (target < s.el) return true;
  if (target === s.el) return maskBit;
  if (target === 3) return false;
  if (target === 2) return s.el === 0 && s.e2h && s.tge ? maskBit : false;
  return maskBit;
}

/** Target of a synchronous exception that no other rule sends elsewhere. */
export function syncTarget(s: Pick<RoutingState, 'el' | 'el2' | 'secure' | 'tge'>): 1 | 2 | 3 {
  if (s.el === 0) return el2Enabled(s) && s.tge ? 2 : 1;
  return s.el as 1 | 2 | 3;
}
