import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Import, importsOf, productSources, type Source } from './sources.ts';

/** The floors of the house (docs/architecture.md): each may import itself and those before it. */
const LAYERS = [
  'arch',
  'ir',
  'isa',
  'engine',
  'cpu',
  'devices',
  'tables',
  'firmware',
  'os',
  'machine',
  'debug',
  'explore',
  'conformance',
  'experiments',
  'cli',
] as const;

/** The only floor that knows the process it runs in. */
const HOST_LAYER = 'cli';

/** The public API stands on every floor but the command. */
const API: readonly string[] = ['src/index.ts', 'src/hosted.ts', 'src/tables.ts'];

function layerOf(path: string): string {
  return API.includes(path) ? 'index' : path.split('/')[1];
}

/** What is wrong with an import of a file, or undefined. */
function fault(from: string, { specifier, place }: Import): string | undefined {
  const layer = layerOf(from);
  if (!specifier.startsWith('.')) {
    return layer === HOST_LAYER
      ? undefined
      : `${place}: imports '${specifier}'; only src/cli may use packages and Node`;
  }
  if (!specifier.endsWith('.ts')) return `${place}: imports '${specifier}'; write the .ts extension`;
  const target = posix.normalize(posix.join(posix.dirname(from), specifier));
  if (!target.startsWith('src/')) return `${place}: imports '${specifier}', outside src/`;
  if (target.endsWith('.test.ts')) return `${place}: imports the test ${target}`;
  const above = LAYERS.indexOf(layerOf(target) as (typeof LAYERS)[number]);
  const own = layer === 'index' ? LAYERS.indexOf(HOST_LAYER) - 1 : LAYERS.indexOf(layer as (typeof LAYERS)[number]);
  if (above > own || API.includes(target)) return `${place}: ${layer}/ imports ${target}, which lies above it`;
  return undefined;
}

const faultsOf = (source: Source): string[] => importsOf(source).flatMap((one) => fault(source.path, one) ?? []);

describe('the house', () => {
  it('has only the floors it should have', () => {
    const found = new Set(productSources().map((source) => layerOf(source.path)));
    const unknown = [...found].filter((layer) => layer !== 'index' && !(LAYERS as readonly string[]).includes(layer));
    expect(unknown).toEqual([]);
  });

  it('each floor imports only itself and those below it; only the command imports packages and Node', () => {
    expect(productSources().flatMap(faultsOf)).toEqual([]);
  });

  it.each([
    ['src/arch/a.ts', "import { x } from '../ir/b.ts';", /arch\/ imports src\/ir\/b\.ts, which lies above it/],
    ['src/machine/a.ts', "export * from '../cli/b.ts';", /lies above it/],
    ['src/machine/a.ts', "import { x } from '../index.ts';", /lies above it/],
    ['src/index.ts', "export { main } from './cli/main.ts';", /lies above it/],
    ['src/cpu/a.ts', "import { readFileSync } from 'node:fs';", /only src\/cli may use packages and Node/],
    ['src/cpu/a.ts', "const fs = await import('fs');", /only src\/cli may use packages and Node/],
    ['src/cpu/a.ts', "type B = import('buffer').Buffer;", /only src\/cli may use packages and Node/],
    ['src/cpu/a.ts', "import { x } from './b';", /write the \.ts extension/],
    ['src/cpu/a.ts', "import { x } from '../../test/b.ts';", /outside src/],
  ])('would notice in %s: %s', (path, text, message) => {
    expect(faultsOf({ path, text }).join()).toMatch(message);
  });

  it.each([
    ['src/cpu/a.ts', "import { x } from '../arch/b.ts';"],
    ['src/cpu/a.ts', "import { x } from './deep/b.ts';"],
    ['src/cli/a.ts', "import { x } from 'node:fs';"],
    ['src/index.ts', "export * from './machine/machine.ts';"],
  ])('allows in %s: %s', (path, text) => {
    expect(faultsOf({ path, text })).toEqual([]);
  });
});
