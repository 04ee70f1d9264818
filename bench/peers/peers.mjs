// Other emulators that run on a JavaScript engine, each with an equal guest of its own: the same programs from the same
// sources, on Debian's kernel of the same release.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ROOT } from '../../scripts/checkout.mjs';
import { ConsoleGuest } from '../consoles.mjs';
import { PROGRAMS, scaleOf } from '../programs.mjs';
import { COMPILER, MEMORY_MIB } from '../tools.mjs';
import { haveI386 } from './guest.mjs';

/** v86 has one CPU. What its processor has no instruction for is left out of the comparison of results. */
const COMPARED = PROGRAMS.filter(({ cpus, command }) => cpus === 1 && command === 'bench');
const OTHER_RESULT = new Set(['fma']);
/** v86 takes longer; the ratio is what counts. */
const SHARE = 1 / 4;

const APPEND = 'console=ttyS0 nowatchdog mitigations=off tsc=reliable';

function absent() {
  try {
    createRequire(import.meta.url).resolve('v86');
  } catch {
    return 'v86 is not installed: npm install --save-dev v86';
  }
  return haveI386() ? undefined : 'there is no i386 guest: run node bench/peers/guest.mjs';
}

const startV86 = () => {
  const script = join(ROOT, 'bench', 'peers', 'v86-machine.mjs');
  return new ConsoleGuest(process.execPath, [script, String(MEMORY_MIB), APPEND], 'v86');
};

async function timedBoot(start) {
  const began = performance.now();
  const guest = start();
  try {
    await guest.boot();
  } catch (error) {
    guest.kill();
    throw error;
  }
  return { guest, seconds: (performance.now() - began) / 1000 };
}

/** One run of everything: by name, seconds on ours and on v86. */
async function round({ initrd, quick, say }) {
  const found = {};
  const ours = await timedBoot(() => ConsoleGuest.ours({ initrd, cpus: 1 }));
  ours.guest.pause();
  let theirs;
  try {
    theirs = await timedBoot(startV86);
    theirs.guest.pause();
    found.boot = { ours: ours.seconds, theirs: theirs.seconds };
    for (const program of COMPARED) {
      const scale = Math.max(1, Math.round(scaleOf(program, quick) * (quick ? 1 : SHARE)));
      const results = {};
      for (const [side, guest] of Object.entries({ ours: ours.guest, theirs: theirs.guest })) {
        guest.resume();
        results[side] = await guest.measure(program, scale);
        guest.pause();
      }
      const { ours: a, theirs: b } = results;
      if (a.checksum !== b.checksum && !OTHER_RESULT.has(program.name))
        throw new Error(`${program.name} ${scale}: checksums ${a.checksum} and ${b.checksum}; they must be equal`);
      found[program.name] = { ours: a.seconds, theirs: b.seconds };
      say(`v86: ${program.name}`);
    }
  } finally {
    ours.guest.kill();
    theirs?.guest.kill();
  }
  return found;
}

const v86 = {
  name: 'v86',
  what: 'v86 from npm on an equal i386 guest: every program, and the boot to the shell',
  needs: ['guests', COMPILER],
  absent,
  async rows({ runs, quick, initrd, say }) {
    const rows = new Map();
    for (let run = 0; run < runs; run++) {
      for (const [name, { ours, theirs }] of Object.entries(await round({ initrd: initrd(), quick, say }))) {
        const row = { name: `v86-${name}`, what: `${name}, beside v86`, better: 'more', unit: 'x', in: 's' };
        if (!rows.has(name))
          rows.set(name, { ...row, must: 1, aim: 3, ours: [], theirs: [], samples: [], than: 'v86' });
        rows.get(name).ours.push(ours);
        rows.get(name).theirs.push(theirs);
        rows.get(name).samples.push(theirs / ours);
      }
    }
    return [...rows.values()];
  },
};

/** Every peer. */
export const PEERS = [v86];
