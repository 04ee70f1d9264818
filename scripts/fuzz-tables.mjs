// `npm run fuzz:tables -- [--count N] [--seed N]`
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run fuzz:tables -- [--count N] [--seed N]
  decodes a million mutated ACPI tables (or N): no exception, bounded time, nothing lost`,
  module: 'test/tables/fuzz.ts',
  run: ({ fuzzTablesCommand }, args) => fuzzTablesCommand(args),
});
