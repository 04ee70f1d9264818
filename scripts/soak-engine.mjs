// `npm run soak:engine -- [--steps N] [--cpus N]`: a long run in which compiled code comes and goes, and the memory that
// the host has resident on the way.
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { engineSoakCommand } = await importTypeScript('test/linux/engine-soak.ts');
try {
  process.exitCode = engineSoakCommand(process.argv.slice(2));
} catch (error) {
  console.error(`soak:engine: ${error.message}`);
  process.exitCode = /^ERR_PARSE_ARGS|E_COUNT/.test(error.code ?? '') ? 2 : 1;
}
