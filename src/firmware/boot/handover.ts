/**
 * What a boot loader writes into the device tree before it hands it to a kernel.
 *
 * Sources: Linux Documentation/devicetree/usage-model.rst, "Runtime configuration"; DT schema `chosen.yaml`
 * (`bootargs`, `linux,initrd-start`, `linux,initrd-end`); Devicetree Specification, "/memory node".
 */
import { decodeFdt } from '../../tables/fdt/decode.ts';
import {
  copyNode,
  type FdtNode,
  type FdtTree,
  type FdtValue,
  fdtNode,
  fdtValue,
  readStrings,
  readU32,
  sizedCells,
} from '../../tables/fdt/tree.ts';
import { BootError } from './error.ts';

/** A range of physical memory. */
export interface Range {
  readonly addrPa: bigint;
  readonly sizeBytes: number;
}

/** What is known only when everything has its place. */
export interface Handover {
  /** Undefined for a tree that is to say nothing about memory, because a memory map does. */
  readonly ram: Range | undefined;
  readonly initrd: Range | undefined;
  /** Kernel command line; undefined keeps what the tree has. */
  readonly append: string | undefined;
  /** Nodes below `/chosen`, whose addresses and sizes have two cells each. */
  readonly modules?: readonly FdtNode[];
  /** More properties of `/chosen`. */
  readonly chosen?: Readonly<Record<string, FdtValue>> | undefined;
}

/**
 * The tree in a blob that a user supplied.
 *
 * @throws BootError `E_DTB_INVALID` saying where the blob is wrong
 */
export function readDeviceTree(bytes: Uint8Array): FdtTree {
  const { tree, findings } = decodeFdt(bytes);
  if (tree !== undefined) return tree;
  const finding = findings.find(({ severity }) => severity === 'error');
  const where = `at offset 0x${(finding?.offset ?? 0).toString(16)}: ${finding?.message ?? 'unreadable'}`;
  throw new BootError('E_DTB_INVALID', `dtb: not a device tree blob; ${where}. Give the output of dtc -O dtb.`);
}

/** `#address-cells` and `#size-cells` of the root; absent means 2 and 1 (Devicetree Specification). */
function rootCellCounts(root: FdtNode): { address: number; size: number } {
  const count = (property: string, absent: number): number => {
    const value = root.properties.get(property);
    const cellCount = value === undefined ? absent : readU32(value);
    if (cellCount === 1 || cellCount === 2) return cellCount;
    throw new BootError('E_DTB_INVALID', `dtb: ${property} of the root is not 1 or 2. Correct the tree.`);
  };
  return { address: count('#address-cells', 2), size: count('#size-cells', 1) };
}

function isMemoryNode({ name, properties }: FdtNode): boolean {
  return name.split('@')[0] === 'memory' || readStrings(properties.get('device_type'))?.[0] === 'memory';
}

/**
 * A copy of the tree with one memory node for the RAM there is, or none, and `/chosen` filled in; the original is
 * unchanged.
 *
 * An initrd that the tree names from an earlier boot is removed when there is none now.
 */
export function withHandover(
  tree: FdtTree,
  { ram, initrd, append, modules = [], chosen: more = {} }: Handover,
): FdtTree {
  const root = copyNode(tree.root);
  const cellCounts = rootCellCounts(root);
  const others = root.children.filter((child) => !isMemoryNode(child));
  root.children.splice(0, root.children.length, ...(ram === undefined ? [] : [memoryNode(ram, cellCounts)]), ...others);

  let chosen = root.children.find(({ name }) => name === 'chosen');
  if (chosen === undefined) {
    chosen = fdtNode('chosen');
    root.children.push(chosen);
  }
  const { properties } = chosen;
  if (append !== undefined) properties.set('bootargs', fdtValue(append));
  properties.delete('linux,initrd-start');
  properties.delete('linux,initrd-end');
  if (initrd !== undefined) {
    properties.set('linux,initrd-start', fdtValue(initrd.addrPa));
    properties.set('linux,initrd-end', fdtValue(initrd.addrPa + BigInt(initrd.sizeBytes)));
  }
  for (const [name, value] of Object.entries(more)) properties.set(name, fdtValue(value));
  if (modules.length > 0) putModules(chosen, modules);
  return { ...tree, root };
}

/** Modules of an earlier boot go, as an earlier initrd does. */
function putModules(chosen: FdtNode, modules: readonly FdtNode[]): void {
  chosen.properties.set('#address-cells', fdtValue(2));
  chosen.properties.set('#size-cells', fdtValue(2));
  const others = chosen.children.filter(
    ({ properties }) => !readStrings(properties.get('compatible'))?.includes('multiboot,module'),
  );
  chosen.children.splice(0, chosen.children.length, ...others, ...modules);
}

function memoryNode({ addrPa, sizeBytes }: Range, cellCounts: { address: number; size: number }): FdtNode {
  const reg = sizedCells([addrPa, cellCounts.address], [BigInt(sizeBytes), cellCounts.size]);
  return fdtNode(`memory@${addrPa.toString(16)}`, { device_type: 'memory', reg });
}
