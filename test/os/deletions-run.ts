/** Has tests and storms judge sources from which a line was deleted, some at a time, each in a process of its own. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { DELETION_FILES, type Deletion, deletionsOf, without } from './deletions.ts';

/** What became of one deletion. */
export interface DeletionVerdict {
  readonly deletion: Deletion;
  /** What noticed it; undefined when nothing did. */
  readonly noticed: string | undefined;
}

/** Processor time after which a process does not come to an end: many times what all tests take. */
const CPU_SECONDS_MAX = 240;
/** Tests that were written for lines which no other test noticed. */
const LINES = 'test/os/lines.test.ts';
const TEST_FOLDERS = ['test/os', 'test/support'];

function javascript(path: string, source: string): string {
  const { outputText } = ts.transpileModule(source, {
    fileName: path,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
      verbatimModuleSyntax: true,
    },
  });
  return outputText;
}
function sourcesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourcesBelow(root, path);
    const test = path.endsWith('.test.ts') && !path.startsWith('src/os/') && path !== LINES;
    return path.endsWith('.ts') && !test ? [path] : [];
  });
}

/** All deletions there are in a checkout. */
export function allDeletions(root: string): Deletion[] {
  return DELETION_FILES.flatMap((file) => deletionsOf(file, readFileSync(join(root, file), 'utf8')));
}

/** The checkout as JavaScript, with a vitest that stops at the first failure. */
function buildTree(root: string, into: string): void {
  for (const path of ['src', ...TEST_FOLDERS].flatMap((folder) => sourcesBelow(root, folder))) {
    const target = join(into, path.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    let text = javascript(path, readFileSync(join(root, path), 'utf8'));
    if (path.endsWith('.test.ts')) {
      const mini = path.startsWith('test/os') ? './mini-vitest.js' : '../../../test/os/mini-vitest.js';
      text = text.replace("'vitest'", `'${mini}'`);
    }
    writeFileSync(target, text);
  }
  writeFileSync(join(into, 'package.json'), '{ "type": "module" }\n');
}

function run(tree: string, file: string, storms: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    // Processor time, not the clock's: others may use the machine too.
    const limited = `ulimit -t ${CPU_SECONDS_MAX}; exec "$0" "$@"`;
    const program = [process.execPath, join(tree, 'test/os/detect.js'), file, String(storms)];
    const child = spawn('/bin/sh', ['-c', limited, ...program], { cwd: tree });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (more) => (out += String(more)));
    child.on('close', (_code, signal) => {
      const last = out.trim().split('\n').at(-1) ?? '';
      if (signal) resolve('it does not come to an end');
      else resolve(last === 'NOT NOTICED' ? undefined : last);
    });
  });
}

/**
 * Judges deletions.
 *
 * @param jobs - processes at a time
 * @param hear - is told of each as it is known
 */
export async function judgeDeletions(
  root: string,
  deletions: readonly Deletion[],
  { jobs, storms }: { readonly jobs: number; readonly storms: number },
  hear: (verdict: DeletionVerdict) => void = () => {},
): Promise<DeletionVerdict[]> {
  const work = mkdtempSync(join(tmpdir(), 'unmaskable-deletions-'));
  try {
    const first = join(work, '0');
    buildTree(root, first);
    const waiting = [...deletions.entries()];
    const verdicts: DeletionVerdict[] = [];
    const worker = async (n: number): Promise<void> => {
      const tree = join(work, String(n));
      symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [index, deletion] = next;
        const target = join(tree, deletion.file.replace(/\.ts$/, '.js'));
        const source = readFileSync(join(root, deletion.file), 'utf8');
        writeFileSync(target, javascript(deletion.file, without(source, deletion)));
        const verdict = { deletion, noticed: await run(tree, deletion.file, storms) };
        writeFileSync(target, javascript(deletion.file, source));
        verdicts[index] = verdict;
        hear(verdict);
      }
    };
    const workers = Array.from({ length: Math.min(jobs, deletions.length) }, (_, n) => n);
    // The copies are made before the first tree is changed.
    for (const n of workers.slice(1)) cpSync(first, join(work, String(n)), { recursive: true });
    await Promise.all(workers.map(worker));
    return verdicts;
  } finally {
    rmSync(work, { recursive: true });
  }
}
