import ts from 'typescript';
import { productSources, type Source } from '../house/sources.ts';
import { constants } from './comments.ts';
import { code, page, table } from './markdown.ts';

/** A named maximum or minimum of the sources. */
export interface Limit {
  readonly name: string;
  readonly path: string;
  /** Undefined when it follows from something that is no number by itself. */
  readonly value: bigint | undefined;
  readonly expression: string;
  readonly reason: string;
}

/** How a limit is named. */
const LIMIT_NAME = /(^|_)(MAX|MIN|CAPACITY|DEPTH|STEP)(_|$)/;

/** Constants with such a name that limit nothing. */
const NO_LIMITS: Readonly<Record<string, string>> = {
  F_SIZE_MAX: 'the number of a feature bit',
  F_SEG_MAX: 'the number of a feature bit',
  U64_MAX: 'a property of 64 bits',
  DECIMAL_MAX: 'how numbers are printed',
};

const MEMO = new Map<string, bigint | undefined>();
const binary: Partial<Record<ts.SyntaxKind, (a: bigint, b: bigint) => bigint>> = {
  [ts.SyntaxKind.PlusToken]: (a, b) => a + b,
  [ts.SyntaxKind.MinusToken]: (a, b) => a - b,
  [ts.SyntaxKind.AsteriskToken]: (a, b) => a * b,
  [ts.SyntaxKind.AsteriskAsteriskToken]: (a, b) => a ** b,
  [ts.SyntaxKind.LessThanLessThanToken]: (a, b) => a << b,
};

/** The whole number an expression of constants stands for. */
function evaluate(node: ts.Expression, path: string, sources: ReadonlyMap<string, Source>): bigint | undefined {
  if (ts.isNumericLiteral(node)) return BigInt(node.text);
  if (ts.isBigIntLiteral(node)) return BigInt(node.text.replace(/n$/, ''));
  if (ts.isParenthesizedExpression(node)) return evaluate(node.expression, path, sources);
  if (ts.isIdentifier(node)) return constantOf(node.text, path, sources);
  if (!ts.isBinaryExpression(node)) return undefined;
  const [left, right] = [node.left, node.right].map((side) => evaluate(side, path, sources));
  const operation = binary[node.operatorToken.kind];
  return left === undefined || right === undefined ? undefined : operation?.(left, right);
}

/** The value of a constant of a source, or of one that it imports. */
function constantOf(name: string, path: string, sources: ReadonlyMap<string, Source>): bigint | undefined {
  const key = `${path}:${name}`;
  if (MEMO.has(key)) return MEMO.get(key);
  MEMO.set(key, undefined);
  const source = sources.get(path);
  const found = source && constants(source).find((constant) => constant.name === name);
  const value = found ? evaluate(found.value, path, sources) : imported(name, path, sources);
  MEMO.set(key, value);
  return value;
}

function imported(name: string, path: string, sources: ReadonlyMap<string, Source>): bigint | undefined {
  const text = sources.get(path)?.text ?? '';
  for (const [, names, from] of text.matchAll(/import \{([^}]*)\} from '(\.[^']*)'/g)) {
    const isHere = names!.split(',').some((one) => one.trim() === name);
    if (isHere) return constantOf(name, new URL(from!, `file:///${path}`).pathname.slice(1), sources);
  }
  return undefined;
}

/** Every named limit of the product, by file. */
export function limits(): Limit[] {
  const sources = new Map(productSources().map((source) => [source.path, source]));
  return [...sources.values()].flatMap((source) =>
    constants(source)
      .filter(({ name }) => LIMIT_NAME.test(name) && NO_LIMITS[name] === undefined)
      .map(({ name, file, value, doc }) => ({
        name,
        path: source.path,
        value: evaluate(value, source.path, sources),
        expression: value.getText(file),
        reason: doc,
      })),
  );
}

const KIB = 1024n;

/** A number, and in units when it is a round number of bytes. */
function shown({ name, value, expression }: Limit): string {
  if (value === undefined) return code(expression.replace(/\s+/g, ' '));
  const decimal = value.toString().replace(/\B(?=(\d{3})+$)/g, ',');
  const units: readonly (readonly [bigint, string])[] = [
    [KIB ** 3n, 'GiB'],
    [KIB ** 2n, 'MiB'],
    [KIB, 'KiB'],
  ];
  const unit = /BYTES/.test(name) ? units.find(([bytes]) => value >= bytes && value % bytes === 0n) : undefined;
  return unit === undefined ? decimal : `${decimal} (${value / unit[0]} ${unit[1]})`;
}

/** `docs/reference/limits.md`. */
export function limitsPage(): string {
  const lead = [
    'Every named limit of the sources: of options, of what a guest can make the machine keep or do at one boundary, of',
    'what the engine keeps, and of files and text. What the architecture limits is not here.',
  ].join('\n');
  const byFloor = new Map<string, Limit[]>();
  for (const limit of limits()) {
    const floor = limit.path.split('/').slice(0, 2).join('/');
    byFloor.set(floor, [...(byFloor.get(floor) ?? []), limit]);
  }
  const heads = ['limit', 'value', 'where', 'what and why'];
  const row = (limit: Limit): string[] => [limit.name, shown(limit), code(limit.path), limit.reason];
  return page(
    'Limits',
    lead,
    [...byFloor].map(([floor, list]) => `## ${code(floor)}\n\n${table(heads, list.map(row))}`),
  );
}
