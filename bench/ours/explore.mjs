// What `inject.mjs` does, by explore(): an SDEI event at each boundary of a window of a real kernel, the whole state
// compared, at the end 10,000 steps behind the window and as soon as it is the undisturbed run's again.
import { explore, HANDLER_PROGRAM, registerHandler, sdei } from '../../dist/index.js';
import { answer, asked, Linux } from './linux.mjs';

const { initrd, points, converge } = asked();
const OUTCOME_STEPS = 10_000;
const INTO_WINDOW_STEPS = 1_000_000;

const guest = new Linux({ initrd, hosted: HANDLER_PROGRAM }).boot().type('bench window 1').until('BEGIN window');
const { machine } = guest;
registerHandler(machine, 0);
machine.run({ steps: INTO_WINDOW_STEPS });
let began = 0;
const options = {
  window: { to: { steps: points } },
  events: [sdei(0)],
  end: { settleSteps: OUTCOME_STEPS },
  converge,
};
const onResult = () => {
  began ||= performance.now();
  return true;
};
const { coverage, kinds } = explore(machine, options, { onResult });
const seconds = (performance.now() - began) / 1000;
const outcomes = Object.fromEntries(kinds.map(({ outcome, count }) => [outcome, count]));
if (coverage.atOnce < points * 0.9) throw new Error(`${coverage.atOnce} of ${points} events were delivered at once`);
answer({ perSecond: (coverage.cases - 1) / seconds, seconds, outcomes });
