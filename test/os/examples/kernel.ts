import { Kernel, load, mrs, setTimer, stopTimer, store } from '../../../src/hosted.ts';
import { Machine } from '../../../src/index.ts';

const kernel = new Kernel({ cpus: 2 });
const ticks = kernel.variable('ticks');

kernel.onInterrupt(kernel.timerIntid, function* (cpu) {
  const n = (yield* load(ticks)) + 1n;
  yield* store(ticks, n);
  if (n < 3n) yield* setTimer(cpu, 1000n);
  else yield* stopTimer();
});
kernel.onCall('who', function* () {
  return (yield* mrs('MPIDR_EL1')) & 0xffn;
});

const hosted = kernel.program({
  *main(cpu) {
    yield* setTimer(cpu, 1000n);
    while ((yield* load(ticks)) < 3n) yield* cpu.relax();
    yield* cpu.print(`3 ticks; CPUs ${yield* cpu.callOn('who')}\n`);
  },
});
const machine = Machine.create({ hosted, entry: kernel.entry, cpus: 2, memoryBytes: 16 * 2 ** 20 });
let text = '';
machine.console.onOutput((bytes) => {
  text += new TextDecoder().decode(bytes);
});
const { reason } = machine.run();
console.log(text, reason);
