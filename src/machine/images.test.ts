import { describe, expect, it } from 'vitest';
import { bareKernel, POWER_OFF } from '../../test/support/bare-kernel.ts';
import { CODEC } from '../../test/support/codec.ts';
import { Machine } from './machine.ts';
import type { MachineOptions } from './options.ts';
import { loadSnapshot, saveSnapshot } from './snapshot-file/files.ts';

const MIB = 2 ** 20;
const GUEST = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const BLOB = Uint8Array.of(9, 9, 9, 9);

/** Reads where the guest of a hypervisor is, and overwrites it. */
const KERNEL = bareKernel(`
    movz x10, #0x4820, lsl #16
    ldr  x11, [x10]
    str  xzr, [x10]
    movz x12, #0x4300, lsl #16
    ldr  w13, [x12]
    ${POWER_OFF}
`);
const make = (options: MachineOptions = {}) =>
  Machine.create({
    kernel: KERNEL,
    el2: true,
    memoryBytes: 256 * MIB,
    guest: { kernel: GUEST },
    programs: [{ bytes: BLOB, addrPa: 0x4300_0000n }],
    ...options,
  });

describe('images beside the kernel', () => {
  it("a hypervisor's guest and other bytes are in RAM when the kernel starts, and again after a reset", () => {
    const machine = make();
    for (let round = 0; round < 2; round++) {
      expect(machine.run({ steps: 100 }).reason).toBe('poweroff');
      expect(machine.readRegister(0, 'X11')).toBe(0x0807_0605_0403_0201n);
      expect(machine.readRegister(0, 'X13')).toBe(0x0909_0909n);
      expect(machine.readMemory(0x4820_0000n, 8)).toEqual(new Uint8Array(8));
      machine.reset();
    }
  });

  it('a file of a snapshot has them, for the reset that follows', async () => {
    const machine = make();
    machine.run({ steps: 100 });
    const loaded = await loadSnapshot(await saveSnapshot(machine, machine.snapshot(), CODEC), CODEC);
    expect(loaded.readMemory(0x4820_0000n, 8)).toEqual(new Uint8Array(8));
    loaded.reset();
    expect(loaded.readMemory(0x4820_0000n, 8)).toEqual(GUEST);
    expect(loaded.readMemory(0x4300_0000n, 4)).toEqual(BLOB);
  });

  it.each([
    [0x4020_0000n + BigInt(KERNEL.length), /4 bytes at 0x402.*: the kernel is at 0x40200000 to 0x402.*another address/],
    [0x47ff_fffdn, /the dtb is at 0x48000000/],
    [0x4820_0007n, /the guest kernel is at 0x48200000 to 0x48200007/],
    [0x5000_0000n, /4 bytes at physical address 0x50000000: RAM is 0x40000000 to 0x4fffffff/],
  ])('bytes at %x are refused', (addrPa, message) => {
    expect(() => make({ programs: [{ bytes: BLOB, addrPa }] })).toThrow(message);
  });

  it('bytes right behind or before something are fine', () => {
    expect(() => make({ programs: [{ bytes: BLOB, addrPa: 0x4820_0008n }] })).not.toThrow();
    expect(() => make({ programs: [{ bytes: BLOB, addrPa: 0x47ff_fffcn }] })).not.toThrow();
  });
});
