import { describe, expect, it } from 'vitest';
import { EL3, GicBoard, NS_EL1, S_EL1 } from './gic.ts';
import { Board } from './rig.ts';

/** Test ideas 6 and 8 to 25: the frames of distributor and redistributors as loads and stores find them. */

const SPI = 40;

describe('frames of the GIC on the bus', () => {
  it('6. an access just past the last redistributor is an external abort with EC 0x25, a reserved offset reads 0', () => {
    const board = new GicBoard(1, { cpus: 2 });
    const end = Board.addressOf('GICR_CTLR', 2);
    expect(board.load(end)).toEqual({ kind: 'Synchronous', el: 1, ec: 0x25, iss: 0x10 });
    expect(board.store(end, 1)).toEqual({ kind: 'Synchronous', el: 1, ec: 0x25, iss: 0x50 });
    expect(board.load(end - 4n)).toBe(0);
    expect(board.load(end - 4n - 0x1_0000n)).toBe(0xb1);
    expect(board.load(Board.addressOf('GICD_CTLR', 0, 0x30))).toBe(0);
    expect(board.store(Board.addressOf('GICD_CTLR', 0, 0x30), -1)).toBeUndefined();
    expect(board.load(Board.addressOf('GICR_CTLR', 1, 0x200))).toBe(0);
  });

  it('8. GICD_TYPER, IIDR and PIDR2 ignore writes of 0, all ones and 0xA5A55A5A', () => {
    const board = new GicBoard();
    for (const name of ['GICD_TYPER', 'GICD_IIDR', 'GICD_PIDR2', 'GICR_TYPER', 'GICR_IIDR', 'GICR_PIDR2']) {
      const before = board.read(name);
      expect(before).not.toBe(0);
      for (const value of [0, 0xffff_ffff, 0xa5a5_5a5a]) {
        board.write(name, value);
        expect(board.read(name), name).toBe(before);
      }
    }
  });

  it('9. ISENABLER write-0 has no effect, ICENABLER write-1 clears, both read the same state', () => {
    const board = new GicBoard();
    for (const name of ['GICD_I?ENABLER1', 'GICR_I?ENABLER0']) {
      const [set, clear] = [name.replace('?', 'S'), name.replace('?', 'C')];
      board.write(set, 0x0f0f_0001);
      board.write(set, 0);
      expect(board.read(set)).toBe(0x0f0f_0001);
      board.write(clear, 0x0001_0001);
      expect([board.read(set), board.read(clear)]).toEqual([0x0f0e_0000, 0x0f0e_0000]);
      board.write(clear, 0);
      expect(board.read(clear)).toBe(0x0f0e_0000);
    }
  });

  it('10. ISENABLER0, ICFGR0/1 and IPRIORITYR0..7 of the distributor are RAZ/WI with affinity routing', () => {
    const board = new GicBoard();
    const names = ['ISENABLER0', 'ISPENDR0', 'ISACTIVER0', 'IGROUPR0', 'ICFGR0', 'ICFGR1'].map(
      (name) => `GICD_${name}`,
    );
    for (let n = 0; n < 8; n++) names.push(`GICD_IPRIORITYR${n}`);
    for (const name of names) {
      board.write(name, 0xffff_ffff);
      expect(board.read(name), name).toBe(0);
    }
    expect(board.read('GICR_ISENABLER0')).toBe(0);
    board.write('GICD_IPRIORITYR8', 0xffff_ffff);
    expect(board.read('GICD_IPRIORITYR8')).toBe(0xf8f8_f8f8);
  });

  it('11. an IPRIORITYR byte write changes only that byte', () => {
    const board = new GicBoard();
    for (const [name, plus] of [
      ['GICD_IPRIORITYR10', 2],
      ['GICR_IPRIORITYR3', 1],
    ] as const) {
      board.write(name, 0x1020_3040);
      board.write(name, 0xc8, { plus, sizeBytes: 1 });
      const shift = plus * 8;
      expect(board.read(name)).toBe(((0x1020_3040 & ~(0xff << shift)) | (0xc8 << shift)) >>> 0);
      expect(board.read(name, { plus, sizeBytes: 1 })).toBe(0xc8);
    }
  });

  it('12. a word read of IPRIORITYR beyond the last line is 0', () => {
    const board = new GicBoard();
    const last = (32 * ((board.read('GICD_TYPER') & 31) + 1)) / 4 - 1;
    for (const n of [last, last + 1, 254]) board.write(`GICD_IPRIORITYR${n}`, 0x8080_8080);
    expect([last, last + 1, 254].map((n) => board.read(`GICD_IPRIORITYR${n}`))).toEqual([0x8080_8080, 0, 0]);
  });

  it('13. GICR_WAKER goes 0x6 to 0x0 to 0x6 for writes of 0 and 2', () => {
    const board = new GicBoard();
    const seen = [board.read('GICR_WAKER')];
    for (const value of [0, 2]) {
      board.write('GICR_WAKER', value);
      seen.push(board.read('GICR_WAKER'));
    }
    expect(seen).toEqual([6, 0, 6]);
  });

  it('14. exactly one GICR_TYPER has Last = 1 and every affinity matches a PE', () => {
    for (const cpus of [1, 2, 8]) {
      const board = new GicBoard(1, { cpus });
      const typers = Array.from({ length: cpus }, (_, pe) => ({
        low: board.read('GICR_TYPER', { pe }),
        affinity: board.read('GICR_TYPER', { pe, plus: 4 }),
      }));
      expect(typers.map(({ low }) => (low >> 4) & 1)).toEqual(typers.map((_, pe) => (pe === cpus - 1 ? 1 : 0)));
      expect(typers.map(({ low }) => (low >> 8) & 0xffff)).toEqual(typers.map((_, pe) => pe));
      const mpidrs = typers.map((_, pe) => board.get('MPIDR_EL1', pe) & 0xff_ffff);
      expect(typers.map(({ affinity }) => affinity)).toEqual(mpidrs);
    }
  });

  it('15. ICFGR0 of SGIs reads 0xAAAAAAAA and ignores writes', () => {
    const board = new GicBoard();
    board.write('GICR_ICFGR0', 0);
    expect(board.read('GICR_ICFGR0')).toBe(0xaaaa_aaaa);
    board.write('GICR_ICFGR1', 0xffff_ffff);
    expect(board.read('GICR_ICFGR1')).toBe(0xaaaa_aaaa);
  });

  it('16. setting DS clears EnableGrp1S and ARE_NS and cannot be undone except by reset', () => {
    const board = new GicBoard(2);
    board.write('GICD_CTLR', 0x37);
    expect(board.read('GICD_CTLR')).toBe(0x37);
    board.write('GICD_CTLR', 0x77);
    expect(board.read('GICD_CTLR')).toBe(0x53);
    board.write('GICD_CTLR', 0);
    expect(board.read('GICD_CTLR')).toBe(0x50);
    board.machine.gic.reset();
    expect(board.read('GICD_CTLR')).toBe(0x30);
  });
});

describe('Non-secure accesses with two security states', () => {
  it('17. NS GICD_CTLR shows only bits 31, 4 and 1 and cannot change the enables of Group 0 and Secure Group 1', () => {
    const board = new GicBoard(2);
    board.write('GICD_CTLR', 0x37);
    board.enter(NS_EL1);
    expect(board.read('GICD_CTLR')).toBe(0x12);
    board.write('GICD_CTLR', 0);
    expect(board.read('GICD_CTLR')).toBe(0x10);
    board.enter(EL3);
    expect(board.read('GICD_CTLR')).toBe(0x35);
    board.write('GICD_CTLR', 0);
    board.enter(NS_EL1);
    board.write('GICD_CTLR', 0xffff_ffff);
    board.enter(EL3);
    expect(board.read('GICD_CTLR')).toBe(0x32);
  });

  it('18. NS reads of IGROUPR, IGRPMODR and NSACR are zero with DS = 0, and writes do nothing', () => {
    const board = new GicBoard(2);
    const names = ['GICD_IGROUPR1', 'GICD_IGRPMODR1', 'GICD_NSACR2', 'GICR_IGROUPR0', 'GICR_IGRPMODR0', 'GICR_NSACR'];
    for (const name of names) board.write(name, 0x5555_5555);
    const secure = names.map((name) => board.read(name));
    expect(secure.every((value) => value !== 0)).toBe(true);
    board.enter(NS_EL1);
    for (const name of names) {
      expect(board.read(name), name).toBe(0);
      board.write(name, 0xffff_ffff);
    }
    board.enter(S_EL1);
    expect(names.map((name) => board.read(name))).toEqual(secure);
  });

  it('19. NS enable, pend and priority writes to a G0 interrupt have no effect with NSACR = 0', () => {
    const board = new GicBoard(2);
    board.write('GICD_IPRIORITYR0', 0x40, { plus: SPI, sizeBytes: 1 });
    board.enter(NS_EL1);
    for (const register of ['ISENABLER', 'ISPENDR', 'ISACTIVER']) board.bit(register, SPI);
    board.write('GICD_IPRIORITYR0', 0xa0, { plus: SPI, sizeBytes: 1 });
    board.write(`GICD_IROUTER${SPI}`, 0x8000_0000);
    expect(board.read('GICD_IPRIORITYR0', { plus: SPI, sizeBytes: 1 })).toBe(0);
    board.enter(EL3);
    expect(['ISENABLER', 'ISPENDR', 'ISACTIVER'].map((register) => board.has(register, SPI))).toEqual([
      false,
      false,
      false,
    ]);
    expect(board.read('GICD_IPRIORITYR0', { plus: SPI, sizeBytes: 1 })).toBe(0x40);
    expect(board.read(`GICD_IROUTER${SPI}`)).toBe(0);
  });

  it('20. NSACR 1 lets NS set pending but not clear it, 2 lets it clear, 3 lets it change IROUTER', () => {
    const outcomes = [0, 1, 2, 3].map((nsacr) => {
      const board = new GicBoard(2);
      board.write(`GICD_NSACR${SPI >> 4}`, nsacr << ((SPI & 15) * 2));
      board.enter(NS_EL1);
      board.bit('ISPENDR', SPI);
      board.write(`GICD_IROUTER${SPI}`, 0x8000_0000);
      board.enter(EL3);
      const set = board.has('ISPENDR', SPI);
      board.bit('ISPENDR', SPI);
      board.enter(NS_EL1);
      board.bit('ICPENDR', SPI);
      board.enter(EL3);
      return { set, cleared: !board.has('ISPENDR', SPI), routed: board.read(`GICD_IROUTER${SPI}`) !== 0 };
    });
    expect(outcomes).toEqual([
      { set: false, cleared: false, routed: false },
      { set: true, cleared: false, routed: false },
      { set: true, cleared: true, routed: false },
      { set: true, cleared: true, routed: true },
    ]);
  });

  it('21. NS writes priority 0xA0 and Secure reads 0xD0; NS reads 0xA0 back', () => {
    const board = new GicBoard(2);
    board.bit('IGROUPR', SPI);
    board.enter(NS_EL1);
    board.write('GICD_IPRIORITYR0', 0xa0, { plus: SPI, sizeBytes: 1 });
    expect(board.read('GICD_IPRIORITYR0', { plus: SPI, sizeBytes: 1 })).toBe(0xa0);
    board.enter(S_EL1);
    expect(board.read('GICD_IPRIORITYR0', { plus: SPI, sizeBytes: 1 })).toBe(0xd0);
  });
});

describe('routing of SPIs', () => {
  const routed = () => {
    const board = new GicBoard(1, { cpus: 2 }).open();
    board.arm(SPI, 0x80, { edge: true });
    return board;
  };

  it('22. IROUTER pointing at a non-existent PE leaves the SPI pending and undelivered', () => {
    const board = routed();
    board.write(`GICD_IROUTER${SPI}`, 0x300);
    board.pend(SPI);
    expect(board.has('ISPENDR', SPI)).toBe(true);
    expect([0, 1].map((pe) => board.signalled(pe))).toEqual(['-', '-']);
    expect([0, 1].map((pe) => board.ack(pe))).toEqual([1023, 1023]);
    board.write(`GICD_IROUTER${SPI}`, 0);
    expect([0, 1].map((pe) => board.signalled(pe))).toEqual(['IRQ', '-']);
  });

  it('23. changing IROUTER of a pending SPI moves it to the new CPU', () => {
    const board = routed();
    board.pend(SPI);
    expect([0, 1].map((pe) => board.signalled(pe))).toEqual(['IRQ', '-']);
    board.write(`GICD_IROUTER${SPI}`, 1);
    expect([0, 1].map((pe) => board.signalled(pe))).toEqual(['-', 'IRQ']);
    expect(board.ack(0)).toBe(1023);
    expect(board.ack(1)).toBe(SPI);
  });
});

describe('generation of SGIs', () => {
  it('24. SGI broadcast (IRM = 1) reaches every CPU but the sender', () => {
    const board = new GicBoard(1, { cpus: 4 }).open();
    for (let pe = 0; pe < 4; pe++) board.arm(5, 0x80, { pe });
    board.msr('ICC_SGI1R_EL1', (1n << 40n) | (5n << 24n), 2);
    expect([0, 1, 2, 3].map((pe) => board.has('ISPENDR', 5, pe))).toEqual([true, true, false, true]);
    expect([0, 1, 2, 3].map((pe) => board.ack(pe))).toEqual([5, 5, 1023, 5]);
  });

  /**
   * Rows of "table 2.14": place of the writer, NSACR of the target; of G0, G1S, G1NS: who is reached by which register.
   */
  const FORWARDED = [
    { from: EL3, nsacr: 0, SGI0R: 'yes no no', SGI1R: 'yes yes no', ASGI1R: 'no no yes' },
    { from: S_EL1, nsacr: 0, SGI0R: 'yes no no', SGI1R: 'yes yes no', ASGI1R: 'no no yes' },
    { from: NS_EL1, nsacr: 0, SGI0R: 'no no no', SGI1R: 'no no yes', ASGI1R: 'no no no' },
    { from: NS_EL1, nsacr: 1, SGI0R: 'yes no no', SGI1R: 'no no yes', ASGI1R: 'yes no no' },
    { from: NS_EL1, nsacr: 2, SGI0R: 'yes no no', SGI1R: 'no no yes', ASGI1R: 'yes yes no' },
  ];

  it('25. each combination of SGI register, security state, group and NSACR is forwarded as IHI 0069 says', () => {
    for (const row of FORWARDED) {
      const board = new GicBoard(2);
      board.write('GICR_NSACR', 0x5555_5555 * row.nsacr);
      board.write('GICR_IGROUPR0', 1 << 2);
      board.write('GICR_IGRPMODR0', 1 << 1);
      for (const register of ['SGI0R', 'SGI1R', 'ASGI1R'] as const) {
        board.enter(EL3);
        board.write('GICR_ICPENDR0', 0xffff);
        board.enter(row.from);
        for (const intid of [0, 1, 2]) board.msr(`ICC_${register}_EL1`, (intid << 24) | 1);
        board.enter(EL3);
        const reached = [0, 1, 2].map((intid) => (board.has('ISPENDR', intid) ? 'yes' : 'no')).join(' ');
        expect(reached, `${JSON.stringify(row.from)} NSACR ${row.nsacr} ${register}`).toBe(row[register]);
      }
    }
  });

  it('25. with DS = 1 SGI0R and ASGI1R reach Group 0, SGI1R Group 1', () => {
    const board = new GicBoard(1);
    board.write('GICR_IGROUPR0', 1 << 2);
    const reached = (['SGI0R', 'ASGI1R', 'SGI1R'] as const).map((register) => {
      board.write('GICR_ICPENDR0', 0xffff);
      for (const intid of [0, 2]) board.msr(`ICC_${register}_EL1`, (intid << 24) | 1);
      return [0, 2].map((intid) => board.has('ISPENDR', intid));
    });
    expect(reached).toEqual([
      [true, false],
      [true, false],
      [false, true],
    ]);
  });
});
