// Single steps through the API, each with a look at PC, in the kernel and in a program.
import { answer, asked, Linux } from './linux.mjs';

const { initrd, steps } = asked();

const { machine } = new Linux({ initrd }).boot().type('bench window 1').until('BEGIN window');
machine.run({ steps: 1_000_000 });
let different = 0;
let last = 0n;
const began = performance.now();
for (let n = 0; n < steps; n++) {
  machine.step();
  const pc = machine.readRegister(0, 'PC');
  if (pc !== last) different++;
  last = pc;
}
const seconds = (performance.now() - began) / 1000;
if (different < steps / 2) throw new Error(`PC moved in ${different} of ${steps} steps only`);
answer({ perSecond: steps / seconds });
