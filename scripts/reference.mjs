// `npm run reference`: writes docs/reference from the tables of the sources.
import { ensureInstalled, ROOT } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { referenceCommand } = await importTypeScript('test/reference/pages.ts');
process.exitCode = referenceCommand(ROOT);
