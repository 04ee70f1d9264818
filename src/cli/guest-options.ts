/** The options of `run` for images beside the kernel: a hypervisor's guest, and bytes anywhere in RAM. */
import type { Command } from 'commander';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { readInput, unpackKernel } from './inputs.ts';
import type { MachineRequest } from './machine-port.ts';

/** The options of this file as they were typed. */
export interface GuestFlags {
  readonly guestKernel?: string;
  readonly guestInitrd?: string;
  readonly guestAppend?: string;
  readonly load: string[];
  readonly bios?: string;
  readonly el2?: string;
}

/** Adds the options to `run`. */
export function addGuestOptions(command: Command): void {
  command
    .option('--bios <FILE>', 'boot loader in flash at address 0, e.g. u-boot.bin; finds --kernel, if given, in fw_cfg')
    .option('--guest-kernel <FILE>', 'kernel for the hypervisor that --kernel is, as a multiboot module in /chosen')
    .option('--guest-initrd <FILE>', 'initial RAM disk of that guest')
    .option('--guest-append <TEXT>', 'kernel command line of that guest')
    .option(
      '--load <FILE@ADDRESS>',
      'put the bytes of a file into RAM, e.g. blob.bin@0x50000000; may be repeated',
      (value: string, all: string[]) => [...all, value],
      [],
    );
}

/** Reads `FILE@ADDRESS`; the last @ counts. @throws UsageError `E_LOAD` */
function parseLoad(spec: string): { path: string; addrPa: bigint } {
  const match = /^(.+)@(0x[\da-f]{1,16}|\d{1,19})$/i.exec(spec);
  if (match) return { path: match[1]!, addrPa: BigInt(match[2]!) };
  throw new UsageError('E_LOAD', `--load '${spec}': not FILE@ADDRESS. Give for example blob.bin@0x50000000.`);
}

/** @throws UsageError `E_GUEST` for options that make no sense without another */
function checkGuest({ guestKernel, guestInitrd, guestAppend, el2 }: GuestFlags): void {
  const lonely = guestInitrd !== undefined ? '--guest-initrd' : '--guest-append';
  if (guestKernel === undefined && (guestInitrd ?? guestAppend) !== undefined)
    throw new UsageError('E_GUEST', `${lonely}: there is no guest. Add --guest-kernel FILE.`);
  if (guestKernel !== undefined && el2 !== 'on')
    throw new UsageError('E_GUEST', '--guest-kernel: a hypervisor runs at EL2, and there is none. Add --el2 on.');
}

/**
 * What the options ask for of a machine.
 *
 * @throws UsageError `E_GUEST`, `E_LOAD`, `E_FILE`, `E_GZIP`
 */
export function guestRequest(flags: GuestFlags, host: Host): Pick<MachineRequest, 'bios' | 'guest' | 'programs'> {
  checkGuest(flags);
  const loads = flags.load.map(parseLoad);
  const programs = loads.map(({ path, addrPa }) => ({ bytes: readInput(host, '--load', path), addrPa }));
  const { guestKernel: path, guestInitrd: initrd, guestAppend: append } = flags;
  const guest =
    path === undefined
      ? undefined
      : {
          kernel: unpackKernel(`--guest-kernel ${path}`, readInput(host, '--guest-kernel', path)),
          initrd: initrd === undefined ? undefined : readInput(host, '--guest-initrd', initrd),
          append,
        };
  const bios = flags.bios === undefined ? undefined : readInput(host, '--bios', flags.bios);
  return { ...(bios && { bios }), ...(guest && { guest }), ...(programs.length > 0 && { programs }) };
}
