// The interpreter alone, no compiled regions: steps per second while Debian's kernel boots.
import { answer, asked, Linux } from './linux.mjs';

const { initrd, steps } = asked();
/** Most of what the kernel's entry does is clearing memory; by then it is past that. */
const FIRST_STEPS = 20_000_000;

const { machine } = new Linux({ initrd, engine: 'interpreter' });
machine.run({ steps: FIRST_STEPS });
const began = performance.now();
machine.run({ steps });
answer({ perSecond: (machine.steps - FIRST_STEPS) / ((performance.now() - began) / 1000) });
