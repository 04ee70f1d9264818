/**
 * Runs in Node's thread for module hooks: `unmaskable` means the package that runs, wherever a scenario lies, and
 * TypeScript is read by the package `typescript`, without looking at types.
 */
import { readFileSync } from 'node:fs';
import { createRequire, type LoadHook, type ResolveHook } from 'node:module';
import { fileURLToPath } from 'node:url';
import type typescript from 'typescript';

let ts: typeof typescript | undefined;

/** @param data.typescript - a file of the package, if this is to read TypeScript */
export function initialize(data: { readonly typescript: string | undefined }): void {
  if (data.typescript !== undefined) ts = createRequire(import.meta.url)(data.typescript) as typeof typescript;
}

/** A module hook of Node, "resolve". */
export const resolve: ResolveHook = (specifier, context, nextResolve) =>
  /^unmaskable(\/|$)/.test(specifier)
    ? nextResolve(specifier, { ...context, parentURL: import.meta.url })
    : nextResolve(specifier, context);

/** A module hook of Node, "load". */
export const load: LoadHook = async (url, context, nextLoad) => {
  if (!ts || !/^file:.*\.m?ts$/.test(url)) return nextLoad(url, context);
  const fileName = fileURLToPath(url);
  const { outputText, diagnostics = [] } = ts.transpileModule(readFileSync(fileName, 'utf8'), {
    fileName,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
    },
  });
  const [first] = diagnostics;
  if (first) {
    const line = first.file?.getLineAndCharacterOfPosition(first.start ?? 0).line ?? 0;
    throw new SyntaxError(`${fileName}:${line + 1}: ${ts.flattenDiagnosticMessageText(first.messageText, ' ')}`);
  }
  return { format: 'module', source: outputText, shortCircuit: true };
};
