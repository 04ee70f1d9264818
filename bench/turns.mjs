// Both machines in turn, and a boot of each.
import { ConsoleGuest, ourArgs } from './consoles.mjs';
import { finished, PLAIN_INITRD } from './tools.mjs';

async function timed(run) {
  const began = performance.now();
  await run();
  return (performance.now() - began) / 1000;
}

/** Host seconds from the start of the process to its end, shell and power-off included. */
export function bootSeconds(cpus) {
  const options = { initrd: PLAIN_INITRD, cpus };
  const rule = 'console:/shell ready/ => type:"poweroff -f\\n"';
  return {
    ours: () => timed(() => finished(process.execPath, [...ourArgs(options), '--quiet', '--on', rule])),
    qemu: () =>
      timed(async () => {
        const guest = ConsoleGuest.qemu(options);
        await guest.until(/shell ready/);
        guest.type('poweroff -f\n');
        await new Promise((resolve) => guest.child.on('close', resolve));
      }),
  };
}

/** Samples of both machines in turn, in an order that each run turns around. */
export async function inTurn(runs, ours, theirs, say = () => undefined) {
  const found = { ours: [], theirs: [] };
  for (let run = 0; run < runs; run++) {
    const order = run % 2 ? ['theirs', 'ours'] : ['ours', 'theirs'];
    for (const side of order) found[side].push(await (side === 'ours' ? ours(run) : theirs(run)));
    say(`run ${run + 1} of ${runs}`);
  }
  return found;
}
