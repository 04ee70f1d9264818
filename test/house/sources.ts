import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The folder of the repository, also for a command that runs from where scripts/transpile.mjs puts its output. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\.cache[\\/]transpiled[\\/]$/, '');

/** A file of the repository, by its path from the root with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** Every file below a folder of the repository whose name ends in `ending`, sorted by path. */
export function filesBelow(folder: string, ending: string): Source[] {
  const top = join(ROOT, folder);
  if (!existsSync(top)) return [];
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .map((name) => join(top, name))
    .filter((path) => path.endsWith(ending) && !path.includes(`${sep}node_modules${sep}`) && statSync(path).isFile())
    .map((path) => ({ path: relative(ROOT, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The sources of the product: `src/` without its tests. */
export function productSources(): Source[] {
  return filesBelow('src', '.ts').filter((source) => !source.path.endsWith('.test.ts'));
}

/** The syntax tree of a source, with links to parents. */
export function parse(source: Source): ts.SourceFile {
  return ts.createSourceFile(source.path, source.text, ts.ScriptTarget.ES2022, true);
}

/** Calls `visit` for a node and everything below it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** `path:line` of a node, for messages. */
export function placeOf(file: ts.SourceFile, node: ts.Node): string {
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1}`;
}

/** One thing a file imports. */
export interface Import {
  readonly specifier: string;
  readonly place: string;
}

/** Everything a file imports, statically or dynamically, types included. */
export function importsOf(source: Source): Import[] {
  const file = parse(source);
  const found: Import[] = [];
  walk(file, (node) => {
    let specifier: ts.Node | undefined;
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) specifier = node.moduleSpecifier;
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      specifier = node.arguments[0];
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) specifier = node.argument.literal;
    if (specifier === undefined) return;
    const text = ts.isStringLiteralLike(specifier) ? specifier.text : `(computed) ${specifier.getText(file)}`;
    found.push({ specifier: text, place: placeOf(file, node) });
  });
  return found;
}
