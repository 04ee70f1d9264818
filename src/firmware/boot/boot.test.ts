import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeFdt } from '../../tables/fdt/decode.ts';
import { encodeFdt } from '../../tables/fdt/encode.ts';
import { cells, fdtNode, fdtTree, findNode, readStrings, readU64 } from '../../tables/fdt/tree.ts';
import { type BootOptions, planBoot } from './boot.ts';
import { BootError } from './error.ts';
import { parseImage } from './image.ts';

const MIB = 2 ** 20;
const ram = (mib: number) => ({ addrPa: 0x4000_0000n, sizeBytes: mib * MIB });
const TREE = fdtTree(fdtNode('', { '#address-cells': 2, '#size-cells': 2 }, [fdtNode('cpus'), fdtNode('chosen')]));

interface ImageFields {
  sizeBytes?: number;
  textOffset?: number;
  imageSize?: bigint;
  flags?: number;
  /** End of the last section that a PE header promises. */
  peEndBytes?: number;
}

function makeImage({ sizeBytes = 4096, textOffset = 0, imageSize, flags = 0xa, peEndBytes }: ImageFields = {}) {
  const bytes = new Uint8Array(sizeBytes);
  const data = new DataView(bytes.buffer);
  data.setBigUint64(0x08, BigInt(textOffset), true);
  data.setBigUint64(0x10, imageSize ?? BigInt(sizeBytes), true);
  data.setBigUint64(0x18, BigInt(flags), true);
  data.setUint32(0x38, 0x644d_5241, true);
  if (peEndBytes !== undefined) {
    bytes.set([0x4d, 0x5a], 0);
    data.setUint32(0x3c, 0x40, true);
    data.setUint32(0x40, 0x5045_0000);
    data.setUint16(0x46, 1, true);
    data.setUint32(0x58 + 16, peEndBytes - 0x200, true);
    data.setUint32(0x58 + 20, 0x200, true);
  }
  return bytes;
}

function plan(options: Partial<BootOptions> = {}) {
  return planBoot({ kernel: makeImage(), deviceTree: TREE, ram: ram(512), ...options });
}

/** Code and message of the error that planning ends with. */
function refusal(options: Partial<BootOptions>): { code: string; message: string } {
  try {
    plan(options);
  } catch (error) {
    if (error instanceof BootError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was refused');
}

function chosenOf({ segments }: ReturnType<typeof plan>) {
  const { tree } = decodeFdt(segments.at(-1)?.bytes as Uint8Array);
  return tree && { tree, chosen: findNode(tree, '/chosen')?.properties, memory: findNode(tree, '/memory') };
}

describe('placing (booting.rst; the places are QEMU virt’s)', () => {
  it('an Image without text offset lies 2 MiB into RAM, the tree at 128 MiB, and PE 0 gets its address', () => {
    const { segments, entryPa, dtbPa, x0, x1, x2, x3 } = plan();
    expect(segments.map(({ what, addrPa }) => [what, addrPa])).toEqual([
      ['kernel', 0x4020_0000n],
      ['dtb', 0x4800_0000n],
    ]);
    expect({ entryPa, dtbPa, x0, x1, x2, x3 }).toEqual({
      entryPa: 0x4020_0000n,
      dtbPa: 0x4800_0000n,
      x0: 0x4800_0000n,
      x1: 0n,
      x2: 0n,
      x3: 0n,
    });
  });

  it('a text offset is honoured, and that of a header without image_size is 0x80000', () => {
    expect(plan({ kernel: makeImage({ textOffset: 0x8_0000 }) }).entryPa).toBe(0x4008_0000n);
    expect(plan({ kernel: makeImage({ imageSize: 0n }) }).entryPa).toBe(0x4008_0000n);
  });

  it('an initrd lies at 128 MiB and the tree at the next 2 MiB boundary behind it', () => {
    const { segments } = plan({ initrd: new Uint8Array(3 * MIB) });
    expect(segments.map(({ what, addrPa }) => [what, addrPa])).toEqual([
      ['kernel', 0x4020_0000n],
      ['initrd', 0x4800_0000n],
      ['dtb', 0x4840_0000n],
    ]);
  });

  it('with little RAM the initrd lies in its middle, and behind a kernel that reaches beyond it', () => {
    const initrd = new Uint8Array(MIB);
    expect(plan({ initrd, ram: ram(64) }).segments[1].addrPa).toBe(0x4200_0000n);
    const kernel = makeImage({ imageSize: 40n * BigInt(MIB) + 1n });
    expect(plan({ initrd, kernel, ram: ram(64) }).segments[1].addrPa).toBe(0x42a0_1000n);
  });

  it('an initrd that does not fit in the upper half goes right behind the kernel', () => {
    expect(plan({ initrd: new Uint8Array(33 * MIB), ram: ram(64) }).segments[1].addrPa).toBe(0x4020_1000n);
  });

  it('segments lie in RAM, do not overlap, and the tree is aligned, for every RAM size', () => {
    for (let mib = 8; mib <= 3072; mib = Math.ceil(mib * 1.3)) {
      const kernel = makeImage({ imageSize: BigInt(3 * MIB) });
      const { segments, dtbPa } = plan({ kernel, initrd: new Uint8Array(12345), ram: ram(mib) });
      const sizes = [3 * MIB, 12345, segments[2].bytes.length];
      for (const [index, { addrPa }] of segments.entries()) {
        const nextPa = segments[index + 1]?.addrPa ?? 0x4000_0000n + BigInt(mib * MIB);
        expect(addrPa + BigInt(sizes[index])).toBeLessThanOrEqual(nextPa);
      }
      expect(dtbPa % 8n).toBe(0n);
    }
  });
});

describe('the device tree that is handed over', () => {
  it('names the initrd and the command line in /chosen', () => {
    const handed = chosenOf(plan({ initrd: new Uint8Array(5), append: 'console=ttyAMA0 quiet' }));
    expect(readStrings(handed?.chosen?.get('bootargs'))).toEqual(['console=ttyAMA0 quiet']);
    expect(readU64(handed?.chosen?.get('linux,initrd-start'))).toBe(0x4800_0000n);
    expect(readU64(handed?.chosen?.get('linux,initrd-end'))).toBe(0x4800_0005n);
  });

  it('a supplied blob keeps its command line when none is given, loses an old initrd, gets the memory there is', () => {
    const supplied = fdtTree(
      fdtNode('', { '#address-cells': 1, '#size-cells': 1, model: 'theirs' }, [
        fdtNode('memory', { device_type: 'memory', reg: cells(0, 0x1000) }),
        fdtNode('memory@80000000', { device_type: 'memory', reg: cells(0x8000_0000, 0x1000) }),
        fdtNode('chosen', { bootargs: 'root=/dev/vda', 'linux,initrd-start': 1, 'linux,initrd-end': 2 }),
      ]),
    );
    const before = encodeFdt(supplied);
    const handed = chosenOf(plan({ deviceTree: before }));
    expect([...(handed?.chosen ?? [])]).toEqual([['bootargs', new TextEncoder().encode('root=/dev/vda\0')]]);
    expect(handed?.memory?.properties.get('reg')).toEqual(cells(0x4000_0000, 512 * MIB));
    expect(handed?.tree.root.children.map(({ name }) => name)).toEqual(['memory@40000000', 'chosen']);
    expect(encodeFdt(supplied)).toEqual(before);
  });

  it('a tree without /chosen gets one', () => {
    const handed = chosenOf(plan({ deviceTree: fdtTree(fdtNode('')), append: 'a' }));
    expect(readStrings(handed?.chosen?.get('bootargs'))).toEqual(['a']);
  });

  it('3 GiB of RAM need one cell of size less than 4 GiB', () => {
    const deviceTree = fdtTree(fdtNode('', { '#address-cells': 2 }));
    expect(chosenOf(plan({ deviceTree, ram: ram(3072) }))?.memory?.properties.get('reg')).toEqual(
      cells(0, 0x4000_0000, 0xc000_0000),
    );
  });
});

describe('what cannot be booted is refused with one message', () => {
  const text = (content: string) => new TextEncoder().encode(content.padEnd(1024));
  const withBytes = (at: number, content: number[]) => {
    const bytes = new Uint8Array(1024);
    bytes.set(content, at);
    return bytes;
  };

  it.each([
    ['a text file', text('#!/bin/sh'), 'E_KERNEL_NOT_IMAGE', 'no "ARM\\x64" at offset 0x38'],
    ['gzip', withBytes(0, [0x1f, 0x8b, 8]), 'E_KERNEL_NOT_IMAGE', 'compressed with gzip'],
    ['ELF', text('\x7fELF'), 'E_KERNEL_NOT_IMAGE', 'an ELF file'],
    ['EFI zboot', text('MZ\0\0zimg'), 'E_KERNEL_NOT_IMAGE', 'EFI zboot'],
    ['x86 bzImage', withBytes(0x202, [0x48, 0x64, 0x72, 0x53]), 'E_KERNEL_NOT_IMAGE', 'x86 bzImage'],
    ['Arm zImage', withBytes(0x24, [0x18, 0x28, 0x6f, 0x01]), 'E_KERNEL_NOT_IMAGE', '32-bit Arm zImage'],
    ['an empty file', new Uint8Array(0), 'E_KERNEL_TRUNCATED', 'has 0 bytes, fewer than the 64'],
    ['half a header', makeImage().slice(0, 63), 'E_KERNEL_TRUNCATED', 'has 63 bytes'],
    ['a cut PE file', makeImage({ peEndBytes: 4097 }), 'E_KERNEL_TRUNCATED', 'asks for 4097 bytes, the file has 4096'],
    ['a file cut in its PE header', makeImage({ peEndBytes: 4096 }).slice(0, 0x60), 'E_KERNEL_TRUNCATED', 'truncated'],
    ['big-endian', makeImage({ flags: 0xb }), 'E_KERNEL_BIG_ENDIAN', 'flags 0xb'],
    [
      'image_size beyond RAM',
      makeImage({ imageSize: 1n << 40n }),
      'E_KERNEL_TOO_LARGE',
      'RAM is 512 MiB from 0x40000000',
    ],
    ['a hostile text offset', makeImage({ textOffset: 2 ** 52 }), 'E_KERNEL_TOO_LARGE', 'needs 4096 bytes'],
  ])('kernel: %s', (_, kernel, code, message) => {
    const found = refusal({ kernel });
    expect(found.code).toBe(code);
    expect(found.message).toContain(message);
    expect(found.message).not.toContain('\n');
  });

  it('a whole PE file is not called truncated', () => {
    expect(() => plan({ kernel: makeImage({ peEndBytes: 4096 }) })).not.toThrow();
  });

  it('a kernel for 16K pages on a processor without them', () => {
    const kernel = makeImage({ flags: 0xc });
    expect(plan({ kernel }).image?.pageSizeBytes).toBe(16384);
    expect(refusal({ kernel, pageSizesBytes: [4096, 65536] })).toEqual({
      code: 'E_KERNEL_PAGE_SIZE',
      message: 'kernel: built for 16K pages, but the processor has 4K and 64K. Choose another cpu or kernel.',
    });
  });

  it('an initrd larger than the memory that is left', () => {
    expect(refusal({ initrd: new Uint8Array(64 * MIB), ram: ram(64) })).toEqual({
      code: 'E_INITRD_TOO_LARGE',
      message:
        'initrd: 64 MiB do not fit: 62.0 MiB of 64 MiB RAM are free behind the kernel, ' +
        'and the device tree takes up to 2 MiB. Give the machine more memory.',
    });
  });

  it('a device tree that is none, is cut, has odd cell counts, or is too large', () => {
    const blob = encodeFdt(TREE);
    expect(refusal({ deviceTree: text('/dts-v1/;') })).toMatchObject({
      code: 'E_DTB_INVALID',
      message: expect.stringContaining('magic is 0x2f647473'),
    });
    expect(refusal({ deviceTree: blob.slice(0, -1) }).message).toContain('truncated');
    expect(refusal({ deviceTree: fdtTree(fdtNode('', { '#size-cells': 7 })) }).message).toContain('#size-cells');
    const large = fdtTree(fdtNode('', { blob: new Uint8Array(3 * MIB) }));
    expect(refusal({ deviceTree: large }).code).toBe('E_DTB_TOO_LARGE');
  });

  it('a command line with a NUL', () => {
    expect(refusal({ append: 'a\0b' }).code).toBe('E_APPEND_INVALID');
  });
});

const guests =
  process.env.UNMASKABLE_GUESTS ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'unmaskable', 'guests');
const debianImage = join(guests, 'Image');

describe.skipIf(!existsSync(debianImage))('Debian’s kernel (skipped until scripts/guests.mjs has fetched it)', () => {
  it('is an Image for 4K pages that may lie anywhere, and cut by a page it is called truncated', () => {
    const bytes = new Uint8Array(readFileSync(debianImage));
    expect(parseImage(bytes)).toMatchObject({ textOffsetBytes: 0n, pageSizeBytes: 4096, anywhere: true });
    expect(() => parseImage(bytes.subarray(0, bytes.length - 4096))).toThrow('truncated');
  });
});
