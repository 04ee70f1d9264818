/**
 * Writes a device tree as a flattened blob, version 17.
 *
 * Source: Devicetree Specification, "Flattened Devicetree (DTB) Format".
 */
import {
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_HEADER,
  FDT_HEADER_SIZE_BYTES,
  FDT_LAST_COMP_VERSION,
  FDT_MAGIC,
  FDT_PROP,
  FDT_RESERVATION_SIZE_BYTES,
  FDT_VERSION,
} from './layout.ts';
import { cells, cells64, type FdtNode, type FdtTree } from './tree.ts';

/** Bytes that grow at the end; the length is known only when the tree has been walked. */
class Block {
  private readonly parts: Uint8Array[] = [];
  sizeBytes = 0;

  add(bytes: Uint8Array): void {
    this.parts.push(bytes);
    this.sizeBytes += bytes.length;
  }

  addPadded(bytes: Uint8Array): void {
    this.add(bytes);
    this.add(new Uint8Array(-bytes.length & 3));
  }

  copyTo(out: Uint8Array, offset: number): void {
    let at = offset;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
  }
}

/** The strings block: each name once. */
class Names {
  readonly block = new Block();
  private readonly offsets = new Map<string, number>();

  offsetOf(name: string): number {
    const known = this.offsets.get(name);
    if (known !== undefined) return known;
    const offset = this.block.sizeBytes;
    this.offsets.set(name, offset);
    this.block.add(nameBytes(name));
    return offset;
  }
}

function nameBytes(name: string): Uint8Array {
  if (name.includes('\0')) throw new Error(`assertion: device tree name ${JSON.stringify(name)} contains a NUL`);
  return new TextEncoder().encode(`${name}\0`);
}

function addNode(structure: Block, names: Names, node: FdtNode): void {
  structure.add(cells(FDT_BEGIN_NODE));
  structure.addPadded(nameBytes(node.name));
  for (const [name, value] of node.properties) {
    structure.add(cells(FDT_PROP, value.length, names.offsetOf(name)));
    structure.addPadded(value);
  }
  for (const child of node.children) addNode(structure, names, child);
  structure.add(cells(FDT_END_NODE));
}

/**
 * The flattened form of a tree: header, reservations, structure, strings, without slack.
 *
 * The same tree always gives the same bytes. The length is a multiple of four up to the strings block.
 */
export function encodeFdt(tree: FdtTree): Uint8Array {
  const structure = new Block();
  const names = new Names();
  addNode(structure, names, tree.root);
  structure.add(cells(FDT_END));

  const reservations = new Block();
  for (const { addrPa, sizeBytes } of tree.reservations) reservations.add(cells64(addrPa, sizeBytes));
  reservations.add(new Uint8Array(FDT_RESERVATION_SIZE_BYTES));

  const structureOffset = FDT_HEADER_SIZE_BYTES + reservations.sizeBytes;
  const stringsOffset = structureOffset + structure.sizeBytes;
  const out = new Uint8Array(stringsOffset + names.block.sizeBytes);
  const view = new DataView(out.buffer);
  const header: Record<keyof typeof FDT_HEADER, number> = {
    magic: FDT_MAGIC,
    totalsize: out.length,
    off_dt_struct: structureOffset,
    off_dt_strings: stringsOffset,
    off_mem_rsvmap: FDT_HEADER_SIZE_BYTES,
    version: FDT_VERSION,
    last_comp_version: FDT_LAST_COMP_VERSION,
    boot_cpuid_phys: tree.bootCpuId,
    size_dt_strings: names.block.sizeBytes,
    size_dt_struct: structure.sizeBytes,
  };
  for (const [field, offset] of Object.entries(FDT_HEADER)) {
    view.setUint32(offset, header[field as keyof typeof FDT_HEADER]);
  }
  reservations.copyTo(out, FDT_HEADER_SIZE_BYTES);
  structure.copyTo(out, structureOffset);
  names.block.copyTo(out, stringsOffset);
  return out;
}
