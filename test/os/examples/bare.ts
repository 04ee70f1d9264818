import { HostedProgram, load, mrs, smc, store } from '../../../src/hosted.ts';
import { Machine } from '../../../src/index.ts';

const UART = 0x0900_0000n;
const RAM = 0x4000_0000n;

const hosted = new HostedProgram({
  functions: {
    *main() {
      const el = (yield* mrs('CurrentEL')) >> 2n;
      yield* store(RAM, 42n + el);
      for (const c of `EL${el}, ${yield* load(RAM)}\n`) yield* store(UART, BigInt(c.charCodeAt(0)), 1);
      yield* smc(0x8400_0008n); // PSCI SYSTEM_OFF
    },
  },
});
const machine = Machine.create({ hosted, entry: 'main', memoryBytes: 16 * 2 ** 20 });
let text = '';
machine.console.onOutput((bytes) => {
  text += new TextDecoder().decode(bytes);
});
const { reason } = machine.run();
console.log(text, reason);
