// An interrupt at each boundary of a window of a real kernel, and what became of it 10,000 steps later.
import { answer, asked, Linux } from './linux.mjs';

const { initrd, points, repeat = 1 } = asked();
/** GICD_ISPENDR1 (IHI 0069, "GICD_ISPENDR<n>"), and in it the interrupt of the PL011. */
const ISPENDR1_PA = 0x0800_0204;
const UART_BIT = 1 << 1;
/** What counts as the outcome happens within so many steps. */
const OUTCOME_STEPS = 10_000;
const INTO_WINDOW_STEPS = 1_000_000;
/** The machine is put back to a place at most so many steps before the point, so that cost grows with points alone. */
const BASE_EVERY = 128;

const guest = new Linux({ initrd }).boot().type('bench window 1').until('BEGIN window');
const { machine } = guest;
machine.run({ steps: INTO_WINDOW_STEPS });
const first = machine.snapshot();
let base = first;
let taken = 0;
machine.on('interrupt', (_pe, what) => {
  if (what === 'acknowledged') taken++;
});

/** Everything that tells one outcome from another: where the guest is, its registers, and what it said. */
function outcome(before) {
  const registers = Array.from({ length: 31 }, (_, n) => machine.readRegister(0, `X${n}`).toString(16));
  const others = ['PC', 'SP', 'PSTATE'].map((name) => machine.readRegister(0, name).toString(16));
  return [...registers, ...others, guest.text.slice(before)].join(' ');
}

function inject(point) {
  machine.restore(base);
  const before = guest.text.length;
  machine.run({ steps: point % BASE_EVERY });
  taken = 0;
  machine.freezeNext(0);
  machine.bus.write(ISPENDR1_PA, 4, UART_BIT, 0, true);
  const { reason } = machine.run({ steps: OUTCOME_STEPS });
  return { taken, reason, outcome: outcome(before) };
}

/** Moves the base to a later point. */
function advance() {
  machine.restore(base);
  machine.run({ steps: BASE_EVERY });
  base = machine.snapshot();
}

let reached = 0;
const outcomes = new Set();
inject(0);
const began = performance.now();
for (let n = 0; n < repeat; n++) {
  base = first;
  for (let point = 0; point < points; point++) {
    if (point > 0 && point % BASE_EVERY === 0) advance();
    const result = inject(point);
    if (result.taken > 0 && result.reason === 'limit') reached++;
    outcomes.add(result.outcome);
  }
}
const seconds = (performance.now() - began) / 1000;
const injections = points * repeat;
if (reached < injections * 0.9) throw new Error(`the interrupt was taken in ${reached} of ${injections} runs only`);
answer({ perSecond: injections / seconds, injections, seconds, taken: reached, outcomes: outcomes.size });
