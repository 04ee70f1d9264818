/** The command `npm run soak:engine`: what a long run costs the host's memory while compiled code comes and goes. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseCount } from '../../src/cli/values.ts';
import { Machine } from '../../src/machine/machine.ts';
import { guestPath, haveGuests, TROUBLE } from './guest.ts';

const PARTS = 20;
const PROMPT = '# \x1b[6n';

/**
 * New code all the time: processes of several programs, and kernel modules that are loaded where the last ones were;
 * between them loops that stay compiled.
 */
const LOAD = [
  'work() { seq 1 3000 | sort -n | md5sum; gzip -c /bin/busybox | sha256sum; seq 1 2000 | awk "{ s += \\$1 * \\$1 } END { print s }"; }',
  'modules() { for m in ext4 virtio_net evdev; do modprobe -r $m; modprobe $m; done; }',
  'while :; do work; modules; echo round; done > /dev/null 2>&1',
];

/** Private parts of a machine. */
interface Inside {
  readonly engine: { readonly compiledRegions: number; readonly handlers: number };
}

function started(cpus: number): Machine {
  const machine = Machine.create({
    kernel: readFileSync(guestPath('Image')),
    initrd: readFileSync(guestPath('initramfs-modules.cpio')),
    append: 'console=ttyAMA0',
    cpus,
    virtioRng: true,
    net: 'loopback',
  });
  let text = '';
  let wanted: string | undefined;
  machine.console.onOutput((bytes) => {
    text = (text + String.fromCharCode(...bytes)).slice(-20_000);
    if (TROUBLE.test(text)) throw new Error(`the guest is not well:\n${text.slice(-2000)}`);
    if (wanted !== undefined && text.includes(wanted)) machine.stop();
  });
  for (const line of ['', ...LOAD]) {
    text = '';
    wanted = line === '' ? PROMPT : line === LOAD.at(-1) ? undefined : PROMPT;
    if (line !== '') machine.console.input(new TextEncoder().encode(`${line}\n`));
    if (wanted === undefined) break;
    const { reason } = machine.run({ steps: 4_000_000_000 });
    if (!text.includes(PROMPT)) throw new Error(`no prompt, the run ended: ${reason}\n${text.slice(-2000)}`);
  }
  return machine;
}

/**
 * Runs it and prints a line for each twentieth.
 *
 * @returns exit status: 0 when it ran to the end, 2 when the arguments make no sense, 3 without guests
 */
export function engineSoakCommand(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      steps: { type: 'string', default: '2G' },
      cpus: { type: 'string', default: '1' },
    },
  });
  if (!haveGuests) {
    console.error('soak:engine: the guests are not there: run node scripts/guests.mjs');
    return 3;
  }
  const steps = parseCount('--steps', values.steps);
  const machine = started(parseCount('--cpus', values.cpus));
  const { engine } = machine as unknown as Inside;
  const began = performance.now();
  const first = machine.steps;
  console.log('G steps   seconds   resident MiB   JavaScript heap MiB   regions compiled   handlers');
  for (let part = 1; part <= PARTS; part++) {
    const { reason } = machine.run({ steps: first + Math.round((steps * part) / PARTS) - machine.steps });
    if (reason !== 'limit') throw new Error(`the run ended: ${reason}`);
    const { rss, heapUsed } = process.memoryUsage();
    const cells = [
      ((machine.steps - first) / 1e9).toFixed(2).padStart(7),
      ((performance.now() - began) / 1000).toFixed(0).padStart(9),
      (rss / 2 ** 20).toFixed(0).padStart(14),
      (heapUsed / 2 ** 20).toFixed(0).padStart(21),
      String(engine.compiledRegions).padStart(18),
      String(engine.handlers).padStart(10),
    ];
    console.log(cells.join(' '));
  }
  return 0;
}
