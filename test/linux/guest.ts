import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ProfileName } from '../../src/arch/profiles.ts';
import { Machine, type RunReason } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';

/** Where `scripts/guests.mjs` puts what it fetches. */
const GUESTS =
  process.env.UNMASKABLE_GUESTS ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'unmaskable', 'guests');

/** Kernel and initramfs are there; else say `node scripts/guests.mjs`. */
export const haveGuests: boolean = existsSync(join(GUESTS, 'guests.json'));

/** Xen, U-Boot and EDK2 of `scripts/other-guests.mjs` are there too. */
export const haveOtherGuests: boolean = haveGuests && existsSync(join(GUESTS, 'guests-other.json'));

/** The PREEMPT_RT kernel is there too. */
export const haveRtKernel: boolean = haveGuests && existsSync(join(GUESTS, 'guests-rt.json'));

/** The kernels with pseudo-NMIs of `scripts/kernels.mjs`, as `GuestOptions.kernel`. */
export const NMI_KERNELS = ['Image-nmi-6.1', 'Image-nmi-6.12'] as const;
/** They are there; else say `node scripts/kernels.mjs`. */
export const haveNmiKernels: boolean =
  haveGuests && NMI_KERNELS.every((name) => existsSync(join(GUESTS, `${name.replace('Image', 'kernel')}.json`)));

/** Path of a fetched file: `Image`, `initramfs.cpio`. */
export const guestPath = (name: string): string => join(GUESTS, name);

const ESCAPE_SEQUENCE = new RegExp(`${String.fromCharCode(0x1b)}\\[[\\d;]*[A-Za-z]`, 'g');
/** What the shell writes when it waits: its prompt, and the question where the cursor is. */
const PROMPT = '# \x1b[6n';
/** No boot and no command here takes as many steps. */
const STEPS_MAX = 4_000_000_000;

/** What a healthy kernel never says. */
export const TROUBLE = /WARNING|BUG|Oops|Call trace|Kernel panic|Internal error|not syncing|rcu.*stall|Unhandled/i;

/** How a guest is made. */
export interface GuestOptions {
  readonly cpu: ProfileName;
  readonly cpus?: number;
  /** Default `Image`; `Image-rt` is Debian's PREEMPT_RT kernel. */
  readonly kernel?: 'Image' | 'Image-rt' | (typeof NMI_KERNELS)[number];
  /** More archives behind the initramfs; the kernel unpacks one after the other. */
  readonly archives?: readonly Uint8Array[];
  /** Devices and what else the machine is to have. */
  readonly machine?: MachineOptions;
}

/** Takes a machine some way further; `limit` when there is more to do. */
export type Drive = (guest: LinuxGuest) => RunReason;

/** Debian's kernel with a busybox shell in a machine, and somebody at its console. */
export class LinuxGuest {
  readonly machine: Machine;
  /** Everything the guest wrote. */
  text = '';
  /** What the machine said it does not model. */
  readonly reports: string[] = [];
  /** The shell waits for a command. */
  atPrompt = false;

  constructor(options: GuestOptions) {
    const archives = [readFileSync(guestPath('initramfs.cpio')), ...(options.archives ?? [])];
    this.machine = Machine.create({
      ...options.machine,
      kernel: readFileSync(guestPath(options.kernel ?? 'Image')),
      initrd: Buffer.concat(archives),
      cpu: options.cpu,
      cpus: options.cpus ?? 1,
    });
    this.machine.log.onReport((message) => void this.reports.push(message));
    this.machine.console.onOutput((bytes) => {
      this.text += String.fromCharCode(...bytes);
      if (!this.text.endsWith(PROMPT)) return;
      this.atPrompt = true;
      this.machine.stop();
    });
  }

  /** Runs until the shell waits or the machine ends; `drive` decides in which pieces. */
  untilPrompt(drive: Drive = (guest) => guest.machine.run({ steps: STEPS_MAX }).reason): RunReason {
    this.atPrompt = false;
    const end = this.machine.steps + STEPS_MAX;
    for (;;) {
      const reason = drive(this);
      if (this.atPrompt || reason !== 'limit') return reason;
      if (this.machine.steps >= end) throw new Error(`no prompt after ${STEPS_MAX} steps:\n${this.text.slice(-2000)}`);
    }
  }

  /** Types a command and runs until the shell waits again; what the command wrote, with plain line ends. */
  command(line: string, drive?: Drive): string {
    const before = this.text.length;
    this.machine.console.input(new TextEncoder().encode(`${line}\n`));
    const reason = this.untilPrompt(drive);
    if (!this.atPrompt) throw new Error(`'${line}' ended the run: ${reason}\n${this.text.slice(before)}`);
    const shown = this.text.slice(before).replaceAll('\r\n', '\n').replace(ESCAPE_SEQUENCE, '');
    return shown.replace(/^.*\n/, '').replace(/[^\n]*# $/, '');
  }

  /** Types a command after which the shell does not come back; why the run ended. */
  lastCommand(line: string): RunReason {
    this.machine.console.input(new TextEncoder().encode(`${line}\n`));
    return this.untilPrompt();
  }
}

/** A file for {@link archive}. */
export interface ArchiveFile {
  readonly path: string;
  /** Type and permissions as in `stat`; a folder is 0o040755. */
  readonly mode: number;
  readonly bytes?: Uint8Array;
}

/** A cpio archive in the form that the kernel unpacks: cpio(5), "New ASCII Format". */
export function archive(files: readonly ArchiveFile[]): Uint8Array {
  const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const one = (file: ArchiveFile, inode: number): Buffer => {
    const name = Buffer.from(`${file.path}\0`);
    const bytes = file.bytes ?? new Uint8Array();
    const fields = [inode, file.mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(bytes)]);
  };
  const trailer: ArchiveFile = { path: 'TRAILER!!!', mode: 0 };
  return Buffer.concat([...files, trailer].map((file, index) => one(file, index + 1)));
}
