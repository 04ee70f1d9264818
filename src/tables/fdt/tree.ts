/**
 * A device tree as plain data, and the forms its property values take.
 *
 * Source: Devicetree Specification, "Devicetree Structure and Conventions" and "Property Values". All numbers in a
 * property are big-endian; a cell is 32 bits.
 */

/** A node; a property is raw bytes under a unique name, in the order of the blob. The root's name is empty. */
export interface FdtNode {
  readonly name: string;
  readonly properties: Map<string, Uint8Array>;
  readonly children: FdtNode[];
}

/** An entry of the memory reservation block: memory that an OS must not use. Both are 64-bit. */
export interface FdtReservation {
  readonly addrPa: bigint;
  readonly sizeBytes: bigint;
}

/** What a flattened blob holds: the tree, the reservations and the physical id of the boot CPU (32 bits). */
export interface FdtTree {
  readonly root: FdtNode;
  readonly reservations: readonly FdtReservation[];
  readonly bootCpuId: number;
}

/**
 * A property value as one would write it: `true` is empty, a number one cell, a bigint two cells (64 bits), a string
 * or a list of strings NUL-terminated text, bytes themselves.
 */
export type FdtValue = true | number | bigint | string | readonly string[] | Uint8Array;

/** Makes a node from readable values; `undefined` leaves the property out. */
export function fdtNode(
  name: string,
  properties: Readonly<Record<string, FdtValue | undefined>> = {},
  children: readonly FdtNode[] = [],
): FdtNode {
  const encoded = new Map<string, Uint8Array>();
  for (const [property, value] of Object.entries(properties)) {
    if (value !== undefined) encoded.set(property, fdtValue(value));
  }
  return { name, properties: encoded, children: [...children] };
}

/** Makes a tree around a root. */
export function fdtTree(root: FdtNode, reservations: readonly FdtReservation[] = [], bootCpuId = 0): FdtTree {
  return { root, reservations, bootCpuId };
}

/** The bytes of a readable value. */
export function fdtValue(value: FdtValue): Uint8Array {
  if (value === true) return new Uint8Array(0);
  if (typeof value === 'number') return cells(value);
  if (typeof value === 'bigint') return cells64(value);
  if (value instanceof Uint8Array) return value;
  const strings = typeof value === 'string' ? [value] : value;
  return new TextEncoder().encode(strings.map((text) => `${text}\0`).join(''));
}

/** Big-endian 32-bit cells; each value is taken modulo 2^32. */
export function cells(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    view.setUint32(index * 4, value >>> 0);
  });
  return bytes;
}

/** Big-endian 64-bit values, two cells each; each value is taken modulo 2^64. */
export function cells64(...values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    view.setBigUint64(index * 8, BigInt.asUintN(64, value));
  });
  return bytes;
}

/** Numbers of `cellCounts[i]` cells each, as in `reg` under given `#address-cells` and `#size-cells`. */
export function sizedCells(...pairs: readonly (readonly [value: bigint, cellCount: number])[]): Uint8Array {
  const out: number[] = [];
  for (const [value, cellCount] of pairs) {
    for (let index = cellCount - 1; index >= 0; index--) out.push(Number((value >> BigInt(32 * index)) & 0xffff_ffffn));
  }
  return cells(...out);
}

/** The cells of a property, or undefined when its length is not a multiple of four. */
export function readCells(value: Uint8Array): number[] | undefined {
  if (value.length % 4 !== 0) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return Array.from({ length: value.length / 4 }, (_, index) => view.getUint32(index * 4));
}

/** A property of one cell, or undefined when it has another length. */
export function readU32(value: Uint8Array | undefined): number | undefined {
  return value?.length === 4 ? readCells(value)?.[0] : undefined;
}

/** A property of one or two cells as an unsigned number, or undefined when it has another length. */
export function readU64(value: Uint8Array | undefined): bigint | undefined {
  if (value?.length === 4) return BigInt(readU32(value) as number);
  if (value?.length !== 8) return undefined;
  return new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0);
}

/** The strings of a property, or undefined when it is not NUL-terminated text. */
export function readStrings(value: Uint8Array | undefined): string[] | undefined {
  if (value === undefined || value.length === 0 || value[value.length - 1] !== 0) return undefined;
  return new TextDecoder().decode(value.subarray(0, value.length - 1)).split('\0');
}

/**
 * The node at an absolute path. A component without a unit address also finds the node with one, when it is the only
 * one (Devicetree Specification, "Path Names").
 */
export function findNode(tree: FdtTree, path: string): FdtNode | undefined {
  let node: FdtNode | undefined = tree.root;
  for (const part of path.split('/')) {
    if (part === '' || node === undefined) continue;
    const parent: FdtNode = node;
    const alike = parent.children.filter((child) => child.name.split('@')[0] === part);
    node = parent.children.find((child) => child.name === part) ?? (alike.length === 1 ? alike[0] : undefined);
  }
  return node;
}

/** A copy that shares nothing with the original, so that either may be changed. */
export function copyNode(node: FdtNode): FdtNode {
  const properties = new Map([...node.properties].map(([name, value]) => [name, value.slice()]));
  return { name: node.name, properties, children: node.children.map(copyNode) };
}
