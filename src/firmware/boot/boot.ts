/**
 * Places kernel, initrd and device tree in memory and says how the first PE starts, as a boot loader does.
 *
 * Source: Linux Documentation/arch/arm64/booting.rst. The places are those QEMU's `virt` uses when it boots an Image
 * without firmware, so that addresses in logs can be compared.
 */
import { encodeFdt } from '../../tables/fdt/encode.ts';
import type { FdtTree } from '../../tables/fdt/tree.ts';
import { type AcpiHandover, layOutAcpi } from './acpi.ts';
import { BootError, sizeText } from './error.ts';
import { type GuestImages, moduleNodes, placeModules } from './guest.ts';
import { type Range, readDeviceTree, withHandover } from './handover.ts';
import { checkPageSize, type ImageHeader, parseImage } from './image.ts';

const MIB = 0x10_0000n;
/** The kernel's base is aligned to this, and the device tree must not be larger. */
const BLOCK_BYTES = 2n * MIB;
/** QEMU keeps this much free for its own start code, and moves an image that would lie in it by 2 MiB. */
const START_CODE_BYTES = 4096n;
/** The initrd goes this far into RAM, or to its middle when that is nearer. */
const INITRD_OFFSET_MAX_BYTES = 128 * 2 ** 20;
const PAGE_BYTES = 4096n;

/** What is to be started. */
export interface BootOptions {
  /** An arm64 Image, not compressed. */
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  /** Kernel command line; undefined keeps the one in the tree. */
  readonly append?: string;
  /** A tree made for the board, or the bytes of one that the user supplied. */
  readonly deviceTree: FdtTree | Uint8Array;
  readonly ram: Range;
  /** What a hypervisor given as `kernel` is to start. */
  readonly guest?: GuestImages;
  /** ACPI tables beside the device tree, or with next to nothing in it. */
  readonly acpi?: AcpiHandover;
  /** Translation granules the processor has; a kernel built for another is refused. */
  readonly pageSizesBytes?: readonly number[];
}

/** Bytes to be at a place before the guest starts. */
export interface Segment {
  /** With the signature of an ACPI table, or the name of an EFI structure. What is in fw_cfg has no address: 0. */
  readonly what:
    | ('kernel' | 'initrd' | 'dtb' | 'guest kernel' | 'guest initrd')
    | ('bios' | 'fw_cfg kernel' | 'fw_cfg initrd' | 'fw_cfg cmdline')
    | `acpi ${string}`
    | `efi ${string}`;
  readonly addrPa: bigint;
  readonly bytes: Uint8Array;
}

/** Whether a segment is written into RAM at each start: not what is in flash or in fw_cfg. */
export function isInRam({ what }: Segment): boolean {
  return what !== 'bios' && !what.startsWith('fw_cfg ');
}

/** The start of a guest: memory and the registers of PE 0. */
export interface BootPlan {
  readonly segments: readonly Segment[];
  readonly entryPa: bigint;
  readonly dtbPa: bigint;
  readonly x0: bigint;
  readonly x1: bigint;
  readonly x2: bigint;
  readonly x3: bigint;
  /** Header of the kernel; undefined where a boot loader looks for one. */
  readonly image: ImageHeader | undefined;
}

const alignUp = (value: bigint, alignment: bigint): bigint => ((value + alignment - 1n) / alignment) * alignment;
const hex = (value: bigint): string => `0x${value.toString(16)}`;

function placeKernel(image: ImageHeader, ram: Range): { startPa: bigint; endPa: bigint } {
  const { textOffsetBytes, memorySizeBytes } = image;
  const offsetBytes = textOffsetBytes < START_CODE_BYTES ? textOffsetBytes + BLOCK_BYTES : textOffsetBytes;
  const startPa = ram.addrPa + offsetBytes;
  const endPa = startPa + memorySizeBytes;
  if (endPa > ram.addrPa + BigInt(ram.sizeBytes)) {
    const needs = `needs ${sizeText(memorySizeBytes)} from ${hex(startPa)}`;
    const there = `RAM is ${sizeText(ram.sizeBytes)} from ${hex(ram.addrPa)}`;
    throw new BootError('E_KERNEL_TOO_LARGE', `kernel: ${needs}, but ${there}. Give the machine more memory.`);
  }
  return { startPa, endPa };
}

/** The usual place; when the initrd is too large for it, right behind the kernel. */
function placeInitrd(initrd: Uint8Array | undefined, kernelEndPa: bigint, ram: Range): bigint {
  const ramEndPa = ram.addrPa + BigInt(ram.sizeBytes);
  const behindKernelPa = alignUp(kernelEndPa, PAGE_BYTES);
  const offsetBytes = Math.min(Math.floor(ram.sizeBytes / 2), INITRD_OFFSET_MAX_BYTES);
  const usualPa = alignUp(ram.addrPa + BigInt(offsetBytes), PAGE_BYTES);
  const kernelIsInTheWay = behindKernelPa > usualPa;
  const firstPa = kernelIsInTheWay ? behindKernelPa : usualPa;
  if (initrd === undefined) return firstPa;
  const fits = (addrPa: bigint) => addrPa + BigInt(initrd.length) + BLOCK_BYTES <= ramEndPa;
  const placePa = [firstPa, behindKernelPa].find(fits);
  if (placePa !== undefined) return placePa;
  const free = ramEndPa > behindKernelPa ? ramEndPa - behindKernelPa : 0n;
  const there = `${sizeText(free)} of ${sizeText(ram.sizeBytes)} RAM are free behind the kernel`;
  const needs = `${sizeText(initrd.length)} do not fit: ${there}, and the device tree takes up to 2 MiB`;
  throw new BootError('E_INITRD_TOO_LARGE', `initrd: ${needs}. Give the machine more memory.`);
}

function placeDeviceTree(dtb: Uint8Array, afterPa: bigint, ram: Range): bigint {
  if (BigInt(dtb.length) > BLOCK_BYTES) {
    const needs = `the tree has ${sizeText(dtb.length)}, a kernel maps 2 MiB at most`;
    throw new BootError('E_DTB_TOO_LARGE', `dtb: ${needs}. Give a smaller tree.`);
  }
  const addrPa = alignUp(afterPa, BLOCK_BYTES);
  if (addrPa + BigInt(dtb.length) > ram.addrPa + BigInt(ram.sizeBytes)) {
    const there = `nothing of the ${sizeText(ram.sizeBytes)} RAM is left from ${hex(addrPa)}`;
    throw new BootError('E_DTB_TOO_LARGE', `dtb: ${there}. Give the machine more memory.`);
  }
  return addrPa;
}

/**
 * Plans the start of an arm64 kernel.
 *
 * The kernel is entered with x0 the address of the device tree and x1 to x3 zero; the machine sees to the rest of the
 * entry protocol (MMU off, PSTATE.DAIF set, timers and GIC open to the level entered).
 * @throws BootError when something given cannot be used; see {@link BootError}
 */
export function planBoot(options: BootOptions): BootPlan {
  const { kernel, initrd, append, deviceTree, ram, pageSizesBytes } = options;
  if (append?.includes('\0')) {
    throw new BootError('E_APPEND_INVALID', 'append: the command line contains a NUL character. Remove it.');
  }
  const image = parseImage(kernel);
  if (pageSizesBytes !== undefined) checkPageSize(image, pageSizesBytes);
  const tree = deviceTree instanceof Uint8Array ? readDeviceTree(deviceTree) : deviceTree;
  const acpi = options.acpi === undefined ? undefined : layOutAcpi(options.acpi, ram);
  const free = acpi?.below ?? ram;

  const { startPa, endPa } = placeKernel(image, free);
  const initrdPa = placeInitrd(initrd, endPa, free);
  const initrdRange = initrd === undefined ? undefined : { addrPa: initrdPa, sizeBytes: initrd.length };
  const describedRam = options.acpi?.alone ? undefined : ram;
  const handover = { ram: describedRam, initrd: initrdRange, append, chosen: acpi?.chosen };
  const treePa = initrdPa + BigInt(initrd?.length ?? 0);
  const modules = options.guest ? placeModules(options.guest, alignUp(treePa, BLOCK_BYTES) + BLOCK_BYTES, free) : [];
  const dtb = encodeFdt(withHandover(tree, { ...handover, modules: moduleNodes(modules, options.guest?.append) }));
  const dtbPa = placeDeviceTree(dtb, treePa, free);

  const segments: Segment[] = [{ what: 'kernel', addrPa: startPa, bytes: kernel }];
  if (initrd !== undefined) segments.push({ what: 'initrd', addrPa: initrdPa, bytes: initrd });
  segments.push({ what: 'dtb', addrPa: dtbPa, bytes: dtb }, ...modules, ...(acpi?.segments ?? []));
  return { segments, entryPa: startPa, dtbPa, x0: dtbPa, x1: 0n, x2: 0n, x3: 0n, image };
}
