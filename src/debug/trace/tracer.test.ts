import { describe, expect, it } from 'vitest';
import { BUSY, guest } from '../../../test/exact/guests.ts';
import { laneNamed, outline, readLanes } from '../../../test/support/perfetto-slices.ts';
import { SDEI_CLIENT, SYSTEM_CALLS, Traced, TWO_PES } from '../../../test/support/trace-guests.ts';
import { TRACE_KINDS, type TraceRecord } from './records.ts';
import { intidName } from './tracer.ts';

const hex = (value: bigint | undefined): string => `0x${value!.toString(16)}`;

/** The client has registered its handlers and counts. */
function readyClient() {
  const made = guest(SDEI_CLIENT);
  made.machine.runUntil((m) => m.readRegister(0, 'PC') === made.symbols.get('ready'), { steps: 200 });
  return made;
}

describe('a trace of SDEI events', () => {
  it('names every call, its arguments and its result, with the transition that it made', () => {
    const { machine, symbols } = guest(SDEI_CLIENT);
    const traced = new Traced(machine, ['call', 'sdei']);
    machine.runUntil((m) => m.readRegister(0, 'PC') === symbols.get('ready'), { steps: 200 });
    const at = (name: string): string => hex(symbols.get(name));
    expect(traced.end()).toBeDefined();
    expect(traced.lines).toEqual([
      'PE0 EL1 sdei      event 3000 (private normal) REGISTER: unregistered -> registered',
      `PE0 EL1 call      SDEI_EVENT_REGISTER(event 3000, entry ${at('normal')}, arg 119, flags RM_ANY, affinity 0) = SUCCESS`,
      'PE0 EL1 sdei      event 3000 (private normal) ENABLE: registered -> registered+enabled',
      'PE0 EL1 call      SDEI_EVENT_ENABLE(event 3000) = SUCCESS',
      'PE0 EL1 sdei      event 3001 (private critical) REGISTER: unregistered -> registered',
      `PE0 EL1 call      SDEI_EVENT_REGISTER(event 3001, entry ${at('critical')}, arg 119, flags RM_ANY, affinity 0) = SUCCESS`,
      'PE0 EL1 sdei      event 3001 (private critical) ENABLE: registered -> registered+enabled',
      'PE0 EL1 call      SDEI_EVENT_ENABLE(event 3001) = SUCCESS',
      'PE0 EL1 call      SDEI_PE_UNMASK() = SUCCESS',
    ]);
  });

  it('shows a critical handler inside the normal one that it interrupted, each until its completion', () => {
    const { machine, symbols } = readyClient();
    const traced = new Traced(machine);
    const began = machine.steps;
    machine.sdei.signal(3000);
    machine.run({ steps: 21 });
    machine.sdei.signal(3001);
    machine.run({ steps: 200 });
    const lanes = traced.end();
    const el1 = laneNamed(lanes, 'PE 0', 'EL1');
    expect(outline(el1.slices)).toBe('SDEI event 3000 (normal) [SDEI event 3001 (critical)]');
    const [normal] = el1.slices;
    // mov, 4 times subs and b.ne, b, ldr, mov, smc; the normal handler has 40 rounds, and the critical one inside.
    const inner = 1 + 4 * 2 + 4;
    expect(normal!.to - normal!.from).toBe(1 + 40 * 2 + 3 - 1 + inner);
    expect(normal!.inside[0]).toMatchObject({ from: began + 21, to: began + 21 + inner - 1 });
    expect(normal!.args).toMatchObject({ interrupted: hex(symbols.get('ready')), entry: hex(symbols.get('normal')) });
    expect(outline(laneNamed(lanes, 'PE 0', 'EL3').slices)).toBe('FIQ, FIQ, MonitorCall, MonitorCall');
    expect(laneNamed(lanes, 'PE 0', 'firmware').instants.map(({ name }) => name)).toEqual([
      'SDEI_EVENT_COMPLETE',
      'SDEI_EVENT_COMPLETE',
    ]);
    expect(traced.lines.filter((line) => /DISPATCH|COMPLETE:/.test(line)).map((line) => line.slice(18, 60))).toEqual([
      'event 3000 (private normal) DISPATCH: regi',
      'event 3001 (private critical) DISPATCH: re',
      'event 3001 (private critical) COMPLETE: re',
      'event 3000 (private normal) COMPLETE: regi',
    ]);
  });

  it('is the same on a machine without EL3, whose firmware is called by HVC', () => {
    const { machine, symbols } = guest(SDEI_CLIENT.replaceAll('smc ', 'hvc '), { el3: false });
    machine.runUntil((m) => m.readRegister(0, 'PC') === symbols.get('ready'), { steps: 200 });
    const traced = new Traced(machine);
    machine.sdei.signal(3000);
    machine.run({ steps: 20 });
    machine.sdei.signal(3001);
    machine.run({ steps: 200 });
    const lanes = traced.end();
    const el1 = laneNamed(lanes, 'PE 0', 'EL1');
    expect(outline(el1.slices)).toBe('SDEI event 3000 (normal) [SDEI event 3001 (critical)]');
    expect(laneNamed(lanes, 'PE 0', 'EL3').slices).toEqual([]);
  });
});

describe('a trace of exceptions', () => {
  it('has the class, the operand and the addresses of each, and its return', () => {
    const { machine, symbols } = guest(SYSTEM_CALLS);
    const traced = new Traced(machine, ['exception'], (addr) => (addr === symbols.get('user') ? 'user' : undefined));
    machine.run({ steps: 8 });
    const user = symbols.get('user')!;
    const vector = symbols.get('vectors')! + 0x400n;
    expect(traced.end()).toBeDefined();
    expect(traced.lines).toEqual([
      `PE0 EL0 return    from EL1 to ${hex(user)} <user>`,
      `PE0 EL1 exception SupervisorCall from EL0, imm 0x5, ELR ${hex(user + 4n)}, SPSR 0x0, ESR 0x56000005, vector ${hex(vector)}`,
      `PE0 EL0 return    from EL1 to ${hex(user + 4n)}`,
    ]);
    expect(traced.records.map(({ step }) => step)).toEqual([5, 6, 7]);
  });

  it('has a slice at EL0 between exceptions, and one at EL1 from entry to return', () => {
    const { machine } = guest(SYSTEM_CALLS);
    const traced = new Traced(machine);
    machine.run({ steps: 12 });
    const lanes = traced.end();
    expect(outline(laneNamed(lanes, 'PE 0', 'EL0').slices)).toBe('EL0, EL0, EL0');
    expect(laneNamed(lanes, 'PE 0', 'EL1').slices).toMatchObject([
      { name: 'SupervisorCall', from: 6, to: 7, args: { immediate: 5, from: 'EL0' } },
      { name: 'SupervisorCall', from: 9, to: 10 },
    ]);
  });

  it('says why and where memory could not be accessed', () => {
    const { machine } = guest(`
        adr     x0, vectors
        msr     VBAR_EL1, x0
        mov     x1, #0x3000000000000000
        str     x0, [x1]
        .balign 0x800
vectors: .space 0x200
        b       .`);
    const traced = new Traced(machine, ['exception']);
    machine.run({ steps: 4 });
    expect(traced.records[0]).toMatchObject({
      EC: 'DataAbortSameEL',
      FSC: 'AddressSize level 0',
      FAR: 0x3000_0000_0000_0000n,
      WnR: true,
      vector: 'Current EL with SP_ELx',
      step: 3,
    });
  });
});

describe('a trace of interrupts', () => {
  it('has the wire, acknowledge and end of each, as a slice within that of the exception', () => {
    const { machine } = guest(BUSY);
    const traced = new Traced(machine);
    machine.run({ steps: 1250 });
    const lanes = traced.end();
    const interrupts = laneNamed(lanes, 'PE 0', 'interrupts');
    expect(outline(interrupts.slices)).toBe('27 CNTV');
    expect(interrupts.instants.map(({ name }) => name)).toEqual(['27 CNTV raised', '27 CNTV lowered']);
    const [irq] = laneNamed(lanes, 'PE 0', 'EL1').slices;
    expect(irq!.name).toBe('IRQ');
    expect(irq!.from).toBeLessThanOrEqual(interrupts.slices[0]!.from);
    expect(irq!.to).toBeGreaterThan(interrupts.slices[0]!.to);
  });

  it.each([2, 3] as const)('names SGIs with sender and receiver on GICv%i', (gic) => {
    const send =
      gic === 3
        ? 'ldr x0, =0x1000001\n msr ICC_SGI1R_EL1, x0'
        : 'ldr x1, =0x08000f00\n ldr w0, =0x10001\n str w0, [x1]';
    const { machine } = guest(`${send}\n wfi\n .ltorg`, { gic });
    const traced = new Traced(machine, ['interrupt']);
    machine.run({ steps: 10 });
    expect(traced.records).toMatchObject([{ what: 'generated', INTID: 1, name: 'SGI 1', pe: 0, target: 0 }]);
  });

  it.each([
    [1, 'SGI 1'],
    [20, 'PPI 20'],
    [30, 'CNTP'],
    [33, 'PL011'],
    [50, 'VIRTIO_MMIO_2'],
    [200, 'SPI 200'],
    [8193, 'LPI 8193'],
  ])('INTID %i is %s', (intid, name) => expect(intidName(intid)).toBe(name));
});

describe('a trace of PEs that come, wait and go', () => {
  it('names PSCI calls, their arguments and results, and shows the times of waiting', () => {
    const { machine, symbols } = guest(TWO_PES, { cpus: 2 });
    const traced = new Traced(machine);
    expect(machine.run({ steps: 10_000 }).reason).toBe('poweroff');
    const lanes = traced.end();
    const entry = hex(symbols.get('second'));
    expect(
      traced.lines.filter((line) => /(call|power) {5}/.test(line)).map((line) => line.replace(/, goes on.*/, '')),
    ).toEqual([
      'PE0 EL1 power     RUNNING',
      expect.stringMatching(/^PE1 EL\d power {5}OFF$/),
      `PE0 EL1 call      CPU_ON64(target_cpu 1, entry_point_address ${entry}, context_id 9) = SUCCESS`,
      'PE1 EL1 power     OFF -> STARTING',
      'PE0 EL1 power     RUNNING -> WFE',
      'PE1 EL1 power     STARTING -> RUNNING',
      expect.stringMatching(/power {5}WFE -> RUNNING/),
      'PE1 EL1 call      CPU_OFF()',
      'PE1 EL1 power     RUNNING -> OFF',
      'PE0 EL1 call      AFFINITY_INFO64(target_affinity 1, lowest_affinity_level 0) = OFF',
      'PE0 EL1 call      SYSTEM_OFF()',
    ]);
    expect(outline(laneNamed(lanes, 'PE 1', 'power').slices)).toBe('OFF, STARTING, OFF');
    expect(outline(laneNamed(lanes, 'PE 0', 'power').slices)).toBe('WFE');
  });

  it('is cut by a reset of the machine, and goes on in time', () => {
    const { machine } = readyClient();
    const traced = new Traced(machine);
    machine.sdei.signal(3000);
    machine.run({ steps: 5 });
    machine.reset();
    machine.run({ steps: 5 });
    const lanes = traced.end();
    expect(laneNamed(lanes, 'PE 0', 'EL1').slices).toMatchObject([{ name: 'SDEI event 3000 (normal)' }]);
    expect(laneNamed(lanes, 'board', 'firmware').instants).toMatchObject([{ name: 'reset' }]);
    expect(traced.lines).toContain('        reset');
  });
});

describe('a tracer', () => {
  const GUESTS = { BUSY, SDEI_CLIENT, SYSTEM_CALLS, TWO_PES };

  it.each(Object.entries(GUESTS))('changes nothing in a run of %s, whatever it listens to', (_name, source) => {
    const run = (trace: boolean): string => {
      const { machine } = guest(source, { cpus: 2 });
      const traced = trace ? new Traced(machine) : undefined;
      for (let n = 0; n < 8; n++) {
        machine.run({ steps: 499 });
        if (source === SDEI_CLIENT) machine.sdei.signal(n & 1 ? 3001 : 3000);
      }
      if (traced) expect(traced.tracer.records).toBeGreaterThan(2);
      return machine.digest();
    };
    expect(run(true)).toBe(run(false));
  });

  it('makes the same records however the run is cut', () => {
    const records = (slice: number): readonly TraceRecord[] => {
      const { machine } = guest(TWO_PES, { cpus: 2 });
      const traced = new Traced(machine);
      while (machine.run({ steps: slice }).reason === 'limit');
      return traced.records;
    };
    expect(records(1)).toEqual(records(100_000));
    expect(records(7)).toEqual(records(100_000));
  });

  it('makes the same records with and without compiled code', () => {
    const text = (engine: 'interpreter' | 'compiled'): string => {
      const { machine } = guest(BUSY, { engine });
      const traced = new Traced(machine);
      machine.run({ steps: 20_000 });
      return traced.text;
    };
    expect(text('interpreter')).toBe(text('compiled'));
  });

  it('hears nothing more after its end', () => {
    const { machine } = guest(SYSTEM_CALLS);
    const traced = new Traced(machine);
    machine.run({ steps: 50 });
    traced.end();
    const { records } = traced.tracer;
    machine.run({ steps: 50 });
    expect(traced.tracer.records).toBe(records);
  });

  it('makes only records of the kinds that were asked for', () => {
    for (const kind of TRACE_KINDS) {
      const { machine } = readyClient();
      const traced = new Traced(machine, [kind]);
      machine.sdei.signal(3000);
      machine.run({ steps: 200 });
      traced.end();
      const kinds = new Set(traced.records.map((record) => (record.kind === 'return' ? 'exception' : record.kind)));
      expect([...kinds]).toEqual(kind === 'interrupt' ? [] : [kind]);
    }
  });

  it('shows what follows a restored snapshot as another pass over time', () => {
    const { machine } = readyClient();
    const snapshot = machine.snapshot();
    const traced = new Traced(machine);
    for (let n = 0; n < 2; n++) {
      machine.restore(snapshot);
      machine.sdei.signal(3000);
      machine.run({ steps: 30 });
    }
    const lanes = traced.end();
    for (const process of ['PE 0, pass 2', 'PE 0, pass 3']) {
      expect(outline(laneNamed(lanes, process, 'EL1').slices)).toBe('SDEI event 3000 (normal)');
    }
  });

  it('leaves a file that can be read wherever the run is killed', () => {
    const { machine } = readyClient();
    const traced = new Traced(machine);
    for (let n = 0; n < 100; n++) {
      machine.sdei.signal(3000);
      machine.run({ steps: 1 + n });
      traced.tracer.flush();
      expect(readLanes(traced.json, { whole: false }).length).toBeGreaterThan(0);
    }
  });
});
