import { describe, expect, it } from 'vitest';
import {
  atomic,
  become,
  branch,
  callAt,
  eret,
  finalCall,
  type Hosted,
  load,
  loadExclusive,
  loadPair,
  lock,
  mrs,
  msr,
  msrImmediate,
  nop,
  readX,
  smc,
  store,
  storeExclusive,
  storePair,
  svc,
  unlock,
  wfi,
  writeX,
} from '../engine/hosted/effects.ts';
import { HostedError } from '../engine/hosted/errors.ts';
import { type HostedFunction, HostedProgram, type HostedVectors } from '../engine/hosted/program.ts';
import { assemble } from '../isa/text/index.ts';
import { Machine } from './machine.ts';
import type { MachineOptions } from './options.ts';

const RAM = 0x4000_0000n;
const COUNTER = RAM + 0x1000n;
const UART = 0x0900_0000n;
const PSCI = { VERSION: 0x8400_0000n, CPU_ON: 0xc400_0003n, CPU_OFF: 0x8400_0002n, SYSTEM_OFF: 0x8400_0008n } as const;
const SDEI = { REGISTER: 0xc400_0021n, ENABLE: 0xc400_0022n, COMPLETE: 0xc400_0025n, UNMASK: 0xc400_002cn } as const;

function machineWith(
  functions: Record<string, HostedFunction>,
  more: MachineOptions & { vectors?: Record<string, HostedVectors> } = {},
): Machine {
  const { vectors, ...options } = more;
  return Machine.create({
    hosted: new HostedProgram({ functions, ...(vectors && { vectors }) }),
    entry: Object.keys(functions)[0]!,
    memoryBytes: 16 * 2 ** 20,
    ...options,
  });
}
const word = (m: Machine, pa: bigint): bigint => new DataView(m.readMemory(pa, 8).slice().buffer).getBigUint64(0, true);

function* print(text: string): Hosted {
  for (const c of new TextEncoder().encode(text)) yield* store(UART, BigInt(c), 4);
}
function* off(): Hosted {
  yield* smc(PSCI.SYSTEM_OFF);
}

describe('hosted code', () => {
  it('starts at EL1, prints, calls the firmware and powers off; each yield is a step', () => {
    const m = machineWith({
      *main() {
        const el = yield* mrs('CurrentEL');
        const [version] = yield* smc(PSCI.VERSION);
        yield* print(`EL${el >> 2n} PSCI ${version! >> 16n}.${version! & 0xffffn}`);
        yield* off();
      },
    });
    let text = '';
    m.console.onOutput((bytes) => {
      text += new TextDecoder().decode(bytes);
    });
    expect(m.run({ steps: 1000 }).reason).toBe('poweroff');
    expect(text).toBe('EL1 PSCI 1.1');
    expect(m.steps).toBe(1 + 1 + 12 + 1);
  });

  it('calls machine code and is called by it', () => {
    const m = machineWith(
      {
        *main({ pe }) {
          const [sum] = yield* callAt(RAM, 20n, 1n);
          yield* store(COUNTER, sum! + BigInt(pe));
          yield* off();
        },
        *twice({ x }) {
          yield* nop();
          return 2n * x[0]!;
        },
      },
      {},
    );
    const twice = m.options.hosted!.address('twice');
    const source = `stp x30, xzr, [sp, #-16]!
      add x0, x0, x1
      movz x2, #${(twice >> 32n) & 0xffffn}, lsl #32
      movk x2, #${twice & 0xffffn}
      blr x2
      ldp x30, xzr, [sp], #16
      ret`;
    m.writeMemory(RAM, assemble(source).bytes);
    m.writeRegister(0, 'SP', RAM + 0x8000n);
    expect(m.run({ steps: 1000 }).reason).toBe('poweroff');
    expect(word(m, COUNTER)).toBe(42n);
  });

  it('leaves nothing behind for the machine code that runs after a call to the firmware', () => {
    const m = machineWith({
      *main() {
        yield* smc(PSCI.VERSION);
        const [midr] = yield* callAt(RAM);
        yield* store(COUNTER, midr!);
        yield* off();
      },
    });
    m.writeMemory(RAM, assemble('mrs x0, midr_el1\n ret').bytes);
    expect(m.run({ steps: 100 }).reason).toBe('poweroff');
    expect(word(m, COUNTER)).toBe(m.readRegister(0, 'MIDR_EL1'));
  });

  it('takes interrupts at its yields, and goes on where it was', () => {
    const m = machineWith(ticking.functions, { vectors: ticking.vectors });
    expect(m.run({ steps: 100_000 }).reason).toBe('poweroff');
    expect(word(m, COUNTER)).toBe(5n);
    expect(word(m, COUNTER + 8n)).toBe(2000n);
  });

  it('is the same when every yield is followed by a restore of a snapshot', () => {
    const end = (cut: boolean): string => {
      const m = machineWith(ticking.functions, { vectors: ticking.vectors });
      for (let n = 0; m.run({ steps: cut ? 1 : 100_000 }).reason === 'limit' && n < 20_000; n++) {
        if (cut && n % 7 === 0) m.restore(m.snapshot());
      }
      return m.digest();
    };
    expect(end(true)).toBe(end(false));
  });

  it('takes the exceptions that its effects cause, with its own PC as return address', () => {
    const m = machineWith(
      {
        *main() {
          yield* msr('VBAR_EL1', m.options.hosted!.vectors('table'));
          // Nothing is mapped there: the handler gives the access another address by doing it itself and skipping it.
          const value = yield* load(0x1000_0000_0000n);
          yield* store(COUNTER, value);
          const [answer] = yield* svc(7n, 8n);
          yield* store(COUNTER + 8n, answer!);
          yield* off();
        },
        *sync() {
          const ec = (yield* mrs('ESR_EL1')) >> 26n;
          const elr = yield* mrs('ELR_EL1');
          if (ec === 0x25n) {
            yield* writeX(0, 0x77n);
            yield* msr('ELR_EL1', elr + 4n);
          } else yield* writeX(0, (yield* readX(0)) * (yield* readX(1)));
          yield* eret();
        },
      },
      { vectors: { table: { currentSpx: { sync: 'sync' } } } },
    );
    expect(m.run({ steps: 1000 }).reason).toBe('poweroff');
    expect([word(m, COUNTER), word(m, COUNTER + 8n)]).toEqual([0x77n, 56n]);
  });

  it('has exclusives, atomics, pairs and locks; PEs take turns at them', () => {
    const ROUNDS = 200n;
    const worker = function* (): Hosted {
      for (let n = 0n; n < ROUNDS; n++) {
        yield* lock(COUNTER, 1n + (yield* mrs('MPIDR_EL1')));
        const v = yield* load(COUNTER + 8n);
        yield* nop();
        yield* store(COUNTER + 8n, v + 1n);
        yield* unlock(COUNTER);
        let failed: bigint;
        do {
          const old = yield* loadExclusive(COUNTER + 0x100n);
          failed = yield* storeExclusive(COUNTER + 0x100n, old + 1n);
        } while (failed);
        yield* atomic('add', COUNTER + 0x200n, 1n);
      }
    };
    const m = machineWith(
      {
        *main() {
          yield* smc(PSCI.CPU_ON, 1n, m.options.hosted!.address('second'), 0n);
          yield* worker();
          while ((yield* load(COUNTER + 0x300n)) === 0n) yield* nop();
          yield* writeX(3, 5n);
          yield* writeX(4, 6n);
          yield* storePair(3, COUNTER + 0x400n);
          yield* loadPair(5, COUNTER + 0x400n);
          yield* store(COUNTER + 0x500n, (yield* readX(5)) * 10n + (yield* readX(6)));
          yield* off();
        },
        *second() {
          yield* worker();
          yield* store(COUNTER + 0x300n, 1n);
          yield* smc(PSCI.CPU_OFF);
        },
      },
      { cpus: 2, schedule: { kind: 'random', seed: 3, stepsMax: 9 } },
    );
    expect(m.run({ steps: 1_000_000 }).reason).toBe('poweroff');
    for (const at of [8n, 0x100n, 0x200n]) expect(word(m, COUNTER + at)).toBe(2n * ROUNDS);
    expect(word(m, COUNTER + 0x500n)).toBe(56n);
  });

  it('is an SDEI client: the handler is a hosted function that completes, at any yield of another', () => {
    const run = (at: number | undefined): { seen: bigint; pc: bigint; steps: number } => {
      const m = machineWith({
        *main() {
          const handler = m.options.hosted!.address('handler');
          yield* smc(SDEI.REGISTER, 0n, handler, 0x1234n, 0n, 0n);
          yield* smc(SDEI.ENABLE, 0n);
          yield* smc(SDEI.UNMASK);
          for (let n = 0n; n < 10n; n++) yield* store(COUNTER + 8n, n);
          yield* off();
        },
        *handler({ x }) {
          yield* store(COUNTER, x[1]!);
          yield* store(COUNTER + 16n, x[2]!);
          yield* finalCall('smc', SDEI.COMPLETE, 0n);
        },
      });
      if (at !== undefined) m.at(at, () => void m.sdei.signal(0));
      expect(m.run({ steps: 1000 }).reason).toBe('poweroff');
      expect(m.hosted!.image()).toHaveLength(1);
      return { seen: word(m, COUNTER), pc: word(m, COUNTER + 16n), steps: m.steps };
    };
    const plain = run(undefined);
    const pcs = new Set<bigint>();
    for (let at = 3; at < plain.steps; at++) {
      const { seen, pc, steps } = run(at);
      expect({ seen, more: steps - plain.steps }).toEqual({ seen: 0x1234n, more: 3 });
      pcs.add(pc);
    }
    expect(pcs.size).toBe(plain.steps - 3);
  });

  it('ends a round of an endless loop by become()', () => {
    const m = machineWith({
      *main() {
        yield* become('loop', 0n);
      },
      *loop({ x }) {
        yield* store(COUNTER, x[0]!);
        if (x[0] === 300_000n) yield* off();
        yield* become('loop', x[0]! + 1n);
      },
    });
    expect(m.run({ steps: 1_000_000 }).reason).toBe('poweroff');
    expect(word(m, COUNTER)).toBe(300_000n);
  });
});

describe('a mistake in hosted code has a name, and the machine survives', () => {
  const failing = (main: unknown, more: Record<string, HostedFunction> = {}): HostedError => {
    const m = machineWith({ main: main as HostedFunction, ...more });
    const snapshot = m.snapshot();
    const attempt = (): unknown => {
      try {
        return m.run({ steps: 1_000_000 });
      } catch (error) {
        return error;
      }
    };
    const first = attempt();
    m.restore(snapshot);
    expect(attempt()).toEqual(first);
    expect(first).toBeInstanceOf(HostedError);
    return first as HostedError;
  };

  it('when it throws', () => {
    const error = failing(function* () {
      yield* nop();
      throw new Error('out of cheese');
    });
    expect(error).toMatchObject({ code: 'E_HOSTED_THROW', functionName: 'main', yieldIndex: 1 });
    expect(error.message).toContain("hosted function 'main', yield 1: it threw Error: out of cheese");
  });
  it('when it is no generator', () => {
    expect(failing(() => 5).code).toBe('E_HOSTED_FUNCTION');
  });
  it.each([
    ['undefined', undefined],
    ['a number', 7],
    ['an unknown operation', { op: 'fly' }],
  ])('when it yields %s', (_, v) => {
    const error = failing(function* () {
      yield v as never;
    });
    expect(error.code).toBe('E_HOSTED_EFFECT');
  });
  it('when it names a register that Arm does not have', () => {
    const error = failing(function* () {
      yield* mrs('NOSUCH_EL1');
    });
    expect(error.message).toContain("System register 'NOSUCH_EL1': Arm has none of that name");
  });
  it('when it yields for ever without become()', () => {
    const error = failing(function* () {
      for (;;) yield* nop();
    });
    expect(error.code).toBe('E_HOSTED_YIELDS');
  });
  it('when a saved PC is resumed twice', () => {
    const error = failing(
      function* (): Hosted {
        const [pc] = yield* callAt(0x6000_0000_0080n);
        yield* nop();
        yield* branch(pc!);
      },
      {
        *other({ lr }) {
          yield* nop();
          return lr;
        },
      },
    );
    expect(error.code).toBe('E_HOSTED_RESUME');
  });
  it('when it keeps state outside, found by feeding it again', () => {
    let outside = 0n;
    const m = machineWith({
      *main() {
        for (;;) yield* store(COUNTER, outside++);
      },
    });
    m.run({ steps: 10 });
    m.restore(m.snapshot());
    expect(() => m.run({ steps: 10 })).toThrow(/something else at yield 0/);
  });
  it('when activations are left for ever', () => {
    const error = failing(function* (): Hosted {
      yield* callAt(0x6000_0000_0000n);
    });
    expect(error.code).toBe('E_HOSTED_ACTIVATIONS');
  });
  it('what is no function there is an Instruction Abort', () => {
    const m = machineWith(
      {
        *main() {
          yield* msr('VBAR_EL1', m.options.hosted!.vectors('table'));
          yield* branch(0x6000_0000_4000n);
        },
        *sync() {
          yield* store(COUNTER, yield* mrs('ESR_EL1'));
          yield* store(COUNTER + 8n, yield* mrs('FAR_EL1'));
          yield* off();
        },
      },
      { vectors: { table: { currentSpx: { sync: 'sync' } } } },
    );
    expect(m.run({ steps: 100 }).reason).toBe('poweroff');
    expect([word(m, COUNTER) >> 26n, word(m, COUNTER + 8n)]).toEqual([0x21n, 0x6000_0000_4000n]);
  });
});

/** Counts to 2000 while a timer ticks five times; the tick handler saves what it uses. */
const ticking = ((): { functions: Record<string, HostedFunction>; vectors: Record<string, HostedVectors> } => {
  const GICD = 0x0800_0000n;
  const GICR_SGI = 0x080b_0000n;
  const PPI = 27n;
  const vectors = { table: { currentSpx: { irq: 'irq' } } };
  const functions: Record<string, HostedFunction> = {
    *main() {
      yield* msr('VBAR_EL1', new HostedProgram({ functions, vectors }).vectors('table'));
      yield* store(GICD, 0x32n, 4);
      yield* store(GICR_SGI + 0x100n, 1n << PPI, 4);
      yield* msr('ICC_SRE_EL1', 7n);
      yield* msr('ICC_PMR_EL1', 0xf0n);
      yield* msr('ICC_IGRPEN1_EL1', 1n);
      yield* msr('CNTV_TVAL_EL0', 20n);
      yield* msr('CNTV_CTL_EL0', 1n);
      yield* msrImmediate('DAIFClr', 2);
      for (let n = 1n; n <= 2000n; n++) yield* store(COUNTER + 8n, n);
      while ((yield* load(COUNTER)) < 5n) yield* wfi();
      yield* off();
    },
    *irq() {
      const intid = yield* mrs('ICC_IAR1_EL1');
      if (intid === PPI) {
        const ticks = (yield* load(COUNTER)) + 1n;
        yield* store(COUNTER, ticks);
        yield* msr('CNTV_TVAL_EL0', ticks < 4n ? 20n : 2000n);
        if (ticks === 5n) yield* msr('CNTV_CTL_EL0', 0n);
        yield* msr('ICC_EOIR1_EL1', intid);
      }
      yield* eret();
    },
  };
  return { functions, vectors };
})();
