import { describe, expect, it } from 'vitest';
import { bareKernel, POWER_OFF } from '../../test/support/bare-kernel.ts';
import { EC, FSC } from '../arch/esr.ts';
import { Machine } from '../machine/machine.ts';
import { MEMORY_BYTES_MIN } from '../machine/options.ts';
import { sea } from './events.ts';
import { explore } from './explore.ts';

const ROUNDS = 6;
/** Counts to `ROUNDS` in X9 (its vectors lie at 2 KiB, behind the header's 64 bytes); its handler counts in X20, keeps the syndrome, and goes back to where it came from. */
const kernel = (el: 1 | 2): Uint8Array =>
  bareKernel(`
        adr     x0, vectors
        msr     VBAR_EL${el}, x0
        isb
        mov     x20, #0
        mov     x9, #0
count:  add     x9, x9, #1
        cmp     x9, #${ROUNDS}
        b.ne    count
        ${POWER_OFF}
        .org    0x7c0
vectors: .space 0x200
        add     x20, x20, #1
        mrs     x21, ESR_EL${el}
        mrs     x22, FAR_EL${el}
        mrs     x23, ELR_EL${el}
        eret
`);

describe.each([1, 2] as const)('a synchronous External abort at EL%i', (el) => {
  it('takes the place of the next instruction, once; who comes back executes it', () => {
    const machine = Machine.create({ kernel: kernel(el), memoryBytes: MEMORY_BYTES_MIN, el2: el === 2 });
    machine.runUntil(({ pes: [pe] }) => pe!.s.x(9) === 1n);
    expect(machine.pes[0]!.s.el).toBe(el);
    const wrong: string[] = [];
    const report = explore(machine, {
      window: { to: { steps: 2 * ROUNDS } },
      events: [sea()],
      compare: false,
      checks: [
        ({ machine: m, delivered }) => {
          const { s } = m.pes[0]!;
          if (s.x(9) !== BigInt(ROUNDS) || s.x(20) !== 1n) wrong.push(`X9 ${s.x(9)}, X20 ${s.x(20)}`);
          const [esr, far, elr] = [s.x(21), s.x(22), s.x(23)];
          if (Number(esr >> 26n) !== EC.InstructionAbortSameEL || Number(esr & 0x3fn) !== FSC.SyncExternal)
            wrong.push(`ESR 0x${esr.toString(16)}`);
          if (delivered[0]?.pc !== elr || far !== elr)
            wrong.push(`FAR 0x${far.toString(16)}, ELR 0x${elr.toString(16)}`);
          return undefined;
        },
      ],
    });
    expect(wrong).toEqual([]);
    const { boundaries, atOnce } = report.coverage;
    expect([boundaries, atOnce]).toEqual([2 * ROUNDS, 2 * ROUNDS]);
    expect(report.kinds).toMatchObject([{ outcome: 'completed', count: 2 * ROUNDS }]);
  });
});

describe('a synchronous External abort of a PE that fetches nothing', () => {
  it('is refused, with the reason', () => {
    const machine = Machine.create({ kernel: bareKernel('1: wfi\n b 1b'), memoryBytes: MEMORY_BYTES_MIN, cpus: 2 });
    machine.run({ steps: 20 });
    expect(sea({ pe: 1 }).inject(machine, 1)).toBe('the PE is off');
    expect(sea().inject(machine, 0)).toBe('the PE waits and fetches nothing');
  });
});
