/** What is asked of LPIs and the ITS, here and under QEMU: event 0 to 3 of device 0, which is the PE. */
import { COMMAND } from '../../../src/devices/gicv3/its/its-rig.ts';
import type { GicProgram } from './program.ts';

const LPI = 8192;
/** Tables, 64 KiB each, in RAM that the program does not use and that is zero. */
const [CONFIG, PENDING, QUEUE, DEVICES, COLLECTIONS, ITT] = [0, 1, 2, 3, 4, 5].map((n) => 0x4100_0000 + n * 0x1_0000);

/** A driver in the program: it writes commands where the last ones ended. */
class Driver {
  private next = 0;
  private readonly p: GicProgram;

  constructor(p: GicProgram) {
    this.p = p;
  }

  private write64(name: string, low: number, high: number): void {
    this.p.wr(name, low).wr(name, high, { plus: 4 });
  }

  /** Tables and queue, all enabled; collection 0 and 1 go to the only PE. */
  start(): void {
    this.write64('GITS_BASER0', DEVICES! | 0x200, 0x8000_0000);
    this.write64('GITS_BASER1', COLLECTIONS! | 0x200, 0x8000_0000);
    this.write64('GITS_CBASER', QUEUE!, 0x8000_0000);
    this.p.wr('GITS_CTLR', 1).rd('GITS_CTLR');
    this.write64('GICR_PROPBASER', CONFIG! | 15, 0);
    this.write64('GICR_PENDBASER', PENDING!, 0);
    this.p.wr('GICR_CTLR', 1).rd('GICR_CTLR');
    this.send(COMMAND.mapd(0, ITT!), COMMAND.mapc(0, 0), COMMAND.mapc(1, 0));
  }

  send(...commands: readonly Uint8Array[]): GicProgram {
    for (const command of commands) {
      const view = new DataView(command.buffer, command.byteOffset, 32);
      for (let n = 0; n < 32; n += 4) this.p.mem(QUEUE! + this.next + n, view.getUint32(n, true));
      this.next = (this.next + 32) % 0x1000;
    }
    return this.p.wr('GITS_CWRITER', this.next).rd('GITS_CREADR');
  }

  /** Bytes of LPI 8192 to 8195 of the configuration table. */
  configure(word: number): void {
    this.p.mem(CONFIG!, word);
  }
}

/** From the highest level, with everything open and no other interrupt pending. */
export function lpis(p: GicProgram, el3: boolean): void {
  const driver = new Driver(p);
  p.scene('ITS identification');
  for (const name of ['GITS_CTLR', 'GITS_IIDR', 'GITS_TYPER', 'GITS_PIDR0', 'GITS_PIDR2']) p.rd(name);
  p.rd('GITS_TYPER', { plus: 4 });
  for (const n of [0, 1, 2, 7]) p.rd(`GITS_BASER${n}`).rd(`GITS_BASER${n}`, { plus: 4 });
  p.scene('ITS started');
  driver.start();
  p.rd('GITS_BASER0').rd('GITS_BASER0', { plus: 4 }).rd('GITS_CBASER').rd('GITS_CBASER', { plus: 4 });
  const look = (): GicProgram => p.isr().mrs('ICC_HPPIR1_EL1');
  const take = (): void => {
    look().mrs('ICC_IAR1_EL1').mrs('ICC_RPR_EL1').msr('ICC_EOIR1_EL1', LPI);
    look();
  };
  if (el3) p.to('NS_EL1');
  p.scene('an LPI');
  driver.configure(0x81_41_a1_81);
  for (const event of [0, 1, 2]) driver.send(COMMAND.mapti(0, event, LPI + event, 0), COMMAND.inv(0, event));
  look();
  p.wr('GITS_TRANSLATER', 0);
  take();
  p.scene('an LPI again before its end').wr('GITS_TRANSLATER', 0).mrs('ICC_IAR1_EL1').wr('GITS_TRANSLATER', 0);
  look().mrs('ICC_IAR1_EL1').msr('ICC_EOIR1_EL1', LPI);
  take();
  p.scene('three LPIs');
  for (const event of [0, 1, 2]) p.wr('GITS_TRANSLATER', event);
  for (const intid of [LPI + 2, LPI, LPI + 1]) look().mrs('ICC_IAR1_EL1').msr('ICC_EOIR1_EL1', intid);
  look();
  p.scene('INT and CLEAR');
  driver.send(COMMAND.int(0, 1));
  look();
  driver.send(COMMAND.clear(0, 1));
  look();
  p.scene('disabled and INV').wr('GITS_TRANSLATER', 0);
  driver.configure(0x81_41_a1_80);
  driver.send(COMMAND.inv(0, 0));
  look();
  driver.configure(0x81_41_a1_81);
  driver.send(COMMAND.invall(0));
  look();
  p.scene('MOVI').rd('GITS_CTLR');
  driver.send(COMMAND.movi(0, 0, 1));
  take();
  p.scene('DISCARD').wr('GITS_TRANSLATER', 0);
  driver.send(COMMAND.discard(0, 0));
  look().wr('GITS_TRANSLATER', 0);
  look();
  p.scene('not mapped').wr('GITS_TRANSLATER', 3).wr('GITS_TRANSLATER', 32);
  look();
  p.scene('commands in error');
  const errors = [COMMAND.mapc(0, 9), COMMAND.mapti(0, 0, 40, 0), COMMAND.int(5, 0), COMMAND.mapd(0, ITT!, 16)];
  for (const bad of [...errors, COMMAND.movi(0, 1, 9), new Uint8Array(32)]) driver.send(bad);
  driver.send(COMMAND.int(0, 1));
  look()
    .mrs('ICC_IAR1_EL1')
    .msr('ICC_EOIR1_EL1', LPI + 1);
  p.scene('collection unmapped');
  driver.send(COMMAND.unmapc(0)).wr('GITS_TRANSLATER', 1);
  look();
  p.scene('the pending table');
  driver.send(COMMAND.mapc(0, 0)).wr('GITS_TRANSLATER', 1).wr('GICR_CTLR', 0);
  look()
    .rdMem(PENDING! + 1024)
    .rd('GICR_CTLR')
    .wr('GICR_CTLR', 1);
  look()
    .mrs('ICC_IAR1_EL1')
    .msr('ICC_EOIR1_EL1', LPI + 1);
  p.scene('ITS disabled').wr('GITS_CTLR', 0).wr('GITS_TRANSLATER', 1).rd('GITS_CTLR');
  look();
  p.wr('GICR_CTLR', 0).top();
}
