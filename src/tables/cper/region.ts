/**
 * Several status blocks back to back, as the boot error region of BERT holds them.
 *
 * Source: ACPI Specification, "Boot Error Source": the region ends with a block whose status is zero, or with itself.
 */
import type { Decoded, Finding } from '../finding.ts';
import { MAX_FINDINGS } from '../finding.ts';
import type { TreeNode } from '../tree-node.ts';
import {
  BLOCK_HEADER_SIZE_BYTES,
  decodeStatusBlock,
  describeStatusBlock,
  type ErrorStatusBlock,
  encodeStatusBlock,
} from './block.ts';
import { concat } from './bytes.ts';
import { type DescribeOptions, describeBytes } from './sections.ts';

/** Blocks of a region, and the bytes after the last of them. */
export interface ErrorRegion {
  readonly blocks: readonly ErrorStatusBlock[];
  readonly trailing: Uint8Array;
}

/** More blocks than any region is read for. */
const BLOCKS_MAX = 4096;

/** Bytes that a block says it has; at least its header, at most `room`. */
function blockSize(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [rawOffset, rawLength] = [view.getUint32(at + 4, true), view.getUint32(at + 8, true)];
  const dataEnd = BLOCK_HEADER_SIZE_BYTES + view.getUint32(at + 12, true);
  const sizeBytes = rawLength === 0 ? dataEnd : Math.max(dataEnd, rawOffset + rawLength);
  return Math.min(sizeBytes, bytes.length - at);
}

/** Reads blocks until one has no error or fewer bytes than a header are left; undefined when there is not even one. */
export function decodeErrorRegion(bytes: Uint8Array): Decoded<ErrorRegion> {
  const blocks: ErrorStatusBlock[] = [];
  const findings: Finding[] = [];
  let at = 0;
  while (at + BLOCK_HEADER_SIZE_BYTES <= bytes.length && blocks.length < BLOCKS_MAX) {
    if (blocks.length > 0 && bytes.subarray(at, at + 4).every((byte) => byte === 0)) break;
    const end = at + blockSize(bytes, at);
    const block = decodeStatusBlock(bytes.subarray(at, end));
    for (const finding of block.findings) findings.push({ ...finding, offset: finding.offset + at });
    if (block.value !== undefined) blocks.push(block.value);
    if (block.value?.blockStatus === 0) {
      at = end;
      break;
    }
    at = end;
  }
  if (blocks.length === 0) return { value: undefined, findings: decodeStatusBlock(bytes).findings };
  return { value: { blocks, trailing: bytes.slice(at) }, findings: findings.slice(0, MAX_FINDINGS) };
}

/**
 * The bytes of a region.
 *
 * @throws CperError as {@link encodeStatusBlock}
 */
export function encodeErrorRegion({ blocks, trailing }: ErrorRegion): Uint8Array {
  return concat([...blocks.map(encodeStatusBlock), trailing]);
}

/** A region for printing: each block, and what follows them unless it is all zero. */
export function describeErrorRegion(region: ErrorRegion, options: DescribeOptions = {}): TreeNode {
  let at = 0;
  const children = region.blocks.map((block) => {
    const node = describeStatusBlock(block, at, options);
    at += encodeStatusBlock(block).length;
    return node;
  });
  if (region.trailing.some((byte) => byte !== 0)) {
    children.push(...describeBytes('Bytes after the blocks', region.trailing, at));
  }
  return { name: 'Boot Error Region', offset: 0, sizeBytes: at + region.trailing.length, children };
}
