// `npm run fuzz -- [--seconds N] [--seed TEXT] [--only NAME]`: hostile guests, each run whole, in slices with cold
// translations, compiled, and on the bigint oracle, for N seconds (60 unless told).
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { fuzzCommand } = await importTypeScript('test/hostile/command.ts');
process.exitCode = fuzzCommand(process.argv.slice(2));
