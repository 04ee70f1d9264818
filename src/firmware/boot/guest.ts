/**
 * What a hypervisor is to start: images in memory, and the nodes below `/chosen` that lead to them.
 *
 * Source: Xen, docs/misc/arm/device-tree/booting.txt, "Boot modules"; QEMU's `guest-loader` device writes the same.
 */
import { type FdtNode, fdtNode, fdtValue, sizedCells } from '../../tables/fdt/tree.ts';
import type { Segment } from './boot.ts';
import { BootError, sizeText } from './error.ts';
import type { Range } from './handover.ts';

const KERNEL_ALIGNMENT_BYTES = 2n * 0x10_0000n;
const PAGE_BYTES = 4096n;

/** A kernel for the hypervisor, in whatever form that reads, and what goes with it. */
export interface GuestImages {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  /** The guest's command line. */
  readonly append?: string;
}

type ModuleSegment = Segment & { readonly what: 'guest kernel' | 'guest initrd' };

/** Words of `compatible`, the general one first. */
const COMPATIBLE = {
  'guest kernel': ['multiboot,module', 'multiboot,kernel'],
  'guest initrd': ['multiboot,module', 'multiboot,ramdisk'],
} as const;

/**
 * Places the guest's images one behind the other.
 *
 * @throws BootError `E_GUEST_TOO_LARGE` when they do not fit behind `fromPa`, `E_APPEND_INVALID`
 */
export function placeModules(guest: GuestImages, fromPa: bigint, ram: Range): ModuleSegment[] {
  if (guest.append?.includes('\0'))
    throw new BootError('E_APPEND_INVALID', "guest's command line: it contains a NUL character. Remove it.");
  const segments: ModuleSegment[] = [];
  let addrPa = fromPa;
  const place = (what: ModuleSegment['what'], bytes: Uint8Array, alignmentBytes: bigint): void => {
    addrPa += BigInt.asUintN(64, -addrPa) % alignmentBytes;
    const endPa = addrPa + BigInt(bytes.length);
    if (endPa > ram.addrPa + BigInt(ram.sizeBytes)) {
      const needs = `${sizeText(bytes.length)} from 0x${addrPa.toString(16)} do not fit`;
      const there = `RAM is ${sizeText(ram.sizeBytes)} from 0x${ram.addrPa.toString(16)}`;
      throw new BootError('E_GUEST_TOO_LARGE', `${what}: ${needs}: ${there}. Give the machine more memory.`);
    }
    segments.push({ what, addrPa, bytes });
    addrPa = endPa;
  };
  place('guest kernel', guest.kernel, KERNEL_ALIGNMENT_BYTES);
  if (guest.initrd) place('guest initrd', guest.initrd, PAGE_BYTES);
  return segments;
}

/** The nodes below `/chosen`; their parent has two cells for an address and two for a size. */
export function moduleNodes(modules: readonly ModuleSegment[], append: string | undefined): FdtNode[] {
  return modules.map(({ what, addrPa, bytes }) => {
    const node = fdtNode(`module@${addrPa.toString(16)}`, {
      compatible: [...COMPATIBLE[what]],
      reg: sizedCells([addrPa, 2], [BigInt(bytes.length), 2]),
    });
    if (what === 'guest kernel' && append !== undefined) node.properties.set('bootargs', fdtValue(append));
    return node;
  });
}
