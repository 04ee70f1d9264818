import { beforeAll, describe, expect, it } from 'vitest';
import {
  els as ALL_ELS,
  type BareState,
  bareMachine,
  enterState,
  place,
  putWord,
  vbar,
} from '../../test/support/bare-pe.ts';
import * as table from '../../test/support/transcription/routing.ts';
import type { Machine } from '../machine/machine.ts';

const BOOL = [false, true] as const;
const CODE = 0x4000_2000n;
const HOLE = 0x0906_0000n;
const IL = 0x0200_0000;
const TGE = 1n << 27n;
const LDR = 0xf940_0001; // ldr x1, [x0]

interface Seen {
  readonly target: number;
  readonly vector: number;
}

/** Takes one step; gives the exception, if there was one. */
function step(machine: Machine): Seen | undefined {
  let seen: Seen | undefined;
  machine.on('exception', (_pe, target, vector) => {
    seen ??= { target, vector };
  });
  machine.run({ steps: 1 });
  return seen;
}

function callWorlds(impl: { el2: boolean; el3: boolean }): (table.CallWorld & { sp: 0 | 1 })[] {
  const out: (table.CallWorld & { sp: 0 | 1 })[] = [];
  const when = (there: boolean): readonly boolean[] => (there ? BOOL : [false]);
  for (const el of [0, 1, 2, 3] as const)
    for (const ns of impl.el3 ? BOOL : [true])
      for (const tge of when(impl.el2))
        for (const hce of when(impl.el3))
          for (const hcd of when(impl.el2 && !impl.el3))
            for (const smd of when(impl.el3))
              for (const tsc of when(impl.el2)) {
                if ((el === 2 && !(impl.el2 && ns)) || (el === 3 && !impl.el3)) continue;
                if (el === 1 && tge && ns) continue;
                for (const sp of [0, 1] as const) {
                  if (el > 0 || sp === 0) out.push({ el, ...impl, ns, tge, hce, hcd, smd, tsc, sp });
                }
              }
  return out;
}

function stateOf(w: table.CallWorld & { sp: 0 | 1 }): BareState {
  const scr = 0x400n | (w.ns ? 1n : 0n) | (w.hce ? 0x100n : 0n) | (w.smd ? 0x80n : 0n);
  const hcr = (1n << 31n) | (w.tge ? TGE : 0n) | (w.hcd ? 1n << 29n : 0n) | (w.tsc ? 1n << 19n : 0n);
  return { el: w.el, sp: w.sp, pstate: 0xa000_0140, scr, hcr, pc: CODE };
}

const CALLS = [
  { name: 'SVC', word: 0xd400_2461, rule: table.supervisorCall },
  { name: 'HVC', word: 0xd400_2462, rule: table.hypervisorCall },
  { name: 'SMC', word: 0xd400_2463, rule: table.secureMonitorCall },
  { name: 'UDF', word: 0x0000_0123, rule: table.undefinedHere },
  { name: 'HLT', word: 0xd440_2460, rule: table.undefinedHere },
] as const;

describe.each(ALL_ELS)('calls with EL2 $el2, EL3 $el3', (impl) => {
  let machine: Machine;
  beforeAll(() => {
    machine = bareMachine({ ...impl, cpu: 'cortex-a57' });
  });

  it.each(CALLS)(
    '$name goes where the table says, with the syndrome and return address of that route',
    ({ word, rule }) => {
      for (const w of callWorlds(impl)) {
        place(machine);
        putWord(machine, CODE, word);
        const before = enterState(machine, stateOf(w));
        const seen = step(machine);
        const expected = rule(w);
        const about = JSON.stringify(w);
        const from = expected.target > w.el ? 0x400 : w.sp ? 0x200 : 0;
        expect(seen, about).toEqual({ target: expected.target, vector: from });
        const el = expected.target;
        const iss = expected.ec ? 0x123 : 0;
        expect(machine.readRegister(0, `ESR_EL${el}`), about).toBe(BigInt(((expected.ec << 26) | IL | iss) >>> 0));
        expect(machine.readRegister(0, `ELR_EL${el}`), about).toBe(CODE + BigInt(expected.returns));
        expect(machine.readRegister(0, `SPSR_EL${el}`), about).toBe(BigInt(before));
        expect(machine.readRegister(0, `FAR_EL${el}`), about).toBe(0xfa0n);
        expect(Number(machine.readRegister(0, 'PSTATE')), about).toBe((0xa000_03c1 | (el << 2)) >>> 0);
        expect(machine.readRegister(0, 'PC'), about).toBe(vbar(el) + BigInt(from));
      }
    },
  );

  it('ERET is illegal exactly where the list says, and then only IL, the flags and the masks change', () => {
    const eret = 0xd69f_03e0;
    for (const from of [1, 2, 3] as const)
      for (const ns of impl.el3 ? BOOL : [true])
        for (const tge of impl.el2 ? BOOL : [false])
          for (let mode = 0; mode < 32; mode++)
            for (const il of [0, 1]) {
              if ((from === 2 && !(impl.el2 && ns)) || (from === 3 && !impl.el3) || (from === 1 && tge && ns)) continue;
              place(machine);
              putWord(machine, CODE, eret);
              const w = { el: from, ...impl, ns, tge, hce: false, hcd: false, smd: false, tsc: false, sp: 1 as const };
              enterState(machine, stateOf(w));
              machine.writeRegister(0, `SPSR_EL${from}`, BigInt((0x5000_0280 | mode | (il << 20)) >>> 0));
              machine.writeRegister(0, `ELR_EL${from}`, CODE + 0x40n);
              expect(step(machine)).toBeUndefined();
              const illegal = table.illegalReturn(from, mode, w);
              const level = illegal ? (from << 2) | 1 : mode;
              const about = JSON.stringify({ from, mode, il, ns, tge });
              const expected = (0x5000_0280 | level | (illegal || il ? 1 << 20 : 0)) >>> 0;
              expect(Number(machine.readRegister(0, 'PSTATE')), about).toBe(expected);
              expect(machine.readRegister(0, 'PC'), about).toBe(CODE + 0x40n);
            }
  });
});

describe('aborts, traps and their priorities', () => {
  let machine: Machine;
  beforeAll(() => {
    machine = bareMachine({ el2: true, el3: true });
  });
  const enter = (state: Partial<BareState>): number => {
    place(machine);
    const nonSecure: BareState = { el: 1, sp: 1, pstate: 0, scr: 0x501n, hcr: 1n << 31n, pc: CODE };
    return enterState(machine, { ...nonSecure, ...state });
  };
  const esr = (el: number): number => Number(machine.readRegister(0, `ESR_EL${el}`));

  it.each([
    { what: 'nothing set', el: 1, scr: 0x501n, hcr: 0n, target: 1 },
    { what: 'SCR_EL3.EA', el: 0, scr: 0x509n, hcr: 0n, target: 3 },
    { what: 'SCR_EL3.EA', el: 1, scr: 0x509n, hcr: 0n, target: 3 },
    { what: 'SCR_EL3.EA', el: 2, scr: 0x509n, hcr: 0n, target: 3 },
    { what: 'SCR_EL3.EA in Secure state', el: 1, scr: 0x508n, hcr: 0n, target: 3 },
    { what: 'HCR_EL2.TEA', el: 0, scr: 0x501n, hcr: 1n << 37n, target: 2 },
    { what: 'HCR_EL2.TEA', el: 1, scr: 0x501n, hcr: 1n << 37n, target: 2 },
    { what: 'HCR_EL2.TEA in Secure state', el: 1, scr: 0x500n, hcr: 1n << 37n, target: 1 },
    { what: 'HCR_EL2.TEA and SCR_EL3.EA', el: 1, scr: 0x509n, hcr: 1n << 37n, target: 3 },
    { what: 'HCR_EL2.AMO, which is for SErrors', el: 1, scr: 0x501n, hcr: 1n << 5n, target: 1 },
    { what: 'HCR_EL2.TGE', el: 0, scr: 0x501n, hcr: TGE, target: 2 },
  ])('an External abort of a load and of a fetch at EL$el with $what goes to EL$target', ({ el, scr, hcr, target }) => {
    const state = { el, sp: el ? (1 as const) : (0 as const), scr, hcr: hcr | (1n << 31n) };
    const same = el === target ? 1 : 0;
    enter(state);
    putWord(machine, CODE, LDR);
    machine.writeRegister(0, 'X0', HOLE);
    expect(step(machine)?.target).toBe(target);
    expect(esr(target)).toBe((((0x24 + same) << 26) | IL | 0x10) >>> 0);
    expect(machine.readRegister(0, `FAR_EL${target}`)).toBe(HOLE);
    enter({ ...state, pc: HOLE });
    expect(step(machine)?.target).toBe(target);
    expect(esr(target)).toBe((((0x20 + same) << 26) | IL | 0x10) >>> 0);
    expect(machine.readRegister(0, `ELR_EL${target}`)).toBe(HOLE);
  });

  it('SCR_EL3.EA does not move faults of the MMU: an address size fault at EL1 stays at EL1', () => {
    enter({ scr: 0x509n });
    putWord(machine, CODE, LDR);
    machine.writeRegister(0, 'X0', 1n << 50n);
    expect(step(machine)?.target).toBe(1);
    expect(esr(1)).toBe(0x9600_0000);
  });

  it.each([
    { where: 'a misaligned PC', pc: CODE + 2n, ec: 0x22, iss: 0 },
    { where: 'where nothing answers', pc: HOLE, ec: 0x21, iss: 0x10 },
    { where: 'at an instruction', pc: CODE, ec: 0x0e, iss: 0 },
  ])('PSTATE.IL comes after faults of the fetch: $where', ({ pc, ec, iss }) => {
    const before = enter({ pstate: 1 << 20, pc });
    expect(before & (1 << 20)).not.toBe(0);
    expect(step(machine)).toEqual({ target: 1, vector: 0x200 });
    expect(esr(1)).toBe(((ec << 26) | IL | iss) >>> 0);
    expect(Number(machine.readRegister(0, 'SPSR_EL1')) & (1 << 20)).not.toBe(0);
    expect(Number(machine.readRegister(0, 'PSTATE')) & (1 << 20)).toBe(0);
  });

  it('PSTATE.IL is also found by an ERET that stays on a page that already ran', () => {
    enter({});
    putWord(machine, CODE, 0xd69f_03e0);
    machine.writeRegister(0, 'SPSR_EL1', 0x3cdn);
    machine.writeRegister(0, 'ELR_EL1', CODE + 0x10n);
    expect(step(machine)).toBeUndefined();
    expect(step(machine)).toEqual({ target: 1, vector: 0x200 });
    expect(esr(1)).toBe(0x3a00_0000);
    expect(machine.readRegister(0, 'ELR_EL1')).toBe(CODE + 0x10n);
  });

  const FP = { FMOV: 0x1e60_4000, 'MRS FPCR': 0xd53b_4401, 'MSR FPSR': 0xd51b_443f } as const;
  it.each([
    { what: 'CPACR_EL1 of EL0', el: 0, cpacr: 0n, cptr2: 0x33ffn, cptr3: 0n, hcr: 0n, target: 1, ec: 7 },
    { what: 'CPACR_EL1 of EL0 with TGE', el: 0, cpacr: 0n, cptr2: 0x33ffn, cptr3: 0n, hcr: TGE, target: 2, ec: 0 },
    {
      what: 'CPTR_EL2 of EL0 with TGE',
      el: 0,
      cpacr: 3n << 20n,
      cptr2: 0x37ffn,
      cptr3: 0n,
      hcr: TGE,
      target: 2,
      ec: 7,
    },
    { what: 'CPACR_EL1 before CPTR_EL2', el: 1, cpacr: 0n, cptr2: 0x37ffn, cptr3: 0x400n, hcr: 0n, target: 1, ec: 7 },
    { what: 'CPACR_EL1 of EL0 only', el: 0, cpacr: 1n << 20n, cptr2: 0x33ffn, cptr3: 0n, hcr: 0n, target: 1, ec: 7 },
    { what: 'CPTR_EL2 before CPTR_EL3', el: 2, cpacr: 0n, cptr2: 0x37ffn, cptr3: 0x400n, hcr: 0n, target: 2, ec: 7 },
    { what: 'CPTR_EL3', el: 2, cpacr: 0n, cptr2: 0x33ffn, cptr3: 0x400n, hcr: 0n, target: 3, ec: 7 },
    { what: 'CPTR_EL3 at EL3', el: 3, cpacr: 0n, cptr2: 0x37ffn, cptr3: 0x400n, hcr: 0n, target: 3, ec: 7 },
  ])('the FP trap by $what goes to EL$target with EC $ec', ({ el, cpacr, cptr2, cptr3, hcr, target, ec }) => {
    for (const [name, word] of Object.entries(FP)) {
      enter({});
      machine.writeRegister(0, 'CPACR_EL1', cpacr);
      machine.writeRegister(0, 'CPTR_EL2', cptr2);
      machine.writeRegister(0, 'CPTR_EL3', cptr3);
      putWord(machine, CODE, word);
      enterState(machine, { el, sp: el ? 1 : 0, pstate: 0, scr: 0x501n, hcr: hcr | (1n << 31n), pc: CODE });
      expect(step(machine)?.target, name).toBe(target);
      expect(esr(target), name).toBe(((ec << 26) | IL | (ec ? 0x1e0_0000 : 0)) >>> 0);
      expect(machine.readRegister(0, `ELR_EL${target}`), name).toBe(CODE);
    }
  });

  it('an exception to EL1 sets PSTATE.PAN unless SCTLR_EL1.SPAN is 1, clears UAO, and leaves PAN at EL2', () => {
    const PAN = 1 << 22;
    const UAO = 1 << 23;
    for (const span of [0n, 1n]) {
      for (const [el, pan] of [
        [0, 0],
        [0, PAN],
        [1, 0],
      ] as const) {
        enter({});
        machine.writeRegister(0, 'SCTLR_EL1', span << 23n);
        putWord(machine, CODE, 0xd400_0001);
        enterState(machine, { el, sp: 0, pstate: pan | UAO, scr: 0x501n, hcr: 1n << 31n, pc: CODE });
        step(machine);
        const now = Number(machine.readRegister(0, 'PSTATE'));
        expect(now & PAN).toBe(span === 0n ? PAN : pan);
        expect(now & UAO).toBe(0);
        expect(Number(machine.readRegister(0, 'SPSR_EL1')) & (PAN | UAO)).toBe(pan | UAO);
      }
    }
    enter({});
    putWord(machine, CODE, 0xd400_0002);
    step(machine);
    expect(Number(machine.readRegister(0, 'PSTATE')) & (PAN | 0xc)).toBe(8);
  });

  it('DC ZVA traps to EL2 by HCR_EL2.TDZ after SCTLR_EL1.DZE, and DCZID_EL0.DZP says so', () => {
    const MRS_DCZID = 0xd53b_00e1;
    for (const [el, dze, tdz, target] of [
      [0, 0n, 1n, 1],
      [0, 1n, 1n, 2],
      [1, 0n, 1n, 2],
      [1, 0n, 0n, undefined],
    ] as const) {
      for (const word of [0xd50b_7420, MRS_DCZID]) {
        enter({});
        machine.writeRegister(0, 'SCTLR_EL1', dze << 14n);
        putWord(machine, CODE, word);
        enterState(machine, { el, sp: el, pstate: 0, scr: 0x501n, hcr: (tdz << 28n) | (1n << 31n), pc: CODE });
        machine.writeRegister(0, 'X0', 0x4010_0000n);
        const seen = step(machine);
        if (word === MRS_DCZID) {
          expect(machine.readRegister(0, 'X1')).toBe(target ? 0x14n : 4n);
        } else if (target) {
          expect(seen?.target).toBe(target);
          expect(esr(target)).toBe(0x6212_dc08);
        }
      }
    }
  });

  it('AT S1E2R at EL3 is UNDEFINED while SCR_EL3.NS is 0', () => {
    const AT_S1E2R = 0xd50c_7800;
    for (const ns of [0n, 1n]) {
      enter({ el: 3, scr: 0x500n | ns });
      putWord(machine, CODE, AT_S1E2R);
      machine.writeRegister(0, 'X0', 0x4000_0000n);
      expect(step(machine)?.target).toBe(ns ? undefined : 3);
    }
  });

  it('ESB defers a masked SError to DISR_EL1, and leaves one that is not masked to be taken', () => {
    const ESB = 0xd503_221f;
    enter({ pstate: 0x100 });
    putWord(machine, CODE, ESB);
    machine.pes[0]!.raiseSError(0x11);
    expect(step(machine)).toBeUndefined();
    expect(machine.readRegister(0, 'DISR_EL1')).toBe(0x8000_0011n);
    expect(machine.pes[0]!.wakes).toBe(false);
    enter({});
    machine.writeRegister(0, 'DISR_EL1', 0n);
    machine.pes[0]!.raiseSError(0x11);
    expect(step(machine)).toEqual({ target: 1, vector: 0x380 });
    expect(machine.readRegister(0, 'DISR_EL1')).toBe(0n);
    expect(esr(1)).toBe(0xbe00_0011);
  });
});
