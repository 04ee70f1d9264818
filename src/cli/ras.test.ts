import { describe, expect, it } from 'vitest';
import { bareKernel } from '../../test/support/bare-kernel.ts';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { createMachine } from './machine.ts';
import { main } from './main.ts';

/** Prints a prompt and waits; when `acknowledges`, gives back the block of the polled source after some time. */
const SHELL = (acknowledges: boolean): Uint8Array =>
  bareKernel(`
        movz    x1, #0x0900, lsl #16
        mov     w3, #'#'
        str     w3, [x1]
        mov     w3, #' '
        str     w3, [x1]
        movz    x4, #1, lsl #16
1:      subs    x4, x4, #1
        b.ne    1b
        ${acknowledges ? 'movz x1, #0x090f, lsl #16\n mov w3, #1\n str w3, [x1, #20]' : ''}
2:      b       2b
`);

async function ras(kernel: Uint8Array, ...args: string[]) {
  const host = new FakeHost(() => undefined);
  host.createMachine = createMachine;
  host.files.set('Image', kernel);
  const code = await main(['ras', '--kernel', 'Image', '--memory', '32M', '--for', '1ms', ...args], host, '1');
  return { code, out: host.out, err: host.err };
}

describe('unmaskable ras', () => {
  it('tells what was injected, and when the block was given back', async () => {
    const { code, out, err } = await ras(
      SHELL(true),
      '--error',
      'memory,severity=corrected,notify=polled,addr=0x41000000',
    );
    expect(code).toBe(0);
    expect(out).toContain('What happened\n\n 1. At step ');
    expect(out).toContain('Physical Address: 0x0000000041000000');
    expect(out).toMatch(
      / 2\. Firmware recorded it in the block of error source 6 \(GHES\.6, polled\) at step [\d,]+, /,
    );
    expect(out).toContain('It told the kernel by nothing: the kernel looks by itself every 1000 ms.');
    expect(out).toMatch(/The kernel acknowledged the block at step [\d,]+, [\d.]+ s\./);
    expect(out).toContain('The kernel printed nothing about it.');
    expect(out).toContain('It did nothing else: no page was taken out of use.');
    expect(err).toContain('unmaskable: the story is told; ');
  });

  it('an error that nobody takes is exit code 1', async () => {
    const { code, out } = await ras(SHELL(false));
    expect(code).toBe(1);
    expect(out).toContain('The kernel has NOT acknowledged it.');
  });

  it('a slip is found before the run', async () => {
    expect(await ras(SHELL(false), '--error', 'memory,adr=1')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/^unmaskable: --error 'memory,adr=1': column 8: 'adr' says nothing of such an error/),
    });
    expect((await ras(SHELL(false), '--error', 'memory,pe=3')).err).toMatch(/PE 3: this machine has PEs 0 to 0/);
    expect((await ras(SHELL(false), '--cpus', '0')).err).toMatch(/--cpus '0'/);
  });

  it('a shell that never comes is the end at --max-steps', async () => {
    const { code, err } = await ras(bareKernel('1: b 1b'), '--max-steps', '1000');
    expect([code, err]).toEqual([3, expect.stringContaining('--max-steps 1,000 reached')]);
  });
});
