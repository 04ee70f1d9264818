import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { main } from './main.ts';

const FILES = { Guest: Uint8Array.of(1, 2, 3), disk: Uint8Array.of(4), 'odd@name': Uint8Array.of(5) };

async function run(...args: string[]) {
  const host = new FakeHost(() => 'poweroff');
  for (const [path, bytes] of Object.entries(FILES)) host.files.set(path, bytes);
  const exit = await main(['run', '--kernel', 'Image', ...args], host, '1');
  return { exit, err: host.err, request: host.requests[0] };
}

describe("a hypervisor's guest", () => {
  it('is a kernel, an initrd and a command line', async () => {
    const { exit, request } = await run(
      ...['--el2', 'on', '--guest-kernel', 'Guest', '--guest-initrd', 'disk', '--guest-append', 'console=hvc0'],
    );
    expect([exit, request?.guest]).toEqual([0, { kernel: FILES.Guest, initrd: FILES.disk, append: 'console=hvc0' }]);
  });

  it('is not there unless asked for', async () => {
    const { request } = await run();
    expect(request).not.toHaveProperty('guest');
    expect(request).not.toHaveProperty('programs');
  });
});

describe('--load', () => {
  it('puts files at addresses, in order; the last @ is what counts', async () => {
    const { request } = await run('--load', 'Guest@0x50000000', '--load', 'odd@name@1342177280');
    expect(request?.programs).toEqual([
      { bytes: FILES.Guest, addrPa: 0x5000_0000n },
      { bytes: FILES['odd@name'], addrPa: 0x5000_0000n },
    ]);
  });
});

describe('mistakes', () => {
  it.each([
    [['--guest-kernel', 'Guest'], /a hypervisor runs at EL2, and there is none\. Add --el2 on/],
    [['--guest-initrd', 'disk', '--el2', 'on'], /--guest-initrd: there is no guest\. Add --guest-kernel FILE/],
    [['--guest-append', 'quiet', '--el2', 'on'], /--guest-append: there is no guest/],
    [['--guest-kernel', 'none', '--el2', 'on'], /--guest-kernel none: cannot be read: there is no such file/],
    [['--load', 'Guest'], /--load 'Guest': not FILE@ADDRESS/],
    [['--load', 'Guest@ram'], /not FILE@ADDRESS\. Give for example blob\.bin@0x50000000/],
    [['--load', 'none@0x50000000'], /--load none: cannot be read/],
    [['--restore', 'file', '--load', 'Guest@0'], /the file says what the machine is, so there is no .*--load/],
  ])('%j: exit 2 with one message', async (args, message) => {
    const { exit, err, request } = await run(...args);
    expect([exit, request]).toEqual([2, undefined]);
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });
});
