// `npm run sdei:mutants`: dispatchers with one mistake each against every case of the conformance suite.
import { ensureInstalled, ROOT } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { sdeiMutantsCommand } = await importTypeScript('test/conformance/mutants-command.ts');
process.exitCode = await sdeiMutantsCommand(ROOT);
