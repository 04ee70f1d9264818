// `npm run explore:window`
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run explore:window [-- --boundaries N] [--cpus N]
  an SDEI event at every boundary of a window of Debian's kernel, from a key's interrupt on, with 1 and 2 workers and
  both engines: the report must be the same byte for byte each time; minutes for each
  --boundaries N  of the window; default 20000
  --cpus N        1 to 8; default 2`,
  module: 'test/linux/explore-window.ts',
  run: ({ windowCommand }, args) => windowCommand(args),
});
