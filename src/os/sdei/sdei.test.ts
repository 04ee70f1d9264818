import { describe, expect, it } from 'vitest';
import { osMachine, osText } from '../../../test/support/os-run.ts';
import { SDEI_FUNCTIONS } from '../../firmware/sdei/functions.ts';
import {
  eret,
  type Hosted,
  load,
  loadExclusive,
  mrs,
  msr,
  nop,
  readX,
  store,
  storeExclusive,
  svc,
  writeX,
} from '../../hosted.ts';
import type { Cpu } from '../kit/cpu.ts';
import { Kernel, type KernelOptions } from '../kit/kernel.ts';
import { AREA, areaOf } from '../kit/layout.ts';
import { setTimer, stopTimer } from '../kit/timer.ts';
import { SdeiClient, type SdeiClientOptions } from './client.ts';
import { USER_ASID } from './entry.ts';
import { sdeiRaw } from './firmware.ts';
import { sdeiFreeze, sdeiProbe, sdeiReboot, sdeiRestore, sdeiResume, sdeiSuspend, sdeiThaw } from './lifecycle.ts';

/** Explicit events of the machine. */
const NORMAL = 3000n;
const CRITICAL = 3001n;
const SHARED = 3002n;

interface Rig {
  readonly kernel: Kernel;
  readonly client: SdeiClient;
  /** Per-CPU count of handlers. */
  readonly runs: bigint;
  /** A per-CPU word for tests. */
  readonly note: bigint;
}

function rig(options: KernelOptions & SdeiClientOptions = {}): Rig {
  const kernel = new Kernel(options);
  const client = new SdeiClient(kernel, options);
  const runs = kernel.perCpu('runs');
  const note = kernel.perCpu('note');
  client.onEvent('count', function* (cpu) {
    yield* cpu.add(runs, 1n);
    return 0n;
  });
  return { kernel, client, runs, note };
}
/** SDEI_EVENT_STATUS of an event on this CPU. */
const status = (event: bigint): Hosted<bigint> => sdeiRaw('smc', 'SDEI_EVENT_STATUS', event);
/** Raises event 0 on this CPU: a handler runs before the next step. */
const signalSelf = function* (cpu: Cpu): Hosted<bigint> {
  return yield* sdeiRaw('smc', 'SDEI_EVENT_SIGNAL', 0n, BigInt(cpu.pe));
};
const statusOnAll = (kernel: Kernel): void =>
  kernel.onCall('status', function* (_cpu, event) {
    return yield* status(event);
  });

describe('probing', () => {
  it('major version 2 marks the interface broken, and a later register gives EIO', () => {
    const { kernel, client } = rig();
    const run = osMachine(kernel, {
      *main(cpu) {
        const probed = yield* sdeiProbe(client, cpu);
        yield* cpu.print(`${probed} ${yield* client.register(cpu, 0n, 'count')}`);
      },
    });
    const dispatcher = run.machine.sdei.dispatcher!;
    const call = dispatcher.call.bind(dispatcher);
    dispatcher.call = (pe, id, ...rest) => (id === SDEI_FUNCTIONS.SDEI_VERSION ? 2n << 48n : call(pe, id, ...rest));
    run.machine.run({ steps: 100_000 });
    expect(run.text()).toBe('-22 -5');
  });
  it('a machine without the interface: EOPNOTSUPP, then EIO', () => {
    const { kernel, client } = rig();
    const text = osText(
      kernel,
      {
        *main(cpu) {
          yield* cpu.print(`${yield* sdeiProbe(client, cpu)} ${yield* client.register(cpu, 0n, 'count')}`);
        },
      },
      { sdei: false },
    );
    expect(text).toBe('-95 -5');
  });
  it('a kernel at EL1 below EL2 is not the client', () => {
    const { kernel, client } = rig();
    const text = osText(
      kernel,
      {
        *main(cpu) {
          yield* cpu.print(`${yield* sdeiProbe(client, cpu)} ${yield* client.register(cpu, 0n, 'count')}`);
        },
      },
      { el2: true },
    );
    expect(text).toBe('-95 -5');
  });
  it('where the firmware serves it all the same, it says why it does not use it', () => {
    const { kernel, client } = rig();
    const text = osText(kernel, {
      *main(cpu) {
        yield* store(kernel.words.bootEl, 2n);
        yield* cpu.print(`${yield* sdeiProbe(client, cpu)} ${yield* client.register(cpu, 0n, 'count')}`);
      },
    });
    expect(text).toBe('sdei: not supported: events would go to EL2, where this kernel does not run\n0 -5');
  });
  it('PRIVATE_RESET on every CPU comes before SHARED_RESET, and every CPU is unmasked afterwards', () => {
    const { kernel, client } = rig({ cpus: 4 });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
      },
    });
    const calls: string[] = [];
    run.machine.on('call', (pe, name) => {
      if (/RESET|UNMASK/.test(name)) calls.push(`${name.replace('SDEI_', '')} ${pe}`);
    });
    run.machine.run({ steps: 100_000 });
    expect(calls.slice(0, 4).sort()).toEqual([0, 1, 2, 3].map((pe) => `PRIVATE_RESET ${pe}`));
    expect(calls[4]).toBe('SHARED_RESET 0');
    expect(calls.slice(5).sort()).toEqual([0, 1, 2, 3].map((pe) => `PE_UNMASK ${pe}`));
  });
});

describe('registering', () => {
  it('a private event on 4 CPUs makes 4 calls; an event that is there already is EBUSY, an unknown one EINVAL', () => {
    const { kernel, client } = rig({ cpus: 4 });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        const results = [];
        for (const event of [NORMAL, NORMAL, 77n]) results.push(yield* client.register(cpu, event, 'count'));
        yield* cpu.print(results.join(' '));
      },
    });
    let calls = 0;
    run.machine.on('call', (_pe, name) => {
      if (name === 'SDEI_EVENT_REGISTER') calls++;
    });
    run.machine.run({ steps: 100_000 });
    expect([run.text(), calls]).toEqual(['0 -16 -22', 4]);
  });
  const refusedOnOne = (noRollback: boolean): string => {
    const { kernel, client } = rig({ cpus: 4, variants: { noRollback } });
    statusOnAll(kernel);
    kernel.onCall('spoil', function* (cpu) {
      if (cpu.pe === 2) yield* sdeiRaw('smc', 'SDEI_EVENT_REGISTER', NORMAL, kernel.address('sdeiEntry'), 0n, 0n, 0n);
      return 0n;
    });
    return osText(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* cpu.callOn('spoil');
        yield* cpu.print(`${yield* client.register(cpu, NORMAL, 'count')} ${yield* cpu.callOn('status', NORMAL)}`);
        yield* cpu.print(` ${yield* client.registered()}`);
        yield* cpu.print(` ${yield* client.register(cpu, NORMAL, 'count')}`);
      },
    });
  };
  it('a failure on one CPU unregisters all, so that the next attempt succeeds', () => {
    expect(refusedOnOne(false)).toBe('-1 0,0,0,0 0 0');
  });
  it('(left where it succeeded, nobody can register the event any more)', () => {
    expect(refusedOnOne(true)).toBe('-1 1,1,1,1 0 -1');
  });
  it('a shared event is one registration, whatever CPU takes it', () => {
    const { kernel, client, runs } = rig({ cpus: 3 });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* client.register(cpu, SHARED, 'count');
        yield* client.enable(cpu, SHARED);
        yield* cpu.print('ready');
        for (let n = 0; n < 200; n++) yield* nop();
        yield* client.unregister(cpu, SHARED);
      },
    });
    run.machine.runUntil(() => run.text() === 'ready', { steps: 100_000 });
    run.machine.sdei.signal(Number(SHARED));
    expect(run.machine.run({ steps: 100_000 }).reason).toBe('poweroff');
    expect([0, 1, 2].map((pe) => run.word(areaOf(pe) + runs))).toEqual([1n, 0n, 0n]);
    expect(run.machine.sdei.state().events.every(({ handlers }) => handlers.every((h) => h.state === 0))).toBe(true);
  });
});

describe('CPUs that come and go', () => {
  it('going down unregisters and masks; coming up registers, enables only what is enabled, unmasks', () => {
    const { kernel, client } = rig({ cpus: 2 });
    statusOnAll(kernel);
    const text = osText(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* client.register(cpu, NORMAL, 'count');
        yield* client.register(cpu, CRITICAL, 'count');
        yield* client.enable(cpu, NORMAL);
        yield* cpu.cpuOff(1);
        yield* cpu.cpuOn(1);
        yield* cpu.print(`${yield* cpu.callOn('status', NORMAL)} ${yield* cpu.callOn('status', CRITICAL)} `);
        yield* cpu.print(`${yield* cpu.callOn('sdei.mask')}`);
      },
    });
    expect(text).toBe('3,3 1,1 1,1');
  });
  const disabledWhileAway = (savesFirmwareState: boolean): string => {
    const { kernel, client } = rig({ cpus: 2, variants: { savesFirmwareState } });
    statusOnAll(kernel);
    return osText(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* client.register(cpu, NORMAL, 'count');
        yield* client.enable(cpu, NORMAL);
        yield* cpu.cpuOff(1);
        yield* client.disable(cpu, NORMAL);
        yield* cpu.cpuOn(1);
        yield* cpu.print(`${yield* cpu.callOn('status', NORMAL)}`);
      },
    });
  };
  it('an event disabled while a CPU was away is not enabled when it comes back', () => {
    expect(disabledWhileAway(false)).toBe('1,1');
  });
  it("(saving the firmware's state instead enables it again)", () => {
    expect(disabledWhileAway(true)).toBe('1,3');
  });
});

describe('the exit of a handler', () => {
  /** How the handler over an interrupted context ended, and with what in X1. */
  const exits = (options: KernelOptions, functions: Parameters<typeof osMachine>[1], r = rig(options)): string[] => {
    const run = osMachine(r.kernel, functions, options.el === 2 ? { el2: true } : {});
    const vbar = run.machine.options.hosted!.vectors('kit');
    const found: string[] = [];
    run.machine.on('call', (_pe, name, args) => {
      if (name === 'SDEI_EVENT_COMPLETE') found.push(`COMPLETE ${args[0]}`);
      if (name === 'SDEI_EVENT_COMPLETE_AND_RESUME') found.push(`RESUME VBAR+0x${(args[0]! - vbar).toString(16)}`);
    });
    expect(run.machine.run({ steps: 200_000 }).reason).toBe('poweroff');
    expect(run.text()).toBe('');
    return found;
  };
  const begin = function* ({ client }: Rig, cpu: Cpu): Hosted {
    yield* sdeiProbe(client, cpu);
    yield* client.register(cpu, 0n, 'count');
    yield* client.enable(cpu, 0n);
  };
  it.each([
    ['DAIF', {}],
    ['priorities', { pseudoNmi: true }],
    ['DAIF at EL2', { el: 2 }],
  ] as const)(
    'over kernel code: COMPLETE with interrupts masked by %s, as an IRQ with interrupts enabled',
    (_, options) => {
      const r = rig(options);
      const found = exits(
        options,
        {
          *main(cpu) {
            yield* begin(r, cpu);
            yield* signalSelf(cpu);
            const flags = yield* cpu.irq.saveAndDisable();
            yield* signalSelf(cpu);
            yield* cpu.irq.restore(flags);
            yield* signalSelf(cpu);
          },
        },
        r,
      );
      expect(found).toEqual(['RESUME VBAR+0x280', 'COMPLETE 0', 'RESUME VBAR+0x280']);
    },
  );
  it('over EL0: as an IRQ from a lower Exception level, and EL0 goes on', () => {
    const r = rig();
    r.kernel.onSync(function* (cpu, frame, esr) {
      if (esr >> 26n !== 0x15n) return false;
      if ((yield* load(frame.pa)) === 9n) yield* cpu.off();
      return true;
    });
    r.kernel.addFunction('user', function* () {
      for (let n = 0; n < 50; n++) yield* nop();
      yield* svc(9n);
    });
    const run = osMachine(r.kernel, {
      *main(cpu) {
        yield* begin(r, cpu);
        yield* cpu.print('.');
        yield* msr('SPSR_EL1', 0n);
        yield* msr('ELR_EL1', r.kernel.address('user'));
        yield* eret();
      },
    });
    const vbar = run.machine.options.hosted!.vectors('kit');
    const found: bigint[] = [];
    run.machine.on('call', (_pe, name, args) => {
      if (name === 'SDEI_EVENT_COMPLETE_AND_RESUME') found.push(args[0]! - vbar);
    });
    run.machine.runUntil((m) => run.text() === '.' && m.pes[0]!.s.el === 0, { steps: 100_000 });
    run.machine.run({ steps: 20 });
    run.machine.sdei.signal(0);
    expect(run.machine.run({ steps: 100_000 }).reason).toBe('poweroff');
    expect(found).toEqual([0x480n]);
  });
  it('a callback that fails: COMPLETE with EV_FAILED', () => {
    const r = rig();
    r.client.onEvent('fails', function* () {
      yield* nop();
      return -2n;
    });
    const found = exits(
      {},
      {
        *main(cpu) {
          yield* sdeiProbe(r.client, cpu);
          yield* r.client.register(cpu, 0n, 'fails');
          yield* r.client.enable(cpu, 0n);
          yield* signalSelf(cpu);
        },
      },
      r,
    );
    expect(found).toEqual(['COMPLETE 1']);
  });
});

describe('the entry of a handler', () => {
  it('everything the interrupted code had is as before, and the record shows it', () => {
    const { kernel, client } = rig();
    const seen = kernel.variable('seen', 64);
    client.onEvent('look', function* (_cpu, { record }) {
      for (let n = 0n; n < 8n; n++) yield* store(seen + 8n * n, yield* load(record + 8n * n));
      for (let n = 0; n < 31; n++) yield* writeX(n, 0xbadn);
      return 0n;
    });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* client.register(cpu, NORMAL, 'look');
        yield* client.enable(cpu, NORMAL);
        yield* cpu.irq.disable();
        yield* cpu.print('.');
        for (let n = 0; n < 18; n++) yield* writeX(n, 500n + BigInt(n));
        const sp = yield* readX(31);
        yield* nop();
        for (let n = 0; n < 100; n++) yield* nop();
        let wrong = 0n;
        for (let n = 0; n < 18; n++) if ((yield* readX(n)) !== 500n + BigInt(n)) wrong++;
        if ((yield* readX(31)) !== sp) wrong++;
        yield* cpu.print(`${wrong}`);
      },
    });
    run.machine.runUntil(() => run.text() === '.', { steps: 100_000 });
    run.machine.run({ steps: 60 });
    run.machine.sdei.signal(Number(NORMAL));
    expect(run.machine.run({ steps: 100_000 }).reason).toBe('poweroff');
    expect(run.text()).toBe('.0');
    expect([0n, 1n, 7n].map((n) => run.word(seen + 8n * n))).toEqual([500n, 501n, 507n]);
  });

  const nested = (oneStack: boolean): string => {
    const { kernel, client, note } = rig({ variants: { oneStack } });
    client.onEvent('normal', function* (cpu) {
      yield* store(cpu.at(note), yield* readX(31));
      for (let n = 0; n < 20; n++) yield* nop();
      yield* cpu.print('normal ');
      return 0n;
    });
    client.onEvent('critical', function* (cpu) {
      const sp = yield* readX(31);
      yield* cpu.print(sp === (yield* load(cpu.at(note))) ? 'same ' : 'other ');
      return 0n;
    });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* client.register(cpu, NORMAL, 'normal');
        yield* client.register(cpu, CRITICAL, 'critical');
        yield* client.enable(cpu, NORMAL);
        yield* client.enable(cpu, CRITICAL);
        for (let n = 0; n < 300; n++) yield* nop();
      },
    });
    run.machine.sdei.onMove((_pe, event, operation) => {
      if (event === Number(CRITICAL) && operation === 'ENABLE') run.machine.sdei.signal(Number(NORMAL));
    });
    run.machine.runUntil(() => run.word(areaOf(0) + note) !== 0n, { steps: 100_000 });
    run.machine.sdei.signal(Number(CRITICAL));
    run.machine.run({ steps: 100_000 });
    return run.text();
  };
  it('normal and critical handlers of a CPU have different stacks', () => {
    expect(nested(false)).toBe('other normal ');
  });
  it('(on one stack the critical one destroys what the normal one keeps there)', () => {
    expect(nested(true)).toContain('same normal Kernel panic on CPU 0: the stack of an SDEI handler was overwritten');
  });

  const fromUser = (options: SdeiClientOptions): string => {
    const { kernel, client } = rig(options);
    client.onEvent('mapped', function* (cpu) {
      yield* cpu.print((yield* mrs('TTBR1_EL1')) & USER_ASID ? 'unmapped ' : 'mapped ');
      return -1n;
    });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* client.register(cpu, 0n, 'mapped');
        yield* client.enable(cpu, 0n);
        for (const ttbr1 of [USER_ASID, 0n]) {
          yield* msr('TTBR1_EL1', ttbr1);
          yield* signalSelf(cpu);
          yield* cpu.print((yield* mrs('TTBR1_EL1')) === ttbr1 ? 'same ' : 'changed ');
        }
      },
    });
    run.machine.run({ steps: 100_000 });
    return run.text();
  };
  it('with KPTI the trampoline maps the kernel where it is not, and leaves as it was', () => {
    expect(fromUser({ kpti: true })).toBe('mapped same mapped same ');
  });
  it('(without it the handler has no kernel to run in)', () => {
    expect(fromUser({ kpti: true, variants: { noTrampoline: true } })).toContain('without the kernel mapped');
  });
  it("in the middle of an entry from EL0 the current task is the CPU's all the same", () => {
    const spoilt = (trustsSpEl0: boolean): string => {
      const { kernel, client } = rig({ variants: { trustsSpEl0 } });
      return osText(kernel, {
        *main(cpu) {
          yield* sdeiProbe(client, cpu);
          yield* client.register(cpu, 0n, 'count');
          yield* client.enable(cpu, 0n);
          yield* cpu.irq.disable();
          yield* msr('SP_EL0', 0x1234n);
          yield* signalSelf(cpu);
          yield* cpu.print((yield* mrs('SP_EL0')).toString(16));
        },
      });
    };
    expect(spoilt(false)).toBe('1234');
    expect(spoilt(true)).toContain('found another task');
  });
});

describe('unregistering', () => {
  /** A handler that stays until `go` is written, run on CPU 1 by an event that was just enabled. */
  const whileRunning = (options: SdeiClientOptions, main: (cpu: Cpu, r: Rig, go: bigint) => Hosted): string => {
    const r = rig({ cpus: 2, ...options });
    const go = r.kernel.variable('go');
    r.client.onEvent('stays', function* (cpu) {
      yield* cpu.add(r.runs, 1n);
      while ((yield* load(go)) === 0n) yield* cpu.relax();
      return 0n;
    });
    const run = osMachine(r.kernel, {
      *main(cpu) {
        yield* sdeiProbe(r.client, cpu);
        yield* r.client.register(cpu, NORMAL, 'stays');
        yield* r.client.enable(cpu, NORMAL);
        yield* cpu.print('.');
        while ((yield* load(areaOf(1) + r.runs)) === 0n) yield* cpu.relax();
        yield* main(cpu, r, go);
      },
    });
    run.machine.runUntil(() => run.text() === '.', { steps: 100_000 });
    run.machine.sdei.signal(Number(NORMAL), { pe: 1 });
    const { reason } = run.machine.run({ steps: 400_000 });
    return run.text() + (reason === 'poweroff' ? '' : `[${reason}]`);
  };
  const shared = (cpu: Cpu, { client }: Rig, go: bigint): Hosted =>
    (function* () {
      yield* store(go, 1n);
      yield* cpu.delay(5000n);
      yield* cpu.print(`${yield* client.unregister(cpu, NORMAL)} ${yield* client.registered()}`);
    })();
  it('succeeds when no handler runs any more', () => {
    expect(whileRunning({}, shared)).toBe('.0 0');
  });
  // A private event's cross-call would wait for the CPU that is in its handler: a shared event shows the retry.
  const retry = (options: SdeiClientOptions): string => {
    const { kernel, client, note, runs } = rig({ cpus: 2, ...options });
    const go = kernel.variable('go');
    client.onEvent('stays', function* (cpu) {
      yield* cpu.add(runs, 1n);
      while ((yield* load(go)) === 0n) yield* cpu.relax();
      return 0n;
    });
    const run = osMachine(
      kernel,
      {
        *main(cpu) {
          yield* sdeiProbe(client, cpu);
          yield* client.register(cpu, SHARED, 'stays');
          yield* client.enable(cpu, SHARED);
          yield* sdeiRaw('smc', 'SDEI_PE_MASK');
          yield* cpu.print('.');
          while ((yield* load(areaOf(1) + runs)) === 0n) yield* cpu.relax();
          const first = yield* client.unregister(cpu, SHARED);
          const kept = yield* client.registered();
          yield* store(go, 1n);
          yield* cpu.delay(3000n);
          yield* cpu.print(`${first} ${kept} ${yield* client.unregister(cpu, SHARED)} ${yield* client.registered()}`);
          yield* store(cpu.at(note), 1n);
        },
      },
      { schedule: { kind: 'round-robin', turnSteps: 50 } },
    );
    run.machine.runUntil(() => run.text() === '.', { steps: 100_000 });
    run.machine.sdei.signal(Number(SHARED));
    run.machine.run({ steps: 400_000 });
    return run.text();
  };
  it('while a handler runs: EINPROGRESS, the registration is kept, and the retry succeeds though the firmware denies', () => {
    expect(retry({})).toBe('.-115 1 0 0');
  });
  it('(taking the denial for a failure keeps the registration for ever)', () => {
    expect(retry({ variants: { retryFails: true } })).toBe('.-115 1 -1 1');
  });
  it('(forgetting it at once leaves a handler that runs on a record that is free)', () => {
    expect(retry({ variants: { forgetsPending: true } })).toMatch(/^\.-115 0 -22 0/);
  });
});

describe('hardware error sources', () => {
  it("vector 0 is EINVAL; the callback is that of the event's priority; unregistering waits for handlers", () => {
    const { kernel, client } = rig();
    client.onEvent('normal', function* (cpu) {
      yield* cpu.print('N');
      return 0n;
    });
    client.onEvent('critical', function* (cpu) {
      yield* cpu.print('C');
      return 0n;
    });
    const callbacks = { normal: 'normal', critical: 'critical' };
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        for (const event of [0n, NORMAL, CRITICAL])
          yield* cpu.print(`${yield* client.registerGhes(cpu, event, callbacks)} `);
        yield* cpu.print('.');
        for (let n = 0; n < 300; n++) yield* nop();
        for (const event of [NORMAL, CRITICAL]) yield* cpu.print(` ${yield* client.unregisterGhes(cpu, event)}`);
        yield* cpu.print(` ${yield* client.registered()}`);
      },
    });
    run.machine.runUntil(() => run.text().endsWith('.'), { steps: 100_000 });
    run.machine.sdei.signal(Number(NORMAL));
    run.machine.run({ steps: 120 });
    run.machine.sdei.signal(Number(CRITICAL));
    run.machine.run({ steps: 100_000 });
    expect(run.text()).toBe('-22 0 0 .NC 0 0 0');
  });
});

describe('power', () => {
  it.each([false, true])(
    'a CPU that is suspended (power-down %s) is masked meanwhile and unmasked afterwards',
    (powerdown) => {
      const { kernel, client, runs } = rig();
      kernel.onInterrupt(kernel.timerIntid, function* () {
        yield* stopTimer();
      });
      const run = osMachine(kernel, {
        *main(cpu) {
          yield* sdeiProbe(client, cpu);
          yield* client.register(cpu, 0n, 'count');
          yield* client.enable(cpu, 0n);
          yield* setTimer(cpu, 20_000n);
          yield* cpu.print(`${yield* cpu.suspend(powerdown)} `);
          yield* signalSelf(cpu);
          yield* cpu.print(`${yield* load(cpu.at(runs))} ${yield* status(0n)}`);
        },
      });
      const masked: boolean[] = [];
      run.machine.on('power', (_pe, state) => {
        if (state === 'WFI') masked.push(run.machine.sdei.state().pes[0]!.masked);
      });
      run.machine.run({ steps: 100_000 });
      expect(run.text()).toBe('0 1 3');
      expect(masked).toEqual([true]);
    },
  );
  it('suspending the system masks all CPUs, resuming unmasks them', () => {
    const { kernel, client } = rig({ cpus: 3 });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* sdeiSuspend(client, cpu);
        yield* cpu.print('a');
        yield* sdeiResume(client, cpu);
        yield* cpu.print('b');
      },
    });
    const masks = (): boolean[] => run.machine.sdei.state().pes.map(({ masked }) => masked);
    run.machine.runUntil(() => run.text() === 'a', { steps: 100_000 });
    expect(masks()).toEqual([true, true, true]);
    run.machine.runUntil(() => run.text() === 'ab', { steps: 100_000 });
    expect(masks()).toEqual([false, false, false]);
  });
  it('hibernation: frozen nothing is registered, thawed everything is, restored on other firmware as well', () => {
    const { kernel, client } = rig({ cpus: 2 });
    statusOnAll(kernel);
    const text = osText(kernel, {
      *main(cpu) {
        const show = function* (): Hosted {
          yield* cpu.print(`${yield* cpu.callOn('status', NORMAL)};${yield* status(SHARED)} `);
        };
        yield* sdeiProbe(client, cpu);
        for (const event of [NORMAL, SHARED]) yield* client.register(cpu, event, 'count');
        yield* client.enable(cpu, NORMAL);
        yield* show();
        yield* sdeiFreeze(client, cpu);
        yield* show();
        yield* sdeiThaw(client, cpu);
        yield* show();
        yield* sdeiFreeze(client, cpu);
        // The firmware of the machine that restores was used by the kernel that loaded the image.
        yield* sdeiRaw('smc', 'SDEI_EVENT_REGISTER', SHARED, kernel.address('sdeiEntry'), 0n, 0n, 0n);
        yield* sdeiRestore(client, cpu);
        yield* show();
      },
    });
    expect(text).toBe('3,3;1 0,0;0 3,3;1 3,3;1 ');
  });
  it('a reboot leaves every event unregistered, every binding released, every CPU masked', () => {
    const { kernel, client } = rig({ cpus: 3 });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        for (const event of [0n, NORMAL, SHARED]) {
          yield* client.register(cpu, event, 'count');
          yield* client.enable(cpu, event);
        }
        yield* sdeiRaw('smc', 'SDEI_INTERRUPT_BIND', 100n);
        yield* cpu.print(`${yield* sdeiReboot(client, cpu)}`);
      },
    });
    run.machine.run({ steps: 200_000 });
    expect(run.text()).toBe('0');
    const { events, pes } = run.machine.sdei.state();
    expect(events.filter(({ intid }) => intid !== null)).toHaveLength(0);
    expect(events.flatMap(({ handlers }) => handlers).filter(({ state }) => state !== 0)).toEqual([]);
    expect(pes.map(({ masked }) => masked)).toEqual([true, true, true]);
  });
});

describe('a panic', () => {
  const inCritical = (panicLeavesHandlers: boolean): string => {
    const { kernel, client } = rig({ cpus: 2, variants: { panicLeavesHandlers } });
    client.onEvent('normal', function* (cpu) {
      yield* cpu.print('N');
      for (let n = 0; n < 50; n++) yield* nop();
      return 0n;
    });
    client.onEvent('critical', function* (cpu) {
      yield* cpu.panic('no way to go on');
      return 0n;
    });
    kernel.onInterrupt(kernel.timerIntid, function* (cpu) {
      yield* stopTimer();
      yield* cpu.printNow('tick ');
    });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        for (const [event, callback] of [
          [NORMAL, 'normal'],
          [CRITICAL, 'critical'],
        ] as const) {
          yield* client.register(cpu, event, callback);
          yield* client.enable(cpu, event);
        }
        yield* cpu.print('.');
        for (;;) yield* nop();
      },
      // The crash kernel: interrupts work, and its own probe succeeds.
      *crash(cpu) {
        yield* setTimer(cpu, 100n);
        yield* cpu.irq.daifRestore(0n);
        for (let n = 0; n < 400; n++) yield* nop();
        yield* cpu.printNow(`probe ${yield* sdeiRaw('smc', 'SDEI_PRIVATE_RESET')}`);
        yield* cpu.off();
      },
    });
    run.machine.runUntil(() => run.text().endsWith('.'), { steps: 100_000 });
    run.machine.sdei.signal(Number(NORMAL));
    run.machine.runUntil(() => run.text().endsWith('N'), { steps: 100_000 });
    run.machine.sdei.signal(Number(CRITICAL));
    run.machine.run({ steps: 200_000 });
    expect(run.word(areaOf(1) + AREA.stopped)).toBe(1n);
    return run.text();
  };
  it('inside critical over normal ends both: interrupts are delivered again, and the next kernel can reset', () => {
    expect(inCritical(false)).toBe('.NKernel panic on CPU 0: no way to go on\ntick probe 0');
  });
  it('(without that no interrupt comes any more, and the reset is denied)', () => {
    expect(inCritical(true)).toBe('.NKernel panic on CPU 0: no way to go on\nprobe -3');
  });
});

describe('what a handler must not do', () => {
  it('an exception in a handler destroys ELR, which the client says', () => {
    const { kernel, client } = rig();
    kernel.onSync(function* (_cpu, frame) {
      yield* store(frame.pa + 0x100n, (yield* load(frame.pa + 0x100n)) + 4n);
      return true;
    });
    client.onEvent('faults', function* () {
      yield* load(0x1000_0000_0000n);
      return 0n;
    });
    const text = osText(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* client.register(cpu, 0n, 'faults');
        yield* client.enable(cpu, 0n);
        yield* cpu.irq.disable();
        yield* signalSelf(cpu);
      },
    });
    expect(text).toBe('SDEI event 0: its handler took an exception; what was interrupted may be lost\n');
  });
  it('over a section with interrupts off, resuming as after an interrupt destroys ELR and SPSR (always resuming)', () => {
    const elrKept = (resumesAlways: boolean): string => {
      const { kernel, client } = rig({ variants: { resumesAlways } });
      return osText(kernel, {
        *main(cpu) {
          yield* sdeiProbe(client, cpu);
          yield* client.register(cpu, 0n, 'count');
          yield* client.enable(cpu, 0n);
          yield* cpu.irq.disable();
          yield* msr('ELR_EL1', 0x1234n);
          yield* signalSelf(cpu);
          yield* cpu.print(`${(yield* mrs('ELR_EL1')) === 0x1234n}`);
        },
      });
    };
    expect(elrKept(false)).toBe('true');
    expect(elrKept(true)).toBe('false');
  });
  it('an event between a load and a store that are exclusive makes the store fail', () => {
    const { kernel, client } = rig();
    const text = osText(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* client.register(cpu, 0n, 'count');
        yield* client.enable(cpu, 0n);
        yield* cpu.irq.disable();
        const at = kernel.words.patched;
        const value = yield* loadExclusive(at);
        const undisturbed = yield* storeExclusive(at, value);
        yield* loadExclusive(at);
        yield* signalSelf(cpu);
        yield* cpu.print(`${undisturbed} ${yield* storeExclusive(at, value)}`);
      },
    });
    expect(text).toBe('0 1');
  });
});
