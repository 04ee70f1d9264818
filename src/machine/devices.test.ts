import { describe, expect, it } from 'vitest';
import { PE_STATE } from '../arch/pestate.ts';
import type { PlainData } from '../devices/device.ts';
import { memoryBackend } from '../devices/virtio/block-store.ts';
import { leBytes } from '../devices/virtio/ram.ts';
import { STATUS, VIRTIO_MMIO_REGS } from '../devices/virtio/regs.ts';
import { VIRT_MEMORY_MAP, VIRTIO_MMIO_STRIDE_BYTES } from './board/virt.ts';
import { Machine } from './machine.ts';
import type { MachineOptions } from './options.ts';

const RAM = VIRT_MEMORY_MAP.ram.basePa;
const VIRTIO = Number(VIRT_MEMORY_MAP.virtioMmio.basePa);
const DISK_BYTES = 64 * 1024;
/** Rings of queue 0 and buffers, away from the program. */
const [DESC, DRIVER, DEVICE, BUFFERS] = [0x10_0000, 0x10_1000, 0x10_2000, 0x11_0000].map((at) => RAM + BigInt(at));
/** `B .`: the PE goes round in place. */
const LOOP = Uint8Array.of(0, 0, 0, 0x14);

const disk = () => new Uint8Array(DISK_BYTES).fill(0x5a);

function board(options: MachineOptions = {}) {
  const machine = Machine.create({
    programs: [{ bytes: LOOP, addrPa: RAM }],
    memoryBytes: 16 * 2 ** 20,
    drives: [{ backend: memoryBackend(disk()) }],
    virtioRng: true,
    virtioConsole: true,
    net: 'loopback',
    ...options,
  });
  const reports: string[] = [];
  machine.log.onReport((text) => reports.push(text));
  return { machine, reports, ...driver(machine, 0) };
}

/** A driver of a slot, through the bus and physical memory; only queue 0, each entry used once. */
function driver(machine: Machine, slot: number) {
  const base = VIRTIO + slot * VIRTIO_MMIO_STRIDE_BYTES;
  type Name = keyof typeof VIRTIO_MMIO_REGS.registers;
  const write = (name: Name, value: number) =>
    machine.bus.write(base + VIRTIO_MMIO_REGS.registers[name].at, 4, value, 0, true);
  const read = (name: Name) => Number(machine.bus.read(base + VIRTIO_MMIO_REGS.registers[name].at, 4, 0, true));
  let entries = 0;
  const start = () => {
    write('Status', STATUS.ACKNOWLEDGE | STATUS.DRIVER);
    write('DriverFeaturesSel', 1);
    write('DriverFeatures', 1);
    write('Status', STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK);
    write('QueueNum', 256);
    write('QueueDescLow', Number(DESC));
    write('QueueDriverLow', Number(DRIVER));
    write('QueueDeviceLow', Number(DEVICE));
    write('QueueReady', 1);
    write('Status', STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK | STATUS.DRIVER_OK);
  };
  /** Writes 512 bytes of `fill` to a sector; the work is done when the machine runs. */
  const writeSector = (sector: number, fill: number) => {
    const at = BUFFERS + BigInt(entries * 1024);
    machine.writeMemory(at, leBytes([1, 4], [0, 4], [sector, 8]));
    machine.writeMemory(at + 16n, new Uint8Array(512).fill(fill));
    const head = (2 * entries) % 256;
    machine.writeMemory(DESC + BigInt(16 * head), leBytes([Number(at), 8], [528, 4], [1, 2], [head + 1, 2]));
    machine.writeMemory(DESC + BigInt(16 * head + 16), leBytes([Number(at) + 600, 8], [1, 4], [2, 2], [0, 2]));
    machine.writeMemory(DRIVER + BigInt(4 + 2 * entries), leBytes([head, 2]));
    entries++;
    machine.writeMemory(DRIVER + 2n, leBytes([entries, 2]));
    write('QueueNotify', 0);
  };
  const used = () => new DataView(machine.readMemory(DEVICE + 2n, 2).buffer).getUint16(0, true);
  return { write, read, start, writeSector, used };
}

describe('the slots of the board', () => {
  it('are 32; devices come first, in the order disk, entropy, console, network; the others are empty', () => {
    const { machine } = board();
    const ids = Array.from({ length: 32 }, (_, slot) => driver(machine, slot).read('DeviceID'));
    expect(ids).toEqual([2, 4, 3, 1, ...new Array(28).fill(0)]);
    const magic = Array.from({ length: 32 }, (_, slot) => driver(machine, slot).read('MagicValue'));
    expect(new Set(magic)).toEqual(new Set([0x7472_6976]));
  });

  it('beyond the last one nothing answers', () => {
    expect(board().machine.bus.read(VIRTIO + 32 * VIRTIO_MMIO_STRIDE_BYTES, 4, 0, true)).toBe('abort');
  });

  it.each<[MachineOptions, RegExp]>([
    [{ drives: new Array(33).fill({ backend: memoryBackend(disk()) }) }, /36 virtio devices.*32 slots/],
    [{ drives: [{ backend: { sizeBytes: 100, readOnly: false, read: () => disk() } }] }, /drive 0 of 100 bytes/],
    [{ drives: [{ backend: memoryBackend(disk()), serial: 'x'.repeat(21) }] }, /serial/],
    [{ virtioRngSeed: new Uint8Array(3) }, /virtioRngSeed of 3 bytes/],
    [{ fwCfgFiles: { 'with space': disk() } }, /fw_cfg file/],
  ])('impossible options are refused: %#', (options, message) => {
    expect(() => board({ drives: [], ...options })).toThrow(message);
  });
});

describe('work of a virtio device', () => {
  it('is done at the boundary after the notification, once the machine runs, without a step', () => {
    const { machine, start, writeSector, used } = board();
    start();
    machine.run({ steps: 10 });
    writeSector(3, 0x11);
    expect([used(), machine.nextDueNs()]).toEqual([0, machine.timeNs]);
    machine.run({ steps: 0 });
    expect([used(), machine.steps]).toEqual([1, 10]);
  });

  it('a snapshot between the notification and the work repeats the work', () => {
    const { machine, start, writeSector, used } = board();
    start();
    writeSector(3, 0x11);
    const before = machine.snapshot();
    machine.run({ steps: 5 });
    const digest = machine.digest();
    machine.restore(before);
    expect(used()).toBe(0);
    machine.run({ steps: 5 });
    expect([used(), machine.digest()]).toEqual([1, digest]);
  });

  it('raises the edge-triggered interrupt of its slot once', () => {
    const { machine, start, writeSector, read } = board();
    const gicd = Number(VIRT_MEMORY_MAP.gicd.basePa);
    const pending = () => (Number(machine.bus.read(gicd + 0x204, 4, 0, false)) >>> 16) & 1;
    // Slot 0 is SPI 16, INTID 48: edge in GICD_ICFGR3.
    machine.bus.write(gicd + 0xc0c, 4, 2, 0, false);
    start();
    expect(pending()).toBe(0);
    writeSector(0, 1);
    machine.run({ steps: 1 });
    expect([read('InterruptStatus'), pending()]).toEqual([1, 1]);
  });

  it('takes away a reservation on what it writes, of the PE that runs too', () => {
    const exclusive = (addrPa: bigint) => {
      // LDXR X1, [X0]; B . : the reservation stays.
      const code = Uint8Array.of(0x01, 0x7c, 0x5f, 0xc8, 0, 0, 0, 0x14);
      const { machine, start, writeSector } = board({ programs: [{ bytes: code, addrPa: RAM }] });
      start();
      machine.writeRegister(0, 'X0', addrPa);
      machine.run({ steps: 3 });
      const held = reservation(machine);
      writeSector(0, 1);
      machine.run({ steps: 1 });
      return [held, reservation(machine)];
    };
    expect(exclusive(DEVICE)).toEqual([true, false]);
    expect(exclusive(DEVICE + 0x1000n)).toEqual([true, true]);
  });
});

/** True while PE 0 holds an exclusive reservation. */
const reservation = (machine: Machine): boolean => machine.pes[0]!.s.get32(PE_STATE.exclusiveValid) !== 0;

describe('state of the devices', () => {
  it('content of a disk, entropy and console input come back with a snapshot', () => {
    const { machine, start, writeSector } = board();
    start();
    writeSector(1, 1);
    machine.run({ steps: 1 });
    machine.devices.virtioConsole?.input(Uint8Array.of(1, 2, 3));
    const [state, digest, snapshot] = [machine.devices.state(), machine.digest(), machine.snapshot()];
    writeSector(2, 2);
    machine.devices.virtioConsole?.input(Uint8Array.of(4));
    machine.powerKey(true);
    machine.run({ steps: 1 });
    expect(machine.digest()).not.toBe(digest);
    machine.restore(snapshot);
    expect(machine.devices.state()).toEqual(state);
    expect(machine.digest()).toBe(digest);
  });

  it('a reset of the machine resets the devices and keeps the content of the disk', () => {
    const { machine, start, writeSector, read } = board();
    start();
    writeSector(1, 1);
    machine.run({ steps: 1 });
    machine.reset();
    expect(read('Status')).toBe(0);
    const { devices } = machine.devices.state() as { devices: Record<string, { function: { numbers: number[] } }> };
    expect(devices[machine.devices.virtio[0]!.name]?.function.numbers).toEqual([0]);
  });

  it('every number, flag and byte of it changes the digest', () => {
    const { machine, start, writeSector } = board();
    start();
    writeSector(1, 1);
    machine.devices.virtioConsole?.input(Uint8Array.of(1));
    machine.devices.net?.receive(new Uint8Array(60));
    machine.run({ steps: 1 });
    const snapshot = machine.snapshot();
    const digest = machine.digest();
    const all = snapshot.devices as { readonly board: PlainData };
    let flips = 0;
    for (const flipped of flips1(all.board)) {
      machine.restore({ ...snapshot, devices: { ...all, board: flipped } });
      expect(machine.digest()).not.toBe(digest);
      flips++;
    }
    expect(flips).toBeGreaterThan(100);
    machine.restore(snapshot);
    expect(machine.digest()).toBe(digest);
  });
});

/** The data with one thing changed, for each thing in it; of long runs of bytes the first and the last. */
function* flips1(data: PlainData): Generator<PlainData> {
  if (typeof data === 'number') yield data ^ 1;
  else if (typeof data === 'boolean') yield !data;
  else if (data instanceof Uint8Array) {
    for (const at of data.length === 0 ? [] : [0, data.length - 1]) {
      const bytes = data.slice();
      bytes[at] ^= 1;
      yield bytes;
    }
  } else if (Array.isArray(data)) {
    for (const [n, item] of (data as PlainData[]).entries())
      for (const flipped of flips1(item)) yield data.map((other: PlainData, m) => (m === n ? flipped : other));
  } else if (data !== null && typeof data === 'object') {
    const record = data as { readonly [name: string]: PlainData };
    for (const [name, item] of Object.entries(record))
      for (const flipped of flips1(item)) yield { ...record, [name]: flipped };
  }
}

describe('fw_cfg and power key', () => {
  it('a file given to the machine is read through fw_cfg', () => {
    const { machine } = board({ fwCfgFiles: { 'opt/x': new TextEncoder().encode('hi') } });
    const base = Number(VIRT_MEMORY_MAP.fwCfg.basePa);
    machine.bus.write(base + 8, 2, 0x2000, 0, true);
    expect([machine.bus.read(base, 1, 0, true), machine.bus.read(base, 1, 0, true)]).toEqual([0x68, 0x69]);
  });

  it('the power key is pin 3 of the GPIO', () => {
    const { machine } = board();
    const data = Number(VIRT_MEMORY_MAP.pl061.basePa) + (0xff << 2);
    const seen = [true, false].map((pressed) => {
      machine.powerKey(pressed);
      return machine.bus.read(data, 4, 0, true);
    });
    expect(seen).toEqual([8, 0]);
  });
});
