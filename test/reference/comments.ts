import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { parse, ROOT, type Source } from '../house/sources.ts';

/** A source of the repository by its path. */
export const sourceAt = (path: string): Source => ({ path, text: readFileSync(join(ROOT, path), 'utf8') });

/** Text of a block comment or of line comments, without their marks; paragraphs stay apart. */
function plain(comment: string): string {
  const lines = comment
    .replace(/^\/\*\*?/, '')
    .replace(/\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*(\*|\/\/)? ?/, '').trimEnd());
  return lines
    .join('\n')
    .replace(/\{@link (\w+)\}/g, '$1')
    .trim();
}

/** What stands directly before a statement, as text; empty when nothing does. */
export function commentBefore(file: ts.SourceFile, node: ts.Node): string {
  const comment = (ts.getLeadingCommentRanges(file.text, node.getFullStart()) ?? []).at(-1);
  return comment === undefined ? '' : plain(file.text.slice(comment.pos, comment.end));
}

/** Every block comment of a source, in order. */
export function blockComments(source: Source): string[] {
  return [...source.text.matchAll(/\/\*\*?[\s\S]*?\*\//g)].map(([comment]) => plain(comment));
}

/** The sentences of a comment from "Not modelled:" to the full stop before something else or the end of a paragraph. */
export function notModelled(source: Source): string | undefined {
  for (const comment of blockComments(source)) {
    const found = /Not modelled: ([\s\S]*?)(?:\n\n|\n@|$)/.exec(comment);
    if (found) return found[1]!.replace(/\s+/g, ' ').trim();
  }
  return undefined;
}

/** The constants at the top level of a source, exported or not. */
export function constants(source: Source): { name: string; file: ts.SourceFile; value: ts.Expression; doc: string }[] {
  const file = parse(source);
  return file.statements
    .filter(ts.isVariableStatement)
    .flatMap((statement) =>
      statement.declarationList.declarations.flatMap((declaration) =>
        ts.isIdentifier(declaration.name) && declaration.initializer
          ? [{ name: declaration.name.text, file, value: declaration.initializer, doc: commentBefore(file, statement) }]
          : [],
      ),
    );
}
