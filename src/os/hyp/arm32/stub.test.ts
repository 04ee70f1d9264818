import { describe, expect, it } from 'vitest';
import { hypGetVectors, hypResetVectors, hypSetVectors } from './calls.ts';
import { type Hosted32, hvc32, readR, setR, stop, str } from './effects.ts';
import { Kernel32, type Kernel32Options } from './kernel.ts';
import { DATA, PA, TABLES, va } from './layout.ts';
import { MODE, PSR } from './psr.ts';

/** Writes down what a test looks at: it outlives whatever comes. */
const note = (n: number, value: number): Hosted32 => str(va(DATA.notes) + 4 * n, value);

/** Runs a kernel to its end. */
function ran(abi: string, main: Kernel32Options['main'], options: Partial<Kernel32Options> = {}) {
  const kernel = new Kernel32({
    abi,
    *main(k) {
      yield* main(k);
      yield* stop('done');
    },
    ...options,
  });
  const { machine } = kernel;
  machine.run({ steps: 5_000 });
  const cpu = machine.cpus[0]!;
  const notes = Array.from({ length: 16 }, (_, n) => machine.memory.word(DATA.notes + 4 * n));
  const hvcs = machine.taken.filter(({ kind }) => kind === 'hvc').length;
  // What HYP took that was no call.
  const aborts = machine.taken.filter(({ kind, to }) => kind !== 'hvc' && (to & PSR.M) === MODE.HYP);
  const stubVectors = kernel.at('kernel', 'stubVectors', 'pa');
  return { kernel, machine, cpu, notes, hvcs, aborts, stubVectors, stopped: cpu.state.stopped };
}
const ERROR = 0x0bad_ca11;

describe('the stub of 2012 (version A)', () => {
  it('R0 = -1 gives HVBAR as it was written before', () => {
    const { notes, stubVectors } = ran('arm original', function* () {
      yield* note(0, (yield* hvc32(0xffff_ffff))[0]);
    });
    expect(notes[0]).toBe(stubVectors);
  });
  it('any other R0 becomes HVBAR, and R0 to R3 stay', () => {
    const { notes, cpu } = ran('arm original', function* () {
      const r = yield* hvc32(0x8000_0020, 11, 12, 13);
      for (const [n, v] of r.entries()) yield* note(n, v);
    });
    expect(notes.slice(0, 4)).toEqual([0x8000_0020, 11, 12, 13]);
    expect(cpu.cp32('HVBAR')).toBe(0x8000_0020);
  });
  it('R0 = 1 makes HVBAR read 0, and the next HVC fetches physical 0x14', () => {
    const { cpu, aborts } = ran('arm original', function* () {
      yield* hvc32(1);
      yield* hvc32(0xffff_ffff);
    });
    expect(cpu.cp32('HVBAR')).toBe(0);
    expect(aborts[0]).toMatchObject({ kind: 'prefetchAbort', returnAddress: 0x14 });
  });
});

describe('the first patch (version B)', () => {
  it('set-vectors with low bits in the address issues no HVC', () => {
    const count = (address: number): number =>
      ran('arm patch v1', function* (k) {
        yield* hypSetVectors(k.abi, address);
      }).hvcs;
    expect(count(PA.kernel)).toBe(1);
    expect(count(1)).toBe(0);
  });
  it('R0 = 1 and R3 = T enters T in HYP mode with R0 = T', () => {
    const { machine, kernel } = ran('arm patch v1', function* (k) {
      yield* setR(3, k.at('crash', 'start', 'pa'));
      yield* hvc32(1);
    });
    expect(machine.arrivals[0]).toMatchObject({
      name: 'crash.start',
      r: [kernel.at('crash', 'start', 'pa'), ...Array(3).fill(expect.any(Number))],
    });
    expect(machine.arrivals[0]!.cpsr & PSR.M).toBe(MODE.HYP);
  });
});

describe('the second patch (version C)', () => {
  it('R0 = 0 gets, 1 sets and stays 1, 3 and above give -1 and change nothing', () => {
    const { notes, stubVectors, cpu } = ran('arm patch v2', function* (k) {
      yield* note(0, (yield* hvc32(0))[0]);
      yield* note(1, (yield* hvc32(1, k.at('kernel', 'stubVectors', 'pa')))[0]);
      for (const [n, r0] of [3, 4, 255, 0xffff_ffff].entries()) yield* note(2 + n, (yield* hvc32(r0, 0x40))[0]);
    });
    expect(notes.slice(0, 6)).toEqual([stubVectors, 1, ...Array(4).fill(0xffff_ffff)]);
    expect(cpu.cp32('HVBAR')).toBe(stubVectors);
  });
  it('R0 = 2 goes to R3 in HYP mode', () => {
    const { machine } = ran('arm patch v2', function* (k) {
      yield* setR(3, k.at('crash', 'start', 'pa'));
      yield* hvc32(2);
    });
    expect(machine.arrivals[0]).toMatchObject({ name: 'crash.start' });
    expect(machine.arrivals[0]!.cpsr & PSR.M).toBe(MODE.HYP);
  });
});

describe('the stub since 4.12 (version G)', () => {
  it('SET_VECTORS and RESET_VECTORS give 0, 3 to 255 the error, and HVBAR stays', () => {
    const { notes, cpu, stubVectors } = ran('arm 4.12', function* (k) {
      yield* note(0, (yield* hvc32(0, k.at('kernel', 'stubVectors', 'pa')))[0]);
      yield* note(1, (yield* hvc32(2))[0]);
      for (const [n, r0] of [3, 4, 255].entries()) yield* note(2 + n, (yield* hvc32(r0, 0x40))[0]);
    });
    expect(notes.slice(0, 5)).toEqual([0, 0, ERROR, ERROR, ERROR]);
    expect(cpu.cp32('HVBAR')).toBe(stubVectors);
  });
  it('SOFT_RESTART takes the instruction set from bit 0 of the target', () => {
    for (const payloadIsa of ['A32', 'T32'] as const) {
      const { machine } = ran(
        'arm 4.12',
        function* (k) {
          yield* hvc32(1, k.at('crash', 'start', 'pa'));
        },
        { payloadIsa },
      );
      expect(machine.arrivals[0]!.cpsr & PSR.T).toBe(payloadIsa === 'T32' ? PSR.T : 0);
    }
  });
  it('RESET_VECTORS twice in a row succeeds both times, against the stub and against KVM', () => {
    const { notes, stubVectors, cpu } = ran('arm 4.12', function* (k) {
      yield* note(0, yield* hypResetVectors());
      yield* note(1, yield* hypResetVectors());
      yield* k.kvmLoad();
      yield* note(2, yield* hypResetVectors());
      yield* note(3, yield* hypResetVectors());
    });
    expect(notes.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(cpu.cp32('HVBAR')).toBe(stubVectors);
  });
  it('addresses lose their low bits: HVBAR[4:0] is RES0', () => {
    const { cpu } = ran('arm 4.12', function* () {
      yield* hvc32(0, 0x1234_567f);
    });
    expect(cpu.cp32('HVBAR')).toBe(0x1234_5660);
  });
});

describe('KVM since 4.12', () => {
  it('its vectors refuse SET_VECTORS and keep HVBAR', () => {
    const { notes, cpu, kernel } = ran('arm 4.12', function* (k) {
      yield* k.kvmLoad();
      yield* note(0, (yield* hvc32(0, 0x40))[0]);
    });
    expect(notes[0]).toBe(ERROR);
    expect(cpu.cp32('HVBAR')).toBe(kernel.at('kvm', 'kvmVectors', 'va'));
  });
  it('RESET_VECTORS clears M, A, C and I of HSCTLR and nothing else, and puts the stub back', () => {
    const kernel = new Kernel32({
      abi: 'arm 4.12',
      *main(k) {
        yield* k.kvmLoad();
        yield* note(0, 1);
        yield* hypResetVectors();
        yield* stop('done');
      },
    });
    const { machine } = kernel;
    const cpu = machine.cpus[0]!;
    machine.run({ until: () => machine.memory.word(DATA.notes) === 1 });
    cpu.setCp('HSCTLR', cpu.cp32('HSCTLR') | 0x8_0002);
    const before = cpu.cp32('HSCTLR');
    expect(before & 0x1007).toBe(0x1007);
    machine.run();
    expect(cpu.cp32('HSCTLR')).toBe(before & ~0x1007);
    expect(cpu.cp32('HVBAR')).toBe(kernel.at('kernel', 'stubVectors', 'pa'));
  });
  it('the vectors of initialisation answer 0, 1 and 2 as stub calls, and 3 is an initialisation', () => {
    const window = (r0: number, ...rest: number[]) =>
      ran('arm 4.12', function* (k) {
        yield* hypSetVectors(k.abi, k.at('idmap', 'kvmInitVectors', 'pa'));
        yield* note(0, (yield* hvc32(r0, ...rest))[0]);
      });
    const set = window(0, 0x40);
    expect(set.notes[0]).toBe(ERROR);
    expect(set.cpu.cp32('HVBAR')).toBe(set.kernel.at('idmap', 'kvmInitVectors', 'pa'));
    expect(set.cpu.named('SP_hyp')).toBe(0);
    expect(set.cpu.cp64('HTTBR')).toBe(0n);
    const reset = window(2);
    expect(reset.notes[0]).toBe(0);
    expect(reset.cpu.cp32('HVBAR')).toBe(reset.stubVectors);
    const restarted = ran('arm 4.12', function* (k) {
      yield* hypSetVectors(k.abi, k.at('idmap', 'kvmInitVectors', 'pa'));
      yield* hvc32(1, k.at('crash', 'start', 'pa'));
    });
    expect(restarted.machine.arrivals[0]!.cpsr & PSR.M).toBe(MODE.HYP);
    expect(window(3, 0x4060_0000, TABLES.hyp, 0).cpu.named('SP_hyp')).toBe(3);
  });
  it('the tables go into HTTBR whole: third argument, R2 and R3', () => {
    const { cpu } = ran('arm 4.12', function* (k) {
      yield* k.kvmLoad();
    });
    expect(cpu.cp64('HTTBR')).toBe(BigInt(TABLES.hyp));
    expect(cpu.named('SP_hyp')).toBe(va(DATA.hypStacks) + 0x1000);
  });
});

describe('KVM before 4.12, where versions meet', () => {
  const restart = (abi: string, isa: 'A32' | 'T32', unalignedBranch: 'align' | 'fault' = 'fault') =>
    ran(
      abi,
      function* (k) {
        yield* k.kvmLoad();
        yield* setR(3, k.at('crash', 'start', 'pa'));
        yield* hvc32(abi === 'arm patch v1' ? 1 : 2, 1, 0x00c5_0078);
      },
      { isa, features: { unalignedBranch } },
    );
  it('restart 2 of the second patch is a call to 2: T32 fetches address 2, A32 takes what the machine chose', () => {
    for (const abi of ['arm patch v2 with get']) {
      const thumb = restart(abi, 'T32').aborts[0]!;
      expect(thumb).toMatchObject({ kind: 'prefetchAbort', returnAddress: 2 });
      expect(thumb.from & PSR.T).toBe(PSR.T);
      expect(restart(abi, 'A32').aborts[0]).toMatchObject({ kind: 'prefetchAbort', returnAddress: 2 });
      expect(restart(abi, 'A32', 'align').aborts[0]).toMatchObject({ kind: 'prefetchAbort', returnAddress: 0 });
    }
  });
  it('restart 1 of the first patch is a call to 0 (T32: bit 0 is the instruction set), to 1 in neither', () => {
    expect(restart('arm patch v1', 'T32').aborts[0]).toMatchObject({ kind: 'prefetchAbort', returnAddress: 0 });
    expect(restart('arm patch v1', 'A32').aborts[0]).toMatchObject({ kind: 'prefetchAbort', returnAddress: 0 });
  });
  it('get (0) of the second patch is a call to address 0; with the number shared it gives the vectors', () => {
    const got = (abi: string) =>
      ran(abi, function* (k) {
        yield* k.kvmLoad();
        yield* note(0, yield* hypGetVectors(k.abi));
      });
    expect(got('arm patch v2').aborts[0]).toMatchObject({ kind: 'prefetchAbort', returnAddress: 0 });
    const shared = got('arm patch v2 with get');
    expect(shared.notes[0]).toBe(shared.kernel.at('kvm', 'kvmVectors', 'va'));
  });
  it('get (-1) in the window of initialisation sets SP_hyp to 0xffffffff', () => {
    const { cpu } = ran('arm original', function* (k) {
      yield* hypSetVectors(k.abi, k.at('idmap', 'kvmInitVectors', 'pa'));
      yield* hvc32(0xffff_ffff, 1, 2, 3);
    });
    expect(cpu.named('SP_hyp')).toBe(0xffff_ffff);
    expect(cpu.cp32('HVBAR')).toBe(0);
    expect(cpu.cp64('HTTBR')).toBe(0x3_0000_0002n);
  });
  it('a reset against the stub makes the address of the function HVBAR', () => {
    const { cpu, kernel } = ran('arm original', function* (k) {
      yield* k.kvmReset();
    });
    expect(cpu.cp32('HVBAR')).toBe(kernel.at('idmap', 'kvmReset', 'pa') & ~31);
  });
});

describe('a kernel without KVM (5.7)', () => {
  it('its stub refuses SET_VECTORS and RESET_VECTORS and restarts', () => {
    const { notes, machine } = ran('arm 5.7', function* (k) {
      yield* note(0, (yield* hvc32(0, 0x40))[0]);
      yield* note(1, (yield* hvc32(2))[0]);
      yield* hvc32(1, k.at('crash', 'start', 'pa'));
    });
    expect(notes.slice(0, 2)).toEqual([ERROR, ERROR]);
    expect(machine.arrivals[0]).toMatchObject({ name: 'crash.start' });
  });
});

describe('installation (Linux, `hyp-stub.S`)', () => {
  const installed = (options: Partial<Kernel32Options>, abi = 'arm 4.12') =>
    ran(
      abi,
      function* () {
        yield* readR(0);
      },
      options,
    ).cpu;
  it('gives the kernel what HYP controls', () => {
    const cpu = installed({});
    for (const name of ['HCR', 'HSTR', 'ICH_HCR']) expect(cpu.cp32(name)).toBe(0);
    expect(cpu.cp32('HCPTR')).toBe(0x33ff);
    expect(cpu.cp32('HSCTLR')).toBe(0x30c5_0830);
    expect(cpu.cp32('HDCR')).toBe(6);
    expect(cpu.cp32('CNTHCTL') & 3).toBe(3);
    expect(cpu.cp32('ICC_HSRE') & 9).toBe(9);
    expect(cpu.cp32('SCTLR') & 0x0018_01a0).toBe(0x20);
  });
  it('a Thumb-2 kernel sets HSCTLR.TE, a big-endian one EE', () => {
    expect(installed({ isa: 'T32' }).cp32('HSCTLR')).toBe(0x70c5_0830);
  });
  it('without System registers of the interrupt controller it does not touch them', () => {
    expect(installed({ features: { gicv3: false } }).state.stopped).toBe('done');
  });
});
