import { describe, expect, it } from 'vitest';
import { hint32, hvc32, stop, str, udf } from './effects.ts';
import { everyBoundary, failureLines, outcome32 } from './explore.ts';
import { HANDED, Kernel32, type Kernel32Options } from './kernel.ts';
import { DATA, PA, va } from './layout.ts';
import { MODE, PSR } from './psr.ts';
import { hypAnswers, zImageMachine } from './zimage.ts';

const kernel = (options: Partial<Kernel32Options> & Pick<Kernel32Options, 'main'>): Kernel32 =>
  new Kernel32({ abi: 'arm 4.12', ...options });
/** Runs to the end and gives the first instruction of the next kernel. */
function handedTo(k: Kernel32) {
  k.machine.run({ steps: 5_000 });
  const arrival = k.machine.arrivals.find(({ name }) => name === 'next.start' || name === 'crash.start');
  if (!arrival) throw new Error(`no next kernel: ${k.machine.where(0)}, ${k.machine.cpus[0]!.state.stopped}`);
  return arrival;
}
const hvcs = ({ machine }: Kernel32): number => machine.taken.filter(({ kind }) => kind === 'hvc').length;

describe('a payload', () => {
  for (const isa of ['A32', 'T32'] as const)
    it.each(['kexec', 'panic'] as const)(
      `${isa}: finds R0 = 0, machine type, device tree, MMUs and caches off: %s`,
      (how) => {
        const arrival = handedTo(
          kernel({
            isa,
            *main(k) {
              yield* k.kvmLoad();
              if (how === 'kexec') yield* k.kexec();
              else yield* udf();
            },
          }),
        );
        expect(arrival.r.slice(0, 3)).toEqual([0, HANDED.machine, HANDED.dtbPa]);
        expect(arrival.cpsr & PSR.M).toBe(MODE.HYP);
        expect(arrival.cpsr & (PSR.I | PSR.F)).toBe(PSR.I | PSR.F);
        expect(arrival.cpsr & PSR.T).toBe(isa === 'T32' ? PSR.T : 0);
        expect([arrival.sctlr & 0x1005, arrival.hsctlr & 0x1005]).toEqual([0, 0]);
      },
    );
  it('lies where its list says, word for word, through all four kinds of entry', () => {
    const k = kernel({
      *main(self) {
        yield* self.kexec();
      },
    });
    const before = Array.from({ length: 512 }, (_, n) => k.machine.memory.word(PA.loaded + 4 * n));
    expect(before.some((word) => word !== 0)).toBe(true);
    handedTo(k);
    expect(Array.from({ length: 512 }, (_, n) => k.machine.memory.word(PA.kernel + 4 * n))).toEqual(before);
  });
});

describe('kexec and kdump', () => {
  it('panic runs no reboot notifier, kexec does', () => {
    const notified = (main: Kernel32Options['main']): number => {
      const k = kernel({ main });
      handedTo(k);
      return k.machine.memory.word(DATA.notified);
    };
    expect(notified(() => udf())).toBe(0);
    expect(notified((k) => k.kexec())).toBe(1);
  });
  it('a kexec without notifiers, KVM loaded, is answered by KVM since 4.12', () => {
    const main: Kernel32Options['main'] = function* (k) {
      yield* k.kvmLoad();
      yield* k.kexec({ skipsNotifiers: true });
    };
    expect(handedTo(kernel({ main })).cpsr & PSR.M).toBe(MODE.HYP);
    const old = kernel({ abi: 'arm patch v2', main });
    old.machine.run();
    expect(outcome32(old.machine, 'HYP').kind).toBe('dead');
  });
  it('kexec finds every secondary processor off before the jump', () => {
    const k = kernel({
      modes: ['HYP', 'HYP', 'HYP'],
      *main(self) {
        for (const cpu of [1, 2]) yield* self.bringUp(cpu);
        for (let n = 0; n < 40; n++) yield* hint32('nop');
        yield* self.kexec();
      },
    });
    const { machine } = k;
    machine.run({ until: () => machine.cpus[2]!.state.waiting === 'wfi' });
    expect(machine.cpus.map(({ state }) => state.power)).toEqual(['on', 'on', 'on']);
    machine.run({ until: () => machine.where(0).startsWith('control.relocate') });
    expect(machine.cpus.map(({ state }) => state.power)).toEqual(['on', 'off', 'off']);
    expect(handedTo(k).cpsr & PSR.M).toBe(MODE.HYP);
  });
  it('behind a kdump the secondary processors still wait in the text of the old kernel', () => {
    const k = kernel({
      modes: ['HYP', 'HYP'],
      *main(self) {
        yield* self.bringUp(1);
        for (let n = 0; n < 40; n++) yield* hint32('nop');
        yield* udf();
      },
    });
    handedTo(k);
    const [, second] = k.machine.cpus;
    expect(second!.state).toMatchObject({ power: 'on', waiting: 'wfe' });
    expect(k.machine.where(1)).toMatch(/^kernel\.nonPanicCore/);
    expect(second!.pc >>> 20).toBe(va(PA.kernel) >>> 20);
  });
});

describe('a kernel that does not own HYP', () => {
  it('entered in SVC it makes no call, loads no KVM and hands over in SVC', () => {
    for (const how of ['kexec', 'panic']) {
      const k = kernel({
        modes: ['SVC'],
        *main(self) {
          yield* self.kvmLoad();
          if (how === 'kexec') yield* self.kexec();
          else yield* udf();
        },
      });
      expect(handedTo(k).cpsr & PSR.M).toBe(MODE.SVC);
      expect(hvcs(k)).toBe(0);
    }
  });
  it('with SCR.HCE 0 the call that it makes nevertheless is UNDEFINED in SVC', () => {
    const k = kernel({ modes: ['SVC'], main: () => hvc32(1) as never });
    k.machine.cpus[0]!.setCp('SCR', 1, false);
    k.machine.run({ until: () => k.machine.taken.length > 0 });
    expect(k.machine.taken[0]).toMatchObject({ kind: 'undefined', vector: k.at('kernel', 'kernelVectors', 'va') + 4 });
  });
  it('first processor in HYP, another in SVC: HYP counts as not available, and kdump goes to SVC', () => {
    const k = kernel({
      modes: ['HYP', 'SVC'],
      *main(self) {
        yield* self.bringUp(1);
        for (let n = 0; n < 40; n++) yield* hint32('nop');
        yield* udf();
      },
    });
    expect(handedTo(k).cpsr & PSR.M).toBe(MODE.SVC);
    expect(k.machine.memory.word(DATA.bootMode)).toBe(0x8000_001a);
  });
  it('once one processor does not match none installs a stub any more', () => {
    const k = kernel({
      modes: ['HYP', 'SVC', 'HYP'],
      *main(self) {
        for (const cpu of [1, 2]) {
          yield* self.bringUp(cpu);
          for (let n = 0; n < 40; n++) yield* hint32('nop');
        }
        yield* stop('up');
      },
    });
    k.machine.run();
    const stub = k.at('kernel', 'stubVectors', 'pa');
    expect(k.machine.cpus.map((cpu) => cpu.cp32('HVBAR'))).toEqual([stub, 0, 0]);
  });
});

describe('idle with loss of state', () => {
  it('the first call of a processor that wakes is answered by the stub', () => {
    const k = kernel({
      *main(self) {
        yield* self.kvmLoad();
        yield* self.idle();
      },
      *afterIdle(self) {
        yield* str(va(DATA.notes), 1);
        yield* self.wake();
        yield* stop('awake');
      },
    });
    const { machine } = k;
    machine.run({ until: () => machine.memory.word(DATA.notes) === 1 });
    expect(machine.cpus[0]!.cp32('HVBAR')).toBe(k.at('kernel', 'stubVectors', 'pa'));
    machine.run();
    expect(machine.cpus[0]!.cp32('HVBAR')).toBe(k.at('kvm', 'kvmVectors', 'va'));
  });
});

describe('every boundary', () => {
  const loaded = (abi: string): Kernel32 =>
    kernel({
      abi,
      *main(k) {
        yield* k.kvmLoad();
        yield* stop('loaded');
      },
    });
  it('what is done twice is the same twice', () => {
    const { machine } = loaded('arm patch v1');
    const first = everyBoundary({ machine, boot: 'HYP' });
    expect(everyBoundary({ machine, boot: 'HYP' })).toEqual(first);
    expect(everyBoundary({ machine: loaded('arm patch v1').machine, boot: 'HYP' })).toEqual(first);
    expect(failureLines('v1', first)[0]).toMatch(/^v1: hand-over fails at [1-9]\d* of \d+ boundaries$/);
  });
  it('a boundary alone gives what it gave among the others', () => {
    const { machine } = loaded('arm patch v2');
    const all = everyBoundary({ machine, boot: 'HYP' });
    for (const at of [0, all.length >> 1, all.length - 1])
      expect(everyBoundary({ machine, boot: 'HYP', only: at })).toEqual([all[at]]);
    let boundaries = 0;
    expect(
      everyBoundary({
        machine,
        boot: 'HYP',
        only: 999,
        outside: (n) => {
          boundaries = n;
        },
      }),
    ).toEqual([]);
    expect(boundaries).toBe(all.length);
  });
  it('a broken instruction while the stub or KVM initialises is fatal in every version: their other vectors spin', () => {
    for (const abi of ['arm original', 'arm 4.12']) {
      const all = everyBoundary({ machine: loaded(abi).machine, boot: 'HYP', what: 'bug' });
      const inHyp = all.filter(({ mode }) => mode === 'HYP');
      expect(inHyp.length).toBeGreaterThan(20);
      expect(new Set(inHyp.slice(0, 4).map(({ kind }) => kind))).toEqual(new Set(['dead']));
    }
  });
});

describe('zImage', () => {
  it('entered in SVC it calls nobody and enters the kernel in SVC', () => {
    const machine = zImageMachine({ mode: 'SVC' });
    machine.run();
    expect(machine.taken).toEqual([]);
    expect(machine.arrivals.at(-1)).toMatchObject({ name: 'next.start' });
    expect(machine.arrivals.at(-1)!.cpsr & PSR.M).toBe(MODE.SVC);
  });
  it('its vectors are at the future address before the copy, and code is there only behind it', () => {
    const machine = zImageMachine({ mode: 'HYP' });
    const cpu = machine.cpus[0]!;
    const first = (): number => cpu.cp32('HVBAR');
    machine.run({ until: () => cpu.mode.name === 'SVC' });
    const before = first();
    expect(hypAnswers(machine)).toBe(true);
    machine.run({ until: () => machine.where(0).startsWith('zImage.move') });
    expect(first()).toBe(before + 0x800);
    expect(hypAnswers(machine)).toBe(false);
    machine.run({ until: () => machine.where(0).startsWith('zImage.decompress') });
    expect(hypAnswers(machine)).toBe(true);
  });
});
