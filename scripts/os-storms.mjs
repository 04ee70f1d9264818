// `npm run os:storms -- [--count N] [--from N] [--only N]`
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run os:storms -- [--count N] [--from N] [--only N]
  random schedules of the SDEI client on 1 to 8 PEs, with events at random boundaries and CPUs that come and
  go. A number is a storm; ranges can be run one after the other.`,
  module: 'test/os/storms-command.ts',
  run: ({ stormsCommand }, args) => stormsCommand(args),
});
