import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/isa/text/index.ts';
import { VIRT_INTIDS } from '../../src/machine/board/virt.ts';
import { Machine } from '../../src/machine/machine.ts';
import { EL3, GicBoard, NS_EL1, NS_EL2 } from './gic.ts';

/** Test ideas 59 to 66: the generic timer. 1 step is 1 ns, 1 count 16 ns. */

const CNTV = VIRT_INTIDS.CNTV;

/** The timers of this machine: registers, the INTID of each, and where their registers are used. */
const TIMERS = [
  { name: 'CNTHP', suffix: 'EL2', intid: 26 },
  { name: 'CNTV', suffix: 'EL0', intid: 27 },
  { name: 'CNTPS', suffix: 'EL1', intid: 29 },
  { name: 'CNTP', suffix: 'EL0', intid: 30 },
] as const;

describe('timer registers', () => {
  it('59. a TVAL write of -1 fires at once; TVAL read after expiry is negative', () => {
    const board = new GicBoard();
    // Not at count 0, where one count earlier is the end of time.
    board.machine.run({ steps: 64 });
    board.msr('CNTV_CTL_EL0', 1);
    board.msr('CNTV_TVAL_EL0', 1000);
    expect([board.get('CNTV_CTL_EL0'), board.has('ISPENDR', CNTV)]).toEqual([1, false]);
    board.msr('CNTV_TVAL_EL0', 0xffff_ffff);
    expect([board.get('CNTV_CTL_EL0'), board.has('ISPENDR', CNTV)]).toEqual([5, true]);
    expect(board.get('CNTV_TVAL_EL0') | 0).toBeLessThan(0);
    expect(board.mrs('CNTV_TVAL_EL0') >> 32n).toBe(0n);
    expect(board.mrs('CNTV_CVAL_EL0')).toBeLessThan(board.mrs('CNTVCT_EL0'));
  });

  it('60. IMASK = 1 drops the pending level, ISTATUS stays 1', () => {
    const board = new GicBoard();
    board.msr('CNTV_CVAL_EL0', 0);
    board.msr('CNTV_CTL_EL0', 1);
    expect([board.get('CNTV_CTL_EL0'), board.has('ISPENDR', CNTV)]).toEqual([5, true]);
    board.pend(CNTV, false);
    expect(board.has('ISPENDR', CNTV)).toBe(true);
    board.msr('CNTV_CTL_EL0', 3);
    expect([board.get('CNTV_CTL_EL0'), board.has('ISPENDR', CNTV)]).toEqual([7, false]);
    board.msr('CNTV_CTL_EL0', 0);
    expect([board.get('CNTV_CTL_EL0') & 1, board.has('ISPENDR', CNTV)]).toEqual([0, false]);
  });

  it('61. CNTVCT = CNTPCT - CNTVOFF at EL1', () => {
    const board = new GicBoard(2);
    board.enter(EL3);
    board.msr('CNTHCTL_EL2', 3);
    for (const offset of [0n, 1n << 20n, 0xffff_ffff_ffff_0000n]) {
      board.enter(EL3);
      board.msr('CNTVOFF_EL2', offset);
      board.enter(NS_EL1);
      // Steps lie between the two reads: each is one sixteenth of a count.
      const difference = BigInt.asIntN(64, board.mrs('CNTPCT_EL0') - offset - board.mrs('CNTVCT_EL0'));
      expect(difference <= 0n && difference >= -1n, `offset ${offset}: ${difference}`).toBe(true);
    }
  });

  it('62. CNTP at EL1 with EL1PCEN = 0 traps to EL2; CNTV does not', () => {
    const board = new GicBoard(2);
    const outcomes = (control: number): string[] => {
      board.enter(EL3);
      board.msr('CNTHCTL_EL2', control);
      board.enter(NS_EL1);
      const reads = ['CNTP_CTL_EL0', 'CNTP_CVAL_EL0', 'CNTP_TVAL_EL0', 'CNTPCT_EL0', 'CNTV_CTL_EL0', 'CNTVCT_EL0'];
      return reads.map((name) => board.outcome(`mrs x0, ${name}`));
    };
    const trap = 'EC 0x18 to EL2';
    expect(outcomes(0)).toEqual([trap, trap, trap, trap, 'ok', 'ok']);
    expect(outcomes(1)).toEqual([trap, trap, trap, 'ok', 'ok', 'ok']);
    expect(outcomes(2)).toEqual(['ok', 'ok', 'ok', trap, 'ok', 'ok']);
    expect(outcomes(3)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok']);
  });

  it('63. an EL0 read of CNTVCT traps to EL1 when EL0VCTEN = 0, and likewise each register by its own bit', () => {
    const board = new GicBoard();
    const bits = { CNTPCT_EL0: 0, CNTVCT_EL0: 1, CNTV_CTL_EL0: 8, CNTP_CTL_EL0: 9 };
    for (const [name, bit] of Object.entries(bits)) {
      for (const control of [0, 1 << bit, 0x303 & ~(1 << bit)]) {
        board.enter(NS_EL1);
        board.msr('CNTKCTL_EL1', control);
        board.enter({ el: 0 });
        const allowed = ((control >> bit) & 1) === 1;
        expect(board.outcome(`mrs x0, ${name}`), `${name} ${control}`).toBe(allowed ? 'ok' : 'EC 0x18 to EL1');
      }
    }
  });
});

describe('timer interrupts', () => {
  it('64. each timer drives its own PPI: 26, 27, 29, 30', () => {
    for (const { name, suffix, intid } of TIMERS) {
      const board = new GicBoard(2);
      board.enter(suffix === 'EL2' ? NS_EL2 : EL3);
      board.msr(`${name}_CVAL_${suffix}`, 0);
      board.enter(EL3);
      expect(board.read('GICR_ISPENDR0') >>> 16, name).toBe(0);
      board.enter(suffix === 'EL2' ? NS_EL2 : EL3);
      board.msr(`${name}_CTL_${suffix}`, 1);
      board.enter(EL3);
      expect(board.read('GICR_ISPENDR0') >>> 0, name).toBe((1 << intid) >>> 0);
    }
  });

  /** Ten interrupts of the virtual timer with a loop between them, each noted by its handler: 0x4100_0000 and on. */
  const TICKS = `
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ldr     x1, =0x08000000
        mov     w0, #2
        str     w0, [x1]
        ldr     x1, =0x080a0000
        str     wzr, [x1, #0x14]
        add     x1, x1, #0x10000
        mov     w0, #-1
        str     w0, [x1, #0x80]
        mov     w0, #1 << 27
        str     w0, [x1, #0x100]
        mov     x0, #0xf0
        msr     ICC_PMR_EL1, x0
        mov     x0, #1
        msr     ICC_IGRPEN1_EL1, x0
        ldr     x20, =0x41000000
        mov     x0, #100
        msr     CNTV_TVAL_EL0, x0
        mov     x0, #1
        msr     CNTV_CTL_EL0, x0
        msr     daifclr, #2
loop:   add     x21, x21, #1
        eor     x22, x22, x21, lsl #3
        b       loop
        .balign 0x800
vectors:
        .org    vectors + 0x280
        mrs     x0, ICC_IAR1_EL1
        mrs     x1, CNTVCT_EL0
        stp     x1, x21, [x20], #16
        mov     x2, #100
        msr     CNTV_TVAL_EL0, x2
        msr     ICC_EOIR1_EL1, x0
        eret
`;
  const run = (slice: number): { digest: string; taken: number[]; ticks: Uint8Array } => {
    const program = { bytes: assemble(TICKS, { origin: 0x4000_0000n }).bytes, addrPa: 0x4000_0000n };
    const machine = Machine.create({ programs: [program], firmware: 'guest', el3: false, memoryBytes: 32 * 2 ** 20 });
    const taken: number[] = [];
    machine.on('exception', () => void taken.push(machine.steps));
    while (machine.steps < 20_000) machine.run({ steps: Math.min(slice, 20_000 - machine.steps) });
    return { digest: machine.digest(), taken, ticks: machine.readMemory(0x4100_0000n, 256) };
  };

  it('65. two runs take every timer interrupt at the same instruction count', () => {
    const [one, two] = [run(20_000), run(20_000)];
    expect(one).toEqual(two);
    expect(one.taken.length).toBeGreaterThan(10);
    // Cut into slices, the boundary at which the interrupt is taken is seen exactly.
    const cut = run(1);
    expect([cut.digest, cut.ticks]).toEqual([one.digest, one.ticks]);
    const gaps = cut.taken.slice(1).map((at, n) => at - cut.taken[n]!);
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(1600);
    for (const gap of gaps) expect(gap).toBeLessThan(1600 + 32);
  });

  it('66. WFI with only CNTV armed resumes exactly at CVAL', () => {
    const board = new GicBoard(1).open();
    board.arm(CNTV, 0x80);
    const due = board.mrs('CNTVCT_EL0') + 5000n;
    board.msr('CNTV_CVAL_EL0', due);
    board.msr('CNTV_CTL_EL0', 1);
    board.exec('wfi');
    expect(board.machine.timeNs).toBeLessThan(due * 16n);
    expect(board.mrs('CNTVCT_EL0')).toBe(due);
    expect(board.machine.timeNs).toBe(due * 16n + 1n);
    expect(board.signalled()).toBe('IRQ');
  });
});
