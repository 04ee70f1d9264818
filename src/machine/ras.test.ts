import { describe, expect, it } from 'vitest';
import { bareKernel } from '../../test/support/bare-kernel.ts';
import { CODEC } from '../../test/support/codec.ts';
import { VIRT_MEMORY_MAP } from './board/virt.ts';
import { MachineError } from './errors.ts';
import { Machine } from './machine.ts';
import type { MachineOptions } from './options.ts';
import { Recorder } from './record/recorder.ts';
import { readRecording } from './record/recording.ts';
import { Replay } from './record/replay.ts';
import { loadSnapshot, saveSnapshot } from './snapshot-file/files.ts';

const PAGE_PA = 0x4100_0000n;
const MEMORY = 32 * 2 ** 20;

/** Runs `code` with X1 the address of a page; an exception at EL1 leaves ESR, FAR, ELR in X9 to X11, X12 is 1. */
const KERNEL = (code: string): Uint8Array =>
  bareKernel(`
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ldr     x1, =0x41000000
        mov     x12, #0
        str     x1, [x1]
        ${code}
        b       .
        .ltorg
        .org    0x7c0
vectors: .space 0x200
        mrs     x9, ESR_EL1
        mrs     x10, FAR_EL1
        mrs     x11, ELR_EL1
        mov     x12, #1
        b       .
        .space  0x180 - 20
        mrs     x9, ESR_EL1
        mov     x12, #2
        b       .
`);

function machine(code: string, options: MachineOptions = {}): Machine {
  return Machine.create({ kernel: KERNEL(code), memoryBytes: MEMORY, tables: 'acpi', ...options });
}
const x = (guest: Machine, n: number): bigint => guest.readRegister(0, `X${n}`);

/** Exceptions taken, as `EL3 0x400`. */
function exceptionsOf(guest: Machine): string[] {
  const taken: string[] = [];
  guest.on('exception', (_, el, vector) => void taken.push(`EL${el} 0x${vector.toString(16)}`));
  return taken;
}

describe('a load from a page that is poisoned', () => {
  it('goes to EL3 first, and from there to EL1 as it came: the same syndrome and address', () => {
    const guest = machine('ldr x2, [x1]');
    const taken = exceptionsOf(guest);
    guest.poison(PAGE_PA + 0x40n);
    guest.run({ steps: 40 });
    expect(taken).toEqual(['EL3 0x400', 'EL1 0x200']);
    expect([x(guest, 12), x(guest, 9), x(guest, 10)]).toEqual([1n, 0x9600_0010n, PAGE_PA]);
    expect(x(guest, 11)).toBe(guest.boot!.entryPa + 64n + 20n);
    expect(guest.ras.counters[2]).toMatchObject({ recorded: 1, acknowledged: 0 });
    const { blockPa } = guest.ras.firmware!.config.layout.sources[2]!;
    expect(guest.readMemory(blockPa, 1)[0]).not.toBe(0);
  });

  it.each<[string, MachineOptions]>([
    ['without EL3, with the firmware', { el3: false }],
    ['with a device tree, and no firmware to see it', { tables: 'dt' }],
    ['with errors left to the kernel', { ras: false }],
  ])('%s: EL1 takes it at once', (_, options) => {
    const guest = machine('ldr x2, [x1]', options);
    const taken = exceptionsOf(guest);
    guest.poison(PAGE_PA);
    guest.run({ steps: 40 });
    expect(taken).toEqual(['EL1 0x200']);
    expect([x(guest, 12), x(guest, 9), x(guest, 10)]).toEqual([1n, 0x9600_0010n, PAGE_PA]);
    expect(guest.ras.counters.map(({ recorded }) => recorded)).toEqual(options.el3 === false ? [0, 0, 1, 0, 0, 0] : []);
  });

  it.each([
    ['a pair', 'ldp x2, x3, [x1]', 0x9600_0010n],
    ['an exclusive', 'ldxr x2, [x1]', 0x9600_0010n],
    ['an atomic', 'ldadd x2, x3, [x1]', 0x9600_0010n],
    ['SIMD', 'mov x5, #3 << 20\n msr CPACR_EL1, x5\n ldr q0, [x1]', 0x9600_0010n],
    ['a fetch', 'br x1', 0x8600_0010n],
  ])('%s: an abort as well', (_, code, esr) => {
    const guest = machine(code);
    guest.poison(PAGE_PA);
    guest.run({ steps: 60 });
    expect([x(guest, 12), x(guest, 9)]).toEqual([1n, esr]);
  });

  it('stores and pages beside it are as always', () => {
    const guest = machine('str x1, [x1, #8]\n ldr x2, [x1, #0x1000]\n ldr x3, [x1, #-8]');
    guest.poison(PAGE_PA);
    guest.run({ steps: 40 });
    expect(x(guest, 12)).toBe(0n);
    expect(guest.readMemory(PAGE_PA + 8n, 8)[3]).toBe(0x41);
  });

  it('code that has run, also compiled, is fetched anew when its page is poisoned', () => {
    const guest = machine('mov x3, #0\n2: add x3, x3, #1\n b 2b');
    guest.run({ steps: 100_000 });
    expect(x(guest, 3)).toBeGreaterThan(10_000n);
    guest.poison(guest.boot!.entryPa);
    const steps = guest.steps;
    const taken = exceptionsOf(guest);
    guest.run({ steps: 3 });
    expect(taken.slice(0, 2)).toEqual(['EL3 0x400', 'EL1 0x200']);
    expect(guest.steps).toBe(steps + 3);
  });

  it('as an SError: the load goes on, firmware takes the SError for itself and tells of it by SDEI', () => {
    const guest = machine('ldr x2, [x1]\n mov x4, #7');
    const taken = exceptionsOf(guest);
    guest.poison(PAGE_PA, { raises: 'serror' });
    guest.run({ steps: 40 });
    expect(taken).toEqual(['EL3 0x580']);
    expect([x(guest, 2), x(guest, 4), x(guest, 12)]).toEqual([PAGE_PA, 7n, 0n]);
    expect(guest.ras.counters[0]!.recorded).toBe(1);
  });

  it('a reset heals it', () => {
    const guest = machine('ldr x2, [x1]');
    guest.poison(PAGE_PA);
    guest.reset();
    guest.run({ steps: 40 });
    expect(x(guest, 12)).toBe(0n);
  });

  it('it is part of the state: of the digest, of snapshots and of their files', async () => {
    const guest = machine('ldr x2, [x1]');
    const clean = guest.snapshot();
    const digest = guest.digest();
    guest.poison(PAGE_PA);
    expect(guest.digest()).not.toBe(digest);
    const poisoned = guest.snapshot();
    const other = await loadSnapshot(await saveSnapshot(guest, poisoned, CODEC), CODEC);
    other.run({ steps: 40 });
    guest.run({ steps: 40 });
    expect([x(guest, 12), x(other, 12), other.digest()]).toEqual([1n, 1n, guest.digest()]);
    guest.restore(clean);
    expect(guest.digest()).toBe(digest);
    guest.run({ steps: 40 });
    expect(x(guest, 12)).toBe(0n);
  });

  it('outside RAM there is no page', () => {
    expect(() => machine('').poison(0x900_0000n)).toThrow(MachineError);
  });
});

describe('an SError that does not come from poison', () => {
  it('is handed on by the firmware, as it is', () => {
    const guest = machine('msr DAIFClr, #4');
    const taken = exceptionsOf(guest);
    guest.run({ steps: 20 });
    guest.serror(0, 0x5a);
    guest.run({ steps: 20 });
    expect(taken).toEqual(['EL3 0x580', 'EL1 0x380']);
    expect([x(guest, 12), x(guest, 9)]).toEqual([2n, 0xbe00_005an]);
  });

  it('waits while the kernel masks it, and goes to the firmware first again afterwards', () => {
    const guest = machine('mov x4, #2000\n2: subs x4, x4, #1\n b.ne 2b\n msr DAIFClr, #4');
    const taken = exceptionsOf(guest);
    guest.run({ steps: 20 });
    guest.serror(0);
    guest.run({ steps: 100 });
    expect(taken).toEqual(['EL3 0x580']);
    expect(guest.readRegister(0, 'SCR_EL3') & 8n).toBe(0n);
    guest.run({ steps: 5000 });
    expect(taken).toEqual(['EL3 0x580', 'EL1 0x380']);
  });
});

describe("an abort that is nobody's poison", () => {
  it('is handed on by the firmware without a record', () => {
    const guest = machine('mov x2, #0\n ldr x3, [x2]');
    guest.run({ steps: 40 });
    expect([x(guest, 12), x(guest, 9), x(guest, 10)]).toEqual([1n, 0x9600_0010n, 0n]);
    expect(guest.ras.counters.every(({ recorded }) => recorded === 0)).toBe(true);
  });
});

describe('errors on a machine', () => {
  const acknowledge = (guest: Machine, n: number): void => {
    const at = Number(VIRT_MEMORY_MAP.ras.basePa) + 4 * n;
    guest.bus.write(at, 4, 1, 0, true);
  };

  it('without the firmware are refused with the reason', () => {
    const guest = machine('', { tables: 'dt' });
    expect(() => guest.ras.inject({ kind: 'memory' })).toThrow(/no firmware that handles errors. Make it with tables/);
    expect(guest.ras.sources).toEqual([]);
    expect(() => machine('', { tables: 'dt', ras: {} })).toThrow(/told of by ACPI tables .* Add tables: 'acpi'/);
    expect(() => machine('', { firmware: 'guest', ras: {} })).toThrow(/Add firmware: 'typescript'/);
  });

  it('sources follow from the machine; ones that it cannot have are refused', () => {
    expect(machine('', { sdei: false }).ras.sources.map(({ notify }) => notify)).toEqual([
      'sea',
      'gsiv',
      'gpio',
      'polled',
    ]);
    const declared = { sources: [{ id: 1, notify: 'sdei', event: 4000 }] } as const;
    expect(() => machine('', { ras: declared })).toThrow(/id 1: there is no SDEI event 4000/);
    expect(() => machine('', { ras: { sources: [{ id: 1, notify: 'sdei', event: 3001 }] } })).toThrow(
      /priority critical/,
    );
    expect(() => machine('', { sdei: false, ras: declared })).toThrow(/no SDEI dispatcher/);
    expect(() => machine('', { ras: { bootErrors: [{ kind: 'memory', pe: 5 }] } })).toThrow(/bootErrors\[0\]: PE 5/);
  });

  it('its memory is at the end of RAM, told to be reserved', () => {
    const guest = machine('');
    const { basePa, sizeBytes } = guest.ras.firmware!.config.layout;
    expect(basePa % 0x1_0000n).toBe(0n);
    expect(basePa + BigInt(sizeBytes)).toBeLessThanOrEqual(VIRT_MEMORY_MAP.ram.basePa + BigInt(MEMORY));
    for (const { addrPa, bytes } of guest.boot!.segments)
      expect(addrPa + BigInt(bytes.length)).toBeLessThanOrEqual(basePa);
  });

  it('by the generic event device: its line rises, its selector says error', () => {
    const guest = machine('');
    guest.ras.inject({ kind: 'memory', notify: 'gsiv' });
    expect(guest.devices.ged!.pending).toBe(0x20);
  });

  it('wait, come back after restore, and are the same in a machine from the file of a snapshot', async () => {
    const guest = machine('');
    for (let n = 0; n < 3; n++) guest.ras.inject({ kind: 'processor', notify: 'polled' });
    const snapshot = guest.snapshot();
    const digest = guest.digest();
    acknowledge(guest, 5);
    guest.run({ steps: 10 });
    expect(guest.ras.counters[5]).toEqual({ recorded: 2, acknowledged: 1, lost: 0, waiting: 1 });
    const after = guest.digest();
    guest.restore(snapshot);
    expect(guest.digest()).toBe(digest);
    const other = await loadSnapshot(await saveSnapshot(guest, snapshot, CODEC), CODEC);
    expect(other.digest()).toBe(digest);
    acknowledge(other, 5);
    other.run({ steps: 10 });
    expect(other.digest()).toBe(after);
  });

  it('are recorded and replayed', async () => {
    const guest = machine('ldr x2, [x1]');
    const pieces: Uint8Array[] = [];
    const recorder = await Recorder.begin(guest, { codec: CODEC, everySteps: 10, write: (b) => void pieces.push(b) });
    guest.run({ steps: 3 });
    guest.ras.inject({ kind: 'memory', addr: PAGE_PA, notify: 'gsiv', fruText: 'DIMM' });
    guest.ras.inject({ kind: 'cper', bytes: guest.ras.inject({ kind: 'pcie' }).block, notify: 'gpio' });
    guest.poison(PAGE_PA);
    guest.run({ steps: 40 });
    recorder.end();
    const recording = readRecording(Buffer.concat(pieces));
    const replay = new Replay(await loadSnapshot(recording.start, CODEC), recording);
    replay.machine.run({ steps: 1000 });
    expect([replay.finished, replay.divergence]).toEqual([true, undefined]);
    expect(replay.machine.digest()).toBe(guest.digest());
  });

  it('a guest that writes to registers and blocks as it likes breaks nothing', () => {
    const reports: string[] = [];
    const guest = machine('');
    guest.log.onReport((message) => void reports.push(message));
    const base = Number(VIRT_MEMORY_MAP.ras.basePa);
    const { layout } = guest.ras.firmware!.config;
    guest.writeMemory(layout.basePa, new Uint8Array(layout.sizeBytes).fill(0xff));
    let seed = 1;
    for (let n = 0; n < 20_000; n++) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      const at = base + (((seed >>> 8) % 0x260) & ~3);
      if (seed & 1) guest.bus.write(at, 4, [0, 1, 5, 0x9c, 0xffff_ffff, seed][(seed >>> 3) % 6]!, 0, true);
      else guest.bus.read(at, 4, 0, true);
      if (n % 100 === 0) guest.ras.inject({ kind: 'memory', addr: BigInt(seed), notify: 'gpio' });
    }
    guest.run({ steps: 1000 });
    expect(guest.steps).toBe(1000);
    expect(guest.ras.counters[4]!.recorded).toBeGreaterThan(10);
    expect(guest.ras.erstRecords.length).toBe(0);
  });
});
