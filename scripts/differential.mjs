// `npm run differential -- [--cases N] [--clause NAME]... [--seed TEXT] [--only INDEX]`: every clause on N random cases
// each (2000 unless told), through the bigint oracle, the generated handlers and QEMU's user-mode emulation.
import { ensureInstalled, ROOT } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { differentialCommand } = await importTypeScript('test/differential/command.ts');
process.exitCode = differentialCommand(ROOT, process.argv.slice(2));
