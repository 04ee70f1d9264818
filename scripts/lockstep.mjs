// `npm run lockstep -- [--programs N] [--seed TEXT] [--only N] [--churn N] [--speed]`: random programs through compiled regions
// and through the interpreter, compared after random numbers of steps; with --churn, N compilations of code that is
// overwritten again and again, and the memory that they take; with --speed, how fast a few loops run.
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { lockstepCommand } = await importTypeScript('test/exact/lockstep-command.ts');
process.exitCode = lockstepCommand(process.argv.slice(2));
