import { describe, expect, it } from 'vitest';
import { bareKernel, POWER_OFF, PRINT } from '../../test/support/bare-kernel.ts';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { createMachine } from './machine.ts';
import { main } from './main.ts';

const HELLO = bareKernel(`${PRINT} ${POWER_OFF} text: .asciz "hello\\n"`);
/** A quarter of a million steps, then it resets the machine, for ever. */
const RESETS = bareKernel('mov x0, #0x20000\n 1: subs x0, x0, #1\n b.ne 1b\n ldr x0, =0x84000009\n smc #0');

async function run(kernel: Uint8Array, args: readonly string[], prepare?: (host: FakeHost) => void) {
  const host = new FakeHost(() => undefined);
  host.files.set('kernel', kernel);
  host.createMachine = (request) => createMachine({ ...request, memoryBytes: 16 * 2 ** 20 });
  prepare?.(host);
  const code = await main(['run', '--kernel', 'kernel', ...args], host, '0');
  return { host, code };
}

describe('--profile FILE', () => {
  it('is for speedscope and says how many samples there are', async () => {
    const { host, code } = await run(HELLO, ['--profile', 'p.json']);
    expect(code).toBe(0);
    const file = JSON.parse(host.written.get('p.json')!);
    expect(file.profiles.map(({ name }: { name: string }) => name)).toEqual([
      'PE 0: steps of the guest',
      'time of the host',
    ]);
    expect(host.err).toMatch(/^profile p\.json: 1 samples$/m);
  });

  it('is for DevTools when FILE ends in .cpuprofile', async () => {
    const { host } = await run(HELLO, ['--profile', 'p.cpuprofile']);
    const file = JSON.parse(host.written.get('p.cpuprofile')!);
    expect(file.nodes[0].callFrame.functionName).toBe('(root)');
    expect(file.samples).toHaveLength(file.timeDeltas.length);
  });

  it('goes on over a reset of the machine, and does not change the run', async () => {
    const args = ['--max-steps', '5M', '--digest'];
    const profiled = await run(RESETS, [...args, '--profile', 'p.json']);
    const plain = await run(RESETS, args);
    const digest = (text: string): string | undefined => /digest (\w+)/.exec(text)?.[1];
    expect(digest(profiled.host.err)).toBeDefined();
    expect(digest(profiled.host.err)).toBe(digest(plain.host.err));
    const { endValue } = JSON.parse(profiled.host.written.get('p.json')!).profiles[0];
    expect(endValue).toBe(5_000_000);
  });

  it('refuses a path that cannot be written before anything runs', async () => {
    const { host, code } = await run(HELLO, ['--profile', '/nowhere/p.json'], (h) => {
      h.writeFile = () => {
        throw Object.assign(new Error('no'), { code: 'ENOENT' });
      };
    });
    expect(code).toBe(2);
    expect(host.err).toMatch(/^unmaskable: --profile \/nowhere\/p\.json: cannot be written: .*Give a writable path\./);
    expect(host.out).toBe('');
  });

  it('that can no longer be written at the end is reported, and the run counts', async () => {
    let writes = 0;
    const { host, code } = await run(HELLO, ['--profile', 'p.json'], (h) => {
      h.writeFile = () => {
        if (writes++ > 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      };
    });
    expect(code).toBe(0);
    expect(host.err).toMatch(/--profile p\.json: cannot be written any more: /);
  });
});
