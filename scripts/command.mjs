// What the commands of the tests share: dependencies, --help, arguments that make no sense.
import { ensureInstalled } from './checkout.mjs';

/**
 * Runs a command whose TypeScript module lies below `test/`.
 *
 * @param usage - what `--help` prints: how it is called, what it does
 * @param module - path of the module from the root of the checkout
 * @param run - takes the module and the arguments; gives the exit status, or a promise of it
 */
export async function runCommand({ usage, module, run }) {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    console.log(usage);
    return;
  }
  ensureInstalled();
  const { importTypeScript } = await import('./transpile.mjs');
  const exported = await importTypeScript(module);
  try {
    process.exitCode = await run(exported, args);
  } catch (error) {
    if (!/^ERR_PARSE_ARGS|^E_COUNT$/.test(error.code ?? '')) throw error;
    console.error(`${error.message}\n${usage}`);
    process.exitCode = 2;
  }
}
