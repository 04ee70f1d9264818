// `npm run sdei:sequences -- [--count N] [--seed TEXT] [--only N] [--profile NAME]`: random sequences of SDEI calls and
// triggers on four PEs against a model, 10,000 in each profile, and how often each state and answer was met.
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { sequencesCommand } = await importTypeScript('test/conformance/sequences-command.ts');
process.exitCode = sequencesCommand(process.argv.slice(2));
