import { describe, expect, it } from 'vitest';
import { decodeFdt } from '../../tables/fdt/decode.ts';
import { encodeFdt } from '../../tables/fdt/encode.ts';
import { cells, fdtNode, fdtTree, findNode, readStrings } from '../../tables/fdt/tree.ts';
import { type BootOptions, planBoot } from './boot.ts';

const MIB = 2 ** 20;
const TREE = fdtTree(fdtNode('', { '#address-cells': 2, '#size-cells': 2 }, [fdtNode('chosen')]));

function image(): Uint8Array {
  const bytes = new Uint8Array(4096);
  new DataView(bytes.buffer).setBigUint64(0x10, 4096n, true);
  new DataView(bytes.buffer).setUint32(0x38, 0x644d_5241, true);
  return bytes;
}

function plan(options: Partial<BootOptions>, mib = 512) {
  return planBoot({
    kernel: image(),
    deviceTree: TREE,
    ram: { addrPa: 0x4000_0000n, sizeBytes: mib * MIB },
    ...options,
  });
}

function chosenOf({ segments }: ReturnType<typeof plan>) {
  const { tree } = decodeFdt(segments.find(({ what }) => what === 'dtb')!.bytes);
  return findNode(tree!, '/chosen')!;
}

describe('what a hypervisor is to start (Xen, "Boot modules")', () => {
  const guest = { kernel: new Uint8Array(3 * MIB + 1).fill(1), initrd: new Uint8Array(5).fill(2), append: 'quiet' };

  it("lies behind the device tree's 2 MiB: the kernel on a 2 MiB boundary, the initrd on the next page", () => {
    const planned = plan({ guest, initrd: new Uint8Array(7) });
    expect(planned.segments.map(({ what, addrPa }) => [what, addrPa])).toEqual([
      ['kernel', 0x4020_0000n],
      ['initrd', 0x4800_0000n],
      ['dtb', 0x4820_0000n],
      ['guest kernel', 0x4840_0000n],
      ['guest initrd', 0x4870_1000n],
    ]);
  });

  it('is named by modules in /chosen: what each is, where, and the command line of the kernel', () => {
    const chosen = chosenOf(plan({ guest, append: 'console=dtuart' }));
    expect(readStrings(chosen.properties.get('bootargs'))).toEqual(['console=dtuart']);
    expect(chosen.properties.get('#address-cells')).toEqual(cells(2));
    expect(chosen.properties.get('#size-cells')).toEqual(cells(2));
    const modules = chosen.children.map(({ name, properties }) => ({
      name,
      compatible: readStrings(properties.get('compatible')),
      reg: properties.get('reg'),
      bootargs: readStrings(properties.get('bootargs')),
    }));
    expect(modules).toEqual([
      {
        name: 'module@48200000',
        compatible: ['multiboot,module', 'multiboot,kernel'],
        reg: cells(0, 0x4820_0000, 0, 3 * MIB + 1),
        bootargs: ['quiet'],
      },
      {
        name: 'module@48501000',
        compatible: ['multiboot,module', 'multiboot,ramdisk'],
        reg: cells(0, 0x4850_1000, 0, 5),
        bootargs: undefined,
      },
    ]);
  });

  it('takes the place of modules that a supplied tree names; its other nodes stay', () => {
    const old = fdtNode('module@1000', { compatible: ['multiboot,module', 'multiboot,kernel'], reg: cells(0, 0x1000) });
    const other = fdtNode('framebuffer', { compatible: 'simple-framebuffer' });
    const supplied = encodeFdt(fdtTree(fdtNode('', {}, [fdtNode('chosen', {}, [old, other])])));
    const names = (options: Partial<BootOptions>) =>
      chosenOf(plan({ deviceTree: supplied, ...options })).children.map(({ name }) => name);
    expect(names({ guest: { kernel: new Uint8Array(8) } })).toEqual(['framebuffer', 'module@48200000']);
    expect(names({})).toEqual(['module@1000', 'framebuffer']);
  });

  it('is refused when it does not fit, or its command line holds a NUL', () => {
    expect(() => plan({ guest: { kernel: new Uint8Array(60 * MIB) } }, 64)).toThrow(
      /^guest kernel: 60 MiB from 0x42200000 do not fit: RAM is 64 MiB from 0x40000000\. Give the machine more/,
    );
    expect(() => plan({ guest: { ...guest, append: 'a\0b' } })).toThrow(/NUL/);
  });
});
