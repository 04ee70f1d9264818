// Host memory beyond what the guest touched of its RAM, after a boot to the shell.
import { readFileSync } from 'node:fs';
import { answer, asked, Linux } from './linux.mjs';

const { initrd, cpus } = asked();
const PAGE_BYTES = 4096;
const MIB = 2 ** 20;

function residentBytes() {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
}

const { machine } = new Linux({ initrd, cpus }).boot();
const atOnceBytes = residentBytes();
globalThis.gc?.();
const resident = residentBytes();
// The list of pages is made after the measurement, because it costs memory itself.
let pages = 0;
for (const { bytes } of machine.whole.pages(machine.snapshot())) if (bytes.length > 0) pages++;
const touchedBytes = pages * PAGE_BYTES;
answer({
  beyondMib: (resident - touchedBytes) / MIB,
  beforeCollectionMib: (atOnceBytes - touchedBytes) / MIB,
  touchedMib: touchedBytes / MIB,
});
