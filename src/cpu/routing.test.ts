import { beforeAll, describe, expect, it } from 'vitest';
import { els as ALL_ELS, type BareState, bareMachine, enterState, place } from '../../test/support/bare-pe.ts';
import { asynchronousTarget, type World } from '../../test/support/transcription/routing.ts';
import type { Machine } from '../machine/machine.ts';
import { ASYNC_KINDS, type AsyncKind } from './routing.ts';

const BOOL = [false, true] as const;
const SCR_BIT = { IRQ: 1n << 1n, FIQ: 1n << 2n, SError: 1n << 3n } as const;
const HCR_BIT = { IRQ: 1n << 4n, FIQ: 1n << 3n, SError: 1n << 5n } as const;
const MASK = { IRQ: 0x80, FIQ: 0x40, SError: 0x100 } as const;
const VECTOR = { IRQ: 0x80, FIQ: 0x100, SError: 0x180 } as const;
const ALL_SCR = 0xen;
const ALL_HCR = 0x38n;
const SYNDROME = 0x123;
const CODE = 0x4000_2000n;

/** Every world of one implementation, and whether the other kinds' bits are set. */
function* worlds(impl: { el2: boolean; el3: boolean }): Generator<World & { others: boolean; sp: 0 | 1 }> {
  for (const el of [0, 1, 2, 3] as const) {
    if ((el === 2 && !impl.el2) || (el === 3 && !impl.el3)) continue;
    for (const ns of impl.el3 ? BOOL : [true]) {
      if (el === 2 && !ns) continue;
      for (const scrBit of impl.el3 ? BOOL : [false]) {
        for (const hcrBit of impl.el2 ? BOOL : [false]) {
          for (const tge of impl.el2 ? BOOL : [false]) {
            // Nothing brings a PE to Non-secure EL1 while TGE is 1: the return is illegal.
            if (tge && el === 1 && ns) continue;
            for (const masked of BOOL)
              for (const others of BOOL)
                for (const sp of el === 0 ? [0 as const] : ([0, 1] as const))
                  yield { el, ...impl, ns, scrBit, hcrBit, tge, masked, others, sp };
          }
        }
      }
    }
  }
}

function stateOf(kind: AsyncKind, w: World & { others: boolean; sp: 0 | 1 }): BareState {
  const others = w.others ? ALL_SCR & ~SCR_BIT[kind] : 0n;
  const otherHcr = w.others ? ALL_HCR & ~HCR_BIT[kind] : 0n;
  const daif = (w.others ? 0x3c0 & ~MASK[kind] : 0) | (w.masked ? MASK[kind] : 0);
  return {
    el: w.el,
    sp: w.sp,
    pstate: 0x6000_0000 | daif,
    scr: (w.ns ? 1n : 0n) | 0x400n | (w.scrBit ? SCR_BIT[kind] : 0n) | others,
    hcr: (1n << 31n) | (w.hcrBit ? HCR_BIT[kind] : 0n) | (w.tge ? 1n << 27n : 0n) | otherHcr,
    pc: CODE,
  };
}

/** Raises one line for one step; gives what the guest can see of the exception, or undefined. */
function raise(machine: Machine, kind: AsyncKind, before: number): { target: number; vector: number } | undefined {
  const pe = machine.pes[0]!;
  let taken: { target: number; vector: number } | undefined;
  machine.on('exception', (_pe, target, vector) => {
    taken = { target, vector };
  });
  if (kind === 'SError') pe.raiseSError(SYNDROME);
  else pe.setInterruptLines(kind === 'IRQ', kind === 'FIQ');
  machine.run({ steps: 1 });
  pe.setInterruptLines(false, false);
  if (taken) {
    const el = taken.target;
    expect(machine.readRegister(0, `SPSR_EL${el}`)).toBe(BigInt(before >>> 0));
    expect(machine.readRegister(0, `ELR_EL${el}`)).toBe(CODE);
    const esr = machine.readRegister(0, `ESR_EL${el}`);
    expect(esr).toBe(kind === 'SError' ? BigInt(0xbe00_0000 + SYNDROME) : 0x1e57n);
    expect(pe.s.pc).toBe(machine.readRegister(0, `VBAR_EL${el}`) + BigInt(taken.vector) + 4n);
    expect(Number(machine.readRegister(0, 'PSTATE')) & 0x3cf).toBe(0x3c0 | (el << 2) | 1);
  } else {
    expect(pe.s.pc).toBe(CODE + 4n);
    expect(pe.wakes).toBe(kind === 'SError');
  }
  return taken;
}

describe.each(ALL_ELS)('asynchronous exceptions with EL2 $el2, EL3 $el3', (impl) => {
  let machine: Machine;
  beforeAll(() => {
    machine = bareMachine({ ...impl, cpu: 'cortex-a57' });
  });

  it.each(ASYNC_KINDS)('%s goes where the table says, or stays pending, whatever the bits of the others', (kind) => {
    let cases = 0;
    for (const w of worlds(impl)) {
      place(machine);
      const before = enterState(machine, stateOf(kind, w));
      const expected = asynchronousTarget(w);
      const from = expected === undefined || expected > w.el ? 0x400 : w.sp ? 0x200 : 0;
      const taken = raise(machine, kind, before);
      const wanted = expected === undefined ? undefined : { target: expected, vector: from + VECTOR[kind] };
      expect(taken, JSON.stringify({ kind, ...w })).toEqual(wanted);
      cases++;
    }
    expect(cases).toBeGreaterThanOrEqual(12);
  });

  it('of several that could be taken FIQ comes first, then IRQ, then SError', () => {
    place(machine);
    enterState(machine, { el: 1, sp: 1, pstate: 0, scr: 1n, hcr: 1n << 31n, pc: CODE });
    const seen: number[] = [];
    machine.on('exception', (_pe, _target, vector) => void seen.push(vector));
    const pe = machine.pes[0]!;
    pe.raiseSError(1);
    pe.setInterruptLines(true, true);
    machine.run({ steps: 1 });
    machine.writeRegister(0, 'PSTATE', 0x45n);
    pe.setInterruptLines(true, false);
    machine.run({ steps: 1 });
    machine.writeRegister(0, 'PSTATE', 0xc5n);
    machine.run({ steps: 1 });
    pe.setInterruptLines(false, false);
    expect(seen).toEqual([0x300, 0x280, 0x380]);
  });
});
