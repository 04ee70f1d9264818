// `npm run os:deletions -- [--count N] [--seed TEXT] [--only TEXT] [--jobs N] [--storms N]`
import { ROOT } from './checkout.mjs';
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run os:deletions -- [--count N] [--seed TEXT] [--only TEXT] [--jobs N] [--storms N]
  lines that mask, lock or acknowledge are deleted from the kernel kit, the SDEI client, the error handler and
  irqflags, one at a time, and tests and storms are asked whether they notice`,
  module: 'test/os/deletions-command.ts',
  run: ({ deletionsCommand }, args) => deletionsCommand(ROOT, args),
});
