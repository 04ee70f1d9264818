// `npm run soak -- [--kernel NAME] [--cpus N] [--rounds N] [--starve]`: Debian's kernels on 1, 2, 4 and 8 CPUs under
// load, each secondary CPU taken away and brought back. Minutes for each machine.
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { soakCommand } = await importTypeScript('test/linux/soak-command.ts');
process.exitCode = soakCommand(process.argv.slice(2));
