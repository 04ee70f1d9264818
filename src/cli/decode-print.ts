import type { Finding } from '../tables/finding.ts';
import type { TreeNode } from '../tables/tree-node.ts';
import type { DecodedPart } from './decode-kinds.ts';

/** Text for a terminal: control characters, which a file could use to make it lie, are shown as escapes. */
export function harmless(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are the ones that must not reach a terminal
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

const hex = (value: number): string => value.toString(16).padStart(4, '0');

function treeLines(node: TreeNode, depth: number, hasOffsets: boolean, lines: string[]): void {
  const column = hasOffsets ? `${hex(node.offset)}  ` : '';
  const value = node.value === undefined ? '' : `: ${node.value}`;
  lines.push(harmless(`${column}${'  '.repeat(depth)}${node.name}${value}`));
  for (const child of node.children ?? []) treeLines(child, depth + 1, hasOffsets, lines);
}

/** A part as lines of text: what it is, then its tree, each line with its offset in hexadecimal where it has one. */
export function partText(file: string, part: DecodedPart): string {
  const place = part.offset === 0 ? '' : ` at offset 0x${hex(part.offset)}`;
  const lines = [harmless(`${file}: ${part.what}${place}, ${part.sizeBytes} bytes`)];
  if (part.tree !== undefined) treeLines(part.tree, 0, part.hasOffsets, lines);
  return `${lines.join('\n')}\n`;
}

/** A finding as one line. */
export function findingText(file: string, { offset, rule, found, expected }: Finding): string {
  return harmless(`${file}: offset 0x${offset.toString(16)}: ${rule}: found ${found}, expected ${expected}`);
}

/** Values that JSON does not have: 64-bit numbers and bytes in hexadecimal, maps as objects. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16).padStart(16, '0')}`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Map) return Object.fromEntries(value);
  return value;
}

/** What `--json` prints of one file. */
export interface DecodedFile {
  readonly file: string;
  readonly parts: readonly DecodedPart[];
  /** Why nothing was decoded. */
  readonly error?: string;
}

/** All files as one JSON document. */
export function filesJson(files: readonly DecodedFile[]): string {
  const shown = files.map(({ file, parts, error }) => ({
    file,
    ...(error === undefined ? {} : { error }),
    parts: parts.map(({ what, offset, sizeBytes, findings, value, tree }) => ({
      what,
      offset,
      sizeBytes,
      findings,
      value: value ?? null,
      tree: tree ?? null,
    })),
  }));
  return `${JSON.stringify({ files: shown }, jsonValue, 2)}\n`;
}
