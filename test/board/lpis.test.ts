import { describe, expect, it } from 'vitest';
import { COMMAND } from '../../src/devices/gicv3/its/its-rig.ts';
import { VIRT_MEMORY_MAP } from '../../src/machine/board/virt.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';
import { EL3, GicBoard, NS_EL1 } from './gic.ts';

/** Test ideas 57 and 58, and what a driver of the ITS does, by loads, stores, MRS and MSR of a guest. */

const LPI = 8192;
const NONE = 1023;
const at = (offset: number): number => Number(VIRT_MEMORY_MAP.ram.basePa) + offset;
/** Tables away from the code of the board; pending tables are one for each PE. */
const [CONFIG, QUEUE, DEVICES, COLLECTIONS, ITT, PENDING] = [0x10, 0x20, 0x30, 0x40, 0x50, 0x80].map((n) =>
  at(n * 0x1_0000),
);

/** A guest that drives the ITS; device 0 is the PE that writes GITS_TRANSLATER. */
class ItsBoard extends GicBoard {
  private next = 0;

  private write64(name: string, low: number, high: number, pe = 0): void {
    this.write(name, low, { pe });
    this.write(name, high, { pe, plus: 4 });
  }

  /** Tables, queue, LPIs of each PE; collection n goes to PE n, and device 0 has 32 events. */
  start(): this {
    this.open();
    this.write64('GITS_BASER0', DEVICES! | 0x200, 0x8000_0000);
    this.write64('GITS_BASER1', COLLECTIONS! | 0x200, 0x8000_0000);
    this.write64('GITS_CBASER', QUEUE!, 0x8000_0000);
    this.write('GITS_CTLR', 1);
    this.machine.pes.forEach((_, pe) => {
      this.write64('GICR_PROPBASER', CONFIG! | 15, 0, pe);
      this.write64('GICR_PENDBASER', PENDING! + 0x1_0000 * pe, 0, pe);
      this.write('GICR_CTLR', 1, { pe });
      this.send(COMMAND.mapc(pe, pe));
    });
    this.send(COMMAND.mapd(0, ITT!));
    return this;
  }

  /** Writes commands, and waits until the ITS has read them. */
  send(...commands: readonly Uint8Array[]): void {
    for (const command of commands) {
      this.machine.writeMemory(BigInt(QUEUE! + this.next), command);
      this.next = (this.next + 32) % 0x1000;
    }
    this.write('GITS_CWRITER', this.next);
    expect(this.read('GITS_CREADR')).toBe(this.next);
  }

  configure(intid: number, byte: number): void {
    this.machine.writeMemory(BigInt(CONFIG! + intid - LPI), Uint8Array.of(byte));
  }

  /** Event n becomes LPI 8192 + n of a PE, enabled at priority 0x80. */
  map(event: number, pe = 0): void {
    this.configure(LPI + event, 0x81);
    this.send(COMMAND.mapti(0, event, LPI + event, pe), COMMAND.inv(0, event), COMMAND.sync(pe));
  }
}

describe.each([1, 2] as const)('LPIs with %i security states', (states) => {
  const board = (options: MachineOptions = {}): ItsBoard => {
    const made = new ItsBoard(states, options).start();
    for (let pe = 0; pe < made.machine.pes.length; pe++) made.enter(NS_EL1, pe);
    return made;
  };

  it('57. MAPD, MAPC, MAPTI and a write to GITS_TRANSLATER deliver LPI 8192, and IAR1 returns it', () => {
    const b = board();
    b.map(0);
    expect(b.signalled()).toBe('-');
    b.write('GITS_TRANSLATER', 0);
    expect([b.signalled(), b.get('ICC_HPPIR1_EL1'), b.ack()]).toEqual(['IRQ', LPI, LPI]);
    expect([b.signalled(), b.ack()]).toEqual(['-', NONE]);
    b.eoi(LPI);
    expect(b.get('ICC_RPR_EL1')).toBe(0xff);
  });

  it('58. an LPI has no active state: pended again before EOI, it is delivered when the running priority allows', () => {
    const b = board();
    b.map(0);
    b.write('GITS_TRANSLATER', 0);
    expect(b.ack()).toBe(LPI);
    b.write('GITS_TRANSLATER', 0);
    expect([b.signalled(), b.ack()]).toEqual(['-', NONE]);
    b.eoi(LPI);
    expect([b.signalled(), b.ack()]).toEqual(['IRQ', LPI]);
  });

  it('an LPI interrupts: IRQ to EL1', () => {
    const b = board();
    b.map(0);
    b.enter({ ...NS_EL1, daif: 0 });
    expect(b.interrupted()).toBe('-');
    b.machine.gic.sendMsi(0, 0);
    expect(b.interrupted()).toBe('IRQ to EL1');
  });

  it('MOVI, INV, DISCARD and the pending table do what a driver expects, and a restored machine goes on alike', () => {
    const b = board({ cpus: 2 });
    b.map(3);
    b.write('GITS_TRANSLATER', 3);
    b.send(COMMAND.movi(0, 3, 1));
    expect([b.signalled(0), b.signalled(1)]).toEqual(['-', 'IRQ']);
    const saved = b.machine.snapshot();
    const rest = (): string => {
      b.configure(LPI + 3, 0x80);
      b.send(COMMAND.inv(0, 3));
      expect(b.signalled(1)).toBe('-');
      b.write('GICR_CTLR', 0, { pe: 1 });
      const pending = b.machine.readMemory(BigInt(PENDING! + 0x1_0000 + 1024), 1);
      expect(pending).toEqual(Uint8Array.of(8));
      b.configure(LPI + 3, 0x81);
      b.write('GICR_CTLR', 1, { pe: 1 });
      b.send(COMMAND.inv(0, 3));
      expect(b.signalled(1)).toBe('IRQ');
      b.send(COMMAND.discard(0, 3));
      expect(b.signalled(1)).toBe('-');
      b.write('GITS_TRANSLATER', 3);
      expect([b.signalled(0), b.signalled(1)]).toEqual(['-', '-']);
      return b.machine.digest();
    };
    const queue = Reflect.get(b, 'next') as number;
    const digest = rest();
    b.machine.restore(saved);
    Reflect.set(b, 'next', queue);
    expect(rest()).toBe(digest);
  });
});

describe('where the ITS is', () => {
  it('frames answer for 128 KiB, and nothing between them and the redistributors is left', () => {
    const b = new ItsBoard();
    expect(b.load(VIRT_MEMORY_MAP.gits.basePa + 0xffe8n)).toBe(0x3b);
    expect(b.load(VIRT_MEMORY_MAP.gits.basePa + 0x1_fffcn)).toBe(0);
    expect(b.load(VIRT_MEMORY_MAP.gits.basePa - 4n)).toMatchObject({ kind: 'Synchronous', ec: 0x25, iss: 0x10 });
  });

  it('its: false leaves it out, and LPIs with it; a GICv2 has none', () => {
    const b = new ItsBoard(1, { its: false });
    expect(b.load(VIRT_MEMORY_MAP.gits.basePa)).toMatchObject({ kind: 'Synchronous', ec: 0x25 });
    expect([b.read('GICD_TYPER') & 0x2_0000, b.read('GICR_TYPER') & 1, b.read('GICR_CTLR')]).toEqual([0, 0, 0]);
    expect(() => b.machine.gic.sendMsi(0, 0)).toThrow(/no ITS.*its: false/);
    expect(() => Machine.create({ gic: 2 }).gic.sendMsi(0, 0)).toThrow(/GICv2 has no ITS/);
    expect(() => Machine.create({ gic: 2, its: true })).toThrow(/LPIs came with version 3/);
    expect(() => Machine.create({ gic: 2 }).gic.set(3, true)).toThrow(/an SGI has no line/);
  });

  it('a Secure handler sees the LPI of the other state as 1021', () => {
    const b = new ItsBoard(2).start();
    b.map(0);
    b.write('GITS_TRANSLATER', 0);
    b.enter(EL3);
    expect(b.get('ICC_IAR0_EL1')).toBe(1021);
  });
});
