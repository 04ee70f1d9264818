// `npm run fuzz:tables [-- --count N --seed N]`: decodes a million mutated ACPI tables (or N): no exception, bounded
// time, nothing lost.
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { fuzzTablesCommand } = await importTypeScript('test/tables/fuzz.ts');
process.exitCode = fuzzTablesCommand(process.argv.slice(2));
