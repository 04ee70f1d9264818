import { describe, expect, it } from 'vitest';
import { hammering } from '../../../test/board/smp.ts';
import { Random } from '../../../test/differential/random.ts';
import { BUSY, GUEST_PA, guest, listen, SMALL_BYTES } from '../../../test/exact/guests.ts';
import { bareKernel, ECHO } from '../../../test/support/bare-kernel.ts';
import { CODEC } from '../../../test/support/codec.ts';
import { type BlockBackend, memoryBackend } from '../../devices/virtio/block-store.ts';
import type { NetBackend } from '../../devices/virtio/net.ts';
import { mrs, store } from '../../engine/hosted/effects.ts';
import { HostedProgram } from '../../engine/hosted/program.ts';
import { assemble } from '../../isa/text/assemble.ts';
import { Machine } from '../machine.ts';
import { decodeStored } from './decode.ts';
import { SNAPSHOT_FILE } from './encode.ts';
import { type LoadOptions, loadSnapshot, machineOf, saveSnapshot } from './files.ts';
import { encodeSection, endSection, fileHead, joined, SectionReader } from './sections.ts';

const DEVICES = {
  virtioRng: true,
  virtioConsole: true,
  net: 'loopback',
  fwCfgFiles: { 'opt/x/y': Uint8Array.of(1, 2, 3) },
} as const;
const disk = (): BlockBackend => memoryBackend(new Uint8Array(64 * 1024).fill(0x5a));

async function again(machine: Machine, given?: LoadOptions): Promise<Machine> {
  return loadSnapshot(await saveSnapshot(machine, machine.snapshot(), CODEC), CODEC, given);
}
const failure = async (of: Promise<unknown>): Promise<string> =>
  of.then(
    () => 'was accepted',
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );

/** Runs to some steps, saves, and compares what follows with and without the detour through a file. */
async function sameAfter(make: () => Machine, steps: number, further: number): Promise<void> {
  const [stayed, left] = [make(), make()];
  stayed.run({ steps });
  left.run({ steps });
  const back = await again(left);
  expect(back.digest(), `at ${steps}`).toBe(stayed.digest());
  const heard = [listen(stayed), listen(back)];
  for (const machine of [stayed, back]) {
    machine.run({ steps: further });
    machine.console.input(Uint8Array.of(0x61));
    machine.powerKey(true);
    machine.devices.virtioConsole?.input(Uint8Array.of(1, 2));
    machine.run({ steps: further });
    machine.reset();
    machine.run({ steps: further });
  }
  expect(back.digest(), `from ${steps} on`).toBe(stayed.digest());
  expect(heard[1]!.text).toBe(heard[0]!.text);
}

describe('a machine that was saved to a file and loaded', () => {
  it('goes on as if it had never left, with every device, also through a reset', async () => {
    const r = new Random('points');
    const make = (): Machine => guest(BUSY, { ...DEVICES, drives: [{ backend: disk(), serial: 'abc' }] }).machine;
    for (let n = 0; n < 6; n++) await sameAfter(make, r.below(12_000), 700);
  });

  it.each([1, 2, 4, 8])('with %i PEs that take turns at locks and exclusives', async (pes) => {
    const r = new Random(`pes ${pes}`);
    const make = (): Machine => hammering('LDXR and STXR counter', pes);
    for (let n = 0; n < 4; n++) await sameAfter(make, r.below(3000), 300);
  });

  it.each([
    { el2: true },
    { el3: false },
    { gic: 2 },
    { cpu: 'cortex-a57' },
    { sdei: false },
    { firmware: 'guest' },
    { schedule: { kind: 'random', seed: 5, stepsMax: 50 }, cpus: 3 },
    { engine: 'interpreter', rtcBaseSeconds: 7, rngSeed: null },
  ] as const)('made with %j', async (options) => {
    await sameAfter(() => guest(BUSY, options).machine, 3333, 500);
  });

  it('with a kernel: the same images are loaded by a reset, and the file holds them once', async () => {
    const kernel = bareKernel(`${ECHO}\n .space 300000, 0x37\n`);
    const initrd = Uint8Array.from({ length: 50_000 }, (_, n) => (n * n) >> 3);
    const make = (): Machine => Machine.create({ kernel, initrd, append: 'a=b', memoryBytes: SMALL_BYTES });
    await sameAfter(make, 500, 400);
    const machine = make();
    const bytes = await saveSnapshot(machine, machine.snapshot(), { deflate: (b) => b, inflate: (b) => b });
    expect(bytes.length).toBeLessThan(1.2 * (kernel.length + initrd.length));
  });

  it('can be saved while it runs on, and saved again after it was loaded', async () => {
    const { machine } = guest(BUSY);
    machine.run({ steps: 2000 });
    const [digest, snapshot] = [machine.digest(), machine.snapshot()];
    const saving = saveSnapshot(machine, snapshot, CODEC);
    machine.run({ steps: 5000 });
    const twice = await again(await loadSnapshot(await saving, CODEC));
    expect(twice.digest()).toBe(digest);
  });

  it('is the same with the other engine', async () => {
    const { machine } = guest(BUSY);
    machine.run({ steps: 5000 });
    const other = await again(machine, { engine: 'interpreter' });
    for (const m of [machine, other]) m.run({ steps: 5000 });
    expect(other.digest()).toBe(machine.digest());
  });

  it('is the same when the guest has powered off', async () => {
    const { machine } = guest(BUSY);
    expect(machine.run().reason).toBe('poweroff');
    expect((await again(machine)).run().reason).toBe('poweroff');
  });
});

describe('what is code and not data', () => {
  it('TypeScript code is given again, and goes on in the middle', async () => {
    const hosted = new HostedProgram({
      functions: {
        *main() {
          for (let n = 0n; n < 500n; n++) yield* store(0x4000_1000n, n + (yield* mrs('CNTVCT_EL0')));
        },
      },
    });
    const machine = Machine.create({ hosted, entry: 'main', memoryBytes: SMALL_BYTES });
    machine.run({ steps: 300 });
    expect(await failure(again(machine))).toContain('E_SNAPSHOT_FILE: snapshot: the machine runs TypeScript code');
    const back = await again(machine, { hosted });
    for (const m of [machine, back]) m.run({ steps: 300 });
    expect(back.digest()).toBe(machine.digest());
  });

  it('a network back end is given again, with its state', async () => {
    const net = (): NetBackend => {
      let sent = 0;
      return {
        name: 'counting',
        send: () => [new Uint8Array(60).fill(++sent)],
        state: () => sent,
        load: (state) => {
          sent = state as number;
        },
      };
    };
    const { machine } = guest(BUSY, { net: net() });
    machine.run({ steps: 300 });
    expect(await failure(again(machine))).toContain("the machine has the network back end 'counting'. Give it as net.");
    expect((await again(machine, { net: net() })).digest()).toBe(machine.digest());
  });
});

describe('disks', () => {
  const content = new Uint8Array(8192).fill(7);
  const named = (bytes: Uint8Array): BlockBackend => ({ ...memoryBackend(bytes), name: 'disk.img' });
  const program = [{ ...assemble('b .'), addrPa: GUEST_PA }];
  const make = (backend: BlockBackend): Machine =>
    Machine.create({ memoryBytes: SMALL_BYTES, programs: program, drives: [{ backend }] });

  it('with a name are referred to: the same content is asked for and compared', async () => {
    const machine = make(named(content));
    const loaded = await again(machine, { openDrive: ({ name }) => (name === 'disk.img' ? named(content) : disk()) });
    expect(loaded.digest()).toBe(machine.digest());
    expect(await failure(again(machine))).toContain("E_SNAPSHOT_FILE: snapshot: drive 0 'disk.img' is not in the file");
    const changed = content.slice();
    changed[5000] = 8;
    const other = failure(again(machine, { openDrive: () => named(changed) }));
    expect(await other).toContain("drive 0 'disk.img' changed since the snapshot was saved");
    const longer = failure(again(machine, { openDrive: () => named(new Uint8Array(16384)) }));
    expect(await longer).toContain('has 16384 bytes; it had 8192');
  });

  it('that the guest writes through to are in the file, as they were at that moment', async () => {
    const file = content.slice();
    const through: BlockBackend = { ...named(file), write: (offset, bytes) => file.set(bytes, offset) };
    const machine = make(through);
    const saving = saveSnapshot(machine, machine.snapshot(), CODEC);
    file.fill(9);
    const loaded = await loadSnapshot(await saving, CODEC);
    expect(loaded.options.drives![0]!.backend.read(4000, 200)).toEqual(new Uint8Array(200).fill(7));
    const snapshot = machine.snapshot();
    machine.run({ steps: 10 });
    expect(await failure(saveSnapshot(machine, snapshot, CODEC))).toContain('the machine has run since');
  });
});

describe('a file that is not what it should be', () => {
  const { machine } = guest('b .\n .space 5000, 0x12\n');
  machine.run({ steps: 100 });
  const saved = saveSnapshot(machine, machine.snapshot(), CODEC);

  it('is refused wherever it is cut off, with what is there last', async () => {
    const bytes = await saved;
    for (let n = 0; n < bytes.length; n += n < 600 || n > bytes.length - 200 ? 1 : 37)
      expect(await failure(loadSnapshot(bytes.subarray(0, n), CODEC)), `${n} bytes`).toMatch(
        /^E_SNAPSHOT_FILE: snapshot: (this is no|ends at|section|the section behind)/,
      );
  });

  it('is refused with any byte changed, and the section is named', async () => {
    const bytes = (await saved).slice();
    const named = new Set<string>();
    for (let n = 0; n < bytes.length; n += n < 600 || n > bytes.length - 200 ? 1 : 37) {
      bytes[n]! ^= 1 << (n % 8);
      const message = await failure(loadSnapshot(bytes, CODEC));
      bytes[n]! ^= 1 << (n % 8);
      expect(message, `byte ${n}`).toMatch(/^E_SNAPSHOT_FILE: snapshot: /);
      for (const found of message.matchAll(/'([^']*)'/g)) named.add(found[1]!);
    }
    for (const name of ['machine', 'start', 'time', 'pe 0', 'part gic', 'drives', 'end']) expect(named).toContain(name);
  });

  it('is refused when it is another file, has something behind it, or is of a later layout', async () => {
    const bytes = await saved;
    const of = (b: Uint8Array): Promise<string> => failure(loadSnapshot(b, CODEC));
    expect(await of(new TextEncoder().encode('# Some notes\n'))).toContain(
      'this is no snapshot: it does not begin with',
    );
    expect(await of(new Uint8Array(0))).toContain('this is no snapshot');
    expect(await of(Uint8Array.of(...bytes, 0))).toContain('follow');
    expect(await of(joined([bytes, bytes]))).toContain('follow');
  });

  it('unknown sections are left out if they may be, else refused; so are later versions', async () => {
    const reader = new SectionReader(await saved, SNAPSHOT_FILE);
    const sections = reader.all();
    const bytes = async (extra: { name: string; version: number; optional?: boolean }): Promise<Uint8Array> => {
      const pieces = [fileHead(SNAPSHOT_FILE)];
      for (const s of sections) {
        const renewed = { ...s, ...(s.name === extra.name ? extra : {}), bytes: await reader.content(s, CODEC) };
        pieces.push(...(await encodeSection(renewed, CODEC)));
      }
      const added = sections.every(({ name }) => name !== extra.name);
      if (added) pieces.push(...(await encodeSection({ ...extra, bytes: new Uint8Array(9) }, CODEC)));
      pieces.push(...endSection(sections.length + (added ? 1 : 0)));
      return joined(pieces);
    };
    const loaded = await loadSnapshot(await bytes({ name: 'notes', version: 4, optional: true }), CODEC);
    expect(loaded.digest()).toBe(machine.digest());
    const refused = async (extra: { name: string; version: number }): Promise<string> =>
      failure(loadSnapshot(await bytes(extra), CODEC));
    expect(await refused({ name: 'npu 0', version: 1 })).toContain("section 'npu 0' is not known here");
    expect(await refused({ name: 'pe 0', version: 2 })).toContain("section 'pe 0' has version 2; 1 is known here");
  });

  it('has registers by their names: one that does not exist here is refused, unless it is 0', async () => {
    const stored = await decodeStored(await saved, CODEC);
    const [pe] = stored.pes;
    const as = (more: Record<string, bigint>): Machine =>
      machineOf({ ...stored, pes: [{ ...pe!, registers: { ...pe!.registers, ...more } }] }, {}, CODEC);
    expect(() => as({ NEW_EL1: 1n })).toThrow("section 'pe 0' does not fit this version: has the register 'NEW_EL1'");
    expect(as({ NEW_EL1: 0n }).digest()).toBe(machine.digest());
    expect(stored.pes[0]!.registers).toMatchObject({ PC: GUEST_PA, EL: 1n });
    expect(Object.keys(stored.pes[0]!.registers)).toEqual(expect.arrayContaining(['X30', 'V31', 'SP', 'VBAR_EL1']));
  });
});
