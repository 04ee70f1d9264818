import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { filesBelow, parse, placeOf, productSources, type Source, walk } from './sources.ts';

const LINE_CHARS_MAX = 120;
const FUNCTION_LINES_MAX = 80;
const FILE_LINES_MAX = 420;

/** Files that are longer for a reason, by path. */
const LONG_FILES: Readonly<Record<string, string>> = {};

/** A file with this share of its lines in constants at the top level is a table, and may be longer. */
const TABLE_SHARE = 0.7;

/** What the floors below the command must not use, and what they use instead. */
const BANNED: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/^Date$/, 'virtual time'],
  [/^performance$/, 'virtual time'],
  [/^Math\.random$/, 'a seed given as an option'],
  [/^(crypto|globalThis\.crypto)$/, 'a seed given as an option'],
  [/^(setTimeout|setInterval|setImmediate|queueMicrotask|requestAnimationFrame)$/, 'the event queue'],
  [/^console$/, 'a report interface'],
  [/^(process|Buffer|require|__dirname|__filename)$/, 'nothing of Node: Uint8Array, DataView, options'],
  [/^(window|document|navigator|localStorage|fetch|Worker)$/, 'nothing of the DOM'],
  [/^(eval|Function|WeakRef|FinalizationRegistry)$/, 'something that runs the same everywhere'],
  [/^Intl$/, 'output that is the same in every locale'],
  [/\.(toLocaleString|localeCompare|toLocaleUpperCase|toLocaleLowerCase)$/, 'output that is the same in every locale'],
  [
    /^Math\.(sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|exp|expm1|log|log1p|log10|cbrt|hypot)$/,
    'exact arithmetic: its last bit is left to the JavaScript engine',
  ],
];

/** Lines that no formatter can break: nothing but one string or one pattern, and the first line of a test. */
const UNBREAKABLE: readonly RegExp[] = [
  /^\s*(?:\w+: |return |: |\? |\+ )?(?:'[^']*'|"[^"]*"|`[^`]*`)(?: \+|[,;])?$/,
  /^\s*(?:\w+: )?\/.*\/[a-z]*[,;]?$/,
  /^\s*(?:it|describe)\((?:'[^']*'|"[^"]*"|`[^`]*`), (?:async )?\(.*\) => \{$/,
];

/** Words that belong to a workshop and not to the product. */
const WORKSHOP = /\/(?:work|tmp|root|home)\/[a-z]/;

/** The name by which a banned thing is used at `node`, or undefined when it is only a property, type or label. */
function usedName(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) {
    const left = ts.isIdentifier(node.expression) ? node.expression.text : '';
    return `${left}.${node.name.text}`;
  }
  if (!ts.isIdentifier(node)) return undefined;
  const parent = node.parent;
  const isName = 'name' in parent && parent.name === node;
  const isPropertyKey = ts.isPropertyAccessExpression(parent) && parent.name === node;
  const isType = ts.isTypeReferenceNode(parent) || ts.isQualifiedName(parent);
  const isPartOfSpecifier = ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent);
  return isName || isPropertyKey || isType || isPartOfSpecifier ? undefined : node.text;
}

/** Names a file declares itself (a variable called `document` is not the DOM's). */
function declaredNames(file: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  walk(file, (node) => {
    const declares =
      ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node) || ts.isImportSpecifier(node);
    if ((declares || ts.isFunctionDeclaration(node)) && node.name && ts.isIdentifier(node.name))
      names.add(node.name.text);
  });
  return names;
}

function bannedUses(source: Source): string[] {
  const file = parse(source);
  const own = declaredNames(file);
  const found: string[] = [];
  walk(file, (node) => {
    const name = usedName(node);
    if (name === undefined) return;
    const isOwn = own.has(name.split('.')[0]);
    for (const [pattern, instead] of BANNED) {
      const isMethod = pattern.source.startsWith('\\.');
      if (pattern.test(name) && (isMethod || !isOwn)) found.push(`${placeOf(file, node)}: ${name}; use ${instead}`);
    }
  });
  return found;
}

function longFunctions(source: Source): string[] {
  const file = parse(source);
  const lineOf = (position: number): number => file.getLineAndCharacterOfPosition(position).line;
  const found: string[] = [];
  walk(file, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const lines = lineOf(node.end) - lineOf(node.getStart(file)) + 1;
    if (lines > FUNCTION_LINES_MAX) found.push(`${placeOf(file, node)}: a function of ${lines} lines`);
  });
  return found;
}

/** Lines of a file that lie neither in a function nor in a class: rows of tables, types, imports. */
function tableLines(source: Source): number {
  const file = parse(source);
  const lineOf = (position: number): number => file.getLineAndCharacterOfPosition(position).line;
  let lines = 0;
  for (const statement of file.statements) {
    if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) continue;
    lines += lineOf(statement.end) - lineOf(statement.getFullStart()) + 1;
  }
  return lines;
}

/** Exported declarations of a file without a docstring. */
function undocumented(source: Source): string[] {
  const file = parse(source);
  const found: string[] = [];
  for (const statement of file.statements) {
    if (!ts.canHaveModifiers(statement)) continue;
    const exported = ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword);
    if (!exported || hasDocstring(file, statement)) continue;
    const name = statement.getText(file).split('\n')[0];
    found.push(`${placeOf(file, statement)}: no docstring: ${name.slice(0, 60)}`);
  }
  return found;
}

/** True when the comment directly before a statement is a docstring; an overload shares that of its first signature. */
function hasDocstring(file: ts.SourceFile, statement: ts.Statement): boolean {
  const comments = ts.getLeadingCommentRanges(file.text, statement.getFullStart()) ?? [];
  if (comments.some((comment) => file.text.startsWith('/**', comment.pos))) return true;
  const before = file.statements[file.statements.indexOf(statement) - 1];
  const sameName =
    before !== undefined &&
    ts.isFunctionDeclaration(before) &&
    ts.isFunctionDeclaration(statement) &&
    before.body === undefined &&
    before.name?.text === statement.name?.text;
  return sameName && hasDocstring(file, before);
}

const own = (): Source[] => [...filesBelow('src', '.ts'), ...filesBelow('test', '.ts')];
const core = (): Source[] => productSources().filter((source) => !source.path.startsWith('src/cli/'));

describe('the style of our own sources', () => {
  it(`no line is longer than ${LINE_CHARS_MAX} characters`, () => {
    const found = own().flatMap((source) =>
      source.text
        .split('\n')
        .flatMap((line, i) =>
          line.length > LINE_CHARS_MAX && !UNBREAKABLE.some((pattern) => pattern.test(line))
            ? `${source.path}:${i + 1}: ${line.length} characters`
            : [],
        ),
    );
    expect(found).toEqual([]);
  });

  it(`no function is longer than ${FUNCTION_LINES_MAX} lines`, () => {
    expect(productSources().flatMap(longFunctions)).toEqual([]);
  });

  it(`no file is longer than ${FILE_LINES_MAX} lines, except tables`, () => {
    const found = productSources().flatMap((source) => {
      const lines = source.text.split('\n').length;
      const long =
        lines > FILE_LINES_MAX && LONG_FILES[source.path] === undefined && tableLines(source) < TABLE_SHARE * lines;
      return long ? `${source.path}: ${lines} lines` : [];
    });
    expect(found).toEqual([]);
  });

  it('every export has a docstring', () => expect(productSources().flatMap(undocumented)).toEqual([]));

  it('the core uses no clock, no randomness, no host, and nothing that differs between hosts', () => {
    expect(core().flatMap(bannedUses)).toEqual([]);
  });

  it('no source names a folder of the machine it was written on', () => {
    const found = [...productSources(), ...filesBelow('docs', '.md')].flatMap((source) =>
      source.text
        .split('\n')
        .flatMap((line, i) => (WORKSHOP.test(line) ? `${source.path}:${i + 1}: ${line.trim()}` : [])),
    );
    expect(found).toEqual([]);
  });

  it.each([
    ['const t = Date.now();', /Date; use virtual time/],
    ['const t = new Date();', /Date; use virtual time/],
    ['const r = Math.random();', /Math\.random; use a seed/],
    ['const f = Math.exp(1);', /Math\.exp; use exact arithmetic/],
    ['const b = Buffer.from([]);', /Buffer; use nothing of Node/],
    ['names.sort((a, b) => a.localeCompare(b));', /localeCompare; use output that is the same/],
  ])('would notice %s', (text, message) => {
    expect(bannedUses({ path: 'src/cpu/a.ts', text }).join()).toMatch(message);
  });

  it.each([
    'const document = 1; export const x = document;',
    'export const x = { process: 1, Date: 2 };',
    'export const x = (tree: Tree) => tree.document;',
    'export const x = Math.floor(1.5) + Math.sqrt(2);',
  ])('does not mind %s', (text) => {
    expect(bannedUses({ path: 'src/cpu/a.ts', text })).toEqual([]);
  });

  it('would notice a long function, a long file that is no table, and an export without a docstring', () => {
    const body = '\n  f();'.repeat(FUNCTION_LINES_MAX);
    const text = `export function f(): void {${body}\n}\n`;
    expect(longFunctions({ path: 'src/cpu/a.ts', text })).toHaveLength(1);
    expect(undocumented({ path: 'src/cpu/a.ts', text })).toHaveLength(1);
    expect(undocumented({ path: 'src/cpu/a.ts', text: `/** F. */\n${text}` })).toEqual([]);
    expect(tableLines({ path: 'src/cpu/a.ts', text })).toBe(0);
  });
});
