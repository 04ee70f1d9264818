// `npm run sdei:sequences -- [--count N] [--seed TEXT] [--only N] [--profile NAME]`
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run sdei:sequences -- [--count N] [--seed TEXT] [--only N] [--profile NAME]
  random sequences of SDEI calls and triggers on four PEs against a model, 10,000 in each profile, and how
  often each state and answer was met`,
  module: 'test/conformance/sequences-command.ts',
  run: ({ sequencesCommand }, args) => sequencesCommand(args),
});
