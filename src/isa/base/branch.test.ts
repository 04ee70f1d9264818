import { describe, expect, it } from 'vitest';
import { type Before, OneInstruction } from '../../../test/support/one-instruction.ts';
import { assemble } from '../text/assemble.ts';
import { branchOffset } from './branch.ts';

const m = new OneInstruction();
const PC = 0x1000n;

/** Address of the next instruction after one at 0x1000. */
function next(text: string, before: Before = {}): bigint {
  const { bytes } = assemble(text, { origin: PC });
  m.word(new DataView(bytes.buffer).getUint32(0, true), before);
  return m.state('PC');
}

describe('branches', () => {
  it('B goes to PC + offset, up to 128 MiB either way, and leaves X30 alone', () => {
    expect(next('b . + 0x7fffffc', { x: { 30: 5n } })).toBe(PC + 0x7ff_fffcn);
    expect(next('b . - 0x8000000')).toBe(BigInt.asUintN(64, PC - 0x800_0000n));
    expect(next('b . + 8', { x: { 30: 5n } })).toBe(PC + 8n);
    expect(m.x(30)).toBe(5n);
  });

  it('BL and BLR put the address of the next instruction into X30, BLR X30 reads it first', () => {
    expect(next('bl . + 64')).toBe(PC + 64n);
    expect(m.x(30)).toBe(PC + 4n);
    expect(next('blr x30', { x: { 30: 0x2000n } })).toBe(0x2000n);
    expect(m.x(30)).toBe(PC + 4n);
  });

  it('BR and RET go to a register, XZR being address 0, without a look at its bits', () => {
    expect(next('br x5', { x: { 5: 0xffff_0000_0000_2001n } })).toBe(0xffff_0000_0000_2001n);
    expect(next('ret', { x: { 30: 0x3000n } })).toBe(0x3000n);
    expect(next('ret x7', { x: { 7: 0x4000n } })).toBe(0x4000n);
    expect(next('br xzr', { x: { 31: 0x9000n } })).toBe(0n);
  });

  it('CBZ and CBNZ look at 32 or 64 bits', () => {
    const high = { x: { 3: 1n << 32n } };
    expect(next('cbz w3, . + 16', high)).toBe(PC + 16n);
    expect(next('cbz x3, . + 16', high)).toBe(PC + 4n);
    expect(next('cbnz x3, . - 16', high)).toBe(PC - 16n);
    expect(next('cbnz w3, . - 16', high)).toBe(PC + 4n);
  });

  it.each([0, 1, 31, 32, 63])('TBZ and TBNZ look at bit %i', (bit) => {
    const only = { x: { 3: 1n << BigInt(bit) } };
    const others = { x: { 3: ~(1n << BigInt(bit)) } };
    expect([next(`tbz x3, #${bit}, . + 32`, only), next(`tbnz x3, #${bit}, . + 32`, only)]).toEqual([
      PC + 4n,
      PC + 32n,
    ]);
    expect([next(`tbz x3, #${bit}, . + 32`, others), next(`tbnz x3, #${bit}, . + 32`, others)]).toEqual([
      PC + 32n,
      PC + 4n,
    ]);
  });

  it('B.cond branches when its condition holds; AL and NV always', () => {
    const zero = { state: { NZCV: 0x4000_0000 } };
    expect(next('b.eq . + 8', zero)).toBe(PC + 8n);
    expect(next('b.ne . + 8', zero)).toBe(PC + 4n);
    expect(next('b.al . + 8', zero)).toBe(PC + 8n);
    m.run('B.cond', { cond: 15, imm19: 2 });
    expect(m.state('PC')).toBe(PC + 8n);
  });
});

describe('exception generation', () => {
  it.each([
    ['svc #0xffff', 'supervisorCall'],
    ['hvc #1', 'hypervisorCall'],
    ['smc #1', 'secureMonitorCall'],
    ['brk #1', 'breakpoint'],
    ['hlt #1', 'halt'],
    ['eret', 'exceptionReturn'],
  ])('%s calls %s and leaves the rest to it', (text, helper) => {
    next(text);
    expect(m.events).toEqual([helper]);
  });
});

describe('branchOffset', () => {
  it('is a signed number of words in bytes', () => {
    expect([branchOffset(1, 19), branchOffset(0x7ffff, 19), branchOffset(0x40000, 19)]).toEqual([
      4n,
      -4n,
      -(1n << 20n),
    ]);
  });
});
