// TypeScript sources as modules that this Node can import, for commands that belong to the tests.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { ROOT } from './checkout.mjs';

const OUTPUT = join(ROOT, '.cache', 'transpiled');

function sourcesBelow(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourcesBelow(path);
    return path.endsWith('.ts') && !path.endsWith('.test.ts') ? [path] : [];
  });
}

function transpile(path) {
  const source = join(ROOT, path);
  const target = join(OUTPUT, path.replace(/\.ts$/, '.js'));
  if (existsSync(target) && statSync(target).mtimeMs > statSync(source).mtimeMs) return;
  const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), {
    fileName: source,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
      verbatimModuleSyntax: true,
    },
  });
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, outputText);
}

/** Imports a module of this checkout by its path, e.g. `test/differential/command.ts`; types are not checked. */
export async function importTypeScript(path) {
  for (const source of ['src', 'test'].flatMap(sourcesBelow)) transpile(source);
  writeFileSync(join(OUTPUT, 'package.json'), '{ "type": "module" }\n');
  return import(pathToFileURL(join(OUTPUT, path.replace(/\.ts$/, '.js'))).href);
}
