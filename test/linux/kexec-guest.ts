import { existsSync, readFileSync } from 'node:fs';
import type { ProfileName } from '../../src/arch/profiles.ts';
import type { MachineOptions } from '../../src/machine/options.ts';
import { type ArchiveFile, archive, guestPath, haveGuests, LinuxGuest, TROUBLE } from './guest.ts';

/** Debian's kexec-tools are there. */
export const haveKexec: boolean = haveGuests && existsSync(guestPath('kexec.cpio'));

/** How kernels own EL2, or that they have none: what a machine is and what its kernels say. */
export const WAYS = {
  EL1: { cpu: 'full', el2: false, level: 1, kvm: undefined },
  VHE: { cpu: 'full', el2: true, level: 2, kvm: 'kvm [1]: VHE mode initialized successfully' },
  nVHE: { cpu: 'cortex-a57', el2: true, level: 2, kvm: 'kvm [1]: Hyp mode initialized successfully' },
} as const satisfies Record<string, { cpu: ProfileName; el2: boolean; level: 1 | 2; kvm: string | undefined }>;

/** One of {@link WAYS}. */
export type Way = keyof typeof WAYS;

/** What is made again for the next kernel; nothing that is mounted, and not the archive itself. */
const INITRD =
  '(find bin lib dev Image init; echo proc; echo sys; echo tmp; echo root) | cpio -o -H newc > /tmp/initrd';
/**
 * What programs say when all is well. kexec finds no random numbers for the next kernel's KASLR where the firmware gave
 * this one none, and no `_text` among the symbols of a kernel without CONFIG_KALLSYMS_ALL; it goes on without.
 */
const REMARKS =
  /^(\d+ blocks|setup_2nd_dtb: Reading random bytes failed\.|Can't get the symbol of _text to calculate page_offset\.)\n/gm;
/** First words of a kernel with an early console. */
const BOOTING = 'Booting Linux on physical CPU';

/** The self-tests of the kernel's cryptography are half of its boot. */
const APPEND = 'earlycon console=ttyAMA0 cryptomgr.notests';

/** A machine for {@link KexecGuest}. */
export interface KexecOptions {
  readonly way: Way;
  readonly cpus: number;
  readonly files?: readonly ArchiveFile[];
  readonly machine?: MachineOptions;
}

/** Debian's kernel with kexec and with itself as /Image. */
export class KexecGuest extends LinuxGuest {
  readonly way: Way;
  /** SDEI and PSCI calls in order, as `PE name = result`. */
  calls: string[] = [];

  constructor({ way, cpus, files = [], machine = {} }: KexecOptions) {
    const { cpu, el2 } = WAYS[way];
    const image = { path: 'Image', mode: 0o100644, bytes: readFileSync(guestPath('Image')) };
    super({
      cpu,
      cpus,
      archives: [readFileSync(guestPath('kexec.cpio')), archive([image, ...files])],
      machine: { el2, tables: 'acpi', memoryBytes: 512 * 2 ** 20, append: APPEND, ...machine },
    });
    this.way = way;
    this.machine.on('call', (pe, name, _args, result) => {
      if (/^(SDEI_|CPU_O)/.test(name)) this.calls.push(`${pe} ${name} = ${result ?? '-'}`);
    });
  }

  /** Boots to the shell; what the kernel wrote. */
  boot(): string {
    const reason = this.untilPrompt();
    if (!this.atPrompt) throw new Error(`no shell: ${reason}\n${this.text.slice(-3000)}`);
    this.command('stty cols 1000');
    return this.text;
  }

  /** Loads /Image with the present files as its initramfs. */
  load(options = '-i'): void {
    this.quietly(`cd /; ${INITRD}`);
    this.quietly(`kexec ${options} -l /Image --initrd=/tmp/initrd --reuse-cmdline`);
    this.quietly('rm /tmp/initrd');
  }

  /** A command that must succeed, without a word but those of {@link REMARKS}. */
  quietly(line: string): void {
    const said = this.command(`${line}; echo "status $?"`);
    if (!/^status 0\n$/.test(said.replace(REMARKS, ''))) throw new Error(`${line}: ${said}`);
  }

  /** Starts what was loaded, to its shell; what it wrote from its first line on. */
  next(): string {
    const from = this.text.length;
    this.calls = [];
    const reason = this.lastCommand('kexec -e');
    const said = this.text.slice(from);
    if (!this.atPrompt) throw new Error(`kexec -e: ${reason}\n${said.slice(-3000)}`);
    const at = said.indexOf(BOOTING);
    if (at < 0) throw new Error(`kexec -e: nobody says '${BOOTING}':\n${said}`);
    this.command('stty cols 1000');
    return said.slice(said.lastIndexOf('\n', at) + 1);
  }

  /** What is wrong with the words of a kernel that was started; empty when nothing is. */
  complaints(said: string): string[] {
    const { level, kvm } = WAYS[this.way];
    const wanted = [`CPU: All CPU(s) started at EL${level}`, ...(kvm ? [kvm] : []), 'unmaskable: shell ready'];
    return [
      ...wanted.filter((line) => !said.includes(line)).map((line) => `missing: ${line}`),
      ...said.split(/\r?\n/).filter((line) => TROUBLE.test(line)),
      ...(kvm ? [] : said.split(/\r?\n/).filter((line) => /kvm .*initialized/.test(line))),
      ...this.reports,
    ];
  }
}
