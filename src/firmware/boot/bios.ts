/**
 * The start of a boot loader that runs from flash, and what it is to find.
 *
 * Source: QEMU, "'virt' generic virtual platform", "Hardware configuration information for bare-metal programming": the
 * device tree is at the start of RAM. A kernel waits in fw_cfg, under the keys that QEMU's direct boot of other
 * architectures uses (docs/specs/fw_cfg).
 */
import { encodeFdt } from '../../tables/fdt/encode.ts';
import type { FdtTree } from '../../tables/fdt/tree.ts';
import type { BootPlan, Segment } from './boot.ts';
import { BootError } from './error.ts';
import { type Range, readDeviceTree, withHandover } from './handover.ts';

/** What there is to start from. */
export interface BiosOptions {
  readonly bios: Uint8Array;
  /** In whatever form the boot loader takes. */
  readonly kernel?: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly append?: string;
  /** A tree made for the board, or the bytes of one that the user supplied. */
  readonly deviceTree: FdtTree | Uint8Array;
  readonly ram: Range;
}

/**
 * Plans the start of a boot loader at address 0, with x0 the address of the device tree.
 *
 * @throws BootError `E_APPEND_INVALID`, `E_DTB_INVALID`
 */
export function planBios({ bios, kernel, initrd, append, deviceTree, ram }: BiosOptions): BootPlan {
  if (append?.includes('\0'))
    throw new BootError('E_APPEND_INVALID', 'append: the command line contains a NUL character. Remove it.');
  const tree = deviceTree instanceof Uint8Array ? readDeviceTree(deviceTree) : deviceTree;
  const dtb = encodeFdt(withHandover(tree, { ram, initrd: undefined, append }));
  const segments: Segment[] = [
    { what: 'bios', addrPa: 0n, bytes: bios },
    { what: 'dtb', addrPa: ram.addrPa, bytes: dtb },
  ];
  const inFwCfg = (what: Segment['what'], bytes: Uint8Array | undefined): void => {
    if (bytes) segments.push({ what, addrPa: 0n, bytes });
  };
  inFwCfg('fw_cfg kernel', kernel);
  inFwCfg('fw_cfg initrd', initrd);
  inFwCfg('fw_cfg cmdline', append === undefined ? undefined : new TextEncoder().encode(`${append}\0`));
  return { segments, entryPa: 0n, dtbPa: ram.addrPa, x0: ram.addrPa, x1: 0n, x2: 0n, x3: 0n, image: undefined };
}
