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

  it('unmasking while an interrupt is asserted, or clearing D while debug is in use, is left to the helper', () => {
    const pending = { DAIF: 15 << 6, interruptPending: 1 };
    expect(m.run('MSR (immediate, DAIFClr)', { CRm: 2 }, { state: pending }).events).toEqual(['writePstate']);
    expect(m.flat.events[0]!.args, 'op1:op2 and the masks').toEqual([0b011_111, 2]);
    expect(m.run('MSR (register, DAIF)', {}, { state: pending }).events).toEqual(['writeSysreg']);
    const debug = { DAIF: DAIF_D, debugMask: DAIF_D };
    expect(m.run('MSR (immediate, DAIFClr)', { CRm: 8 }, { state: debug }).events).toEqual(['writePstate']);
    expect(m.run('MSR (register, DAIF)', {}, { state: debug }).events).toEqual(['writeSysreg']);
    const unused = { DAIF: DAIF_D, debugMask: 0 };
    expect(m.run('MSR (immediate, DAIFClr)', { CRm: 8 }, { state: unused }).events).toEqual([]);
    expect(m.run('MSR (register, DAIF)', {}, { state: unused }).events).toEqual([]);
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

  it('fault registers and table bases of EL1 are left to the helper while HCR_EL2 traps them', () => {
    const hcr = (value: bigint): void =>
      m.flat.memory.view.setBigUint64(
        SYSREG_BASE + STORED_SYSREGS.findIndex((r) => r.name === 'HCR_EL2') * 8,
        value,
        true,
      );
    m.run('MSR (register, FAR_EL1)', { Rt: 0 }, { x: { 0: 0x77n } });
    expect([m.events, stored('FAR_EL1'), m.run('MRS (FAR_EL1)', { Rt: 1 }).x(1)]).toEqual([[], 0x77n, 0x77n]);
    hcr(1n << 26n);
    expect(m.run('MSR (register, FAR_EL1)', {}).events).toEqual(['writeSysreg']);
    expect(m.run('MRS (FAR_EL1)', {}).events).toEqual([]);
    hcr(1n << 30n);
    for (const name of ['FAR_EL1', 'ESR_EL1', 'TTBR0_EL1', 'TTBR1_EL1'])
      expect(m.run(`MRS (${name})`, {}).events, name).toEqual(['readSysreg']);
    hcr(0n);
    expect(m.run('MRS (TTBR1_EL1)', {}, { state: { EL: 2 } }).events).toEqual(['readSysreg']);
  });

  it('VBAR_EL1 keeps its bits 63:11', () => {
    m.run('MSR (register, VBAR_EL1)', { Rt: 0 }, { x: { 0: (1n << 64n) - 1n } });
    expect([m.events, stored('VBAR_EL1')]).toEqual([[], (1n << 64n) - 0x800n]);
  });

  it('FPCR traps like floating point', () => {
    expect(m.run('MRS (FPCR)', {}, { state: { fpTrapped: 1 } }).events).toEqual(['fpAccessTrap']);
  });
});

describe('hints and barriers that are state', () => {
  it('SEVL sets the event register, CLREX opens the local monitor', () => {
    m.word(0xd503_20bf);
    expect(m.state('eventRegister')).toBe(1n);
    m.run('CLREX', {}, { state: { exclusiveValid: 1 } });
    expect(m.state('exclusiveValid')).toBe(0n);
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
    [0xd503_20bf, []],
    [0xd503_221f, ['errorBarrier']],
    [0xd503_233f, []],
    [0xd503_3f9f, []],
    [0xd503_3bbf, []],
    [0xd503_3fdf, []],
    [0xd503_3f5f, []],
    [0xd50b_7420, ['zeroBlock']],
    [0xd508_871f, ['systemInstruction']],
    [0xd528_7000, ['systemInstructionRead']],
    [0x0000_0010, ['undefinedInstruction']],
  ] as const)('%x calls %j', (word, helpers) => {
    expect(m.word(word).events).toEqual(helpers);
  });
});
