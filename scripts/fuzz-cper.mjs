// `npm run fuzz:cper [-- --count N --seed N]`: decodes a million mutated records, status blocks and kernel logs (or N): no
// exception, bounded time, nothing lost.
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { fuzzCperCommand } = await importTypeScript('test/tables/fuzz-cper.ts');
process.exitCode = fuzzCperCommand(process.argv.slice(2));
