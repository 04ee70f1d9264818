/** A kernel log for printing. Offsets are those of the lines in the text. */
import type { TreeNode } from '../../tree-node.ts';
import { sectionTypeName } from '../guid.ts';
import { showBytes } from '../layout.ts';
import { ARM_CONTEXT_TYPES, armContextRegisters } from '../sections/arm-context.ts';
import { type DescribeOptions, describeSection } from '../sections.ts';
import type { KernelLog, LogEvent, LogField, LogPart, LogReport, LogSection } from './types.ts';

/** Where the nodes of one report or event say that they are. */
interface Place {
  readonly offset: number;
  readonly sizeBytes: number;
}

const node = (place: Place, name: string, value?: string, children: TreeNode[] = []): TreeNode => {
  const made: TreeNode = { name: name, offset: place.offset, sizeBytes: place.sizeBytes };
  if (value !== undefined) made.value = value;
  if (children.length > 0) made.children = children;
  return made;
};

const fieldNodes = (place: Place, fields: readonly LogField[]): TreeNode[] =>
  fields.map(({ name, value }) => node(place, name, value));

const statementNodes = (place: Place, statements: readonly string[]): TreeNode[] =>
  statements.map((text) => node(place, 'note', text));

const dumpNodes = (place: Place, dump: readonly number[]): TreeNode[] =>
  dump.length === 0 ? [] : [node(place, 'dump', showBytes(Uint8Array.from(dump)))];

/** The kernel's names of context types are ours but for the last. */
function contextType(fields: readonly LogField[]): number {
  const name = fields.find((field) => field.name === 'register context type')?.value.toLowerCase();
  if (name?.startsWith('misc')) return ARM_CONTEXT_TYPES.length - 1;
  return ARM_CONTEXT_TYPES.findIndex((type) => type.name.toLowerCase() === name);
}

function registerNodes(place: Place, { fields, dump }: LogPart): TreeNode[] {
  const registerContextType = contextType(fields);
  if (registerContextType < 0 || dump.length === 0) return dumpNodes(place, dump);
  const registers = armContextRegisters({ version: 0, registerContextType, registers: Uint8Array.from(dump) });
  return registers.map(({ name, value, sizeBytes }) =>
    node(place, name, `0x${value.toString(16).padStart(sizeBytes * 2, '0')}`),
  );
}

function sectionNode(place: Place, section: LogSection, options: DescribeOptions): TreeNode {
  const { index, severity, type, typeGuid, fields, statements, parts, dump, decoded } = section;
  const known = typeGuid === undefined ? undefined : sectionTypeName(typeGuid);
  const name = known ?? type;
  const children = [
    ...(typeGuid === undefined ? [] : [node(place, 'section type', typeGuid)]),
    ...fieldNodes(place, fields),
    ...statementNodes(place, statements),
    ...parts.map((part) =>
      node(place, part.title, undefined, [
        ...fieldNodes(place, part.fields),
        ...statementNodes(place, part.statements),
        ...registerNodes(place, part),
      ]),
    ),
    ...(decoded === undefined ? dumpNodes(place, dump) : describeSection(decoded, 0, options)),
  ];
  return node(place, `Error ${index}`, name === undefined ? severity : `${name}, ${severity}`, children);
}

const linesText = ({ lineFirst, lineLast }: LogReport): string =>
  lineFirst === lineLast ? String(lineFirst) : `${lineFirst} to ${lineLast}`;

function reportNode(report: LogReport, options: DescribeOptions): TreeNode {
  const place = { offset: report.offset, sizeBytes: report.endOffset - report.offset };
  const { origin, sequence, sourceId, time, severity, corrected } = report;
  const number = sequence === undefined ? '' : ` {${sequence}}`;
  const source = sourceId === undefined ? '' : `, source ${sourceId}`;
  const title = origin === 'other' ? 'Hardware error' : `${origin} report${number}${source}`;
  const children = [
    node(place, 'lines', linesText(report)),
    ...(time === undefined ? [] : [node(place, 'time', time)]),
    ...(corrected ? [node(place, 'note', 'corrected by hardware, requires no further action')] : []),
    ...fieldNodes(place, report.fields),
    ...statementNodes(place, report.statements),
    ...report.sections.map((section) => sectionNode(place, section, options)),
  ];
  return node(place, title, severity, children);
}

function eventNode(event: LogEvent): TreeNode {
  const { kind, time, fields, text, lineFirst, offset, endOffset } = event;
  const place = { offset, sizeBytes: endOffset - offset };
  const children = [
    node(place, 'line', String(lineFirst)),
    ...(time === undefined ? [] : [node(place, 'time', time)]),
    ...fieldNodes(place, fields),
  ];
  const plain = text.startsWith(`${kind}: `) ? text.slice(kind.length + 2) : text;
  return node(place, kind, plain, children);
}

/** The reports and events of a log, in order of lines. */
export function describeKernelLog(log: KernelLog, options: DescribeOptions = {}): TreeNode {
  const children = log.items.map((item) => (item.item === 'report' ? reportNode(item, options) : eventNode(item)));
  const reports = log.items.filter(({ item }) => item === 'report').length;
  const value = `${reports} report${reports === 1 ? '' : 's'} in ${log.lines} lines`;
  return { name: 'Kernel log', value, offset: 0, sizeBytes: log.sizeBytes, children };
}
