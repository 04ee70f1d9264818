// `npm run handover`: see the usage below, and docs/guide/handover.md.
import { Worker } from 'node:worker_threads';
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run handover -- [--sequence NAME]... [--abi VERSION]... [--event NAME]... [--stride N] [--cpus N]
                        [--crash LEVEL] [--workers N]
  a panic at every boundary at which EL2 (HYP) is installed, replaced or left, in every version of the calls:
  where the next kernel or the crash kernel is not reached. docs/guide/handover.md
    --sequence  load, idle, hotplug, unload, kexec, kdump; on 32-bit Arm boot in place of hotplug
    --abi       a version, such as 'arm64 4.8' or 'arm 4.12'; see docs/hyp-abi.md
    --event     arm64: fault, nmi, sdei (with VHE); arm: nmi, abort, bug
    --stride    1 (the default) tries every boundary; 64 is the sample of the experiments
    --cpus      1 to 8 CPUs on arm64, the event on each of them (1; hotplug has 2)
    --crash     boot or EL1: where a crash kernel is sent on arm64, whatever the version does
    --workers   threads (as many as there are processors)
  exit status: 1 when a boundary is lost in a version that may lose none`,
  module: 'test/os/handover-command.ts',
  run: ({ handoverCommand }, args) =>
    handoverCommand(args, { startWorker: () => new Worker(new URL('./handover-worker.mjs', import.meta.url)) }),
});
