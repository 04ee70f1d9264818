/** System instructions, hints, barriers and PSTATE: DDI 0487, "The A64 System instruction class". */
import { PE_DERIVED, PE_STATE } from '../../arch/pestate.ts';
import { sysregKey } from '../../arch/sysregs/row.ts';
import type { Builder } from '../../ir/builder.ts';
import type { HelperSignature } from '../../ir/types.ts';
import { type Clause, type ClauseSpec, type ImmSpec, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';
import { HELPERS } from '../helpers.ts';

const SYSTEM = '11010101 00';

function hint(name: string, crm: string, op2: string, helper: HelperSignature, more: Partial<ClauseSpec> = {}): Clause {
  const number = Number.parseInt(crm + op2, 2).toString(16);
  return insn(name, `${SYSTEM} 0 00 011 0010 ${crm} ${op2} 11111`, {
    asm: `hint #0x${number}`,
    lift: (b) => void b.call(helper),
    ...more,
  });
}

/** Hints that do something here; HINT is all others, which are NOPs until a feature says otherwise. */
const HINTS: readonly Clause[] = [
  insn('HINT', `${SYSTEM} 0 00 011 0010 CRm:4 op2:3 11111`, {
    asm: 'hint {CRm.op2:x}',
    dynamic: ['CRm', 'op2'],
    lift: () => {},
  }),
  hint('YIELD', '0000', '001', HELPERS.yieldTurn),
  hint('WFE', '0000', '010', HELPERS.waitForEvent),
  hint('WFI', '0000', '011', HELPERS.waitForInterrupt),
  hint('SEV', '0000', '100', HELPERS.sendEvent),
  insn('SEVL', `${SYSTEM} 0 00 011 0010 0000 101 11111`, {
    asm: 'hint #0x5',
    lift: (b) => b.set(PE_STATE.eventRegister, b.i32(1)),
  }),
  hint('ESB', '0010', '000', HELPERS.errorBarrier, { feature: 'FEAT_RAS' }),
];

/**
 * DSB and DMB order nothing on one thread: every access is complete when the instruction that made it ends. So does
 * ISB: what an MSR changes holds for the next instruction, and decoded instructions are never stale.
 */
const BARRIERS: readonly Clause[] = [
  insn('CLREX', `${SYSTEM} 0 00 011 0011 CRm:4 010 11111`, {
    asm: 'clrex{CRm:unless15}',
    dynamic: ['CRm'],
    lift: (b) => b.set(PE_STATE.exclusiveValid, b.i32(0)),
  }),
  insn('DSB', `${SYSTEM} 0 00 011 0011 CRm:4 100 11111`, {
    asm: 'dsb {CRm:barrier}',
    dynamic: ['CRm'],
    lift: () => {},
  }),
  insn('DMB', `${SYSTEM} 0 00 011 0011 CRm:4 101 11111`, {
    asm: 'dmb {CRm:barrier}',
    dynamic: ['CRm'],
    lift: () => {},
  }),
  insn('ISB', `${SYSTEM} 0 00 011 0011 CRm:4 110 11111`, {
    asm: 'isb{CRm:unless15}',
    dynamic: ['CRm'],
    lift: () => {},
  }),
  insn('SB', `${SYSTEM} 0 00 011 0011 (0000) 111 11111`, { asm: 'sb', feature: 'FEAT_SB', lift: () => {} }),
];

function msrImmediate(
  name: string,
  op1: string,
  op2: string,
  lift?: (b: Builder, viaHelper: () => void) => void,
  more: Partial<ClauseSpec> = {},
): Clause {
  const field = Number.parseInt(op1 + op2, 2);
  const viaHelper = (b: Builder): void => void b.call(HELPERS.writePstate, b.i32(field), b.imm('imm'));
  return insn(`MSR (immediate, ${name})`, `${SYSTEM} 0 00 ${op1} 0100 CRm:4 ${op2} 11111`, {
    asm: `msr ${name.toLowerCase()}, {CRm:x}`,
    imm: { imm: ['u8', (f) => f.CRm!] },
    dynamic: ['CRm'],
    lift: (b) => (lift ? lift(b, () => viaHelper(b)) : viaHelper(b)),
    ...more,
  });
}

/**
 * Changing masks needs no helper above EL0 while no interrupt is asserted that the change could let in. Clearing D
 * does while the debug unit is in use, because it can start software step.
 */
export const PSTATE_FIELDS: readonly Clause[] = [
  msrImmediate('UAO', '000', '011', undefined, { feature: 'FEAT_UAO' }),
  msrImmediate('PAN', '000', '100', undefined, { feature: 'FEAT_PAN' }),
  msrImmediate('SPSel', '000', '101'),
  msrImmediate('DAIFSet', '011', '110', (b, viaHelper) => {
    b.if(b.eq(b.get(PE_STATE.EL), b.i32(0)), viaHelper);
    b.set(PE_STATE.DAIF, b.or(b.get(PE_STATE.DAIF), b.shl(b.imm('imm'), 6)));
  }),
  msrImmediate('DAIFClr', '011', '111', (b, viaHelper) => {
    const old = b.get(PE_STATE.DAIF);
    const cleared = b.and(old, b.shl(b.imm('imm'), 6));
    const cause = b.or(b.get(PE_DERIVED.interruptPending), b.and(cleared, b.get(PE_DERIVED.debugMask)));
    b.if(b.or(b.eq(b.get(PE_STATE.EL), b.i32(0)), b.ne(cause, b.i32(0))), viaHelper);
    b.set(PE_STATE.DAIF, b.xor(old, cleared));
  }),
];

/** The same fields, always through the helper. */
export const PSTATE_FIELDS_HELPED: readonly Clause[] = [
  msrImmediate('UAO', '000', '011', undefined, { feature: 'FEAT_UAO' }),
  msrImmediate('PAN', '000', '100', undefined, { feature: 'FEAT_PAN' }),
  msrImmediate('SPSel', '000', '101'),
  msrImmediate('DAIFSet', '011', '110'),
  msrImmediate('DAIFClr', '011', '111'),
];

const SYSREG_FIELDS = ['op1', 'CRn', 'CRm', 'op2'] as const;

/** The packed number of the register or instruction that an encoding names, as the helpers take it. */
function number(op0: (f: FieldValues) => number): ImmSpec {
  return ['u16', (f) => sysregKey(op0(f), f.op1!, f.CRn!, f.CRm!, f.op2!)];
}

const MOVES: readonly Clause[] = [
  insn('MRS', `${SYSTEM} 1 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt:5`, {
    asm: 'mrs {Rt:x}, {o0.op1.CRn.CRm.op2:sysreg}',
    imm: { reg: number((f) => 2 + f.o0!) },
    dynamic: ['o0', ...SYSREG_FIELDS],
    lift: (b) => b.setX('Rt', b.call(HELPERS.readSysreg, b.imm('reg'))),
  }),
  insn('MSR (register)', `${SYSTEM} 0 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt:5`, {
    asm: 'msr {o0.op1.CRn.CRm.op2:sysreg}, {Rt:x}',
    imm: { reg: number((f) => 2 + f.o0!) },
    dynamic: ['o0', ...SYSREG_FIELDS],
    lift: (b) => void b.call(HELPERS.writeSysreg, b.imm('reg'), b.x('Rt')),
  }),
  insn('SYS', `${SYSTEM} 0 01 op1:3 CRn:4 CRm:4 op2:3 Rt:5`, {
    asm: 'sys {op1:u}, {CRn:creg}, {CRm:creg}, {op2:u}{Rt:sysrt}',
    imm: { reg: number(() => 1) },
    dynamic: SYSREG_FIELDS,
    lift: (b) => void b.call(HELPERS.systemInstruction, b.imm('reg'), b.x('Rt')),
  }),
  insn('SYSL', `${SYSTEM} 1 01 op1:3 CRn:4 CRm:4 op2:3 Rt:5`, {
    asm: 'sysl {Rt:x}, {op1:u}, {CRn:creg}, {CRm:creg}, {op2:u}',
    imm: { reg: number(() => 1) },
    dynamic: SYSREG_FIELDS,
    lift: (b) => b.setX('Rt', b.call(HELPERS.systemInstructionRead, b.imm('reg'))),
  }),
  insn('DC ZVA', `${SYSTEM} 0 01 011 0111 0100 001 Rt:5`, {
    asm: 'sys #3, C7, C4, #1{Rt:sysrt}',
    lift: (b) => void b.call(HELPERS.zeroBlock, b.x('Rt')),
  }),
];

const UDF = insn('UDF', '0000000000000000 imm16:16', {
  asm: 'udf {imm16:u}',
  imm: { imm: ['u16', (f) => f.imm16!] },
  dynamic: ['imm16'],
  lift: (b) => void b.call(HELPERS.undefinedInstruction, b.imm('imm')),
});

/** Clauses of this group. */
export const SYSTEM_INSTRUCTIONS: readonly Clause[] = [...HINTS, ...BARRIERS, ...PSTATE_FIELDS, ...MOVES, UDF];
