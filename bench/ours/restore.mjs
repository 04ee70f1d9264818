// Putting a machine back: against the number of pages that differ, and against the size of RAM.
import { median } from '../tools.mjs';
import { answer, asked, Linux } from './linux.mjs';

const { initrd, memoryMib, dirty, times } = asked();
const PAGE_BYTES = 4096;
const RAM_PA = 0x4000_0000;
/** Steps of the guest before each restore, so that devices, timers and processor differ as well. */
const STEPS = 2000;

/** Microseconds of one restore after `pages` pages were written. */
function restores(machine, base, pages) {
  const ramPages = (memoryMib * 2 ** 20) / PAGE_BYTES;
  const stride = Math.floor(ramPages / (pages + 1));
  const found = [];
  for (let n = 0; n < times; n++) {
    for (let i = 0; i < pages; i++) {
      const addrPa = BigInt(RAM_PA + (i * stride + (n % stride)) * PAGE_BYTES);
      machine.writeMemory(addrPa + 8n, Uint8Array.of(n, i));
    }
    machine.run({ steps: STEPS });
    const began = performance.now();
    machine.restore(base);
    found.push((performance.now() - began) * 1000);
  }
  return found;
}

const { machine } = new Linux({ initrd, memoryMib }).boot().type('bench window 1').until('BEGIN window');
machine.run({ steps: 1_000_000 });
const base = machine.snapshot();
const digest = machine.digest();
const series = dirty.map((pages) => {
  restores(machine, base, pages).length = 0; // what V8 has compiled by then is what a campaign sees
  return { pages, us: median(restores(machine, base, pages)) };
});
if (machine.digest() !== digest) throw new Error('the machine is not what it was');
answer({ memoryMib, series });
