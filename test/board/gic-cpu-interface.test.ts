import { describe, expect, it } from 'vitest';
import { EL3, GicBoard, NS_EL1, NS_EL2, S_EL1 } from './gic.ts';

/** Test ideas 32 to 50: the CPU interface as MRS and MSR find it. */

const SPI = 40;
const SCR = { NS: 1, IRQ: 2, FIQ: 4, RW: 0x400 } as const;

/** SCR_EL3.FIQ and IRQ as they are to be while lower levels run; the PE is at EL3 afterwards. */
function route(board: GicBoard, bits: number): void {
  board.enter(EL3);
  board.msr('SCR_EL3', SCR.NS | SCR.RW | bits);
}

describe('priority mask', () => {
  it('32. PMR written 0xFF reads 0xF8 with 5 bits', () => {
    const board = new GicBoard();
    board.msr('ICC_PMR_EL1', 0xff);
    expect(board.get('ICC_PMR_EL1')).toBe(0xf8);
    expect((board.get('ICC_CTLR_EL1') >> 8) & 7).toBe(4);
  });

  it('32. PMR written 0xFF reads 0xFF with 8 bits, and other numbers of bits keep as many', () => {
    for (const [bits, pmr] of [
      [4, 0xf0],
      [6, 0xfc],
      [7, 0xfe],
      [8, 0xff],
    ] as const) {
      const board = new GicBoard(1, { gicPriorityBits: bits });
      board.msr('ICC_PMR_EL1', 0xff);
      expect([board.get('ICC_PMR_EL1'), ((board.get('ICC_CTLR_EL1') >> 8) & 7) + 1]).toEqual([pmr, bits]);
      const words = [0, 1, 2, 3].filter((n) => board.outcome(`mrs x0, ICC_AP1R${n}_EL1`) === 'ok');
      expect(words).toHaveLength({ 4: 1, 6: 2, 7: 4, 8: 4 }[bits]);
    }
  });

  it('34. a priority-0xFF interrupt never fires even with PMR = 0xFF on 8 bits', () => {
    const board = new GicBoard(1, { gicPriorityBits: 8 }).open();
    board.arm(SPI, 0xff);
    board.pend(SPI);
    expect([board.get('ICC_PMR_EL1'), board.signalled(), board.ack()]).toEqual([0xff, '-', 1023]);
    board.arm(SPI, 0xfe);
    expect(board.signalled()).toBe('IRQ');
  });

  it('33. an interrupt whose priority equals PMR is not signalled; one step more urgent is', () => {
    const board = new GicBoard().open();
    board.msr('ICC_PMR_EL1', 0x80);
    board.arm(SPI, 0x80);
    board.pend(SPI);
    expect([board.signalled(), board.ack()]).toEqual(['-', 1023]);
    board.arm(SPI, 0x78);
    expect([board.signalled(), board.ack()]).toEqual(['IRQ', SPI]);
  });

  it('34. an interrupt of the lowest priority never fires even with PMR = 0xFF', () => {
    const board = new GicBoard().open();
    board.arm(SPI, 0xff);
    board.pend(SPI);
    expect([board.get('ICC_PMR_EL1'), board.signalled(), board.ack()]).toEqual([0xf8, '-', 1023]);
  });

  it('35. HPPIR1 reports the INTID while PMR masks it and IAR1 returns 1023', () => {
    const board = new GicBoard().open();
    board.msr('ICC_PMR_EL1', 0x40);
    board.arm(SPI, 0x80);
    board.pend(SPI);
    expect([board.get('ICC_HPPIR1_EL1'), board.ack(), board.has('ISACTIVER', SPI)]).toEqual([SPI, 1023, false]);
  });

  it('48. an NS PMR write is ignored while the stored PMR is below 0x80 and SCR_EL3.FIQ = 1', () => {
    const board = new GicBoard(2);
    const seen = (stored: number, fiq: number): number => {
      route(board, fiq);
      board.msr('ICC_PMR_EL1', stored);
      board.enter(NS_EL1);
      board.msr('ICC_PMR_EL1', 0xe0);
      board.enter(EL3);
      return board.get('ICC_PMR_EL1');
    };
    expect([seen(0x60, SCR.FIQ), seen(0x78, SCR.FIQ)]).toEqual([0x60, 0x78]);
    expect([seen(0x80, SCR.FIQ), seen(0x60, 0)]).toEqual([0xf0, 0xe0]);
  });

  it('49. an NS PMR write of 0x08 reads 0x00 with SCR_EL3.FIQ = 1 and 0x08 with FIQ = 0', () => {
    const board = new GicBoard(2);
    const readback = (fiq: number): number[] => {
      route(board, fiq);
      board.msr('ICC_PMR_EL1', 0xff);
      board.enter(NS_EL1);
      return [0xff, 0xf8, 0xf0, 0xe0, 0xc0, 0xa0, 0x80, 0x60, 0x08, 0].map((value) => {
        board.msr('ICC_PMR_EL1', value);
        return board.get('ICC_PMR_EL1');
      });
    };
    expect(readback(SCR.FIQ)).toEqual([0xf0, 0xf0, 0xf0, 0xe0, 0xc0, 0xa0, 0x80, 0x60, 0, 0]);
    expect(readback(0)).toEqual([0xf8, 0xf8, 0xf0, 0xe0, 0xc0, 0xa0, 0x80, 0x60, 0x08, 0]);
  });

  it('50. RPR at NS reads 0x80 for stored 0xC0 when SCR_EL3.FIQ = 1 and 0xC0 when FIQ = 0', () => {
    const board = new GicBoard(2).open();
    board.arm(SPI, 0xc0);
    board.pend(SPI);
    board.enter(NS_EL1);
    expect(board.ack()).toBe(SPI);
    expect(board.get('ICC_RPR_EL1')).toBe(0xc0);
    route(board, SCR.FIQ);
    board.enter(NS_EL1);
    expect(board.get('ICC_RPR_EL1')).toBe(0x80);
  });
});

describe('binary points and preemption', () => {
  it('36. BPR0 and BPR1 writes of 0 to 7 read back max(value, 2) and max(value, 3) on 5 bits', () => {
    const board = new GicBoard();
    for (let value = 0; value < 8; value++) {
      board.msr('ICC_BPR0_EL1', value);
      board.msr('ICC_BPR1_EL1', value);
      expect([board.get('ICC_BPR0_EL1'), board.get('ICC_BPR1_EL1')]).toEqual([Math.max(value, 2), Math.max(value, 3)]);
    }
  });

  /** Pends 40 at 0xC0, acknowledges it, pends 41 at `second`: what is signalled then. */
  const preempts = (bpr1: number, second: number): string => {
    const board = new GicBoard().open();
    board.msr('ICC_BPR1_EL1', bpr1);
    board.arm(40, 0xc0);
    board.arm(41, second);
    board.pend(40);
    board.ack();
    board.pend(41);
    return board.signalled();
  };

  it('37. with BPR1 = 7, 0xA0 does not preempt 0xC0; with BPR1 = 3 it does', () => {
    expect([preempts(7, 0xa0), preempts(7, 0x78), preempts(3, 0xa0)]).toEqual(['-', 'IRQ', 'IRQ']);
  });

  it('38. equal group priority never preempts; order is by INTID', () => {
    expect([preempts(3, 0xc0), preempts(3, 0xb8)]).toEqual(['-', 'IRQ']);
    const board = new GicBoard().open();
    for (const intid of [42, 40, 41]) {
      board.arm(intid, 0x80);
      board.pend(intid);
    }
    const order = [0, 1, 2].map(() => {
      const intid = board.ack();
      board.eoi(intid);
      return intid;
    });
    expect(order).toEqual([40, 41, 42]);
  });

  it('39. CBPR = 1 makes BPR1 read BPR0 + 1 saturated at 7 and ignore writes', () => {
    const board = new GicBoard();
    board.msr('ICC_BPR1_EL1', 5);
    board.msr('ICC_CTLR_EL1', 1);
    for (const bpr0 of [2, 5, 6, 7]) {
      board.msr('ICC_BPR0_EL1', bpr0);
      board.msr('ICC_BPR1_EL1', 3);
      expect(board.get('ICC_BPR1_EL1')).toBe(Math.min(bpr0 + 1, 7));
    }
    board.msr('ICC_CTLR_EL1', 0);
    expect(board.get('ICC_BPR1_EL1')).toBe(5);
  });

  it('40. nested acknowledges set AP1R0 bits 24 then 20 for 0xC0 and 0xA0, and EOIs clear them in reverse', () => {
    const board = new GicBoard().open();
    board.arm(40, 0xc0);
    board.arm(41, 0xa0);
    const seen: number[][] = [];
    const look = () => void seen.push([board.get('ICC_AP1R0_EL1'), board.get('ICC_RPR_EL1')]);
    board.pend(40);
    board.ack();
    look();
    board.pend(41);
    board.ack();
    look();
    board.eoi(41);
    look();
    board.eoi(40);
    look();
    expect(seen).toEqual([
      [1 << 24, 0xc0],
      [(1 << 24) | (1 << 20), 0xa0],
      [1 << 24, 0xc0],
      [0, 0xff],
    ]);
  });
});

describe('end of interrupt', () => {
  it('41. EOIR1 for a Group 0 interrupt is ignored', () => {
    const board = new GicBoard().open();
    board.arm(SPI, 0x80, { group: 'G0' });
    board.pend(SPI);
    expect(board.get('ICC_IAR0_EL1')).toBe(SPI);
    board.eoi(SPI);
    expect([board.get('ICC_RPR_EL1'), board.has('ISACTIVER', SPI)]).toEqual([0x80, true]);
    board.msr('ICC_EOIR0_EL1', SPI);
    expect([board.get('ICC_RPR_EL1'), board.has('ISACTIVER', SPI)]).toEqual([0xff, false]);
  });

  it('42. EOImode = 1: EOIR drops priority, the interrupt stays active until DIR; DIR with EOImode = 0 does nothing', () => {
    const board = new GicBoard().open();
    board.arm(SPI, 0x80);
    const handle = (eoiMode: number): unknown[] => {
      board.msr('ICC_CTLR_EL1', eoiMode << 1);
      board.pend(SPI);
      board.ack();
      const active = () => board.has('ISACTIVER', SPI);
      board.msr('ICC_DIR_EL1', SPI);
      const afterEarlyDir = active();
      board.eoi(SPI);
      const afterEoi = active();
      board.msr('ICC_DIR_EL1', SPI);
      return [afterEarlyDir, afterEoi, board.get('ICC_RPR_EL1'), active()];
    };
    expect(handle(0)).toEqual([true, false, 0xff, false]);
    const board1 = new GicBoard().open();
    board1.arm(SPI, 0x80);
    board1.msr('ICC_CTLR_EL1', 2);
    board1.pend(SPI);
    board1.ack();
    board1.eoi(SPI);
    expect([board1.get('ICC_RPR_EL1'), board1.has('ISACTIVER', SPI)]).toEqual([0xff, true]);
    board1.msr('ICC_DIR_EL1', SPI);
    expect(board1.has('ISACTIVER', SPI)).toBe(false);
  });
});

describe('groups', () => {
  it('43. EL3 IAR0 returns 1020 for a pending G1S and 1021 for a G1NS interrupt without activating it', () => {
    for (const [group, special] of [
      ['G1S', 1020],
      ['G1NS', 1021],
    ] as const) {
      const board = new GicBoard(2).open();
      board.arm(SPI, 0x80, { group });
      board.pend(SPI);
      expect(board.get('ICC_IAR0_EL1')).toBe(special);
      expect([board.has('ISACTIVER', SPI), board.get('ICC_RPR_EL1')]).toEqual([false, 0xff]);
      expect(board.get('ICC_IAR1_EL1')).toBe(SPI);
    }
  });

  /** "table 2.13" with two security states, at EL3, Secure EL1, Non-secure EL1, Non-secure EL2. */
  const CLASSIFIED = { G0: 'FIQ FIQ FIQ FIQ', G1S: 'FIQ IRQ FIQ FIQ', G1NS: 'FIQ FIQ IRQ IRQ' } as const;

  it('44. IRQ or FIQ follows the group at EL3, S-EL1, NS-EL1 and NS-EL2, looked at again on each ERET', () => {
    for (const group of ['G0', 'G1S', 'G1NS'] as const) {
      const board = new GicBoard(2).open();
      board.arm(SPI, 0x80, { group });
      board.pend(SPI);
      const seen = [EL3, S_EL1, NS_EL1, NS_EL2].map((place) => {
        board.enter(place);
        return board.signalled();
      });
      expect(seen.join(' '), group).toBe(CLASSIFIED[group]);
    }
  });

  it('44. IRQ or FIQ follows a debugger who moves the PE to another level, too', () => {
    const board = new GicBoard(2).open();
    board.arm(SPI, 0x80);
    board.pend(SPI);
    const lines = () => [board.machine.pes[0]!.irq, board.machine.pes[0]!.fiq];
    expect(lines()).toEqual([false, true]);
    board.machine.writeRegister(0, 'PSTATE', 0x3c5n);
    expect([board.el(), ...lines()]).toEqual([1, true, false]);
    board.machine.writeRegister(0, 'PSTATE', 0x3cdn);
    expect([board.el(), ...lines()]).toEqual([3, false, true]);
  });

  it('44. with DS = 1 Group 0 is FIQ and Group 1 IRQ', () => {
    for (const [group, signal] of [
      ['G0', 'FIQ'],
      ['G1NS', 'IRQ'],
    ] as const) {
      const board = new GicBoard(1).open();
      board.arm(SPI, 0x80, { group });
      board.pend(SPI);
      expect(board.signalled()).toBe(signal);
    }
  });

  it('44. the interrupt is taken as what it is: G1NS as IRQ at NS EL1, G0 as FIQ at EL3 with SCR_EL3.FIQ', () => {
    const board = new GicBoard(2).open();
    board.arm(SPI, 0x80);
    board.pend(SPI);
    board.enter({ ...NS_EL1, daif: 0 });
    expect(board.interrupted()).toBe('IRQ to EL1');
    board.enter(EL3);
    board.arm(SPI, 0x80, { group: 'G0' });
    route(board, SCR.FIQ);
    board.enter(NS_EL1);
    expect(board.interrupted()).toBe('FIQ to EL3');
  });
});

describe('access', () => {
  const CLASSES = {
    group0: ['ICC_BPR0_EL1', 'ICC_AP0R0_EL1', 'ICC_IGRPEN0_EL1', 'ICC_HPPIR0_EL1', 'ICC_IAR0_EL1'],
    group1: ['ICC_BPR1_EL1', 'ICC_AP1R0_EL1', 'ICC_IGRPEN1_EL1', 'ICC_HPPIR1_EL1', 'ICC_IAR1_EL1'],
    common: ['ICC_PMR_EL1', 'ICC_RPR_EL1', 'ICC_CTLR_EL1'],
  };
  const WRITES = { group0: ['ICC_EOIR0_EL1'], group1: ['ICC_EOIR1_EL1'], common: ['ICC_DIR_EL1', 'ICC_SGI1R_EL1'] };

  it('45. SCR_EL3.FIQ and IRQ trap group 0, group 1 and common registers to EL3 with EC 0x18', () => {
    const board = new GicBoard(2);
    const trap = 'EC 0x18 to EL3';
    const matrix = { 0: ['ok', 'ok', 'ok'], 4: [trap, 'ok', 'ok'], 2: ['ok', trap, 'ok'], 6: [trap, trap, trap] };
    for (const [bits, expected] of Object.entries(matrix)) {
      for (const place of [NS_EL1, NS_EL2, S_EL1]) {
        route(board, Number(bits));
        board.enter(place);
        (['group0', 'group1', 'common'] as const).forEach((kind, n) => {
          for (const name of CLASSES[kind])
            expect(board.outcome(`mrs x0, ${name}`), `${name} ${bits}`).toBe(expected[n]);
          for (const name of WRITES[kind])
            expect(board.outcome(`msr ${name}, xzr`), `${name} ${bits}`).toBe(expected[n]);
        });
        expect(board.outcome('mrs x0, ICC_SRE_EL1')).toBe('ok');
      }
    }
  });

  it('45. the syndrome of a trapped MRS of ICC_PMR_EL1 to X0 is 0x30100D, of an MSR from X7 without the direction bit', () => {
    const board = new GicBoard(2);
    route(board, SCR.FIQ | SCR.IRQ);
    board.enter(NS_EL1);
    expect(board.exec('mrs x0, ICC_PMR_EL1')).toEqual({ kind: 'Synchronous', el: 3, ec: 0x18, iss: 0x30100d });
    expect(board.exec('msr ICC_PMR_EL1, x7')).toMatchObject({ ec: 0x18, iss: 0x30100c | (7 << 5) });
  });

  it('55. a write of an SGI register at EL1 with HCR_EL2.IMO or FMO = 1 traps to EL2 with EC 0x18', () => {
    const board = new GicBoard(2);
    for (const [bits, expected] of [
      [0, 'ok'],
      [8, 'EC 0x18 to EL2'],
      [16, 'EC 0x18 to EL2'],
    ] as const) {
      board.enter(EL3);
      board.msr('HCR_EL2', 0x8000_0000 + bits);
      for (const name of ['ICC_SGI0R_EL1', 'ICC_SGI1R_EL1', 'ICC_ASGI1R_EL1']) {
        board.enter(NS_EL1);
        expect(board.outcome(`msr ${name}, xzr`), `${name} ${bits}`).toBe(expected);
        board.enter(NS_EL2);
        expect(board.outcome(`msr ${name}, xzr`), `${name} ${bits}`).toBe('ok');
      }
    }
  });

  it('46. ICC_AP1R1_EL1 is UNDEFINED on a 5-bit interface', () => {
    for (const board of [new GicBoard(1), new GicBoard(2)]) {
      for (const name of ['ICC_AP0R1_EL1', 'ICC_AP0R2_EL1', 'ICC_AP1R1_EL1', 'ICC_AP1R3_EL1']) {
        expect(board.outcome(`mrs x0, ${name}`)).toBe('UNDEFINED');
        expect(board.outcome(`msr ${name}, xzr`)).toBe('UNDEFINED');
      }
      expect(board.outcome('mrs x0, ICC_AP1R0_EL1')).toBe('ok');
    }
  });

  it('47. EL0 access to any ICC register is UNDEFINED', () => {
    const board = new GicBoard();
    board.enter({ el: 0 });
    const reads = [...CLASSES.group0, ...CLASSES.group1, ...CLASSES.common, 'ICC_SRE_EL1'];
    const writes = [...WRITES.group0, ...WRITES.group1, ...WRITES.common, 'ICC_SGI0R_EL1', 'ICC_ASGI1R_EL1'];
    expect(reads.map((name) => board.outcome(`mrs x0, ${name}`))).toEqual(reads.map(() => 'UNDEFINED'));
    expect(writes.map((name) => board.outcome(`msr ${name}, x0`))).toEqual(writes.map(() => 'UNDEFINED'));
    expect(board.el()).toBe(0);
  });
});
