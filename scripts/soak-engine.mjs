// `npm run soak:engine -- [--steps N] [--cpus N]`
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run soak:engine -- [--steps N] [--cpus N]
  Debian's kernel with processes and kernel modules that come and go, for N steps (2G unless told; e.g. 100G)
  on 1 to 8 CPUs (1 unless told), and the memory that the host has resident on the way`,
  module: 'test/linux/engine-soak.ts',
  run: ({ engineSoakCommand }, args) => engineSoakCommand(args),
});
