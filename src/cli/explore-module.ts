/** Scenarios of `unmaskable explore` that are modules, in JavaScript or TypeScript. */
import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { basename, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Symbols } from '../debug/symbols/symbols.ts';
import type { HostedProgram } from '../engine/hosted/program.ts';
import type { ScenarioModule } from '../explore/scenario.ts';
import type { ExploreOptions } from '../explore/types.ts';
import { Machine } from '../machine/machine.ts';
import type { MachineOptions } from '../machine/options.ts';
import { isUserError, messageOf, UsageError } from './errors.ts';
import type { Scenario, ScenarioChoice } from './explore-scenario.ts';

const wrong = (path: string, what: string): UsageError => new UsageError('E_SCENARIO', `${path}: ${what}`);

class ModuleScenario implements Scenario {
  readonly path: string;
  readonly variant: string | undefined;
  readonly title: string;
  readonly sha256: string;
  private readonly module: ScenarioModule;

  constructor({ path, variant }: ScenarioChoice, source: Uint8Array, module: ScenarioModule) {
    this.path = path;
    this.variant = variant;
    this.module = module;
    this.title = `${module.title ?? path}${variant === undefined ? '' : `: ${variant}`}`;
    this.sha256 = createHash('sha256')
      .update(source)
      .update(variant ?? '')
      .digest('hex');
  }

  /** What code of the scenario threw, with its place there. */
  private thrown(what: string, error: unknown): unknown {
    if (isUserError(error)) return error;
    const frames = error instanceof Error ? (error.stack ?? '').split('\n') : [];
    const frame = frames.find((line) => line.includes(basename(this.path)));
    const at = /:(\d+):\d+\)?$/.exec(frame ?? '')?.[1];
    return wrong(at === undefined ? this.path : `${this.path}:${at}`, `${what}() throws: ${messageOf(error)}`);
  }

  async create(engine: MachineOptions['engine']): Promise<Machine> {
    let machine: unknown;
    try {
      machine = await this.module.create({ variant: this.variant, engine });
    } catch (error) {
      throw this.thrown('create', error);
    }
    if (machine instanceof Machine) return machine;
    throw wrong(this.path, 'create() gives no Machine of this unmaskable. Import it from the one that runs.');
  }
  async hosted(): Promise<HostedProgram | undefined> {
    return (await this.create(undefined)).hosted?.program;
  }
  prepare(machine: Machine): void {
    try {
      this.module.prepare?.(machine);
    } catch (error) {
      throw this.thrown('prepare', error);
    }
  }
  symbols(machine: Machine): Symbols {
    return new Symbols(machine);
  }
  options(machine: Machine): ExploreOptions {
    const { options } = this.module;
    if (typeof options !== 'function') return options;
    try {
      return options(machine, this.variant);
    } catch (error) {
      throw this.thrown('options', error);
    }
  }
}

// --- importing ---

/** A file of the package `typescript`: beside the scenario, where the command was started, beside this program. */
function findTypescript(scenario: string): string | undefined {
  for (const from of [resolve(scenario), join(process.cwd(), 'here'), import.meta.url]) {
    try {
      return createRequire(from).resolve('typescript');
    } catch {
      // Not there.
    }
  }
  return undefined;
}

/** What the build made of a scenario of this package; undefined for any other. */
function builtOf(path: string): string | undefined {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const inside = relative(join(root, 'scenarios'), realpathSync(path));
  const built = join(root, 'dist', 'scenarios', inside.replace(/\.ts$/, '.js'));
  return inside.startsWith('..') || isAbsolute(inside) || !existsSync(built) ? undefined : built;
}

/**
 * The file that is imported for a scenario, and who reads it when it is in TypeScript; nobody: Node itself.
 *
 * @throws UsageError `E_SCENARIO` when nobody here can
 */
function readerOf(path: string): { readonly file: string; readonly typescript?: string } {
  const { typescript: native } = process.features as { typescript?: string | false };
  // Node does so itself from 22.18 on, but not for what lies in node_modules.
  if (!/\.m?ts$/.test(path) || (native && !/[\\/]node_modules[\\/]/.test(resolve(path)))) return { file: path };
  const typescript = findTypescript(path);
  if (typescript !== undefined) return { file: path, typescript };
  const built = builtOf(path);
  if (built !== undefined) return { file: built };
  const where = native ? ' in node_modules' : '';
  const why = `Node ${process.version} runs no TypeScript${where}, and no package 'typescript' is installed here`;
  throw wrong(path, `${why}. Run npm install --save-dev typescript, use Node 22.18 or later, or compile it to .mjs.`);
}

/** This thread has the hooks. */
let hooked = false;

/** @returns the file to import */
function hook(path: string): string {
  const { file, typescript } = readerOf(path);
  // Tests import sources, which their runner understands.
  if (hooked || import.meta.url.endsWith('.ts')) return file;
  register(new URL('./module-hooks.js', import.meta.url), { data: { typescript } });
  hooked = true;
  return file;
}

async function importModule(path: string): Promise<ScenarioModule> {
  const file = hook(path);
  let loaded: { readonly default?: unknown };
  try {
    loaded = (await import(pathToFileURL(resolve(file)).href)) as typeof loaded;
  } catch (error) {
    throw wrong(path, `cannot be imported: ${messageOf(error)}`);
  }
  const module = loaded.default as Partial<ScenarioModule> | undefined;
  if (typeof module?.create !== 'function' || module.options === undefined)
    throw wrong(path, 'export default { create: () => machine, options: { window, events, ... } }.');
  return module as ScenarioModule;
}

/** A scenario that is a module. @throws UsageError `E_SCENARIO` */
export async function openModule(choice: ScenarioChoice, source: Uint8Array): Promise<Scenario> {
  const { path, variant } = choice;
  const module = await importModule(path);
  const { variants = [] } = module;
  if (variant === undefined || variants.includes(variant)) return new ModuleScenario(choice, source, module);
  const known = variants.length === 0 ? 'It has none.' : `It has: ${variants.join(', ')}.`;
  throw wrong(path, `--variant ${variant}: there is no such variant. ${known}`);
}
