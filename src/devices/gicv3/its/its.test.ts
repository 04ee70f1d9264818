import { describe, expect, it } from 'vitest';
import { Rig } from '../gicv3-rig.ts';
import { COMMAND, ItsRig, levelOne, PLACES, RAM_PA } from './its-rig.ts';
import { ITS_BOUNDARY_COMMANDS_MAX } from './limits.ts';

const LPI = 8192;
const NONE = 1023;
const dropped = (why: string) => ({ dropped: expect.stringContaining(why) });

describe('registers of the ITS (IHI 0069)', () => {
  it('say what is implemented', () => {
    const rig = new ItsRig();
    expect(rig.read('NS', 'GITS_CTLR')).toBe(0x8000_0000);
    expect(rig.read('NS', 'GITS_IIDR')).toBe(0x43b);
    expect(rig.read64('GITS_TYPER')).toEqual([0x0001_efb1, 0x1f]);
    expect(rig.read('NS', 'GITS_PIDR2')).toBe(0x3b);
    expect(rig.read64('GITS_BASER0')).toEqual([0x200, 0x0107_0000]);
    expect(rig.read64('GITS_BASER1')).toEqual([0x200, 0x0407_0000]);
    expect(rig.read64('GITS_BASER2')).toEqual([0, 0]);
  });

  it('GITS_BASER<n> and GITS_CBASER keep their fields; Type and Entry_Size are fixed', () => {
    const rig = new ItsRig();
    for (const name of ['GITS_BASER0', 'GITS_BASER1', 'GITS_BASER2', 'GITS_CBASER']) {
      rig.write64(name, 0xffff_ffff, 0xffff_ffff);
    }
    // Page_Size 3 is reserved and becomes 2.
    expect(rig.read64('GITS_BASER0')).toEqual([0xffff_feff, 0xf9e7_ffff]);
    expect(rig.read64('GITS_BASER1')).toEqual([0xffff_feff, 0xfce7_ffff]);
    expect(rig.read64('GITS_BASER2')).toEqual([0, 0]);
    expect(rig.read64('GITS_CBASER')).toEqual([0xffff_fcff, 0xb8ef_ffff]);
    rig.write64('GITS_BASER0', 0, 0);
    expect(rig.read64('GITS_BASER0')).toEqual([0, 0x0107_0000]);
  });

  it('queue and tables cannot be changed while the ITS is enabled', () => {
    const rig = new ItsRig().start();
    const names = ['GITS_BASER0', 'GITS_BASER1', 'GITS_CBASER'];
    const before = names.map((name) => rig.read64(name));
    for (const name of names) rig.write64(name, 0, 0);
    expect(names.map((name) => rig.read64(name))).toEqual(before);
    expect(rig.reports).toHaveLength(6);
    rig.write('NS', 'GITS_CTLR', 0);
    rig.write64('GITS_CBASER', 0, 0);
    expect(rig.read64('GITS_CBASER')).toEqual([0, 0]);
  });

  it('GITS_TRANSLATER takes 32 and 16 bits, from a PE with DeviceID 0, and cannot be read', () => {
    const rig = new ItsRig().start();
    rig.configure(LPI, 0x80);
    rig.send(COMMAND.mapd(0, RAM_PA + PLACES.itts), COMMAND.mapti(0, 2, LPI, 0));
    rig.write('NS', 'GITS_TRANSLATER', 2, { sizeBytes: 2 });
    expect(rig.get('ICC_IAR1_EL1')).toBe(LPI);
    rig.write('NS', 'GITS_TRANSLATER', 2);
    expect(rig.get('ICC_HPPIR1_EL1')).toBe(LPI);
    expect(rig.read('NS', 'GITS_TRANSLATER')).toBe(0);
    expect(rig.reports.at(-1)).toContain('GITS_TRANSLATER: 32-bit read');
  });

  it('without an ITS there are no LPIs: the fields are clear, and the bases are zero', () => {
    const rig = new Rig();
    expect([rig.read('NS', 'GICD_TYPER'), rig.read('NS', 'GICR_TYPER')]).toEqual([0x0148_0007, 0x10]);
    rig.write('NS', 'GICR_CTLR', 1);
    rig.write('NS', 'GICR_PROPBASER', 0xffff_ffff);
    expect([rig.read('NS', 'GICR_CTLR'), rig.read('NS', 'GICR_PROPBASER')]).toEqual([0, 0]);
    expect(() => rig.gic.sendMsi(0, 0)).toThrow(/no ITS/);
  });
});

describe('messages', () => {
  it('reach the LPI and the PE that the tables say', () => {
    const rig = new ItsRig({ pes: 2 }).start().map(0).map(7, { pe: 1 });
    expect(rig.gic.sendMsi(1, 7)).toEqual({ intid: LPI + 7, pe: 1 });
    expect(rig.inputs).toEqual(['-', 'IRQ']);
    expect([rig.get('ICC_IAR1_EL1', 0), rig.get('ICC_IAR1_EL1', 1)]).toEqual([NONE, LPI + 7]);
    expect(rig.reports).toEqual([]);
  });

  it('are dropped, with the reason, where something is not mapped', () => {
    const rig = new ItsRig().start().map(0);
    expect(rig.gic.sendMsi(2, 0)).toEqual(dropped('DeviceID 0x2 is not mapped'));
    expect(rig.gic.sendMsi(0x1_0000, 0)).toEqual(dropped('more than 16 bits'));
    expect(rig.gic.sendMsi(0x2000, 0)).toEqual(dropped('beyond the table of GITS_BASER0'));
    expect(rig.gic.sendMsi(1, 1)).toEqual(dropped('EventID 0x1 of DeviceID 0x1 is not mapped'));
    expect(rig.gic.sendMsi(1, 32)).toEqual(dropped('more than 5 bits'));
    rig.send(COMMAND.unmapc(0));
    expect(rig.gic.sendMsi(1, 0)).toEqual(dropped('collection 0x0 is not mapped'));
    rig.send(COMMAND.mapc(0, 0));
    expect(rig.gic.sendMsi(1, 0)).toEqual({ intid: LPI, pe: 0 });
    rig.send(COMMAND.unmapd(1));
    expect(rig.gic.sendMsi(1, 0)).toEqual(dropped('DeviceID 0x1 is not mapped'));
    rig.write('NS', 'GITS_CTLR', 0);
    expect(rig.gic.sendMsi(1, 0)).toEqual(dropped('Enabled is 0'));
    expect(rig.reports).toHaveLength(8);
    expect(() => rig.gic.sendMsi(-1, 0)).toThrow(/whole numbers/);
  });

  it('with a table of two levels find the second-level pages that are there', () => {
    const rig = new ItsRig().start();
    rig.write('NS', 'GITS_CTLR', 0);
    // Pages of 4 KiB have 512 devices: device 0x1203 is entry 3 of page 9.
    rig.write64('GITS_BASER0', RAM_PA + PLACES.devices, 0xc000_0000);
    rig.ram.set(levelOne(RAM_PA + PLACES.devices + 0x3000), PLACES.devices + 9 * 8);
    rig.write('NS', 'GITS_CTLR', 1);
    rig.configure(LPI, 0x80);
    rig.send(COMMAND.mapd(0x1203, RAM_PA + PLACES.itts), COMMAND.mapti(0x1203, 0, LPI, 0));
    expect(rig.gic.sendMsi(0x1203, 0)).toEqual({ intid: LPI, pe: 0 });
    expect(rig.ram[PLACES.devices + 0x3000 + 3 * 8 + 7]).toBe(0x80);
    expect(rig.gic.sendMsi(0x1003, 0)).toEqual(dropped('no second-level table'));
  });
});

describe('commands', () => {
  it('MAPI uses the EventID as INTID, and MAPTI and MAPI refuse what is no LPI', () => {
    const rig = new ItsRig().start();
    rig.configure(LPI, 0x80);
    rig.send(COMMAND.mapd(3, RAM_PA + PLACES.itts, 13), COMMAND.mapi(3, LPI, 0));
    expect(rig.gic.sendMsi(3, LPI)).toEqual({ intid: LPI, pe: 0 });
    rig.send(COMMAND.mapi(3, 40, 0), COMMAND.mapti(3, 0, 8191, 0), COMMAND.mapti(3, 0, 65536, 0));
    expect(rig.reports.filter((text) => text.includes('is no LPI'))).toHaveLength(3);
  });

  it('INT and CLEAR set and clear the pending state', () => {
    const rig = new ItsRig().start().map(0);
    rig.send(COMMAND.int(1, 0));
    expect(rig.inputs).toEqual(['IRQ']);
    rig.send(COMMAND.clear(1, 0));
    expect(rig.inputs).toEqual(['-']);
  });

  it('MOVI takes a pending LPI along, and later messages follow', () => {
    const rig = new ItsRig({ pes: 2 }).start().map(0);
    rig.gic.sendMsi(1, 0);
    expect(rig.inputs).toEqual(['IRQ', '-']);
    rig.send(COMMAND.movi(1, 0, 1));
    expect(rig.inputs).toEqual(['-', 'IRQ']);
    expect([rig.get('ICC_IAR1_EL1', 0), rig.get('ICC_IAR1_EL1', 1)]).toEqual([NONE, LPI]);
    expect(rig.gic.sendMsi(1, 0)).toEqual({ intid: LPI, pe: 1 });
  });

  it('MOVALL takes all pending LPIs of a PE along, and only those', () => {
    const rig = new ItsRig({ pes: 3 }).start().map(0).map(1).map(2, { pe: 2 });
    for (const event of [0, 1, 2]) rig.gic.sendMsi(1, event);
    rig.send(COMMAND.movall(0, 1));
    expect(rig.inputs).toEqual(['-', 'IRQ', 'IRQ']);
    expect([rig.get('ICC_IAR1_EL1', 1), rig.get('ICC_IAR1_EL1', 2)]).toEqual([LPI, LPI + 2]);
    rig.set('ICC_EOIR1_EL1', LPI, 1);
    expect(rig.get('ICC_IAR1_EL1', 1)).toBe(LPI + 1);
  });

  it('DISCARD takes the mapping and the pending state away', () => {
    const rig = new ItsRig().start().map(0);
    rig.gic.sendMsi(1, 0);
    rig.send(COMMAND.discard(1, 0));
    expect(rig.inputs).toEqual(['-']);
    expect(rig.gic.sendMsi(1, 0)).toEqual(dropped('is not mapped'));
  });

  it.each([
    ['a PE that does not exist', COMMAND.mapc(0, 5), 'MAPC ignored: there is no PE 0x5'],
    ['a PE that does not exist', COMMAND.sync(5), 'SYNC ignored: there is no PE 0x5'],
    ['a PE that does not exist', COMMAND.movall(0, 9), 'MOVALL ignored: there is no PE 0x9'],
    ['17 bits of EventID', COMMAND.mapd(1, RAM_PA, 16), 'MAPD ignored: 17 bits of EventID'],
    ['a table outside RAM', COMMAND.int(4, 0), 'INT ignored: DeviceID 0x4 is not mapped'],
    ['a collection beyond its table', COMMAND.mapc(0x2000, 0), 'MAPC ignored: 0x2000 is beyond the table'],
    ['a collection that is not mapped', COMMAND.invall(3), 'INVALL ignored: collection 0x3 is not mapped'],
    ['a collection that is not mapped', COMMAND.movi(1, 0, 3), 'MOVI ignored: collection 0x3 is not mapped'],
    ['no command of GICv3', new Uint8Array(32).fill(0x21), 'opcode 0x21 ignored: no such command'],
  ])('with %s are ignored with a report, and the next one is taken', (_what, bad, report) => {
    const rig = new ItsRig().start().map(0);
    rig.send(bad, COMMAND.int(1, 0));
    expect(rig.reports).toEqual([expect.stringContaining(report)]);
    expect(rig.inputs).toEqual(['IRQ']);
    expect(rig.read('NS', 'GITS_CREADR')).toBe(rig.read('NS', 'GITS_CWRITER'));
  });

  it('an LPI goes only to a PE whose LPIs are enabled', () => {
    const rig = new ItsRig({ pes: 2 }).start().map(0);
    rig.gic.sendMsi(1, 0);
    rig.write('NS', 'GICR_CTLR', 0, { pe: 1 });
    rig.send(COMMAND.movall(1, 0));
    expect(rig.reports.at(-1)).toContain('MOVALL ignored: GICR_CTLR.EnableLPIs of PE 1 is 0');
    rig.send(COMMAND.movi(1, 0, 1));
    expect(rig.reports.at(-1)).toContain('EnableLPIs of PE 1 is 0');
    expect(rig.inputs).toEqual(['-', '-']);
  });
});

describe('the command queue', () => {
  it('is taken at the next boundary, not while the register is written', () => {
    const rig = new ItsRig().start().map(0);
    rig.timeNs = 5000;
    rig.post(COMMAND.int(1, 0));
    expect([rig.inputs[0], rig.dueNs, rig.read('NS', 'GITS_CTLR')]).toEqual(['-', 5000, 1]);
    expect(rig.read('NS', 'GITS_CREADR')).not.toBe(rig.read('NS', 'GITS_CWRITER'));
    rig.settle();
    expect([rig.inputs[0], rig.timeNs, rig.read('NS', 'GITS_CTLR')]).toEqual(['IRQ', 5000, 0x8000_0001]);
  });

  it('wraps', () => {
    const rig = new ItsRig().start().map(0);
    for (let n = 0; n < 300; n++) {
      rig.send(COMMAND.sync(0), COMMAND.sync(0), COMMAND.clear(1, 0));
      expect(rig.read('NS', 'GITS_CREADR')).toBe(rig.read('NS', 'GITS_CWRITER'));
    }
    rig.send(COMMAND.int(1, 0));
    expect([rig.inputs, rig.reports]).toEqual([['IRQ'], []]);
  });

  it(`is taken by ${ITS_BOUNDARY_COMMANDS_MAX} commands at a boundary, and by one that looks at every LPI`, () => {
    const rig = new ItsRig().start();
    rig.write('NS', 'GITS_CTLR', 0);
    rig.write64('GITS_CBASER', (RAM_PA + PLACES.queue) | 15, 0x8000_0000);
    for (let n = 0; n < 2047; n++) rig.ram.set(COMMAND.sync(0), PLACES.queue + 32 * n);
    rig.write('NS', 'GITS_CTLR', 1);
    rig.write('NS', 'GITS_CWRITER', 2047 * 32);
    const [visits, timeNs] = [rig.visits, rig.timeNs];
    rig.settle();
    expect([rig.visits - visits, rig.timeNs - timeNs]).toEqual([8, 7000]);
    for (let n = 0; n < 4; n++) rig.ram.set(COMMAND.invall(0), PLACES.queue + 32 * n);
    rig.ram.set(COMMAND.sync(0), PLACES.queue + 32 * 2047);
    rig.write('NS', 'GITS_CWRITER', 4 * 32);
    rig.settle();
    expect(rig.visits - visits).toBe(8 + 4);
  });

  it('outside RAM is stalled until Retry, and GITS_CBASER starts it anew', () => {
    const rig = new ItsRig().start().map(0);
    rig.write('NS', 'GITS_CTLR', 0);
    rig.write64('GITS_CBASER', 0, 0x8000_0001);
    rig.write('NS', 'GITS_CWRITER', 0x20);
    rig.write('NS', 'GITS_CTLR', 1);
    rig.settle();
    expect([rig.read('NS', 'GITS_CREADR'), rig.read('NS', 'GITS_CTLR')]).toEqual([1, 0x8000_0001]);
    rig.write('NS', 'GITS_CWRITER', 0x40);
    expect(rig.dueNs).toBeUndefined();
    rig.write('NS', 'GITS_CWRITER', 0x41);
    expect([rig.dueNs, rig.read('NS', 'GITS_CREADR')]).toEqual([rig.timeNs, 0]);
    rig.settle();
    expect(rig.read('NS', 'GITS_CREADR')).toBe(1);
    rig.write('NS', 'GITS_CTLR', 0);
    rig.write64('GITS_CBASER', RAM_PA + PLACES.queue, 0x8000_0000);
    expect(rig.read('NS', 'GITS_CREADR')).toBe(0);
  });

  it('with a write offset beyond its end takes nothing, and says so', () => {
    const rig = new ItsRig().start().map(0);
    rig.write('NS', 'GITS_CWRITER', 0x1000);
    expect(rig.dueNs).toBeUndefined();
    expect(rig.reports.at(-1)).toContain('offset 0x1000 is beyond GITS_CBASER.Size');
  });
});

describe('lines from outside', () => {
  it('set raises and lowers an SPI or the PPI of a PE', () => {
    const rig = new ItsRig({ pes: 2 }).start();
    rig.arm(40, 0x80);
    rig.arm(20, 0x80, { pe: 1 });
    rig.gic.set(40, true);
    rig.gic.set(20, true, { pe: 1 });
    expect(rig.inputs).toEqual(['IRQ', 'IRQ']);
    rig.gic.set(40, false);
    expect(rig.inputs).toEqual(['-', 'IRQ']);
  });

  it.each([
    [3, 0, 'an SGI has no line'],
    [8192, 0, 'an LPI has no line'],
    [256, 0, 'no such interrupt'],
    [1023, 0, 'no such interrupt'],
    [1.5, 0, 'no INTID'],
    [20, 2, 'there is no PE 2'],
  ])('INTID %d of PE %d: %s', (intid, pe, message) => {
    const { gic } = new ItsRig({ pes: 2 });
    const set = () => gic.set(intid, true, { pe });
    expect(set).toThrow(message);
    expect(set).toThrow(expect.objectContaining({ name: 'GicError', code: 'E_LINE' }));
  });
});
