// `npm run explore:window -- [--boundaries N] [--cpus N]`: an SDEI event at every boundary of a window of Debian's
// kernel, 20,000 of them, with 1 and 2 workers and both engines: the same report each time. Minutes for each.
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { windowCommand } = await importTypeScript('test/linux/explore-window.ts');
process.exitCode = await windowCommand(process.argv.slice(2));
