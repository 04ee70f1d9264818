import { describe, expect, it } from 'vitest';
import { PE_STATE } from '../arch/pestate.ts';
import { PROFILES } from '../arch/profiles.ts';
import { GuestMemory } from '../engine/memory.ts';
import { PeState, sysregOffset } from './state.ts';

function state(els = { el2: true, el3: true }): PeState {
  const s = new PeState(new GuestMemory(4096, 2), 1, PROFILES.full, els);
  s.reset();
  return s;
}

describe('stack pointers', () => {
  it('SP is SP_EL0 with SPSel 0 and SP_ELx with 1, at every Exception level', () => {
    const s = state();
    for (const el of [0, 1, 2, 3]) s.setStackPointer(el, BigInt(0x1000 * (el + 1)));
    for (const el of [1, 2, 3]) {
      s.setMode(el, 1);
      expect(s.sp).toBe(BigInt(0x1000 * (el + 1)));
      s.setMode(el, 0);
      expect(s.sp).toBe(0x1000n);
    }
    s.setMode(0, 0);
    expect(s.sp).toBe(0x1000n);
  });

  it('what is written to SP is found under its own name, selected or not', () => {
    const s = state();
    s.setMode(1, 1);
    s.sp = 0x77n;
    expect(s.stackPointer(1)).toBe(0x77n);
    s.setMode(2, 1);
    expect(s.stackPointer(1)).toBe(0x77n);
    s.setStackPointer(1, 0x88n);
    s.setMode(1, 1);
    expect(s.sp).toBe(0x88n);
  });
});

describe('reset', () => {
  it.each([
    [{ el2: true, el3: true }, 3],
    [{ el2: true, el3: false }, 2],
    [{ el2: false, el3: false }, 1],
  ])('with %o: the highest Exception level, its own stack pointer, everything masked', (els, el) => {
    const s = state(els);
    expect(s.highestEl).toBe(el);
    expect(s.pstate()).toBe(0x3c0 | (el << 2) | 1);
  });

  it('leaves nothing behind, and System registers at their reset values', () => {
    const s = state();
    const bytes = (): string => Buffer.from(s.view.buffer, s.base, 0x3000).toString('hex');
    const fresh = bytes();
    s.setX(3, 5n);
    s.set32(PE_STATE.NZCV, -1);
    s.setSys(sysregOffset('TTBR0_EL1'), 5n);
    expect(bytes()).not.toBe(fresh);
    s.reset();
    expect(bytes()).toBe(fresh);
    for (const r of s.sysregs.values()) if (r.offset >= 0) expect(s.sys(r.offset), r.row.name).toBe(r.reset);
  });
});

describe('settle', () => {
  it('makes what means nothing equal, and changes nothing that means something', () => {
    const s = state();
    s.sp = 0x5000n;
    s.set64(PE_STATE.SP_EL3, 0x1234n);
    for (const field of [PE_STATE.exclusivePa, PE_STATE.exclusiveVa, PE_STATE.serrorSyndrome]) s.set64(field, 9n);
    s.settle();
    expect(s.sp).toBe(0x5000n);
    expect(s.get64(PE_STATE.SP_EL3)).toBe(0x5000n);
    expect([PE_STATE.exclusivePa, PE_STATE.exclusiveVa, PE_STATE.serrorSyndrome].map((f) => s.get64(f))).toEqual([
      0n,
      0n,
      0n,
    ]);
    s.set32(PE_STATE.exclusiveValid, 1);
    s.set32(PE_STATE.serrorPending, 1);
    for (const field of [PE_STATE.exclusivePa, PE_STATE.exclusiveVa, PE_STATE.serrorSyndrome]) s.set64(field, 9n);
    s.settle();
    expect([PE_STATE.exclusivePa, PE_STATE.exclusiveVa, PE_STATE.serrorSyndrome].map((f) => s.get64(f))).toEqual([
      9n,
      9n,
      9n,
    ]);
  });
});

describe('places', () => {
  it('PSTATE is put together as SPSR_ELx has it', () => {
    const s = state();
    const fields = [PE_STATE.IL, PE_STATE.SS, PE_STATE.PAN, PE_STATE.UAO];
    for (const field of fields) s.set32(field, 1);
    s.set32(PE_STATE.NZCV, 0x6000_0000);
    s.setMode(1, 0);
    expect(s.pstate()).toBe(0x60f0_03c4);
  });

  it('each PE has its own block', () => {
    const memory = new GuestMemory(4096, 2);
    const [a, b] = [0, 1].map((n) => new PeState(memory, n, PROFILES.full, { el2: false, el3: false }));
    a!.setX(0, 1n);
    expect(b!.x(0)).toBe(0n);
  });

  it('register 31 of the general-purpose registers is zero', () => {
    const s = state();
    s.setX(31, 5n);
    expect(s.x(31)).toBe(0n);
  });

  it('a register that is not stored has no place', () => {
    expect(() => sysregOffset('CNTPCT_EL0')).toThrow('CNTPCT_EL0');
  });
});
