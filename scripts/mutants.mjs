// `npm run mutants -- [--per-clause N] [--cases N] [--clause NAME]... [--seed TEXT]`: clauses with one deliberate mistake each, and
// which of them the cases of the differential tests do not catch.
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { mutantsCommand } = await importTypeScript('test/differential/command.ts');
process.exitCode = mutantsCommand(process.argv.slice(2));
