// `npm run mutants -- [--per-clause N] [--cases N] [--clause NAME]... [--seed TEXT]`
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run mutants -- [--per-clause N] [--cases N] [--clause NAME]... [--seed TEXT]
  clauses with one deliberate mistake each, and which of them the cases of the differential tests do not
  catch`,
  module: 'test/differential/command.ts',
  run: ({ mutantsCommand }, args) => mutantsCommand(args),
});
