import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import type { ConformanceCase } from '../../src/conformance/case.ts';
import { resultLine } from '../../src/conformance/report.ts';
import { type Implementation, runCase } from '../../src/conformance/runner.ts';
import { CASES, ownDispatcher } from '../../src/conformance/suite.ts';
import type { SdeiProfile } from '../../src/firmware/sdei/choices.ts';
import type { SdeiDispatcher } from '../../src/firmware/sdei/dispatcher.ts';
import type { SdeiHost } from '../../src/firmware/sdei/host.ts';
import type { handlerPstate } from '../../src/firmware/sdei/pstate.ts';
import type { Machine } from '../../src/machine/machine.ts';
import type { Mutant } from './mutants.ts';

const FOLDER = 'src/firmware/sdei';

/** Modules that a dispatcher is made of, with those of `src/arch` that they use; found by following imports. */
function closureOf(root: string, path: string, found = new Map<string, string>()): Map<string, string> {
  if (found.has(path)) return found;
  const text = readFileSync(join(root, path), 'utf8');
  found.set(path, text);
  for (const [, specifier] of text.matchAll(/^(?:import|export) (?!type )[^;]*? from '(\.[^']*)'/gms))
    closureOf(root, join(dirname(path), specifier!), found);
  return found;
}

/** Dispatchers with one mistake each, made of the sources of this checkout in a folder that goes away at the end. */
export class MutantDispatchers {
  private readonly folder = mkdtempSync(join(tmpdir(), 'unmaskable-mutants-'));
  private readonly sources: ReadonlyMap<string, string>;
  private readonly scripts: ReadonlyMap<string, string>;
  private made = 0;

  /** @param root - the checkout */
  constructor(root: string) {
    const found = closureOf(root, `${FOLDER}/dispatcher.ts`);
    this.sources = closureOf(root, `${FOLDER}/pstate.ts`, found);
    this.scripts = new Map([...this.sources].map(([path, text]) => [path, javascript(text)]));
    writeFileSync(join(this.folder, 'package.json'), '{ "type": "module" }');
  }
  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /**
   * The implementation with a mistake, until the next is asked for.
   *
   * @throws Error when the text is not there exactly once: the dispatcher changed, and the mutant must follow
   */
  async implementation(mutant: Mutant): Promise<Implementation> {
    const tree = join(this.folder, `${this.made++}`);
    const changed = `${FOLDER}/${mutant.file}.ts`;
    const mutated = javascript(mutate(this.sources.get(changed)!, mutant));
    for (const [path, script] of this.scripts) {
      const target = join(tree, path.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, path === changed ? mutated : script);
    }
    const load = (name: string) => import(/* @vite-ignore */ pathToFileURL(join(tree, FOLDER, `${name}.js`)).href);
    const made = (await load('dispatcher')) as { SdeiDispatcher: typeof SdeiDispatcher };
    const pstate = (await load('pstate')) as { handlerPstate: typeof handlerPstate };
    const one = PREPARED[mutant.profile ?? 'spec'];
    one.prepare = (machine) => replace(machine, made.SdeiDispatcher, pstate.handlerPstate);
    return one;
  }
}

/** One for all mutants of a profile, so that they share machines; what is asked for last is in it. */
const PREPARED: Record<SdeiProfile, { -readonly [K in keyof Implementation]: Implementation[K] }> = {
  spec: ownDispatcher({ profile: 'spec' }),
  'tf-a': ownDispatcher({ profile: 'tf-a' }),
};

function mutate(text: string, { find, replace: by, file }: Mutant): string {
  if (text.split(find).length !== 2) throw new Error(`${file}.ts: not there exactly once: ${find}`);
  return text.replace(find, () => by);
}

function javascript(text: string): string {
  return ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
      verbatimModuleSyntax: true,
    },
  }).outputText;
}

/** The dispatcher of a machine at its start becomes one of another class; whoever knows it knows it still. */
function replace(machine: Machine, made: typeof SdeiDispatcher, pstate: typeof handlerPstate): void {
  const dispatcher = machine.sdei.dispatcher!;
  const { clientEl } = dispatcher.host;
  const host: SdeiHost = {
    ...dispatcher.host,
    handlerPstate: (pe, interrupted) =>
      pstate(interrupted, {
        clientEl,
        features: machine.options.profile.features,
        sctlr: machine.readRegister(pe, `SCTLR_EL${clientEl}`),
        hostRegime: false,
      }),
  };
  Object.setPrototypeOf(dispatcher, made.prototype);
  Object.assign(dispatcher, new made(host, dispatcher.config));
}

/** Why a case fails, or undefined when it does not; a fault of the dispatcher itself counts. */
export function failureOf(c: ConformanceCase, implementation: Implementation): string | undefined {
  try {
    const result = runCase(c, implementation);
    return result.status === 'FAIL' ? resultLine(result) : undefined;
  } catch (error) {
    return `${c.name}: ${(error as Error).message}`;
  }
}

/** The case that a mutant names. @throws Error when it names none, or several */
export function caseOf({ fails }: Mutant): ConformanceCase {
  const found = CASES.filter(({ name }) => name.startsWith(fails));
  const [one] = found.filter(({ name }) => name === fails).concat(found);
  if (one && (found.length === 1 || one.name === fails)) return one;
  throw new Error(`'${fails}': ${found.length} cases begin so; one must`);
}
