import { type HostedProgram, HypOutside, hvc, SdeiHypervisor, store, wfi } from '../../../src/hosted.ts';
import { Machine } from '../../../src/index.ts';

const memoryBytes = 16 * 2 ** 20;
const hypervisor = new SdeiHypervisor({ cpus: 1, memoryBytes, guest: 'main' });
const hosted: HostedProgram = hypervisor.program({
  functions: {
    *main() {
      yield* hvc(0xc400_0021n, 3000n, hosted.address('handler'), 0n, 0n, 0n); // SDEI_EVENT_REGISTER
      yield* hvc(0xc400_0022n, 3000n); // SDEI_EVENT_ENABLE
      yield* hvc(0xc400_002cn); // SDEI_PE_UNMASK
      for (;;) yield* wfi();
    },
    *handler() {
      yield* store(0x0900_0000n, 0x21n, 1);
      yield* hvc(0xc400_0025n, 0n); // SDEI_EVENT_COMPLETE
    },
  },
});
const machine = Machine.create({ hosted, entry: hypervisor.entry, el2: true, memoryBytes });
let text = '';
machine.console.onOutput((bytes) => {
  text += new TextDecoder().decode(bytes);
});
machine.run({ steps: 10_000 });
new HypOutside(machine, hypervisor.config).raise(3000);
machine.run({ steps: 10_000 });
console.log(text);
