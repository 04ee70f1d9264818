import { expect, it } from 'vitest';
import { nop } from '../../../engine/hosted/effects.ts';
import type { HostedFunction } from '../../../engine/hosted/program.ts';
import { Machine } from '../../../machine/machine.ts';
import { Kernel } from '../../kit/kernel.ts';
import { SdeiClient } from '../../sdei/client.ts';
import { sdeiProbe } from '../../sdei/lifecycle.ts';

// No PE of the machine has AArch32 at EL0, and the 32-bit model here has no AArch64 above it. So the client is given
// the interrupted state as the dispatcher would give it: X3 with SPSR.M[4] set.
it.each([
  ['AArch32', 0x10n, 0x680n],
  ['AArch64', 0x00n, 0x480n],
])('a handler over EL0 in %s leaves for the IRQ vector of that state', (_, pstate, offset) => {
  const kernel = new Kernel();
  const client = new SdeiClient(kernel);
  client.onEvent('count', function* () {
    yield* nop();
    return 0n;
  });
  const hosted = kernel.program({
    *main(cpu) {
      yield* sdeiProbe(client, cpu);
      yield* client.register(cpu, 3000n, 'count');
      yield* client.enable(cpu, 3000n);
      yield* cpu.print('go\n');
      for (let n = 0; n < 40; n++) yield* nop();
    },
  });
  const functions = hosted.functions as Map<string, HostedFunction>;
  const entered = functions.get('sdeiEntry')!;
  functions.set('sdeiEntry', (entry) =>
    entered({ ...entry, x: [...entry.x.slice(0, 3), pstate, ...entry.x.slice(4)] }),
  );
  const machine = Machine.create({ hosted, entry: kernel.entry, memoryBytes: 16 * 2 ** 20 });
  let text = '';
  machine.console.onOutput((bytes) => {
    text += new TextDecoder().decode(bytes);
  });
  machine.runUntil(() => text === 'go\n');
  machine.sdei.signal(3000);
  const { s } = machine.pes[0]!;
  const vector = hosted.vectors('kit') + offset;
  const seen = new Set<bigint>();
  for (let n = 0; n < 400 && !seen.has(vector); n++) {
    seen.add(s.pc);
    machine.run({ steps: 1 });
  }
  expect(seen.has(vector)).toBe(true);
});
