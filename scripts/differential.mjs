// `npm run differential -- [--cases N] [--clause NAME]... [--seed TEXT] [--only INDEX]`
import { ROOT } from './checkout.mjs';
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run differential -- [--cases N] [--clause NAME]... [--seed TEXT] [--only INDEX]
  every clause on N random cases each (2000 unless told), through the bigint oracle, the generated
  handlers and QEMU's user-mode emulation`,
  module: 'test/differential/command.ts',
  run: ({ differentialCommand }, args) => differentialCommand(ROOT, args),
});
