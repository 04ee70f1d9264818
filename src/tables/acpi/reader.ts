import { type Finding, MAX_FINDINGS } from '../finding.ts';
import type { TreeNode } from '../tree-node.ts';
import { bytesText } from './fields.ts';

/** Most entries of one table (sources, subtables, addresses) that are taken apart; what follows is kept as bytes. */
export const ENTRIES_MAX = 65_536;

/** One decoding: the bytes, what is wrong with them, and the tree of what was read. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #findings: Finding[] = [];
  #nodes: TreeNode[] = [];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** What was found, in order of offset. */
  get findings(): Finding[] {
    return this.#findings.sort((a, b) => a.offset - b.offset);
  }

  /** The tree's nodes at the present level. */
  get nodes(): TreeNode[] {
    return this.#nodes;
  }

  /** Reports a broken rule; beyond {@link MAX_FINDINGS} they are dropped. */
  find(offset: number, rule: string, found: string, expected: string): void {
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push({ offset, rule, found, expected });
  }

  /** Adds a leaf to the tree. */
  leaf(name: string, offset: number, sizeBytes: number, value: string): void {
    this.#nodes.push({ name, value, offset, sizeBytes });
  }

  /**
   * Adds a node to the tree; what `read` adds becomes its children.
   *
   * @param value - the node's own text, when it has one
   */
  group<T>(name: string, offset: number, sizeBytes: number, read: () => T, value?: string): T {
    const outer = this.#nodes;
    const children: TreeNode[] = [];
    this.#nodes = children;
    const result = read();
    this.#nodes = outer;
    outer.push({ name, ...(value === undefined ? {} : { value }), offset, sizeBytes, children });
    return result;
  }

  /** A copy of the bytes from `at` to `end`; undefined when there are none, for optional properties. */
  rest(at: number, end: number, name = 'bytes after the last field'): Uint8Array | undefined {
    if (at >= end) return undefined;
    this.leaf(name, at, end - at, bytesText(this.bytes.subarray(at, end)));
    return this.bytes.slice(at, end);
  }
}
