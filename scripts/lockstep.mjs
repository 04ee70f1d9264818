// `npm run lockstep -- [--programs N] [--seed TEXT] [--only N] [--churn N] [--speed]`
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run lockstep -- [--programs N] [--seed TEXT] [--only N] [--churn N] [--speed]
  random programs through compiled regions and through the interpreter, compared after random numbers of
  steps; --churn: N compilations of code that is overwritten again and again, and the memory they take;
  --speed: how fast a few loops run`,
  module: 'test/exact/lockstep-command.ts',
  run: ({ lockstepCommand }, args) => lockstepCommand(args),
});
