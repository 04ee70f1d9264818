import { describe, expect, it } from 'vitest';
import { CODEC } from '../../test/support/codec.ts';
import { assemble } from '../isa/text/index.ts';
import { decodeFdt } from '../tables/fdt/decode.ts';
import { cells, findNode, readStrings } from '../tables/fdt/tree.ts';
import { Machine } from './machine.ts';
import type { MachineOptions } from './options.ts';
import { loadSnapshot, saveSnapshot } from './snapshot-file/files.ts';

const ELSEWHERE = 0x400_0000n;
const MIB = 2 ** 20;

/**
 * Runs from flash: adds 3 to x1, makes that instruction add 1 (programming clears a bit), runs it again, programs x1
 * into a word of the second bank, and powers off.
 */
const SOURCE = `
    mov x20, x0
    mrs x21, CurrentEL
    mov x1, #0x100
    mov x10, #0x400
    movk x10, #0x0400, lsl #16
    bl again
    mov w3, #0x40
    adr x4, again
    ldr w5, adds_one
    str w3, [x4]
    str w5, [x4]
    mov w3, #0xff
    str w3, [x4]
    bl again
    mov w3, #0x40
    str w3, [x10]
    str w1, [x10]
    mov w3, #0xff
    str w3, [x10]
    ldr w6, [x10]
    movz w0, #8
    movk w0, #0x8400, lsl #16
    smc #0
  again:
    add x1, x1, #3
    ret
  adds_one:
    add x1, x1, #1
`;
const BIOS = assemble(SOURCE).bytes;
const make = (options: MachineOptions = {}) => Machine.create({ bios: BIOS, memoryBytes: 64 * MIB, ...options });

function wordAt(machine: Machine, pa: bigint): number {
  const value = machine.bus.read(Number(pa), 4, -1, true);
  if (value === 'abort') throw new Error(`nothing answers at 0x${pa.toString(16)}`);
  return value;
}

describe('a boot loader in flash', () => {
  it.each([
    [false, 'compiled', 1n],
    [true, 'compiled', 2n],
    [false, 'interpreter', 1n],
  ] as const)(
    'with EL2 %s and engine %s starts at address 0 (EL%s), programs flash and runs what it programmed',
    (el2, engine, el) => {
      const machine = make({ el2, engine });
      expect(machine.readRegister(0, 'PC')).toBe(0n);
      expect(machine.run({ steps: 1000 }).reason).toBe('poweroff');
      expect(machine.readRegister(0, 'X21')).toBe(el << 2n);
      expect(machine.readRegister(0, 'X20')).toBe(0x4000_0000n);
      expect(machine.readRegister(0, 'X1')).toBe(0x104n);
      expect(machine.readRegister(0, 'X6')).toBe(0x104n);
      expect(wordAt(machine, ELSEWHERE + 0x400n)).toBe(0x104);
    },
  );

  it('finds the device tree at the start of RAM: its command line, the flash, the memory', () => {
    const machine = make({ append: 'quiet' });
    const { tree } = decodeFdt(machine.readMemory(0x4000_0000n, 64 * 1024));
    expect(readStrings(findNode(tree!, '/chosen')?.properties.get('bootargs'))).toEqual(['quiet']);
    expect(findNode(tree!, '/memory@40000000')?.properties.get('reg')).toEqual(cells(0, 0x4000_0000, 0, 64 * MIB));
    expect(findNode(tree!, '/flash@0')?.properties.get('reg')).toEqual(
      cells(0, 0, 0, 64 * MIB, 0, 64 * MIB, 0, 64 * MIB),
    );
  });

  it('finds kernel, initrd and command line in fw_cfg, and their sizes', () => {
    const machine = make({ kernel: Uint8Array.of(1, 2, 3), initrd: Uint8Array.of(4, 5), append: 'ab' });
    const item = (key: number, bytes: number): number[] => {
      machine.bus.write(0x902_0008, 2, (key & 0xff) << 8, 0, true);
      return Array.from({ length: bytes }, () => machine.bus.read(0x902_0000, 1, 0, true) as number);
    };
    expect([item(0x08, 4), item(0x11, 4)]).toEqual([
      [3, 0, 0, 0],
      [1, 2, 3, 0],
    ]);
    expect([item(0x0b, 4), item(0x12, 3)]).toEqual([
      [2, 0, 0, 0],
      [4, 5, 0],
    ]);
    expect([item(0x14, 4), item(0x15, 3)]).toEqual([
      [3, 0, 0, 0],
      [0x61, 0x62, 0],
    ]);
  });

  it('flash keeps over a reset what was programmed; RAM ends where it ended', () => {
    const machine = make();
    machine.run({ steps: 1000 });
    machine.reset();
    machine.run({ steps: 1000 });
    // The instruction adds 1 now, both times.
    expect(machine.readRegister(0, 'X1')).toBe(0x102n);
    expect(wordAt(machine, ELSEWHERE + 0x400n)).toBe(0x104 & 0x102);
    expect(() => machine.readMemory(0x4400_0000n, 1)).toThrow(/RAM is 0x40000000 to 0x43ffffff/);
    expect([...machine.readMemory(0n, 4)]).toEqual([...BIOS.subarray(0, 4)]);
  });

  it('at every boundary a snapshot, put back or loaded from a file, goes on to the same end', async () => {
    const whole = make({ kernel: Uint8Array.of(1) });
    whole.run({ steps: 1000 });
    const steps = whole.steps;
    const machine = make({ kernel: Uint8Array.of(1) });
    for (let step = 0; step < steps; step++) {
      const snapshot = machine.snapshot();
      machine.run({ steps: 1000 });
      expect(machine.digest()).toBe(whole.digest());
      machine.restore(snapshot);
      if (step === 9) {
        const loaded = await loadSnapshot(await saveSnapshot(machine, snapshot, CODEC), CODEC);
        loaded.run({ steps: 1000 });
        expect(loaded.digest()).toBe(whole.digest());
      }
      machine.step();
    }
  });
});

describe('mistakes', () => {
  it.each([
    [{ bios: new Uint8Array(0) }, /0 bytes: the flash has 67108864/],
    [{ tables: 'both', kernel: new Uint8Array(64) }, /with tables 'both': a boot loader is handed a device tree/],
    [{ guest: { kernel: new Uint8Array(1) } }, /the boot loader decides what is started/],
    [{ memoryBytes: 3072 * MIB }, /are more than 3 GiB\. Give the machine less memory/],
    [{ append: 'a\0' }, /NUL/],
  ] as const)('%#: are refused with what to do', (options, message) => {
    expect(() => make(options as MachineOptions)).toThrow(message);
  });
});
