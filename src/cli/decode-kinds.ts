/** What `unmaskable decode` can read, how each kind is recognised, and what comes of it. */

import { withAml } from '../tables/acpi/aml/tree.ts';
import { decodeTable, isTable } from '../tables/acpi/any.ts';
import { decodeStatusBlock, describeStatusBlock } from '../tables/cper/block.ts';
import { GUID_SIZE_BYTES, readGuid, sectionTypeName } from '../tables/cper/guid.ts';
import { parseKernelLog } from '../tables/cper/kernel-log/parse.ts';
import { describeKernelLog } from '../tables/cper/kernel-log/tree.ts';
import { decodeRecord, describeRecord, looksLikeRecord } from '../tables/cper/record.ts';
import { decodeErrorRegion, describeErrorRegion } from '../tables/cper/region.ts';
import type { DescribeOptions } from '../tables/cper/sections.ts';
import { decodeFdt } from '../tables/fdt/decode.ts';
import { FDT_MAGIC } from '../tables/fdt/layout.ts';
import type { Finding } from '../tables/finding.ts';
import type { TreeNode } from '../tables/tree-node.ts';
import { describeFdt } from './decode-fdt.ts';

/** One thing that was decoded: a file holds one, or several in a row. */
export interface DecodedPart {
  /** What it is, in words: `ACPI table HEST`. */
  readonly what: string;
  /** Where it begins in the file, in bytes. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** For printing; undefined when nothing could be read. Its offsets count from the start of the file. */
  readonly tree: TreeNode | undefined;
  /** False when the nodes of the tree do not know where they came from. */
  readonly hasOffsets: boolean;
  /** The decoded value, as the library gives it. */
  readonly value: unknown;
  /** What is wrong with it; offsets count from the start of the file. */
  readonly findings: readonly Finding[];
}

/** A kind of input. */
export interface DecodeKind {
  /** What `--as` calls it. */
  readonly name: string;
  /** What it is recognised by, for the message about a file that is nothing of all that. */
  readonly sign: string;
  readonly recognise: (bytes: Uint8Array) => boolean;
  readonly decode: (bytes: Uint8Array, options: DescribeOptions) => DecodedPart[];
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const shifted = (findings: readonly Finding[], by: number): Finding[] =>
  findings.map((finding) => ({ ...finding, offset: finding.offset + by }));

/** A tree whose offsets count from `by` bytes earlier. */
function treeAt(tree: TreeNode, by: number): TreeNode {
  if (by === 0) return tree;
  const children = tree.children?.map((child) => treeAt(child, by));
  return { ...tree, offset: tree.offset + by, ...(children === undefined ? {} : { children }) };
}

/** Bytes that are looked at to tell text from anything else. */
const SAMPLE_BYTES = 65536;

/** True for bytes that hardly hold what text does not; a serial console may leave a few of those. */
function isText(bytes: Uint8Array): boolean {
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  let odd = 0;
  for (const byte of sample) {
    if (byte === 0) return false;
    if ((byte < 0x20 && !(byte >= 8 && byte <= 13) && byte !== 0x1b) || byte === 0x7f) odd++;
  }
  return odd * 50 <= sample.length;
}

/** Bytes of the table at the beginning, as it says; undefined when that is not possible. */
function tableLength(bytes: Uint8Array): number | undefined {
  const isRsdp = String.fromCharCode(...bytes.subarray(0, 8)) === 'RSD PTR ';
  if (isRsdp && bytes.length >= 20 && bytes[15] < 2) return 20;
  const at = isRsdp ? 20 : 4;
  if (bytes.length < at + 4) return undefined;
  const length = view(bytes).getUint32(at, true);
  return length >= 20 && length <= bytes.length ? length : undefined;
}

function decodeTables(bytes: Uint8Array): DecodedPart[] {
  const parts: DecodedPart[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const rest = bytes.subarray(offset);
    const length = tableLength(rest);
    const followed = length !== undefined && isTable(rest.subarray(length)) && !isText(rest.subarray(length));
    const own = followed ? rest.subarray(0, length) : rest;
    const { value, findings, tree } = withAml(decodeTable(own), own);
    const signature = String.fromCharCode(...own.subarray(0, 4));
    parts.push({
      what: signature === 'RSD ' ? 'ACPI root pointer (RSDP)' : `ACPI table ${signature}`,
      offset,
      sizeBytes: own.length,
      tree: treeAt(tree, offset),
      hasOffsets: true,
      value,
      findings: shifted(findings, offset),
    });
    offset += own.length;
  }
  return parts;
}

function decodeRecords(bytes: Uint8Array, options: DescribeOptions): DecodedPart[] {
  const parts: DecodedPart[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const rest = bytes.subarray(offset);
    const length = rest.length >= 24 ? view(rest).getUint32(20, true) : rest.length;
    const followed = length >= 128 && length < rest.length && looksLikeRecord(rest.subarray(length));
    const own = followed ? rest.subarray(0, length) : rest;
    const { value, findings } = decodeRecord(own);
    const tree = value && describeRecord(value, offset, options);
    const found = shifted(findings, offset);
    parts.push({ what: 'CPER record', offset, sizeBytes: own.length, tree, hasOffsets: true, value, findings: found });
    offset += own.length;
  }
  return parts;
}

/** True for a block whose first entry has a known type, or whose header and entries make sense together. */
function looksLikeBlock(bytes: Uint8Array): boolean {
  if (bytes.length < 20) return false;
  const header = view(bytes);
  const [status, dataLength, severity] = [0, 12, 16].map((at) => header.getUint32(at, true));
  const hasType = bytes.length >= 20 + GUID_SIZE_BYTES && sectionTypeName(readGuid(bytes, 20)) !== undefined;
  if (hasType) return true;
  if (status === 0 || status > 0x3fff || severity > 3) return false;
  const { value, findings } = decodeStatusBlock(bytes);
  if (findings.length === 0) return value?.trailing.every((byte) => byte === 0) === true;
  return dataLength >= 64 && dataLength <= bytes.length - 20 && bytes[41] >= 1 && bytes[41] <= 4;
}

function decodeBlocks(bytes: Uint8Array, options: DescribeOptions): DecodedPart[] {
  const { value, findings } = decodeErrorRegion(bytes);
  const only = value?.blocks.length === 1 && value.trailing.length === 0 ? value.blocks[0] : undefined;
  const what = only === undefined ? 'error status blocks' : 'error status block';
  const tree = only ? describeStatusBlock(only, 0, options) : value && describeErrorRegion(value, options);
  return [{ what, offset: 0, sizeBytes: bytes.length, tree, hasOffsets: true, value: only ?? value, findings }];
}

function decodeDeviceTree(bytes: Uint8Array): DecodedPart[] {
  const { tree, findings } = decodeFdt(bytes);
  const found = findings.map(({ offset, message }) => ({
    offset,
    rule: 'device tree blob',
    found: message,
    expected: 'what the Devicetree Specification says',
  }));
  const shown = tree && describeFdt(tree);
  const what = 'device tree blob';
  return [{ what, offset: 0, sizeBytes: bytes.length, tree: shown, hasOffsets: false, value: tree, findings: found }];
}

function decodeLog(bytes: Uint8Array, options: DescribeOptions): DecodedPart[] {
  const value = parseKernelLog(bytes);
  const tree = describeKernelLog(value, options);
  const { findings, sizeBytes } = value;
  return [{ what: 'kernel log', offset: 0, sizeBytes, tree, hasOffsets: false, value, findings }];
}

/** All kinds, in the order in which they are tried. */
export const DECODE_KINDS: readonly DecodeKind[] = [
  {
    name: 'dtb',
    sign: 'device tree blob (begins d0 0d fe ed)',
    recognise: (bytes) => bytes.length >= 4 && view(bytes).getUint32(0) === FDT_MAGIC,
    decode: decodeDeviceTree,
  },
  {
    name: 'record',
    sign: "CPER record (begins 'CPER')",
    recognise: (bytes) => looksLikeRecord(bytes) && !isText(bytes),
    decode: decodeRecords,
  },
  {
    name: 'acpi',
    sign: 'ACPI table (signature and length)',
    recognise: (bytes) => isTable(bytes) && !isText(bytes),
    decode: decodeTables,
  },
  {
    name: 'block',
    sign: 'error status block (a known section type, or lengths that fit)',
    recognise: (bytes) => !isText(bytes) && looksLikeBlock(bytes),
    decode: decodeBlocks,
  },
  {
    name: 'log',
    sign: "kernel log (a line with '[Hardware Error]', or one about such an error)",
    recognise: (bytes) => parseKernelLog(bytes).items.length > 0,
    decode: decodeLog,
  },
];
