import { describe, expect, it } from 'vitest';
import { breakpointScope, type Comparator, type DebugContext, linkMatches } from './comparators.ts';

/** Where a PE can be, as far as context types care. */
interface Place {
  readonly el: number;
  readonly el2Enabled: boolean;
  readonly e2h: boolean;
  readonly tge: boolean;
  readonly contextIdr1: number;
  readonly contextIdr2: number;
  readonly vmid: number;
}

const E = 1;
/** HMC 1, SSC 0, PMC 3: every Exception level. */
const EVERYWHERE = E | (1 << 13) | (3 << 1);
const IDS = [0x11, 0x22] as const;

/** What AArch64.BreakpointValueMatch says of a context breakpoint: DDI 0487, pseudocode, written down as it stands. */
function valueMatches(bt: number, bvr: bigint, p: Place): boolean {
  const matches = (pattern: string): boolean =>
    [...pattern].every((c, i) => c === 'x' || c === String((bt >> (3 - i)) & 1));
  const inHost = p.el2Enabled && p.e2h && (p.el === 2 || (p.el === 0 && p.tge));
  const low = Number(bvr & 0xffff_ffffn);
  const high = Number(bvr >> 32n);
  const guest = p.el < 2;
  let cid = true;
  let more = true;
  if (matches('001x')) cid = inHost ? low === p.contextIdr2 : guest && low === p.contextIdr1;
  if (matches('101x') || matches('x11x')) cid = guest && !inHost && low === p.contextIdr1;
  if (matches('10xx')) more = guest && p.el2Enabled && !inHost && (high & 0xffff) === p.vmid;
  if (matches('11xx')) more = p.el !== 3 && p.el2Enabled && high === p.contextIdr2;
  return cid && more;
}

function contextOf(p: Place, vhe: boolean): DebugContext {
  const inHost = p.el2Enabled && p.e2h && (p.el === 2 || (p.el === 0 && p.tge));
  return {
    el: p.el,
    secure: p.el === 3,
    els: { el2: true, el3: true },
    contextId: p.contextIdr1,
    contextId2: vhe && p.el < 3 && p.el2Enabled ? p.contextIdr2 : undefined,
    inHost,
    vmid: p.el < 2 && p.el2Enabled && !inHost ? p.vmid : undefined,
    vmidMask: 0xffff,
    vhe,
  };
}

function* places(): Generator<Place> {
  for (const el of [0, 1, 2, 3])
    for (const el2Enabled of el === 2 ? [true] : [false, true])
      for (const [e2h, tge] of [
        [false, false],
        [true, false],
        [true, true],
      ] as const)
        for (const contextIdr1 of IDS)
          for (const contextIdr2 of IDS)
            for (const vmid of IDS)
              if (!(el === 1 && tge)) yield { el, el2Enabled, e2h, tge, contextIdr1, contextIdr2, vmid };
}

/** The context types: VMID, Context IDs of EL1 and EL2, and what there is of them together. */
const CONTEXT_TYPES = [2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const VHE_ONLY = [6, 7, 12, 13, 14, 15];

describe('context breakpoints', () => {
  it('of every type match where the pseudocode says so, at every Exception level, host or guest', () => {
    const outcomes = new Map<number, Set<boolean>>();
    for (const bt of CONTEXT_TYPES)
      for (const value of IDS.flatMap((low) => IDS.map((high) => (BigInt(high) << 32n) | BigInt(low))))
        for (const place of places()) {
          const own: Comparator = { value, control: EVERYWHERE | (bt << 20) };
          const all = [own];
          const context = contextOf(place, true);
          const found = bt & 1 ? linkMatches(0, all, 0, context) : breakpointScope(0, all, 0, context) === 'all';
          const expected = valueMatches(bt, value, place);
          expect(found, `BT ${bt} value ${value.toString(16)} at ${JSON.stringify(place)}`).toBe(expected);
          outcomes.set(bt, (outcomes.get(bt) ?? new Set()).add(found));
        }
    for (const bt of CONTEXT_TYPES) expect(outcomes.get(bt)?.size, `BT ${bt}`).toBe(2);
  });

  it('that need FEAT_VHE are reserved without it, and mismatch types everywhere', () => {
    const place: Place = {
      ...{ el: 1, el2Enabled: true, e2h: false, tge: false, vmid: 0x11, contextIdr1: 0x11, contextIdr2: 0x11 },
    };
    for (const vhe of [false, true])
      for (const bt of [...VHE_ONLY, 4, 5]) {
        const own: Comparator = { value: 0x11_0000_0011n, control: EVERYWHERE | (bt << 20) };
        const context = contextOf(place, vhe);
        const found = bt & 1 ? linkMatches(0, [own], 0, context) : breakpointScope(0, [own], 0, context) === 'all';
        expect(found, `BT ${bt}, FEAT_VHE ${vhe}`).toBe(vhe && bt > 5);
      }
  });
});
