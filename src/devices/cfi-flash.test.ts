import { describe, expect, it } from 'vitest';
import { CfiFlash, FLASH_BLOCK_BYTES } from './cfi-flash.ts';

const SIZE_BYTES = 64 * 2 ** 20;
const BEHIND = 2 * FLASH_BLOCK_BYTES;

/** A flash whose first block is kept outside, and what it said. */
function rig() {
  const kept = new Uint8Array(FLASH_BLOCK_BYTES).fill(0xff);
  const reports: string[] = [];
  const store = {
    sizeBytes: kept.length,
    read: (offset: number, sizeBytes: number) => kept.slice(offset, offset + sizeBytes),
    write: (offset: number, bytes: Uint8Array) => kept.set(bytes, offset),
  };
  const make = () => new CfiFlash({ store, report: (text) => void reports.push(text) }, SIZE_BYTES, 'flash');
  const flash = make();
  const access = (sizeBytes: 1 | 2 | 4) => ({ sizeBytes, nonSecure: true, pe: 0 });
  const read = (offset: number, sizeBytes: 1 | 2 | 4 = 4) => flash.read(offset, access(sizeBytes));
  const write = (offset: number, value: number, sizeBytes: 1 | 2 | 4 = 4) =>
    flash.write(offset, value, access(sizeBytes));
  /** A command to both chips, as drivers of 32-bit banks send it. */
  const command = (offset: number, byte: number) => write(offset, byte * 0x1_0001);
  const status = () => {
    command(0, 0x70);
    const found = read(0);
    command(0, 0xff);
    return found;
  };
  return { flash, make, kept, reports, read, write, command, status };
}

const READY = 0x80_0080;

describe.each([
  ['in the part that is kept outside', 0],
  ['behind it', BEHIND],
])('the array, %s', (_, at) => {
  it('is erased at first; programming clears bits and does not set them', () => {
    const { read, write, command, status } = rig();
    expect(read(at + 0x100)).toBe(0xffff_ffff);
    command(at, 0x40);
    write(at + 0x100, 0x1234_5678);
    expect(status()).toBe(READY);
    expect(read(at + 0x100)).toBe(0x1234_5678);
    command(at, 0x10);
    write(at + 0x100, 0xff00_00ff);
    command(at, 0xff);
    expect(read(at + 0x100)).toBe(0x1200_0078);
    expect([read(at + 0x103, 1), read(at + 0x102, 2), read(at + 0x104)]).toEqual([0x12, 0x1200, 0xffff_ffff]);
  });

  it('erasing sets all bits of one block, and nothing before or behind it', () => {
    const { read, write, command, status } = rig();
    const next = at + FLASH_BLOCK_BYTES;
    for (const offset of [at, at + FLASH_BLOCK_BYTES - 4, next]) {
      command(offset, 0x40);
      write(offset, 0);
    }
    command(at + 0x800, 0x20);
    command(at + 0x800, 0xd0);
    expect(status()).toBe(READY);
    expect([read(at), read(at + FLASH_BLOCK_BYTES - 4), read(next)]).toEqual([0xffff_ffff, 0xffff_ffff, 0]);
  });

  it('the write buffer is programmed when it is confirmed, and not before', () => {
    const { read, write, command, status } = rig();
    command(at, 0xe8);
    expect(read(at)).toBe(READY);
    command(at, 2 - 1);
    write(at + 8, 0x1111_1111);
    write(at + 12, 0x2222_2222);
    command(at, 0xd0);
    expect(status()).toBe(READY);
    expect([read(at + 4), read(at + 8), read(at + 12)]).toEqual([0xffff_ffff, 0x1111_1111, 0x2222_2222]);
    command(at, 0xe8);
    command(at, 0);
    write(at + 16, 0);
    command(at, 0xff);
    expect(status()).toBe(0xb0_00b0);
    expect(read(at + 16)).toBe(0xffff_ffff);
  });
});

describe('what it answers', () => {
  it('a query says both chips: their size, x8/x16, write buffer, 256 blocks of 128 KiB each (JESD68.01)', () => {
    const { read, command } = rig();
    command(0x55 * 4, 0x98);
    const bytes = (from: number, count: number) => Array.from({ length: count }, (_, n) => read((from + n) * 4));
    const pair = (...values: number[]) => values.map((value) => value * 0x1_0001);
    expect(bytes(0x10, 5)).toEqual(pair(0x51, 0x52, 0x59, 1, 0));
    expect(bytes(0x27, 10)).toEqual(pair(25, 2, 0, 11, 0, 1, 0xff, 0, 0, 2));
    expect(bytes(0x31, 5)).toEqual(pair(0x50, 0x52, 0x49, 0x31, 0x30));
    command(0, 0xff);
    expect(read(0x40)).toBe(0xffff_ffff);
  });

  it('identifiers are those of an Intel part', () => {
    const { read, command } = rig();
    command(0, 0x90);
    expect([read(0), read(4), read(0, 2), read(0, 1)]).toEqual([0x89_0089, 0x18_0018, 0x89, 0x89]);
  });

  it('an error stays in the status until it is cleared', () => {
    const { command, status } = rig();
    command(0, 0x20);
    command(0, 0xff);
    expect(status()).toBe(0xb0_00b0);
    expect(status()).toBe(0xb0_00b0);
    command(0, 0x50);
    expect(status()).toBe(READY);
  });

  it('a buffer that is too long, or for another block, is an error and programs nothing', () => {
    const { read, write, command, status } = rig();
    command(0, 0xe8);
    command(0, 1024);
    expect(status()).toBe(0xb0_00b0);
    command(0, 0x50);
    command(0, 0xe8);
    command(0, 0);
    write(FLASH_BLOCK_BYTES, 0);
    command(0, 0xd0);
    expect(status()).toBe(0xb0_00b0);
    expect(read(FLASH_BLOCK_BYTES)).toBe(0xffff_ffff);
  });

  it('a command that there is none of is reported, and the array is read', () => {
    const { read, command, reports } = rig();
    command(0, 0x90);
    command(0, 0xab);
    expect(read(0)).toBe(0xffff_ffff);
    expect(reports).toEqual(['flash: command 0xab: no such command; the array is read']);
  });
});

describe('state', () => {
  it('content survives a reset, what it was about to do does not', () => {
    const { flash, read, write, command } = rig();
    command(BEHIND, 0x40);
    write(BEHIND, 7);
    command(BEHIND, 0x40);
    flash.reset();
    expect(read(BEHIND)).toBe(7);
    write(BEHIND, 0xff);
    expect(read(BEHIND)).toBe(7);
  });

  it('another flash with its state goes on where it was, in the middle of a buffer', () => {
    const { flash, make, write, command } = rig();
    command(BEHIND, 0x40);
    write(BEHIND, 7);
    command(BEHIND, 0xe8);
    command(BEHIND, 1);
    write(BEHIND + 4, 8);
    const other = make();
    other.load(flash.state());
    const access = { sizeBytes: 4, nonSecure: true, pe: 0 } as const;
    other.write(BEHIND + 8, 9, access);
    other.write(BEHIND, 0xd0_00d0, access);
    other.write(BEHIND, 0xff_00ff, access);
    expect([0, 4, 8].map((offset) => other.read(BEHIND + offset, access))).toEqual([7, 8, 9]);
    expect(other.state()).not.toEqual(flash.state());
  });
});
