import { describe, expect, it } from 'vitest';
import { PeRig } from '../../test/support/pe-rig.ts';
import { PE_STATE } from '../arch/pestate.ts';
import { WAIT } from './waiting.ts';

const [WFX, FP, SP_ALIGNMENT, UNDEFINED, TRAP] = [0x01n, 0x07n, 0x26n, 0n, 0x18n];

describe('FP and SIMD traps (DDI 0487, "CPACR_EL1.FPEN")', () => {
  const FP_INSTRUCTION = 'fadd d0, d0, d0';
  it.each([
    [0, 0, 1],
    [0, 1, 1],
    [1, 0, 1],
    [1, 1, undefined],
    [2, 0, 1],
    [2, 1, 1],
    [3, 0, undefined],
    [3, 1, undefined],
  ] as const)('FPEN %i at EL%i: taken to %s', (fpen, el, target) => {
    const pe = new PeRig().write('CPACR_EL1', BigInt(fpen) << 20n);
    const taken = pe.run(FP_INSTRUCTION, el);
    expect(taken?.el).toBe(target);
    if (taken) expect([taken.ec, taken.iss]).toEqual([FP, 0x1e0_0000n]);
  });

  it('CPTR_EL2.TFP and CPTR_EL3.TFP trap to their own level, from it and below', () => {
    const pe = new PeRig().write('CPACR_EL1', 3n << 20n);
    pe.write('CPTR_EL2', 1n << 10n);
    for (const el of [0, 1, 2] as const) expect(pe.run(FP_INSTRUCTION, el)).toMatchObject({ el: 2, ec: FP });
    expect(pe.run(FP_INSTRUCTION, 3)).toBeUndefined();
    pe.write('CPTR_EL2', 0n).write('CPTR_EL3', 1n << 10n);
    for (const el of [0, 1, 2, 3] as const) expect(pe.run(FP_INSTRUCTION, el)).toMatchObject({ el: 3, ec: FP });
  });

  it('FPCR and FPSR are part of it', () => {
    const pe = new PeRig();
    for (const source of ['mrs x0, FPCR', 'msr FPSR, x0']) expect(pe.run(source)).toMatchObject({ el: 1, ec: FP });
  });
});

describe('waiting', () => {
  it.each([
    ['wfi', 16n, 13n, 12n, 0n],
    ['wfe', 18n, 14n, 13n, 1n],
  ])('%s is trapped to EL1, EL2 and EL3 by their controls, in this order', (wait, sctlr, hcr, scr, ti) => {
    const pe = new PeRig();
    const [SCTLR, HCR, SCR] = [1n << sctlr, (1n << 31n) | (1n << hcr), 0x501n | (1n << scr)];
    pe.write('SCTLR_EL1', 0n);
    expect(pe.run(wait, 0)).toMatchObject({ el: 1, ec: WFX, iss: 0x1e0_0000n | ti });
    pe.write('SCTLR_EL1', SCTLR).write('HCR_EL2', HCR);
    for (const el of [0, 1] as const) expect(pe.run(wait, el)).toMatchObject({ el: 2, ec: WFX });
    pe.write('HCR_EL2', 1n << 31n).write('SCR_EL3', SCR);
    for (const el of [0, 1, 2] as const) expect(pe.run(wait, el)).toMatchObject({ el: 3, ec: WFX });
    expect(pe.run(wait, 3)).toBeUndefined();
  });

  it('WFE with the event register set goes on and clears it, and is not trapped', () => {
    const pe = new PeRig();
    expect(pe.run('sevl\n wfe', 0)).toBeUndefined();
    expect(pe.machine.pes[0]!.s.get32(PE_STATE.eventRegister)).toBe(0);
    expect(pe.machine.pes[0]!.s.get32(PE_STATE.waitState)).toBe(WAIT.RUNNING);
    pe.run('sev\n wfe\n wfe');
    expect(pe.machine.pes[0]!.s.get32(PE_STATE.waitState)).toBe(WAIT.WFE);
  });

  it('WFI does not wait while an interrupt is pending, masked or not', () => {
    const pe = new PeRig();
    pe.machine.pes[0]!.setInterruptLines(true, false);
    pe.run('wfi\n mov x0, #5');
    expect(pe.read('X0')).toBe(5n);
  });
});

describe('SP alignment', () => {
  it('is checked at EL1 to EL3 with SA, at EL0 with SA0', () => {
    for (const [el, control, bit] of [
      [0, 1, 4n],
      [1, 1, 3n],
      [2, 2, 3n],
      [3, 3, 3n],
    ] as const) {
      const pe = new PeRig().write(`SCTLR_EL${control}`, 0n);
      const source = 'ldr x0, [sp]';
      const at = (sp: bigint): ReturnType<PeRig['run']> => {
        pe.write('PSTATE', BigInt(0x3c0 | (el << 2) | (el ? 1 : 0))).write('SP', sp);
        return pe.run(source, el);
      };
      expect(at(0x4020_0008n), `EL${el} without`).toBeUndefined();
      pe.write(`SCTLR_EL${control}`, 1n << bit);
      expect(at(0x4020_0008n), `EL${el} with`).toMatchObject({ ec: SP_ALIGNMENT, el: el || 1 });
      expect(at(0x4020_0010n), `EL${el} aligned`).toBeUndefined();
    }
  });
});

describe('MSR (immediate)', () => {
  it('DAIFSet and DAIFClr change the named bits', () => {
    const pe = new PeRig();
    pe.run('msr DAIFClr, #15\n msr DAIFSet, #5\n mrs x0, DAIF');
    expect(pe.read('X0')).toBe(0x140n);
  });
  it('at EL0 are trapped without SCTLR_EL1.UMA, with the encoding of the instruction', () => {
    const pe = new PeRig();
    // op0 0, op2 6, op1 3, CRn 4, Rt 31, CRm 2, a write.
    expect(pe.run('msr DAIFSet, #2', 0)).toMatchObject({
      el: 1,
      ec: TRAP,
      iss: (6n << 17n) | (3n << 14n) | (4n << 10n) | (31n << 5n) | (2n << 1n),
    });
    pe.write('SCTLR_EL1', 1n << 9n);
    expect(pe.run('msr DAIFSet, #2', 0)).toBeUndefined();
  });
  it('SPSel and PAN are UNDEFINED at EL0', () => {
    const pe = new PeRig();
    for (const source of ['msr SPSel, #1', 'msr PAN, #1'])
      expect(pe.run(source, 0)).toMatchObject({ el: 1, ec: UNDEFINED });
  });
  it('PAN is UNDEFINED without FEAT_PAN', () => {
    expect(new PeRig({ cpu: 'cortex-a57' }).run('.word 0xd500419f')).toMatchObject({ ec: UNDEFINED });
    expect(new PeRig().run('.word 0xd500419f\n mrs x0, PAN')).toBeUndefined();
  });
});

describe('state outside the memory', () => {
  it('load is the inverse of state', () => {
    const pe = new PeRig();
    const [p] = pe.machine.pes;
    pe.write('CNTV_CVAL_EL0', 123n).write('CNTV_CTL_EL0', 1n).write('VPIDR_EL2', 5n).write('DBGCLAIMSET_EL1', 0x55n);
    const state = p!.state();
    p!.reset();
    expect(p!.state()).not.toEqual(state);
    p!.load(state);
    expect(p!.state()).toEqual(state);
    expect(pe.read('DBGCLAIMCLR_EL1')).toBe(0x55n);
  });

  it('PSTATE written from outside: an Exception level that does not exist gives PSTATE.IL', () => {
    const pe = new PeRig({ el2: false });
    pe.write('PSTATE', 0x3c9n);
    expect(pe.read('PSTATE') & 0x10_0000n).toBe(0x10_0000n);
    expect(pe.machine.pes[0]!.s.el).not.toBe(2);
  });
});

describe('the instruction word at PC', () => {
  it('is what is there, and 0 where nothing can be fetched', () => {
    const pe = new PeRig();
    pe.run('nop');
    pe.write('PC', 0x4010_0000n);
    expect(pe.machine.pes[0]!.instructionWord()).toBe(0xd503_201f);
    pe.write('PC', 0x0900_0000n);
    expect(pe.machine.pes[0]!.instructionWord()).toBe(0);
  });
});
