import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Gicv3Options, ICC_REGISTERS, type IccContext, type IccName } from './gicv3.ts';
import { EL3, LONE_EL1, NS_EL1, NS_EL2, Rig, S_EL1 } from './gicv3-rig.ts';
import { GICD_REGS, GICR_REGS, GICR_STRIDE_BYTES } from './maps.ts';

const ICC_NAMES = Object.keys(ICC_REGISTERS) as IccName[];
const CONTEXTS: readonly IccContext[] = [
  EL3,
  { ...EL3, scrNs: true, scrFiq: true },
  S_EL1,
  NS_EL2,
  NS_EL1,
  { ...NS_EL1, scrFiq: true },
  { ...NS_EL1, el: 0 },
  { ...NS_EL1, hcrImo: true, hcrFmo: true },
];

type Step = (rig: Rig) => void;

/** Offsets: half anywhere, half at a register that exists. */
function offsets(map: typeof GICD_REGS | typeof GICR_REGS): fc.Arbitrary<number> {
  const known = map.list().flatMap((row) => {
    const stride = row.strideBytes ?? row.sizeBytes;
    return Array.from({ length: Math.min(row.count ?? 1, 40) }, (_, n) => row.at + n * stride);
  });
  return fc.oneof(fc.nat(map.sizeBytes - 1), fc.constantFrom(...known));
}

/** Values with few bits, or all, so that something happens. */
const values = fc.oneof(
  fc.nat(0xffff_ffff),
  fc.nat(31).map((n) => (1 << n) >>> 0),
  fc.constantFrom(0, 0xffff_ffff),
);

function mmio(pes: number): fc.Arbitrary<Step> {
  const size = fc.constantFrom<(1 | 2 | 4)[]>(1, 2, 4, 4, 4);
  const shared = { sizeBytes: size, value: values, nonSecure: fc.boolean(), write: fc.integer({ min: 0, max: 3 }) };
  const perform = (rig: Rig, frame: 'distributor' | 'redistributors', offset: number, a: FrameAccess) => {
    const access = { sizeBytes: a.sizeBytes, nonSecure: a.nonSecure, pe: 0 };
    const at = offset - (offset % a.sizeBytes);
    if (a.write > 0) rig.gic[frame].write(at, a.value % 2 ** (8 * a.sizeBytes), access);
    else {
      const read = rig.gic[frame].read(at, access);
      expect(typeof read === 'number' && read >= 0 && read < 2 ** (8 * a.sizeBytes)).toBe(true);
    }
  };
  const gicd = fc.record({ offset: offsets(GICD_REGS), ...shared }).map(
    (a): Step =>
      (rig) =>
        perform(rig, 'distributor', a.offset, a),
  );
  const gicr = fc.record({ offset: offsets(GICR_REGS), pe: fc.nat(pes - 1), ...shared }).map(
    (a): Step =>
      (rig) =>
        perform(rig, 'redistributors', a.pe * GICR_STRIDE_BYTES + a.offset, a),
  );
  return fc.oneof(gicd, gicr);
}

type FrameAccess = { sizeBytes: 1 | 2 | 4; value: number; nonSecure: boolean; write: number };

function steps(pes: number, contexts: readonly IccContext[]): fc.Arbitrary<Step> {
  const pe = fc.nat(pes - 1);
  const name = fc.constantFrom(...ICC_NAMES);
  const line = fc.record({ intid: fc.integer({ min: 16, max: 255 }), level: fc.boolean(), pe }).map(
    (a): Step =>
      (rig) =>
        rig.gic.setLine(a.intid, a.level, a.pe),
  );
  const icc = fc.record({ name, pe, value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), small: values }).map(
    (a): Step =>
      (rig) => {
        // As the cpu does: ask first; what is not allowed is not performed.
        const ctx = rig.contexts[a.pe];
        if (rig.gic.iccAccess(a.name, 'read', ctx, a.pe) === 'ok') rig.gic.iccRead(a.pe, a.name, ctx);
        const value = a.value % 3n === 0n ? a.value : BigInt(a.small);
        if (rig.gic.iccAccess(a.name, 'write', ctx, a.pe) === 'ok') rig.gic.iccWrite(a.pe, a.name, value, ctx);
      },
  );
  const enter = fc.record({ pe, ctx: fc.constantFrom(...contexts) }).map(
    (a): Step =>
      (rig) =>
        rig.enter(a.pe, a.ctx),
  );
  return fc.oneof({ weight: 4, arbitrary: mmio(pes) }, line, icc, enter);
}

/** A rig in which much is enabled, so that random steps meet live interrupts. */
function busyRig(options: Partial<Gicv3Options>): Rig {
  const rig = new Rig(options);
  rig.gic.initNonSecure();
  rig.open();
  for (let word = 1; word < 8; word++) rig.write('S', `GICD_ISENABLER${word}`, 0xffff_ffff);
  for (let pe = 0; pe < (options.pes ?? 1); pe++) rig.write('S', 'GICR_ISENABLER0', 0xffff_ffff, { pe });
  return rig;
}

const MACHINES: readonly { options: Partial<Gicv3Options>; contexts: readonly IccContext[] }[] = [
  { options: { pes: 1, securityStates: 1 }, contexts: [LONE_EL1] },
  { options: { pes: 3, securityStates: 2 }, contexts: CONTEXTS },
  { options: { pes: 2, securityStates: 1, priorityBits: 8 }, contexts: [LONE_EL1, { ...LONE_EL1, el: 0 }] },
];

describe('hostile guests', () => {
  it.each(MACHINES)('random accesses never throw, and the state loads into the same GIC: $options', (machine) => {
    const pes = machine.options.pes ?? 1;
    fc.assert(
      fc.property(fc.array(steps(pes, machine.contexts), { minLength: 1, maxLength: 150 }), (program) => {
        const rig = busyRig(machine.options);
        for (const step of program) step(rig);
        const saved = rig.gic.state();
        const other = new Rig(machine.options);
        other.contexts.splice(0, pes, ...rig.contexts);
        other.gic.load(saved);
        expect(other.gic.state()).toEqual(saved);
        expect(other.inputs).toEqual(rig.inputs);
        // The loaded one derives everything anew: what it would signal is what the first had signalled by increments.
        other.gic.update();
        expect(other.inputs).toEqual(rig.inputs);
        for (let pe = 0; pe < pes; pe++) {
          for (const name of ['ICC_HPPIR0_EL1', 'ICC_HPPIR1_EL1', 'ICC_RPR_EL1'] as const) {
            expect(other.get(name, pe)).toBe(rig.get(name, pe));
          }
        }
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('with nothing but Non-secure accesses, Secure interrupts and the Secure mask stay as they were', () => {
    const nsContexts = [NS_EL1, NS_EL2].map((ctx) => ({ ...ctx, scrFiq: true }));
    const nsOnly = fc.array(steps(1, nsContexts), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(nsOnly, (program) => {
        const rig = new Rig({ securityStates: 2 }).open();
        rig.arm(40, 0x20, { group: 0 });
        rig.arm(41, 0x40, { group: 0, modifier: 1 });
        rig.gic.setLine(40, true);
        rig.enter(0, nsContexts[0]);
        const gic = rig.gic;
        const { distributor, redistributors } = gic;
        const asNonSecure = (frame: typeof distributor) => ({
          read: (offset: number, access: { sizeBytes: 1 | 2 | 4 }) =>
            frame.read(offset, { ...access, nonSecure: true, pe: 0 }),
          write: (offset: number, value: number, access: { sizeBytes: 1 | 2 | 4 }) =>
            frame.write(offset, value, { ...access, nonSecure: true, pe: 0 }),
        });
        const guest = {
          distributor: asNonSecure(distributor),
          redistributors: asNonSecure(redistributors),
          setLine: (intid: number, level: boolean, pe: number) => {
            if (intid !== 40 && intid !== 41) gic.setLine(intid, level, pe);
          },
          iccAccess: gic.iccAccess.bind(gic),
          iccRead: gic.iccRead.bind(gic),
          iccWrite: gic.iccWrite.bind(gic),
          update: gic.update.bind(gic),
        };
        const view = { gic: guest, contexts: rig.contexts, enter: rig.enter.bind(rig) } as unknown as Rig;
        for (const step of program) step(view);
        rig.enter(0, nsContexts[0]);
        expect(rig.inputs).toEqual(['FIQ']);
        expect(rig.read('S', 'GICD_ISENABLER1') & 0x300).toBe(0x300);
        expect(rig.read('S', 'GICD_IPRIORITYR10')).toBe(0x4020);
        expect(rig.read('S', 'GICD_ISPENDR1') & 0x300).toBe(0x100);
        expect(rig.read('S', 'GICD_IROUTER40')).toBe(0);
        expect(rig.get('ICC_PMR_EL1', 0, EL3)).toBeGreaterThanOrEqual(0x80);
        expect(rig.get('ICC_IAR0_EL1', 0, EL3)).toBe(40);
      }),
      { numRuns: 300, seed: 2 },
    );
  });
});

describe('state, load, reset', () => {
  it('every section of the state is looked at: a changed bit survives a load', () => {
    const rig = busyRig({ pes: 2, securityStates: 2 });
    rig.gic.setLine(40, true);
    const saved = rig.gic.state();
    const flips: string[] = [];
    const visit = (value: unknown, path: string, put: (changed: unknown) => void): void => {
      if (value instanceof Uint8Array) put(Uint8Array.from(value, (byte, n) => (n === 3 ? byte ^ 0x80 : byte)));
      else if (Array.isArray(value) && value.every((item) => typeof item === 'number')) {
        // The last flag, or bit 0 of the first word: present in every list.
        if (value.length > 0) put([value[0] % 2 === 0 ? value[0] + 1 : value[0] - 1, ...value.slice(1)]);
        else return;
      } else if (typeof value === 'number') put(value ^ 2);
      else if (typeof value === 'boolean') put(!value);
      else {
        const from = value as Record<string, unknown>;
        for (const key of Object.keys(from)) {
          visit(from[key], `${path}.${key}`, (changed) => {
            const copy: unknown = Array.isArray(from) ? [...from] : { ...from };
            (copy as Record<string, unknown>)[key] = changed;
            put(copy);
          });
        }
        return;
      }
      flips.push(path);
    };
    visit(saved, 'gic', (changed) => {
      const other = new Rig({ pes: 2, securityStates: 2 });
      other.gic.load(changed as typeof saved);
      expect(other.gic.state()).toEqual(changed);
      expect(other.gic.state()).not.toEqual(saved);
    });
    expect(flips.length).toBe(1 + 1 + 9 + 2 * 10 + 2 * 9 + 1);
  });

  it('load refuses the state of a GIC built otherwise, and things that are not states', () => {
    const saved = new Rig({ pes: 2 }).gic.state();
    expect(() => new Rig({ pes: 1 }).gic.load(saved)).toThrow('CPU interfaces are not a list of 1');
    expect(() => new Rig({ pes: 2, spis: 32 }).gic.load(saved)).toThrow('is not a list of 1 numbers');
    expect(() => new Rig({ pes: 2, priorityBits: 8 }).gic.load(saved)).toThrow('APR is not a list of 12 numbers');
    expect(() => new Rig().gic.load(null)).toThrow('gicv3 is not a section');
  });

  it('reset is the state after construction, and withdraws what was signalled', () => {
    const rig = busyRig({ pes: 2, securityStates: 2 });
    rig.gic.setLine(40, true);
    expect(rig.inputs).toEqual(['IRQ', '-']);
    rig.gic.reset();
    expect(rig.inputs).toEqual(['-', '-']);
    expect(rig.gic.state()).toEqual(new Rig({ pes: 2, securityStates: 2 }).gic.state());
  });

  it('a state already taken does not change when the GIC goes on', () => {
    const rig = busyRig({});
    const saved = rig.gic.state();
    const copy = structuredClone(saved);
    rig.gic.setLine(40, true);
    rig.get('ICC_IAR1_EL1');
    rig.write('S', 'GICD_IPRIORITYR10', 0x10);
    expect(saved).toEqual(copy);
    expect(rig.gic.state()).not.toEqual(copy);
  });
});

describe('options', () => {
  it('refuse what is no GIC', () => {
    const build = (options: Partial<Gicv3Options>) => () => new Rig(options);
    expect(build({ pes: 9 })).toThrow('pes is 9');
    expect(build({ pes: 2, mpidrAffinities: [0] })).toThrow('1 affinities for 2 PEs');
    expect(build({ pes: 2, mpidrAffinities: [1, 1] })).toThrow('same affinity');
    expect(build({ securityStates: 2, priorityBits: 4 })).toThrow('priorityBits is 4');
    expect(build({ spis: 33 })).toThrow('spis is 33');
  });
});
