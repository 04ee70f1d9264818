import { describe, expect, test } from 'vitest';
import { SDEI_FUNCTION_FIRST, SDEI_FUNCTION_LAST, SDEI_FUNCTIONS, type SdeiFunction } from './functions.ts';
import { ENTRY, HANDLER_PSTATE, NOT_MEMORY, SdeiRig } from './sdei-rig.ts';

const [INVALID, DENIED, PENDING, OUT_OF_RESOURCE] = [-2n, -3n, -5n, -10n];
/** The declared events. */
const [PPI_SLOT, SPI_SLOT, EXPLICIT, CRITICAL, SHARED, SHARED_CRITICAL] = [1000n, 2000n, 3000n, 3001n, 3002n, 3003n];
const PPI = 20n;
const SPI = 40n;
const PROFILES = ['spec', 'tf-a'] as const;
const bind = (rig: SdeiRig, intid: bigint, pe = 0): bigint => rig.call(pe, 'SDEI_INTERRUPT_BIND', intid)!;

describe('the interface', () => {
  test('identifiers outside the table give NOT_SUPPORTED', () => {
    const { d } = new SdeiRig();
    const known = new Set<number>(Object.values(SDEI_FUNCTIONS));
    for (let id = SDEI_FUNCTION_FIRST; id <= SDEI_FUNCTION_LAST; id++) {
      const x0 = d.call(0, id, [0n, 0n, 0n, 0n, 0n], true);
      expect(x0 === 0xffff_ffff_ffff_ffffn, id.toString(16)).toBe(!known.has(id));
    }
    expect(d.call(0, 0x8400_0020, [0n, 0n, 0n, 0n, 0n], true)).toBe(0xffff_ffff_ffff_ffffn);
  });

  test('whoever is not the client gets NOT_SUPPORTED from every function, and changes nothing', () => {
    const { d } = new SdeiRig();
    const before = d.state();
    for (const id of Object.values(SDEI_FUNCTIONS)) {
      expect(d.call(0, id, [0n, ENTRY, 0n, 0n, 0n], false)).toBe(0xffff_ffff_ffff_ffffn);
    }
    expect(d.state()).toEqual(before);
  });

  test('event arguments are 32 bits wide, whatever is above them', () => {
    const rig = new SdeiRig();
    const garbage = 0xdead_beef_0000_0000n;
    expect(rig.register(0, garbage)).toBe(0n);
    expect(rig.status(0, garbage | 0n)).toBe(1n);
    expect(rig.call(0, 'SDEI_EVENT_GET_INFO', garbage, garbage | 2n)).toBe(0n);
  });

  const BY_EVENT: SdeiFunction[] = [
    'SDEI_EVENT_ENABLE',
    'SDEI_EVENT_DISABLE',
    'SDEI_EVENT_UNREGISTER',
    'SDEI_EVENT_STATUS',
    'SDEI_EVENT_GET_INFO',
    'SDEI_EVENT_ROUTING_SET',
    'SDEI_INTERRUPT_RELEASE',
  ];
  test.each(BY_EVENT)('%s of an event that does not exist: INVALID_PARAMETERS', (name) => {
    const rig = new SdeiRig();
    for (const event of [0x1_0000n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0xffff_ffff_ffff_ffffn]) {
      expect(rig.call(0, name, event)).toBe(INVALID);
    }
  });

  test('an empty slot is no event in profile spec, and one in profile tf-a', () => {
    const spec = new SdeiRig({ profile: 'spec' });
    const tfa = new SdeiRig({ profile: 'tf-a' });
    expect(spec.status(0, SPI_SLOT)).toBe(INVALID);
    expect(tfa.status(0, SPI_SLOT)).toBe(0n);
    expect(spec.register(0, SPI_SLOT)).toBe(INVALID);
    expect(tfa.register(0, SPI_SLOT)).toBe(DENIED);
    expect(tfa.call(0, 'SDEI_EVENT_GET_INFO', SPI_SLOT, 0n)).toBe(1n);
    expect(tfa.call(0, 'SDEI_INTERRUPT_RELEASE', SPI_SLOT)).toBe(INVALID);
  });
});

describe('SDEI_VERSION and SDEI_FEATURES', () => {
  test('the version is the configured one', () => {
    expect(new SdeiRig().call(0, 'SDEI_VERSION')).toBe(0x1_0000_0000_0000n);
    expect(new SdeiRig({ version: '1.1' }).call(0, 'SDEI_VERSION')).toBe(0x1_0001_0000_0000n);
  });
  test('feature 0 counts the slots; feature 1 exists in 1.1 and says no', () => {
    const rig = new SdeiRig();
    expect(rig.call(0, 'SDEI_FEATURES', 0n)).toBe(0x8_0004n);
    expect(rig.call(0, 'SDEI_FEATURES', 1n)).toBe(INVALID);
    expect(rig.call(0, 'SDEI_FEATURES', 2n)).toBe(INVALID);
    const later = new SdeiRig({ version: '1.1' });
    expect(later.call(0, 'SDEI_FEATURES', 1n)).toBe(0n);
    expect(later.call(0, 'SDEI_FEATURES', 2n)).toBe(INVALID);
  });
});

describe('SDEI_EVENT_REGISTER', () => {
  const register = (rig: SdeiRig, ...args: bigint[]): bigint | undefined => rig.call(0, 'SDEI_EVENT_REGISTER', ...args);

  test('an entry point of 0 is refused; one that is no memory where the profile looks', () => {
    for (const profile of PROFILES) expect(register(new SdeiRig({ profile }), 0n, 0n)).toBe(INVALID);
    expect(register(new SdeiRig({ profile: 'spec' }), 0n, NOT_MEMORY)).toBe(INVALID);
    expect(register(new SdeiRig({ profile: 'tf-a' }), 0n, NOT_MEMORY)).toBe(0n);
  });
  test.each([2n, 3n, 4n, 1n << 63n])('flags 0x%s are refused', (flags) => {
    for (const version of ['1.0', '1.1'] as const)
      expect(register(new SdeiRig({ version }), 0n, ENTRY, 0n, flags)).toBe(INVALID);
  });
  test('RM_PE needs the affinity of a PE', () => {
    const rig = new SdeiRig({ pes: 2 });
    expect(register(rig, SHARED, ENTRY, 0n, 1n, 0x200n)).toBe(INVALID);
    expect(register(rig, SHARED, ENTRY, 0n, 1n, 0x8000_0100n)).toBe(0n);
    expect(rig.call(0, 'SDEI_EVENT_GET_INFO', SHARED, 4n)).toBe(0x100n);
  });
  test('a private event does not need the affinity: ignored in spec, checked in tf-a', () => {
    expect(register(new SdeiRig({ profile: 'spec' }), 0n, ENTRY, 0n, 1n, 0x900n)).toBe(0n);
    expect(register(new SdeiRig({ profile: 'tf-a' }), 0n, ENTRY, 0n, 1n, 0x900n)).toBe(INVALID);
  });
  test('errors win in the order entry point, flags, affinity, event, state', () => {
    const rig = new SdeiRig({ profile: 'tf-a' });
    rig.register(0, 0n);
    expect(register(rig, 0n, 0n)).toBe(INVALID);
    expect(register(rig, 0n, ENTRY, 0n, 2n)).toBe(INVALID);
    expect(register(rig, 0n, ENTRY, 0n, 1n, 0x900n)).toBe(INVALID);
    expect(register(rig, 0n, ENTRY)).toBe(DENIED);
    expect(register(rig, 77n, ENTRY)).toBe(INVALID);
  });
  test('private: on the calling PE only; shared: for all', () => {
    const rig = new SdeiRig({ pes: 2 });
    expect(rig.register(0, 0n)).toBe(0n);
    expect(rig.status(1, 0n)).toBe(0n);
    expect(rig.register(0, SHARED)).toBe(0n);
    expect(rig.status(1, SHARED)).toBe(1n);
    expect(rig.register(1, SHARED)).toBe(DENIED);
  });
  test('an interrupt that is active, or somebody else’s, is refused', () => {
    const rig = new SdeiRig();
    const event = bind(rig, SPI);
    rig.interrupt(Number(SPI)).active = true;
    expect(rig.register(0, event)).toBe(DENIED);
    rig.interrupt(Number(SPI)).active = false;
    rig.interrupt(Number(SPI)).owner = 'secure';
    expect(rig.register(0, event)).toBe(DENIED);
    expect(rig.status(0, event)).toBe(0n);
    rig.interrupt(Number(SPI)).owner = 'non-secure';
    expect(rig.register(0, event)).toBe(0n);
  });
  test('takes the interrupt at the priority of its class and routes it', () => {
    const rig = new SdeiRig({ pes: 2 });
    const event = bind(rig, SPI);
    rig.register(0, event, 1n, 0x100n);
    expect(rig.interrupt(Number(SPI))).toMatchObject({ owner: 'firmware', priority: 0x70, affinity: 0x100n });
    rig.call(0, 'SDEI_EVENT_UNREGISTER', event);
    expect(rig.interrupt(Number(SPI))).toMatchObject({ owner: 'non-secure', priority: 0xff });
  });
  test('an edge before it is forgotten, one after it waits for ENABLE and is delivered once', () => {
    const rig = new SdeiRig();
    const event = bind(rig, SPI);
    expect(rig.line(Number(SPI), true)).toBe(false);
    rig.register(0, event);
    rig.call(0, 'SDEI_PE_UNMASK');
    rig.call(0, 'SDEI_EVENT_ENABLE', event);
    expect(rig.entered).toEqual([]);
    rig.call(0, 'SDEI_EVENT_DISABLE', event);
    rig.line(Number(SPI), false);
    expect(rig.line(Number(SPI), true)).toBe(true);
    expect(rig.entered).toEqual([]);
    rig.call(0, 'SDEI_EVENT_ENABLE', event);
    expect(rig.entered).toEqual([`0:${event}`]);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.entered).toHaveLength(1);
  });
});

describe('SDEI_EVENT_ENABLE and SDEI_EVENT_DISABLE', () => {
  test('again is no error; without registration it is', () => {
    const rig = new SdeiRig({ pes: 2 });
    expect(rig.call(0, 'SDEI_EVENT_ENABLE', 0n)).toBe(DENIED);
    expect(rig.call(0, 'SDEI_EVENT_DISABLE', 0n)).toBe(DENIED);
    rig.register(0, 0n);
    for (const name of ['ENABLE', 'ENABLE', 'DISABLE', 'DISABLE'] as const)
      expect(rig.call(0, `SDEI_EVENT_${name}`, 0n)).toBe(0n);
    expect(rig.call(1, 'SDEI_EVENT_ENABLE', 0n)).toBe(DENIED);
  });
});

describe('SDEI_EVENT_CONTEXT', () => {
  test('gives x0 to x17 of what the innermost handler interrupted', () => {
    const rig = new SdeiRig().ready(0, EXPLICIT, CRITICAL);
    const before = [...rig.pes[0]!.x];
    rig.raise(3000);
    for (let id = 0n; id < 18n; id++) expect(rig.call(0, 'SDEI_EVENT_CONTEXT', id)).toBe(before[Number(id)]);
    rig.pes[0]!.x = rig.pes[0]!.x.map((_, n) => BigInt(0x500 + n));
    rig.raise(3001);
    for (let id = 0n; id < 18n; id++) expect(rig.call(0, 'SDEI_EVENT_CONTEXT', id)).toBe(0x500n + id);
  });
  test('a bad identifier wins over no handler', () => {
    const rig = new SdeiRig();
    expect(rig.call(0, 'SDEI_EVENT_CONTEXT', 18n)).toBe(INVALID);
    expect(rig.call(0, 'SDEI_EVENT_CONTEXT', 17n)).toBe(DENIED);
    rig.ready(0, EXPLICIT).raise(3000);
    expect(rig.call(0, 'SDEI_EVENT_CONTEXT', 0x100n)).toBe(INVALID);
  });
});

describe('dispatch and completion', () => {
  test('the handler finds event, argument, PC and PSTATE, and x4 to x17 as they were', () => {
    const rig = new SdeiRig();
    rig.call(0, 'SDEI_EVENT_REGISTER', 0n, ENTRY, 0x1234_5678_9abc_def0n);
    rig.call(0, 'SDEI_EVENT_ENABLE', 0n);
    rig.call(0, 'SDEI_PE_UNMASK');
    const before = { ...rig.pes[0]! };
    expect(rig.call(0, 'SDEI_EVENT_SIGNAL', 0n, 0n)).toBe(0n);
    const { x, pc, pstate, held } = rig.pes[0]!;
    expect(x.slice(0, 4)).toEqual([0n, 0x1234_5678_9abc_def0n, before.pc, BigInt(before.pstate)]);
    expect(x.slice(4)).toEqual(before.x.slice(4));
    expect([pc, pstate, held]).toEqual([ENTRY, HANDLER_PSTATE, 0x70]);
    rig.pes[0]!.x = rig.pes[0]!.x.map(() => 99n);
    expect(rig.call(0, 'SDEI_EVENT_COMPLETE', 0n)).toBe(undefined);
    expect(rig.pes[0]).toMatchObject({ x: before.x, pc: before.pc, pstate: before.pstate, elr: 0n, held: undefined });
  });
  test('COMPLETE_AND_RESUME goes on at the address with ELR and SPSR of what was interrupted', () => {
    for (const profile of PROFILES) {
      const rig = new SdeiRig({ profile }).ready(0, EXPLICIT);
      const before = { ...rig.pes[0]! };
      rig.raise(3000);
      expect(rig.call(0, 'SDEI_EVENT_COMPLETE_AND_RESUME', 0x7280n)).toBe(undefined);
      expect(rig.pes[0]).toMatchObject({ x: before.x, pc: 0x7280n, elr: before.pc, spsr: before.pstate });
      expect(rig.pes[0]!.pstate).toBe(0x3c5);
      expect(rig.status(0, EXPLICIT)).toBe(3n);
    }
  });
  test('a resume address that is no memory is DENIED in spec and the handler goes on; tf-a does not look', () => {
    const rig = new SdeiRig().ready(0, EXPLICIT);
    rig.raise(3000);
    expect(rig.call(0, 'SDEI_EVENT_COMPLETE_AND_RESUME', NOT_MEMORY)).toBe(DENIED);
    expect(rig.status(0, EXPLICIT)).toBe(7n);
    const tfa = new SdeiRig({ profile: 'tf-a' }).ready(0, EXPLICIT);
    tfa.raise(3000);
    expect(tfa.call(0, 'SDEI_EVENT_COMPLETE_AND_RESUME', NOT_MEMORY)).toBe(undefined);
  });
  test('a handler that failed is told to the log in profile spec', () => {
    for (const profile of PROFILES) {
      const rig = new SdeiRig({ profile }).ready(0, EXPLICIT);
      rig.raise(3000);
      rig.call(0, 'SDEI_EVENT_COMPLETE', 1n);
      expect(rig.notices).toHaveLength(profile === 'spec' ? 1 : 0);
    }
  });
  test('critical interrupts normal, and nothing else nests', () => {
    const rig = new SdeiRig().ready(0, 0n, EXPLICIT, CRITICAL, SHARED_CRITICAL);
    rig.raise(3000);
    rig.call(0, 'SDEI_EVENT_SIGNAL', 0n, 0n);
    expect(rig.stack(0)).toEqual([3000]);
    rig.raise(3001);
    rig.raise(3003);
    expect(rig.stack(0)).toEqual([3000, 3001]);
    expect(rig.pes[0]!.held).toBe(0x60);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.stack(0)).toEqual([3000, 3003]);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.stack(0)).toEqual([3000]);
    expect(rig.pes[0]!.held).toBe(0x70);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.stack(0)).toEqual([0]);
  });
  test('a critical handler first: normal events wait', () => {
    const rig = new SdeiRig().ready(0, EXPLICIT, CRITICAL);
    rig.raise(3001);
    rig.raise(3000);
    expect(rig.stack(0)).toEqual([3001]);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.stack(0)).toEqual([3000]);
  });
  test('critical before normal, then by number, when several wait', () => {
    const rig = new SdeiRig().ready(0, 0n, EXPLICIT, CRITICAL);
    rig.call(0, 'SDEI_PE_MASK');
    rig.raise(3000);
    rig.raise(3001);
    rig.call(0, 'SDEI_EVENT_SIGNAL', 0n, 0n);
    rig.call(0, 'SDEI_PE_UNMASK');
    for (let n = 0; n < 3; n++) rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.entered).toEqual(['0:3001', '0:0', '0:3000']);
  });
  test('an edge during its handler reruns it once', () => {
    const rig = new SdeiRig();
    const event = bind(rig, PPI);
    rig.ready(0, event);
    rig.pulse(Number(PPI));
    rig.pulse(Number(PPI));
    rig.pulse(Number(PPI));
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.entered).toEqual(['0:1000', '0:1000']);
    expect(rig.call(0, 'SDEI_EVENT_COMPLETE')).toBe(DENIED);
  });
  test('a level that stays reruns the handler until it drops or the event is disabled', () => {
    const rig = new SdeiRig();
    rig.interrupt(Number(SPI)).edge = false;
    const event = bind(rig, SPI);
    rig.ready(0, event);
    rig.line(Number(SPI), true);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.entered).toHaveLength(2);
    rig.call(0, 'SDEI_EVENT_DISABLE', event);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.entered).toHaveLength(2);
    rig.call(0, 'SDEI_EVENT_ENABLE', event);
    rig.line(Number(SPI), false);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.entered).toHaveLength(3);
    expect(rig.status(0, event)).toBe(3n);
  });
});

describe('SDEI_EVENT_UNREGISTER', () => {
  test('inside its handler: PENDING until it completes, and triggers are lost', () => {
    const rig = new SdeiRig();
    const event = bind(rig, SPI);
    rig.ready(0, event);
    rig.pulse(Number(SPI));
    expect(rig.call(0, 'SDEI_EVENT_UNREGISTER', event)).toBe(PENDING);
    expect(rig.call(0, 'SDEI_EVENT_UNREGISTER', event)).toBe(PENDING);
    expect(rig.line(Number(SPI), true)).toBe(false);
    expect(rig.call(0, 'SDEI_EVENT_CONTEXT', 3n)).toBe(3n);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.entered).toHaveLength(1);
    expect(rig.call(0, 'SDEI_EVENT_UNREGISTER', event)).toBe(DENIED);
    expect(rig.register(0, event)).toBe(0n);
  });
  test('a shared event from another PE while it runs', () => {
    const rig = new SdeiRig({ pes: 2 }).ready(0, SHARED);
    rig.raise(3002);
    expect(rig.call(1, 'SDEI_EVENT_UNREGISTER', SHARED)).toBe(PENDING);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.status(1, SHARED)).toBe(0n);
  });
  test('a signal that waits is forgotten in spec and kept in tf-a', () => {
    for (const profile of PROFILES) {
      const rig = new SdeiRig({ profile }).ready(0, 0n, EXPLICIT);
      rig.raise(3000);
      expect(rig.call(0, 'SDEI_EVENT_SIGNAL', 0n, 0n)).toBe(0n);
      rig.call(0, 'SDEI_EVENT_UNREGISTER', 0n);
      rig.ready(0, 0n);
      rig.call(0, 'SDEI_EVENT_COMPLETE');
      expect(rig.stack(0)).toEqual(profile === 'tf-a' ? [0] : []);
    }
  });
});

describe('SDEI_EVENT_GET_INFO', () => {
  const info = (rig: SdeiRig, event: bigint, id: bigint): bigint | undefined =>
    rig.call(0, 'SDEI_EVENT_GET_INFO', event, id);
  test('type, signalable (0 is yes), priority', () => {
    const rig = new SdeiRig();
    const table: [bigint, bigint, bigint, bigint][] = [
      [0n, 0n, 0n, 0n],
      [EXPLICIT, 0n, 1n, 0n],
      [CRITICAL, 0n, 1n, 1n],
      [SHARED_CRITICAL, 1n, 1n, 1n],
    ];
    for (const [event, ...expected] of table) expect([0n, 1n, 2n].map((id) => info(rig, event, id))).toEqual(expected);
  });
  test('routing: INVALID for private, DENIED before registration, affinity only with RM_PE', () => {
    const rig = new SdeiRig({ pes: 2 });
    rig.register(0, 0n);
    expect([3n, 4n].map((id) => info(rig, 0n, id))).toEqual([INVALID, INVALID]);
    expect([3n, 4n].map((id) => info(rig, SHARED, id))).toEqual([DENIED, DENIED]);
    rig.register(0, SHARED);
    expect([3n, 4n].map((id) => info(rig, SHARED, id))).toEqual([0n, INVALID]);
    rig.call(0, 'SDEI_EVENT_ROUTING_SET', SHARED, 1n, 0x100n);
    expect([3n, 4n].map((id) => info(rig, SHARED, id))).toEqual([1n, 0x100n]);
    expect([5n, 0xffff_ffffn].map((id) => info(rig, SHARED, id))).toEqual([INVALID, INVALID]);
  });
});

describe('SDEI_EVENT_ROUTING_SET', () => {
  const route = (rig: SdeiRig, ...args: bigint[]): bigint | undefined => rig.call(0, 'SDEI_EVENT_ROUTING_SET', ...args);
  test('mode and affinity, then the event, then its state', () => {
    const rig = new SdeiRig({ pes: 2 });
    expect(route(rig, SHARED, 2n)).toBe(INVALID);
    expect(route(rig, SHARED, 1n, 0x300n)).toBe(INVALID);
    expect(route(rig, 0n, 0n)).toBe(INVALID);
    expect(route(rig, SHARED, 0n)).toBe(DENIED);
    rig.register(0, SHARED);
    expect(route(rig, SHARED, 1n, 0x100n)).toBe(0n);
    expect(route(rig, SHARED, 1n << 32n)).toBe(INVALID);
    rig.call(0, 'SDEI_EVENT_ENABLE', SHARED);
    expect(route(rig, SHARED, 0n)).toBe(DENIED);
  });
  test('an empty slot cannot be routed in either profile', () => {
    for (const profile of PROFILES) expect(route(new SdeiRig({ profile }), SPI_SLOT, 0n)).toBe(INVALID);
  });
  test('moves the interrupt, and an event that waits', () => {
    const rig = new SdeiRig({ pes: 2 });
    const event = bind(rig, SPI);
    rig.ready(0).ready(1);
    rig.register(0, event);
    rig.pulse(Number(SPI));
    expect(route(rig, event, 1n, 0x100n)).toBe(0n);
    expect(rig.interrupt(Number(SPI)).affinity).toBe(0x100n);
    rig.call(0, 'SDEI_EVENT_ENABLE', event);
    expect(rig.entered).toEqual(['1:2000']);
  });
});

describe('SDEI_PE_MASK and SDEI_PE_UNMASK', () => {
  test('a PE starts masked; MASK tells whether it changed that, UNMASK always succeeds', () => {
    const rig = new SdeiRig({ pes: 2 });
    const calls = ['MASK', 'UNMASK', 'UNMASK', 'MASK', 'MASK'] as const;
    expect(calls.map((name) => rig.call(0, `SDEI_PE_${name}`))).toEqual([0n, 0n, 0n, 1n, 0n]);
    expect(rig.call(1, 'SDEI_PE_MASK')).toBe(0n);
  });
  test('masked: events wait and are delivered once by UNMASK', () => {
    const rig = new SdeiRig({ pes: 2 });
    const event = bind(rig, PPI);
    rig.ready(0, event);
    rig.call(0, 'SDEI_PE_MASK');
    rig.pulse(Number(PPI));
    rig.pulse(Number(PPI));
    expect(rig.entered).toEqual([]);
    rig.call(1, 'SDEI_PE_UNMASK');
    expect(rig.entered).toEqual([]);
    rig.call(0, 'SDEI_PE_UNMASK');
    expect(rig.entered).toEqual(['0:1000']);
  });
  test('in a normal handler it holds critical events back, also behind COMPLETE', () => {
    const rig = new SdeiRig().ready(0, EXPLICIT, CRITICAL);
    rig.raise(3000);
    expect(rig.call(0, 'SDEI_PE_MASK')).toBe(1n);
    rig.raise(3001);
    expect(rig.stack(0)).toEqual([3000]);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.stack(0)).toEqual([]);
    rig.call(0, 'SDEI_PE_UNMASK');
    expect(rig.stack(0)).toEqual([3001]);
  });
  test('RM_ANY goes to the lowest PE that can take it, RM_PE to its own alone', () => {
    const rig = new SdeiRig({ pes: 3 }).ready(1, SHARED).ready(2);
    rig.raise(3002);
    rig.call(1, 'SDEI_EVENT_COMPLETE');
    expect(rig.entered).toEqual(['1:3002']);
    rig.call(1, 'SDEI_EVENT_DISABLE', SHARED);
    rig.call(1, 'SDEI_EVENT_ROUTING_SET', SHARED, 1n, 0n);
    rig.call(1, 'SDEI_EVENT_ENABLE', SHARED);
    rig.raise(3002);
    expect(rig.entered).toHaveLength(1);
    rig.call(0, 'SDEI_PE_UNMASK');
    expect(rig.entered).toEqual(['1:3002', '0:3002']);
  });
});

describe('SDEI_INTERRUPT_BIND and SDEI_INTERRUPT_RELEASE', () => {
  test.each([0n, 5n, 15n, 256n, 1019n, 1020n, 8192n, 0xffff_ffffn])('INTID %s cannot be bound', (intid) => {
    expect(bind(new SdeiRig(), intid)).toBe(INVALID);
  });
  test('the lowest free slot of the right kind; the same one again', () => {
    const rig = new SdeiRig();
    expect([PPI, SPI, SPI, SPI + 1n, PPI + 1n, PPI].map((intid) => bind(rig, intid))).toEqual([
      1000n,
      2000n,
      2000n,
      2001n,
      1001n,
      1000n,
    ]);
    expect(rig.call(0, 'SDEI_INTERRUPT_RELEASE', 2000n)).toBe(0n);
    expect(bind(rig, SPI + 2n)).toBe(2000n);
  });
  test('no more slots than FEATURES says', () => {
    const rig = new SdeiRig();
    const ppis = [16n, 17n, 18n, 19n, 20n].map((intid) => bind(rig, intid));
    expect(ppis).toEqual([1000n, 1001n, 1002n, 1003n, OUT_OF_RESOURCE]);
    for (let n = 0n; n < 8n; n++) expect(bind(rig, SPI + n)).toBe(2000n + n);
    expect(bind(rig, SPI + 8n)).toBe(OUT_OF_RESOURCE);
  });
  test('an interrupt of another owner: DENIED, which wins over no slot in spec and loses in tf-a', () => {
    for (const profile of PROFILES) {
      const rig = new SdeiRig({ profile, events: [] });
      rig.interrupt(Number(SPI)).owner = 'secure';
      expect(bind(rig, SPI)).toBe(profile === 'spec' ? DENIED : OUT_OF_RESOURCE);
      const roomy = new SdeiRig({ profile });
      roomy.interrupt(Number(SPI)).owner = 'secure';
      expect(bind(roomy, SPI)).toBe(DENIED);
    }
  });
  test('an interrupt that belongs to an event for good can be neither bound nor released', () => {
    const rig = new SdeiRig({ events: [{ number: 5, type: 'shared', priority: 'critical', interrupt: 40 }] });
    expect(bind(rig, SPI)).toBe(INVALID);
    expect(rig.call(0, 'SDEI_INTERRUPT_RELEASE', 5n)).toBe(INVALID);
    rig.ready(0, 5n);
    expect(rig.interrupt(40).priority).toBe(0x60);
    rig.pulse(40);
    expect(rig.stack(0)).toEqual([5]);
  });
  test('bound alone, the interrupt stays the client’s', () => {
    const rig = new SdeiRig();
    bind(rig, SPI);
    expect(rig.line(Number(SPI), true)).toBe(false);
  });
  test('RELEASE: INVALID for what is no slot, DENIED while registered anywhere or active', () => {
    const rig = new SdeiRig({ pes: 2 });
    expect(rig.call(0, 'SDEI_INTERRUPT_RELEASE', 0n)).toBe(INVALID);
    expect(rig.call(0, 'SDEI_INTERRUPT_RELEASE', PPI_SLOT)).toBe(INVALID);
    const event = bind(rig, PPI);
    rig.register(1, event);
    expect(rig.call(0, 'SDEI_INTERRUPT_RELEASE', event)).toBe(DENIED);
    rig.call(1, 'SDEI_EVENT_UNREGISTER', event);
    rig.interrupt(Number(PPI)).active = true;
    expect(rig.call(0, 'SDEI_INTERRUPT_RELEASE', event)).toBe(DENIED);
    rig.interrupt(Number(PPI)).active = false;
    expect(rig.call(0, 'SDEI_INTERRUPT_RELEASE', event)).toBe(0n);
    expect(rig.call(0, 'SDEI_INTERRUPT_RELEASE', event)).toBe(INVALID);
  });
});

describe('SDEI_EVENT_SIGNAL', () => {
  const signal = (rig: SdeiRig, event: bigint, affinity: bigint, pe = 0): bigint | undefined =>
    rig.call(pe, 'SDEI_EVENT_SIGNAL', event, affinity);
  test('only event 0, only to a PE that exists, only when registered there', () => {
    for (const profile of PROFILES) {
      const rig = new SdeiRig({ profile, pes: 2 }).ready(0, 0n, EXPLICIT);
      expect(signal(rig, 5n, 0n)).toBe(INVALID);
      expect(signal(rig, EXPLICIT, 0n)).toBe(INVALID);
      expect(signal(rig, 0n, 0x200n)).toBe(INVALID);
      expect(signal(rig, 0n, 0x100n)).toBe(INVALID);
      expect(rig.entered).toEqual([]);
    }
  });
  test('runs the handler on the target alone', () => {
    const rig = new SdeiRig({ pes: 2 }).ready(0, 0n).ready(1, 0n);
    expect(signal(rig, 0n, 0x100n)).toBe(0n);
    expect(rig.entered).toEqual(['1:0']);
  });
  test('masked or disabled target: waits in spec, INVALID in tf-a', () => {
    for (const profile of PROFILES) {
      const expected = profile === 'spec' ? 0n : INVALID;
      const rig = new SdeiRig({ profile });
      rig.register(0, 0n);
      expect(signal(rig, 0n, 0n)).toBe(expected);
      rig.call(0, 'SDEI_EVENT_ENABLE', 0n);
      expect(signal(rig, 0n, 0n)).toBe(expected);
      rig.call(0, 'SDEI_PE_UNMASK');
      expect(rig.entered).toHaveLength(profile === 'spec' ? 1 : 0);
    }
  });
  test('from its own handler: the handler runs once more', () => {
    const rig = new SdeiRig().ready(0, 0n);
    signal(rig, 0n, 0n);
    expect([signal(rig, 0n, 0n), signal(rig, 0n, 0n)]).toEqual([0n, 0n]);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.entered).toHaveLength(2);
    expect(rig.stack(0)).toEqual([]);
  });
});

describe('an event that the firmware raises', () => {
  test('while it cannot be taken: waits in spec, is refused in tf-a', () => {
    for (const profile of PROFILES) {
      const rig = new SdeiRig({ profile }).ready(0, EXPLICIT, CRITICAL);
      expect(rig.raise(3001)).toBe('accepted');
      expect(rig.raise(3000)).toBe(profile === 'spec' ? 'accepted' : 'refused');
      rig.call(0, 'SDEI_EVENT_COMPLETE');
      expect(rig.stack(0)).toEqual(profile === 'spec' ? [3000] : []);
    }
  });
  test('unregistered: refused', () => {
    for (const profile of PROFILES) expect(new SdeiRig({ profile }).raise(3000)).toBe('refused');
  });
});

describe('SDEI_PRIVATE_RESET', () => {
  test('unregisters the private events of the PE, and nothing else', () => {
    const rig = new SdeiRig({ pes: 2 }).ready(0, 0n, EXPLICIT, SHARED).ready(1, 0n);
    expect(rig.call(0, 'SDEI_PRIVATE_RESET')).toBe(0n);
    expect([rig.status(0, 0n), rig.status(0, EXPLICIT), rig.status(0, SHARED), rig.status(1, 0n)]).toEqual([
      0n,
      0n,
      3n,
      3n,
    ]);
    expect(rig.call(0, 'SDEI_PE_MASK')).toBe(1n);
  });
  test('in a private handler: DENIED, all others unregistered, its own when it completes', () => {
    const rig = new SdeiRig().ready(0, 0n, EXPLICIT, CRITICAL);
    rig.raise(3000);
    expect(rig.call(0, 'SDEI_PRIVATE_RESET')).toBe(DENIED);
    expect(rig.call(0, 'SDEI_PRIVATE_RESET')).toBe(DENIED);
    expect([rig.status(0, 0n), rig.status(0, EXPLICIT), rig.status(0, CRITICAL)]).toEqual([0n, 4n, 0n]);
    rig.call(0, 'SDEI_EVENT_COMPLETE');
    expect(rig.call(0, 'SDEI_PRIVATE_RESET')).toBe(0n);
  });
});

describe('SDEI_SHARED_RESET', () => {
  test('unregisters shared events and releases every binding', () => {
    const rig = new SdeiRig({ pes: 2 });
    rig.ready(0, bind(rig, SPI), SHARED);
    bind(rig, PPI);
    expect(rig.call(1, 'SDEI_SHARED_RESET')).toBe(0n);
    expect([rig.status(0, SHARED), rig.status(0, SPI_SLOT), rig.status(0, PPI_SLOT)]).toEqual([0n, INVALID, INVALID]);
    expect(rig.interrupt(Number(SPI)).owner).toBe('non-secure');
  });
  test('in a shared handler: DENIED, and no binding is released', () => {
    const rig = new SdeiRig();
    rig.ready(0, bind(rig, SPI), SHARED);
    bind(rig, PPI);
    rig.raise(3002);
    expect(rig.call(0, 'SDEI_SHARED_RESET')).toBe(DENIED);
    expect([rig.status(0, SPI_SLOT), rig.status(0, PPI_SLOT), rig.status(0, SHARED)]).toEqual([0n, 0n, 4n]);
  });
  test('a PPI event registered on another PE: DENIED, others are released', () => {
    const rig = new SdeiRig({ pes: 2 });
    rig.register(1, bind(rig, PPI));
    bind(rig, PPI + 1n);
    bind(rig, SPI);
    expect(rig.call(0, 'SDEI_SHARED_RESET')).toBe(DENIED);
    expect([rig.status(0, 1000n), rig.status(0, 1001n), rig.status(0, 2000n)]).toEqual([0n, INVALID, INVALID]);
    rig.call(1, 'SDEI_PRIVATE_RESET');
    expect(rig.call(0, 'SDEI_SHARED_RESET')).toBe(0n);
  });
});

describe('power', () => {
  test('CPU_ON: private events unregistered, shared ones kept, the PE masked, the binding free to go', () => {
    const rig = new SdeiRig({ pes: 2 });
    const event = bind(rig, PPI);
    rig.ready(1, 0n, event, SHARED);
    rig.pes[1]!.on = false;
    rig.d.peTurnedOff(1);
    rig.pes[1]!.on = true;
    rig.d.peTurnedOn(1);
    expect([rig.status(1, 0n), rig.status(1, SHARED)]).toEqual([0n, 3n]);
    expect(rig.call(1, 'SDEI_PE_MASK')).toBe(0n);
    expect(rig.call(0, 'SDEI_INTERRUPT_RELEASE', event)).toBe(0n);
  });
  test('an event for a PE that is off waits', () => {
    const rig = new SdeiRig({ pes: 2 }).ready(1);
    rig.register(0, SHARED, 1n, 0x100n);
    rig.call(0, 'SDEI_EVENT_ENABLE', SHARED);
    rig.pes[1]!.on = false;
    rig.d.peTurnedOff(1);
    rig.raise(3002);
    expect(rig.entered).toEqual([]);
    rig.pes[1]!.on = true;
    rig.d.peTurnedOn(1);
    rig.call(1, 'SDEI_PE_UNMASK');
    expect(rig.entered).toEqual(['1:3002']);
  });
  test('power-down in a handler ends it and is told to the log', () => {
    const rig = new SdeiRig({ pes: 2 }).ready(1, SHARED);
    rig.raise(3002);
    rig.pes[1]!.on = false;
    rig.d.peTurnedOff(1);
    expect(rig.status(0, SHARED)).toBe(3n);
    expect(rig.pes[1]!.held).toBe(undefined);
    expect(rig.notices).toHaveLength(1);
  });
  test('a suspend that loses state leaves the PE masked and everything registered', () => {
    const rig = new SdeiRig().ready(0, 0n);
    rig.d.peRestarted(0);
    expect(rig.status(0, 0n)).toBe(3n);
    expect(rig.call(0, 'SDEI_PE_MASK')).toBe(0n);
  });
  test('a reset leaves nothing', () => {
    const rig = new SdeiRig({ pes: 2 });
    const fresh = rig.d.state();
    rig.ready(1, bind(rig, PPI, 1), SHARED, CRITICAL);
    rig.raise(3001, 1);
    rig.d.reset();
    expect(rig.d.state()).toEqual(fresh);
    expect(rig.pes[1]!.held).toBe(undefined);
  });
});

test('state of nested handlers, put into another dispatcher, has the same future', () => {
  const make = (): SdeiRig => new SdeiRig({ pes: 2 });
  const rig = make().ready(0, EXPLICIT, CRITICAL, 0n);
  rig.raise(3000);
  rig.raise(3001);
  rig.call(0, 'SDEI_EVENT_SIGNAL', 0n, 0n);
  const saved = rig.d.state();
  const other = make();
  other.d.load(saved);
  expect(other.pes[0]!.held).toBe(0x60);
  Object.assign(other.pes[0]!, structuredClone(rig.pes[0]!), { wanted: other.pes[0]!.wanted });
  for (const each of [rig, other]) for (let n = 0; n < 3; n++) each.call(0, 'SDEI_EVENT_COMPLETE');
  expect(other.d.state()).toEqual(rig.d.state());
  expect(other.pes).toEqual(rig.pes);
  expect(saved.pes[0]!.stack).toHaveLength(2);
});
