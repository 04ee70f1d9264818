import { describe, expect, it } from 'vitest';
import { bareKernel, POWER_OFF } from '../../test/support/bare-kernel.ts';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { createMachine } from './machine.ts';
import { main } from './main.ts';

const KERNEL = bareKernel(POWER_OFF);

/** Runs `unmaskable run` on a real machine in a process of paper. */
async function run(...args: string[]): Promise<{ host: FakeHost; code: number }> {
  const host = new FakeHost(() => undefined);
  host.files.set('kernel', KERNEL).set('tree', Uint8Array.of(1));
  host.createMachine = (request) => {
    host.requests.push(request);
    return createMachine({ ...request, memoryBytes: 32 * 2 ** 20 });
  };
  const code = await main(['run', '--kernel', 'kernel', ...args], host, '0');
  return { host, code };
}

describe('--tables', () => {
  it.each(['dt', 'acpi', 'both'])('%s reaches the machine', async (tables) => {
    const { host, code } = await run('--tables', tables);
    expect(code).toBe(0);
    expect(host.requests[0]!.tables).toBe(tables);
  });

  it('another word, and a device tree that would not be used, are refused before anything is read', async () => {
    const wrong = await run('--tables', 'uefi');
    expect([wrong.code, wrong.host.err]).toEqual([
      2,
      "unmaskable: --tables 'uefi': no such description. Known: dt, acpi, both.\n",
    ]);
    const unused = await run('--tables', 'acpi', '--dtb', 'nowhere');
    expect(unused.code).toBe(2);
    expect(unused.host.err).toMatch(/--dtb would not be used.*--tables both/);
  });
});

describe('--dump-tables', () => {
  it('writes every table under the name that acpidump gives it, the EFI structures and the device tree', async () => {
    const { host, code } = await run('--tables', 'acpi', '--dump-tables', 'out');
    expect(code).toBe(0);
    expect([...host.written.keys()].sort()).toEqual(
      [
        'apic.dat',
        'bert.dat',
        'device-tree.dtb',
        'dsdt.dat',
        'efi-configuration-table.bin',
        'efi-memory-map.bin',
        'efi-reservations.bin',
        'efi-rt-properties.bin',
        'efi-system-table.bin',
        'efi-vendor.bin',
        'einj.dat',
        'erst.dat',
        'facp.dat',
        'gtdt.dat',
        'hest.dat',
        'pptt.dat',
        'rsdp.dat',
        'sdei.dat',
        'spcr.dat',
        'xsdt.dat',
      ].map((name) => `out/${name}`),
    );
    const apic = host.written.get('out/apic.dat') as unknown as Uint8Array;
    expect(new TextDecoder().decode(apic.subarray(0, 4))).toBe('APIC');
  });

  it('with a device tree alone writes that', async () => {
    const { host } = await run('--dump-tables', 'out');
    expect([...host.written.keys()]).toEqual(['out/device-tree.dtb']);
  });

  it('a folder that cannot be written is a usage error, before the run', async () => {
    const { host, code } = await run('--dump-tables', '/nowhere/out');
    expect(code).toBe(2);
    expect(host.err).toMatch(
      /^unmaskable: --dump-tables: \/nowhere\/out\/device-tree.dtb cannot be written: there is no/,
    );
  });
});
