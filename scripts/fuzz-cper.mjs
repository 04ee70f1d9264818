// `npm run fuzz:cper -- [--count N] [--seed N]`
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run fuzz:cper -- [--count N] [--seed N]
  decodes a million mutated records, status blocks and kernel logs (or N): no exception, bounded time,
  nothing lost`,
  module: 'test/tables/fuzz-cper.ts',
  run: ({ fuzzCperCommand }, args) => fuzzCperCommand(args),
});
