/** AML for the generic tree: namespace objects as branches, methods and expressions as lines of ASL. */
import { MAX_FINDINGS } from '../../finding.ts';
import type { TreeNode } from '../../tree-node.ts';
import type { DecodedTree } from '../table.ts';
import { eisaIdText } from './build.ts';
import { type AmlPlace, type DecodedAml, decodeAml } from './decode.ts';
import { bufferOf } from './namespace.ts';
import { type AmlNode, type AmlOp, integerOf, isTerms } from './node.ts';
import { constantText, headText, nameText } from './print.ts';
import { decodeResources, resourceText } from './resources.ts';

/** Names whose value is a resource template. */
const RESOURCES: ReadonlySet<string> = new Set(['_CRS', '_PRS']);
/** Names whose integer is an EISA id. */
const IDS: ReadonlySet<string> = new Set(['_HID', '_CID']);

/**
 * The tree of a decoded block.
 *
 * @param offset - of the block in what is printed, such as 36 for a table's AML
 */
export function amlTree({ value, places }: DecodedAml, offset = 0): TreeNode[] {
  return value.map((term) => branch(term, places, offset));
}

function branch(term: AmlNode, places: ReadonlyMap<AmlNode, AmlPlace>, offset: number): TreeNode {
  const place = places.get(term) ?? { offset: 0, sizeBytes: 0 };
  const at = { offset: place.offset + offset, sizeBytes: place.sizeBytes };
  if (term.kind === 'raw') return { name: 'bytes that are no AML', value: `${term.bytes.length} bytes`, ...at };
  if (term.kind !== 'op') return { name: headText(term), ...at };
  if (term.op === 'Name') return { ...at, ...nameNode(term, at) };
  const inner = term.args.find(isTerms);
  const fields = term.args.find((arg) => typeof arg === 'object' && arg !== null && 'elements' in arg);
  if (fields !== undefined && typeof fields === 'object' && fields !== null && 'elements' in fields) {
    const shown = fields.elements.map((field) =>
      field.kind === 'named' ? `${nameText(field.name)} ${field.bits}` : field.kind,
    );
    return { name: headText(term), value: shown.join(', '), ...at };
  }
  if (inner === undefined || term.op === 'Package' || term.op === 'VarPackage') return { name: headText(term), ...at };
  return { name: headText(term), ...at, children: inner.map((child) => branch(child, places, offset)) };
}

function nameNode({ args }: AmlOp, at: AmlPlace): Pick<TreeNode, 'name' | 'value' | 'children'> {
  const name = args[0] as string;
  const value = args[1] as AmlNode;
  const segment = name.slice(-4);
  const buffer = bufferOf(value);
  if (RESOURCES.has(segment) && buffer !== undefined) {
    const resources = decodeResources(buffer).value ?? [];
    return { name: nameText(name), children: resources.map((each) => ({ name: resourceText(each), ...at })) };
  }
  const integer = integerOf(value);
  const id = IDS.has(segment) && integer !== undefined ? eisaIdText(integer) : undefined;
  return { name: nameText(name), value: id ?? constantText(value) ?? headText(value) };
}

/**
 * A decoded definition block (DSDT, SSDT) with its terms in the tree where the bytes `aml` stood, and what is wrong
 * with them among the findings; any other table as it is.
 *
 * @param bytes - of the table
 */
export function withAml<T>(table: DecodedTree<T>, bytes: Uint8Array): DecodedTree<T> {
  const { tree, findings } = table;
  const block = tree.children?.find(({ name }) => name === 'aml');
  if (block === undefined || block.children !== undefined) return table;
  const { offset, sizeBytes } = block;
  const decoded = decodeAml(bytes.subarray(offset, offset + sizeBytes));
  const node: TreeNode = { name: 'aml', offset, sizeBytes, children: amlTree(decoded, offset) };
  const moved = decoded.findings.map((finding) => ({ ...finding, offset: finding.offset + offset }));
  const all = [...findings, ...moved].sort((a, b) => a.offset - b.offset).slice(0, MAX_FINDINGS);
  const children = tree.children!.map((child) => (child === block ? node : child));
  return { ...table, tree: { ...tree, children }, findings: all };
}
