import { Kernel, load, nop, SdeiClient, sdeiProbe, store } from '../../../src/hosted.ts';
import { Machine } from '../../../src/index.ts';

const kernel = new Kernel();
const client = new SdeiClient(kernel);
const seen = kernel.variable('seen');
client.onEvent('count', function* () {
  yield* store(seen, (yield* load(seen)) + 1n);
  return 0n;
});
const hosted = kernel.program({
  *main(cpu) {
    yield* sdeiProbe(client, cpu);
    yield* client.register(cpu, 3000n, 'count');
    yield* client.enable(cpu, 3000n);
    yield* cpu.irq.disable();
    yield* cpu.print('go\n');
    for (let n = 0; n < 20; n++) yield* nop();
    yield* cpu.irq.enable();
    yield* cpu.print(`${yield* load(seen)} event\n`);
  },
});

// The event at every boundary of the section in which interrupts are masked.
const machine = Machine.create({ hosted, entry: kernel.entry, memoryBytes: 16 * 2 ** 20 });
let text = '';
machine.console.onOutput((bytes) => {
  text += new TextDecoder().decode(bytes);
});
machine.runUntil(() => text === 'go\n');
const section = machine.snapshot();
const ends = new Set<string>();
for (let step = 0; step < 20; step++) {
  machine.restore(section);
  text = '';
  machine.run({ steps: step });
  machine.sdei.signal(3000);
  ends.add(`${machine.run().reason}: ${text.trim()}`);
}
console.log([...ends].join('; '));
