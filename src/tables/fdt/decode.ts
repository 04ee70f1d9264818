/**
 * Reads a flattened device tree, versions 16 and 17, from bytes that may be anything.
 *
 * Source: Devicetree Specification, "Flattened Devicetree (DTB) Format".
 *
 * What hostile bytes can do, and what stops it: offsets and lengths beyond the blob (every read is checked against the
 * block it belongs to); endless nesting (`DEPTH_MAX`); names that share one long run of text (`NAME_SIZE_BYTES_MAX`);
 * findings without end (`FINDINGS_MAX`). The tree is never larger than a small multiple of the blob.
 */
import {
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_HEADER,
  FDT_HEADER_SIZE_BYTES,
  FDT_MAGIC,
  FDT_NOP,
  FDT_PROP,
  FDT_RESERVATION_SIZE_BYTES,
  FDT_VERSION,
} from './layout.ts';
import type { FdtNode, FdtReservation, FdtTree } from './tree.ts';

/** Deeper nesting than any board has; it bounds the recursion of whoever walks the tree. */
const DEPTH_MAX = 64;
/** The specification allows 31; trees in use go beyond it. */
const NAME_SIZE_BYTES_MAX = 255;
/** A blob of garbage could give one finding per word. */
const FINDINGS_MAX = 100;

/** Something in a blob that is not as specified; `error` means that no tree could be read. */
export interface FdtFinding {
  readonly severity: 'error' | 'warning';
  readonly offset: number;
  readonly message: string;
}

/** The tree, when the blob could be read whole, and what is wrong with the blob. */
export interface FdtDecoded {
  readonly tree: FdtTree | undefined;
  readonly findings: readonly FdtFinding[];
}

/** Leaves the decoder; it never leaves this module. */
class Unreadable extends Error {}

class Reader {
  readonly findings: FdtFinding[] = [];
  private readonly view: DataView;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u32(offset: number): number {
    return this.view.getUint32(offset);
  }

  u64(offset: number): bigint {
    return this.view.getBigUint64(offset);
  }

  slice(offset: number, sizeBytes: number): Uint8Array {
    return this.bytes.slice(offset, offset + sizeBytes);
  }

  fail(offset: number, message: string): never {
    this.findings.push({ severity: 'error', offset, message });
    throw new Unreadable(message);
  }

  warn(offset: number, message: string): void {
    if (this.findings.length < FINDINGS_MAX) this.findings.push({ severity: 'warning', offset, message });
  }

  /** NUL-terminated text that ends before `end`. Names are ASCII ("Node Names", "Property Names"). */
  name(offset: number, end: number, what: string): string {
    const limit = Math.min(end, offset + NAME_SIZE_BYTES_MAX + 1);
    const nul = this.bytes.subarray(offset, limit).indexOf(0);
    if (nul < 0) this.fail(offset, `${what} does not end within ${limit - offset} bytes`);
    const text = this.bytes.subarray(offset, offset + nul);
    if (text.some((byte) => byte > 0x7e || byte < 0x20)) this.fail(offset, `${what} is not ASCII text`);
    return String.fromCharCode(...text);
  }
}

interface Block {
  readonly offset: number;
  readonly end: number;
}

interface Blocks {
  readonly structure: Block;
  readonly strings: Block;
  readonly reservations: Block;
}

function readHeader(reader: Reader, sizeBytes: number): Blocks {
  if (sizeBytes < 4) reader.fail(0, `${sizeBytes} bytes are too few for a device tree blob`);
  const magic = reader.u32(FDT_HEADER.magic);
  if (magic !== FDT_MAGIC) reader.fail(0, `magic is 0x${hex(magic)}; a device tree blob starts with 0xd00dfeed`);
  if (sizeBytes < FDT_HEADER_SIZE_BYTES) {
    reader.fail(0, `${sizeBytes} bytes are fewer than the header's ${FDT_HEADER_SIZE_BYTES}`);
  }
  const field = (name: keyof typeof FDT_HEADER) => reader.u32(FDT_HEADER[name]);
  const totalsize = field('totalsize');
  if (totalsize > sizeBytes) {
    reader.fail(FDT_HEADER.totalsize, `totalsize is ${totalsize} bytes but only ${sizeBytes} are there: truncated`);
  }
  if (field('version') < 16 || field('last_comp_version') > FDT_VERSION) {
    reader.fail(FDT_HEADER.version, `version ${field('version')} is not 16 or 17, nor compatible with them`);
  }
  const block = (name: string, offset: number, blockSizeBytes: number, alignBytes: number): Block => {
    if (offset < FDT_HEADER_SIZE_BYTES || offset + blockSizeBytes > totalsize) {
      reader.fail(0, `${name} block at 0x${hex(offset)}, ${blockSizeBytes} bytes, is not within the blob`);
    }
    if (offset % alignBytes !== 0) reader.fail(0, `${name} block at 0x${hex(offset)} is not aligned to ${alignBytes}`);
    return { offset, end: offset + blockSizeBytes };
  };
  const structOffset = field('off_dt_struct');
  // The length of the structure block came with version 17; before, it ends with FDT_END.
  const structSize = field('version') >= 17 ? field('size_dt_struct') : Math.max(0, totalsize - structOffset);
  return {
    structure: block('structure', structOffset, structSize, 4),
    strings: block('strings', field('off_dt_strings'), field('size_dt_strings'), 1),
    reservations: block('reservation', field('off_mem_rsvmap'), Math.max(0, totalsize - field('off_mem_rsvmap')), 8),
  };
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');

function readReservations(reader: Reader, { offset, end }: Block): FdtReservation[] {
  const found: FdtReservation[] = [];
  for (let at = offset; at + FDT_RESERVATION_SIZE_BYTES <= end; at += FDT_RESERVATION_SIZE_BYTES) {
    const addrPa = reader.u64(at);
    const sizeBytes = reader.u64(at + 8);
    if (addrPa === 0n && sizeBytes === 0n) return found;
    found.push({ addrPa, sizeBytes });
  }
  return reader.fail(offset, 'the reservation block has no entry of zeros at its end');
}

/** Reads the property at `at` into the node; returns the offset after it. */
function readProperty(reader: Reader, blocks: Blocks, node: FdtNode, at: number): number {
  const { structure, strings } = blocks;
  if (at + 12 > structure.end) reader.fail(at, 'the structure block ends inside a property');
  const sizeBytes = reader.u32(at + 4);
  const nameOffset = strings.offset + reader.u32(at + 8);
  if (at + 12 + sizeBytes > structure.end) {
    reader.fail(at, `a property of ${sizeBytes} bytes goes beyond the structure block`);
  }
  if (nameOffset >= strings.end) reader.fail(at, 'a property name lies outside the strings block');
  const name = reader.name(nameOffset, strings.end, 'a property name');
  if (node.properties.has(name)) reader.warn(at, `property '${name}' of node '${node.name}' is there twice`);
  else node.properties.set(name, reader.slice(at + 12, sizeBytes));
  if (node.children.length > 0) reader.warn(at, `property '${name}' of node '${node.name}' comes after a child node`);
  return at + 12 + ((sizeBytes + 3) & ~3);
}

/** Reads the name of a node that begins at `at`; returns it and the offset after it. */
function readNodeName(reader: Reader, { structure }: Blocks, at: number): { name: string; next: number } {
  const name = reader.name(at + 4, structure.end, 'a node name');
  return { name, next: at + 4 + ((name.length + 1 + 3) & ~3) };
}

function readStructure(reader: Reader, blocks: Blocks): FdtNode {
  const open: { node: FdtNode; childNames: Set<string> }[] = [];
  let root: FdtNode | undefined;
  let at = blocks.structure.offset;
  while (at + 4 <= blocks.structure.end) {
    const token = reader.u32(at);
    const inner = open.at(-1);
    const node = inner?.node;
    if (token === FDT_BEGIN_NODE) {
      if (root !== undefined && node === undefined) reader.fail(at, 'a second root node');
      if (open.length === DEPTH_MAX) reader.fail(at, `nodes are nested deeper than ${DEPTH_MAX}`);
      const { name, next } = readNodeName(reader, blocks, at);
      const child: FdtNode = { name, properties: new Map(), children: [] };
      if (inner?.childNames.has(name)) reader.warn(at, `node '${name}' is there twice`);
      inner?.childNames.add(name);
      inner?.node.children.push(child);
      root ??= child;
      open.push({ node: child, childNames: new Set() });
      at = next;
    } else if (token === FDT_END_NODE) {
      if (open.pop() === undefined) reader.fail(at, 'a node ends that did not begin');
      at += 4;
    } else if (token === FDT_PROP) {
      if (node === undefined) reader.fail(at, 'a property outside of every node');
      at = readProperty(reader, blocks, node, at);
    } else if (token === FDT_END) {
      if (node !== undefined) reader.fail(at, `the structure ends inside node '${node.name}'`);
      return root ?? reader.fail(at, 'there is no root node');
    } else if (token === FDT_NOP) {
      at += 4;
    } else {
      reader.fail(at, `0x${hex(token)} is not a token of the structure block`);
    }
  }
  return reader.fail(at, 'the structure block has no FDT_END');
}

/**
 * Reads a blob; never throws, whatever the bytes are.
 *
 * A repeated property keeps its first value. Bytes after `totalsize` are ignored, as loaders pad blobs.
 */
export function decodeFdt(bytes: Uint8Array): FdtDecoded {
  const reader = new Reader(bytes);
  try {
    const blocks = readHeader(reader, bytes.length);
    const reservations = readReservations(reader, blocks.reservations);
    const root = readStructure(reader, blocks);
    const bootCpuId = reader.u32(FDT_HEADER.boot_cpuid_phys);
    return { tree: { root, reservations, bootCpuId }, findings: reader.findings };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { tree: undefined, findings: reader.findings };
  }
}
