import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMAND, ItsRig, PLACES, RAM_PA } from './its-rig.ts';
import { GITS_REGS } from './regs.ts';

const OPTIONS = { pes: 2 } as const;
const small = fc.nat(3);
const event = fc.nat(6);
const values = fc.oneof(
  fc.nat(0xffff_ffff),
  fc.nat(31).map((n) => (1 << n) >>> 0),
  fc.constantFrom(0, 0xffff_ffff, RAM_PA + PLACES.devices, RAM_PA + PLACES.queue, RAM_PA + PLACES.config),
);

type Step = (rig: ItsRig) => void;

/** A command with sense, or 32 bytes of anything. */
const command = fc.oneof(
  fc.tuple(small, small).map(([n, pe]) => COMMAND.mapc(n, pe)),
  fc.tuple(small, fc.nat(20)).map(([n, size]) => COMMAND.mapd(n, RAM_PA + PLACES.itts, size)),
  fc.tuple(small, event, event, small).map(([n, of, lpi, icid]) => COMMAND.mapti(n, of, 8190 + lpi, icid)),
  fc.tuple(small, event, small).map(([n, of, icid]) => COMMAND.movi(n, of, icid)),
  fc.tuple(small, small).map(([from, to]) => COMMAND.movall(from, to)),
  fc.tuple(small, event).map(([n, of]) => COMMAND.int(n, of)),
  fc.tuple(small, event).map(([n, of]) => COMMAND.inv(n, of)),
  fc.tuple(small, event).map(([n, of]) => COMMAND.clear(n, of)),
  fc.tuple(small, event).map(([n, of]) => COMMAND.discard(n, of)),
  small.map((n) => COMMAND.invall(n)),
  small.map((n) => COMMAND.unmapd(n)),
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
);

/** A register of the ITS or the LPI part of a redistributor, read and written. */
const register = fc
  .record({
    name: fc.constantFrom('GITS_CTLR', 'GITS_CBASER', 'GITS_CWRITER', 'GITS_BASER0', 'GITS_BASER1', 'GITS_TRANSLATER'),
    lpi: fc.constantFrom('GICR_CTLR', 'GICR_CTLR', 'GICR_PROPBASER', 'GICR_PENDBASER'),
    ofIts: fc.boolean(),
    pe: fc.nat(1),
    plus: fc.constantFrom(0, 0, 4),
    value: values,
  })
  .map(
    (a): Step =>
      (rig) => {
        const name = a.ofIts ? a.name : a.lpi;
        const plus = name.endsWith('CTLR') || name.endsWith('TRANSLATER') ? 0 : a.plus;
        rig.write('NS', name, a.value, { pe: a.ofIts ? 0 : a.pe, plus });
        rig.read('NS', name, { pe: a.ofIts ? 0 : a.pe, plus });
      },
  );

const anywhere = fc
  .record({
    offset: fc.nat(GITS_REGS.sizeBytes / 4 - 1),
    value: values,
    sizeBytes: fc.constantFrom<(1 | 2 | 4)[]>(1, 2, 4),
  })
  .map(
    (a): Step =>
      (rig) => {
        const access = { sizeBytes: a.sizeBytes, nonSecure: true, pe: 0 };
        rig.gic.its!.write(a.offset * 4, a.value % 2 ** (8 * a.sizeBytes), access);
        expect(rig.gic.its!.read(a.offset * 4, access)).toBeGreaterThanOrEqual(0);
      },
  );

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(command, { minLength: 1, maxLength: 4 }).map(
      (all): Step =>
        (rig) =>
          rig.post(...all),
    ),
  },
  { weight: 4, arbitrary: fc.constant<Step>((rig) => rig.settle()) },
  fc.tuple(small, event).map(
    ([n, of]): Step =>
      (rig) =>
        void rig.gic.sendMsi(n, of),
  ),
  register,
  anywhere,
  fc.tuple(fc.nat(0xf_ffff), fc.uint8Array({ maxLength: 16 })).map(
    ([at, bytes]): Step =>
      (rig) =>
        rig.ram.set(bytes, at),
  ),
  fc.nat(1).map(
    (pe): Step =>
      (rig) =>
        void rig.get('ICC_IAR1_EL1', pe),
  ),
  fc.tuple(fc.nat(1), event).map(
    ([pe, n]): Step =>
      (rig) =>
        rig.set('ICC_EOIR1_EL1', 8190 + n, pe),
  ),
  fc.constant<Step>((rig) => rig.start()),
);

describe('hostile guests of the ITS', () => {
  it('random commands, tables and registers never throw, end, and leave a state that loads into the same GIC', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (program) => {
        const rig = new ItsRig(OPTIONS).start();
        for (let n = 0; n < 5; n++) rig.map(n, { pe: n & 1, priority: 0x40 + 0x10 * n });
        for (const one of program) one(rig);
        const saved = rig.gic.state();
        const other = rig.twin(OPTIONS, saved);
        expect(other.gic.state()).toEqual(saved);
        expect([other.inputs, other.dueNs]).toEqual([rig.inputs, rig.dueNs]);
        for (const one of [rig, other]) {
          one.settle();
          one.gic.update();
        }
        expect(other.gic.state()).toEqual(rig.gic.state());
        expect(Buffer.compare(other.ram, rig.ram)).toBe(0);
        for (const pe of [0, 1]) expect(other.get('ICC_HPPIR1_EL1', pe)).toBe(rig.get('ICC_HPPIR1_EL1', pe));
      }),
      { numRuns: 150, seed: 3 },
    );
  });

  it('every LPI pending at once is still taken in order, each in little time', () => {
    const rig = new ItsRig().start();
    rig.write('NS', 'GICR_CTLR', 0);
    rig.ram.fill(0x81, PLACES.config, PLACES.config + 0xe000);
    rig.ram.fill(0xff, PLACES.pending, PLACES.pending + 0x2000);
    rig.write('NS', 'GICR_CTLR', 1);
    for (let intid = 8192; intid < 65536; intid++) {
      if (rig.get('ICC_IAR1_EL1') !== intid) throw new Error(`not ${intid}`);
      rig.set('ICC_EOIR1_EL1', intid);
    }
    expect(rig.get('ICC_IAR1_EL1')).toBe(1023);
  });
});

describe('state, load, reset', () => {
  it('a command that waits is in the state, and is taken at its time after a load', () => {
    const rig = new ItsRig(OPTIONS).start().map(0);
    rig.timeNs = 777;
    rig.post(COMMAND.int(1, 0));
    const other = rig.twin(OPTIONS, rig.gic.state());
    expect([other.dueNs, other.inputs]).toEqual([777, ['-', '-']]);
    other.settle();
    expect(other.inputs).toEqual(['IRQ', '-']);
  });

  it('what is cached of the configuration is in the state: a change without INV is not seen after a load either', () => {
    const rig = new ItsRig(OPTIONS).start().map(0);
    rig.configure(8192, 0x80, false);
    const other = rig.twin(OPTIONS, rig.gic.state());
    for (const one of [rig, other]) one.gic.sendMsi(1, 0);
    expect([rig.inputs, other.inputs]).toEqual([
      ['IRQ', '-'],
      ['IRQ', '-'],
    ]);
  });

  it('reset is the state after construction, withdraws what was signalled, and leaves nothing to do', () => {
    const rig = new ItsRig(OPTIONS).start().map(0);
    rig.gic.sendMsi(1, 0);
    rig.post(COMMAND.int(1, 0));
    rig.gic.reset();
    expect([rig.inputs, rig.dueNs]).toEqual([['-', '-'], undefined]);
    expect(rig.gic.state()).toEqual(new ItsRig(OPTIONS).gic.state());
  });

  it('load refuses the state of a GIC without an ITS', () => {
    expect(() => new ItsRig().gic.load(new ItsRig({ pes: 2 }).gic.state())).toThrow('not a list of 1');
    const { its: _, ...without } = new ItsRig().gic.state() as { its: unknown };
    expect(() => new ItsRig().gic.load(without as never)).toThrow('ITS is not a section');
  });
});
