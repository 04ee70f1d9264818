import { describe, expect, it } from 'vitest';
import { OneInstruction } from '../../../test/support/one-instruction.ts';
import { SYSREG_BASE } from '../../arch/pestate.ts';
import { STORED_SYSREGS, sysregByName } from '../../arch/sysregs/index.ts';

const m = new OneInstruction();
const DAIF_I = 1n << 7n;
const DAIF_D = 1n << 9n;

function stored(name: string): bigint {
  const index = STORED_SYSREGS.findIndex((r) => r.name === name);
  return m.flat.memory.view.getBigUint64(SYSREG_BASE + 8 * index, true);
}

describe('PSTATE.DAIF', () => {
  it('DAIFSet and DAIFClr at EL1 change the named masks', () => {
    m.run('MSR (immediate, DAIFSet)', { CRm: 2 }, { state: { DAIF: 1 << 6 } });
    expect([m.events, m.state('DAIF')]).toEqual([[], (1n << 6n) | DAIF_I]);
    m.run('MSR (immediate, DAIFClr)', { CRm: 2 }, { state: { DAIF: 3 << 6 } });
    expect([m.events, m.state('DAIF')]).toEqual([[], 1n << 6n]);
  });

  it('at EL0 is left to the helper, which knows SCTLR_EL1.UMA', () => {
    for (const name of ['MSR (immediate, DAIFSet)', 'MSR (immediate, DAIFClr)'])
      expect(m.run(name, { CRm: 2 }, { state: { EL: 0 } }).events).toEqual(['writePstate']);
    expect(m.run('MRS (DAIF)', {}, { state: { EL: 0 } }).events).toEqual(['readSysreg']);
    expect(m.run('MSR (register, DAIF)', {}, { state: { EL: 0 } }).events).toEqual(['writeSysreg']);
  });

  it('unmasking while an interrupt is asserted, or clearing D, is left to the helper', () => {
    const pending = { DAIF: 15 << 6, interruptPending: 1 };
    expect(m.run('MSR (immediate, DAIFClr)', { CRm: 2 }, { state: pending }).events).toEqual(['writePstate']);
    expect(m.flat.events[0]!.args, 'op1:op2 and the masks').toEqual([0b011_111, 2]);
    expect(m.run('MSR (register, DAIF)', {}, { state: pending }).events).toEqual(['writeSysreg']);
    expect(m.run('MSR (immediate, DAIFClr)', { CRm: 8 }, { state: { DAIF: DAIF_D } }).events).toEqual(['writePstate']);
    expect(m.run('MSR (register, DAIF)', {}, { state: { DAIF: DAIF_D } }).events).toEqual(['writeSysreg']);
    expect(m.run('MSR (immediate, DAIFSet)', { CRm: 2 }, { state: pending }).events).toEqual([]);
  });

  it('MSR DAIF keeps bits 9:6 only', () => {
    m.run('MSR (register, DAIF)', { Rt: 0 }, { x: { 0: 0xffff_ffffn } });
    expect([m.events, m.state('DAIF')]).toEqual([[], 0x3c0n]);
  });
});

describe('registers with rows of their own', () => {
  it('NZCV keeps bits 31:28', () => {
    m.run('MSR (register, NZCV)', { Rt: 0 }, { x: { 0: (1n << 64n) - 1n } });
    expect(m.state('NZCV')).toBe(0xf000_0000n);
    expect(m.run('MRS (NZCV)', { Rt: 0 }, { state: { NZCV: 9 << 28 } }).x(0)).toBe(0x9000_0000n);
  });

  it('CurrentEL has the level in bits 3:2 and is left to the helper at EL0', () => {
    expect(m.run('MRS (CurrentEL)', { Rt: 0 }, { state: { EL: 2 } }).x(0)).toBe(8n);
    expect(m.run('MRS (CurrentEL)', { Rt: 0 }, { state: { EL: 0 } }).events).toEqual(['readSysreg']);
  });

  it('SP_EL0 can be named only while another stack pointer is selected', () => {
    m.run('MSR (register, SP_EL0)', { Rt: 0 }, { x: { 0: 0x77n }, state: { SPSel: 1 } });
    expect([m.state('SP_EL0'), m.x(31)]).toEqual([0x77n, 0x9000n]);
    expect(m.run('MRS (SP_EL0)', { Rt: 0 }, { state: { SPSel: 1, SP_EL0: 0x78n } }).x(0)).toBe(0x78n);
    expect(m.run('MRS (SP_EL0)', { Rt: 0 }, { state: { SPSel: 0 } }).events).toEqual(['readSysreg']);
  });

  it('TPIDR_EL0 is written at EL0, TPIDRRO_EL0 and TPIDR_EL1 are not', () => {
    m.run('MSR (register, TPIDR_EL0)', { Rt: 0 }, { x: { 0: 123n }, state: { EL: 0 } });
    expect([m.events, stored('TPIDR_EL0')]).toEqual([[], 123n]);
    for (const name of ['TPIDRRO_EL0', 'TPIDR_EL1'])
      expect(m.run(`MSR (register, ${name})`, { Rt: 0 }, { state: { EL: 0 } }).events).toEqual(['writeSysreg']);
  });

  it('ELR_EL1 is stored at EL1; at EL2 it may be another register, so the helper does it', () => {
    m.run('MSR (register, ELR_EL1)', { Rt: 0 }, { x: { 0: 0x1234n } });
    expect([m.events, stored('ELR_EL1')]).toEqual([[], 0x1234n]);
    expect(m.run('MRS (ELR_EL1)', { Rt: 0 }).x(0)).toBe(0x1234n);
    expect(m.run('MSR (register, ELR_EL1)', { Rt: 0 }, { state: { EL: 2 } }).events).toEqual(['writeSysreg']);
  });

  it('FPCR traps like floating point', () => {
    expect(m.run('MRS (FPCR)', {}, { state: { fpTrapped: 1 } }).events).toEqual(['fpAccessTrap']);
  });
});

describe('everything else goes to the processing element', () => {
  it.each([
    ['MRS', 'readSysreg', 'SCTLR_EL1'],
    ['MSR (register)', 'writeSysreg', 'SCTLR_EL1'],
  ])('%s passes the packed number to %s', (name, helper, register) => {
    const { op0, op1, CRn, CRm, op2, key } = sysregByName(register)!;
    m.run(name, { o0: op0 - 2, op1, CRn, CRm, op2 });
    expect(m.flat.events[0]).toMatchObject({ helper, args: [key, ...(name === 'MRS' ? [] : [0n])] });
  });

  it.each([
    [0xd503_201f, []],
    [0xd503_203f, ['yieldTurn']],
    [0xd503_205f, ['waitForEvent']],
    [0xd503_207f, ['waitForInterrupt']],
    [0xd503_209f, ['sendEvent']],
    [0xd503_20bf, ['sendEventLocal']],
    [0xd503_221f, ['errorBarrier']],
    [0xd503_233f, []],
    [0xd503_3f9f, []],
    [0xd503_3bbf, []],
    [0xd503_3fdf, ['instructionBarrier']],
    [0xd503_3f5f, ['clearExclusive']],
    [0xd50b_7420, ['zeroBlock']],
    [0xd508_871f, ['systemInstruction']],
    [0xd528_7000, ['systemInstructionRead']],
    [0x0000_0010, ['undefinedInstruction']],
  ] as const)('%x calls %j', (word, helpers) => {
    expect(m.word(word).events).toEqual(helpers);
  });
});
