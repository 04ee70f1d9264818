// `npm run fuzz -- [--seconds N] [--seed TEXT] [--only NAME]`
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run fuzz -- [--seconds N] [--seed TEXT] [--only NAME]
  hostile guests, each run whole, in slices with cold translations, compiled, and on the bigint oracle,
  for N seconds (60 unless told)`,
  module: 'test/hostile/command.ts',
  run: ({ fuzzCommand }, args) => fuzzCommand(args),
});
