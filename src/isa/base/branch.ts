/** Branches and exception generation: DDI 0487, "Branches, Exception Generating and System instructions". */
import { PE_STATE } from '../../arch/pestate.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import { HELPERS } from '../helpers.ts';

/** Sign-extended word offset in bytes. */
export function branchOffset(imm: number, bits: number): bigint {
  return BigInt.asIntN(bits, BigInt(imm)) << 2n;
}

function immediate(name: string, mnemonic: string, withLink: number): Clause {
  return insn(name, `${withLink} 00101 imm26:26`, {
    asm: `${mnemonic} {imm26:label}`,
    imm: { offset: ['s32', (f) => branchOffset(f.imm26!, 26)] },
    dynamic: ['imm26'],
    lift: (b) => {
      if (withLink) link(b);
      b.branchRel(b.imm('offset'));
    },
  });
}

/** X30 is not a field of the encoding, so the link register is written as state. */
const LR = { name: 'X30', offset: 30 * 8, type: 'i64' } as const;

function link(b: Builder): void {
  b.set(LR, b.add(b.pc(), b.i64(4)));
}

function compare(name: string, mnemonic: string, op: number): Clause {
  return insn(name, `sf 011010 ${op} imm19:19 Rt:5`, {
    asm: `${mnemonic} {Rt:r}, {imm19:label}`,
    imm: { offset: ['s32', (f) => branchOffset(f.imm19!, 19)] },
    dynamic: ['imm19'],
    lift: (b, f) => {
      const x = b.r('Rt', f.sf!);
      const zero = b.k(x.ty, 0);
      b.if(op ? b.ne(x, zero) : b.eq(x, zero), () => b.branchRel(b.imm('offset')));
    },
  });
}

function testBit(name: string, mnemonic: string, op: number): Clause {
  return insn(name, `b5 011011 ${op} b40:5 imm14:14 Rt:5`, {
    asm: `${mnemonic} {Rt:r(b5)}, {b5.b40:u}, {imm14:label}`,
    imm: { offset: ['s32', (f) => branchOffset(f.imm14!, 14)], bit: ['u8', (f) => (f.b5! << 5) | f.b40!] },
    dynamic: ['b5', 'b40', 'imm14'],
    lift: (b) => {
      const bit = b.and(b.shru(b.x('Rt'), b.imm('bit')), b.i64(1));
      b.if(op ? b.ne(bit, b.i64(0)) : b.eq(bit, b.i64(0)), () => b.branchRel(b.imm('offset')));
    },
  });
}

function register(name: string, mnemonic: string, opc: string, before: (b: Builder) => void): Clause {
  return insn(name, `1101011 ${opc} 11111 000000 Rn:5 00000`, {
    asm: `${mnemonic} {Rn:x}`,
    lift: (b) => {
      const target: Val = b.x('Rn');
      before(b);
      b.branch(target);
    },
  });
}

function exception(
  name: string,
  mnemonic: string,
  opc: string,
  ll: string,
  helper: (typeof HELPERS)['supervisorCall'],
): Clause {
  return insn(name, `11010100 ${opc} imm16:16 000 ${ll}`, {
    asm: `${mnemonic} {imm16:x}`,
    imm: { imm: ['u16', (f) => f.imm16!] },
    dynamic: ['imm16'],
    lift: (b) => void b.call(helper, b.imm('imm')),
  });
}

/** Clauses of this group. */
export const BRANCH: readonly Clause[] = [
  immediate('B', 'b', 0),
  immediate('BL', 'bl', 1),
  insn('B.cond', '01010100 imm19:19 0 cond:4', {
    asm: 'b.{cond:cond} {imm19:label}',
    imm: { offset: ['s32', (f) => branchOffset(f.imm19!, 19)] },
    dynamic: ['imm19'],
    lift: (b, f) => b.if(b.condHolds(b.get(PE_STATE.NZCV), f.cond!), () => b.branchRel(b.imm('offset'))),
  }),
  compare('CBZ', 'cbz', 0),
  compare('CBNZ', 'cbnz', 1),
  testBit('TBZ', 'tbz', 0),
  testBit('TBNZ', 'tbnz', 1),
  register('BR', 'br', '0000', () => {}),
  register('BLR', 'blr', '0001', link),
  register('RET', 'ret', '0010', () => {}),
  insn('ERET', '1101011 0100 11111 000000 11111 00000', {
    asm: 'eret',
    lift: (b) => void b.call(HELPERS.exceptionReturn),
  }),
  exception('SVC', 'svc', '000', '01', HELPERS.supervisorCall),
  exception('HVC', 'hvc', '000', '10', HELPERS.hypervisorCall),
  exception('SMC', 'smc', '000', '11', HELPERS.secureMonitorCall),
  exception('BRK', 'brk', '001', '00', HELPERS.breakpoint),
  exception('HLT', 'hlt', '010', '00', HELPERS.halt),
];
