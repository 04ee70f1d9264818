import type { FdtNode, FdtTree } from '../tables/fdt/tree.ts';
import { readCells, readStrings } from '../tables/fdt/tree.ts';
import type { TreeNode } from '../tables/tree-node.ts';

const hex32 = (value: number): string => `0x${value.toString(16)}`;

/** Cells that are printed of one property. */
const CELLS_MAX = 256;

/** Text that a property may hold: strings of printable characters, none of them empty. */
function strings(value: Uint8Array): string[] | undefined {
  const found = readStrings(value);
  return found?.every((text) => /^[\x20-\x7e]+$/.test(text)) ? found : undefined;
}

/** The value of a property as a device tree source writes it. Devicetree Specification, "Devicetree Source Format". */
export function showProperty(value: Uint8Array): string | undefined {
  if (value.length === 0) return undefined;
  const text = strings(value);
  if (text !== undefined) return text.map((one) => JSON.stringify(one)).join(', ');
  const cells = readCells(value);
  if (cells === undefined) {
    const shown = Array.from(value.subarray(0, CELLS_MAX), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    return `[${shown}${value.length > CELLS_MAX ? ` ... ${value.length} bytes` : ''}]`;
  }
  const more = cells.length > CELLS_MAX ? ` ... ${cells.length} cells` : '';
  return `<${cells.slice(0, CELLS_MAX).map(hex32).join(' ')}${more}>`;
}

function describeNode(node: FdtNode): TreeNode {
  const children: TreeNode[] = [...node.properties].map(([name, value]) => {
    const shown = showProperty(value);
    return { name, ...(shown === undefined ? {} : { value: shown }), offset: 0, sizeBytes: value.length };
  });
  children.push(...node.children.map(describeNode));
  const name = node.name === '' ? '/' : node.name;
  return { name, offset: 0, sizeBytes: 0, ...(children.length === 0 ? {} : { children }) };
}

/** A device tree for printing; the nodes have no offsets. */
export function describeFdt({ root, reservations, bootCpuId }: FdtTree): TreeNode {
  const children: TreeNode[] = reservations.map(({ addrPa, sizeBytes }) => ({
    name: 'reserved memory',
    value: `0x${addrPa.toString(16)}, 0x${sizeBytes.toString(16)} bytes`,
    offset: 0,
    sizeBytes: 16,
  }));
  children.push({ name: 'boot CPU', value: String(bootCpuId), offset: 0, sizeBytes: 4 });
  return { name: 'Device tree', offset: 0, sizeBytes: 0, children: [...children, describeNode(root)] };
}
