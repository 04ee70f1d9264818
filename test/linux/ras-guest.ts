import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RasHappening } from '../../src/firmware/ras/ghes.ts';
import type { RunReason } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';
import { archive, guestPath, haveGuests, LinuxGuest } from './guest.ts';

const COMPILER = 'aarch64-linux-gnu-gcc';
const SOURCE = fileURLToPath(new URL('../guest/ras/victim.c', import.meta.url));

/** The victim can be built. */
export const haveCompiler: boolean = spawnSync(COMPILER, ['--version'], { stdio: 'ignore' }).status === 0;
/** The kernel's module for error injection is there. */
export const haveEinj: boolean =
  haveGuests &&
  existsSync(guestPath('modules.cpio')) &&
  readFileSync(guestPath('modules.cpio')).includes('acpi/apei/einj.ko');

let victim: Uint8Array | undefined;

/** test/guest/ras/victim.c as a program. */
function buildVictim(): Uint8Array {
  if (victim) return victim;
  const folder = mkdtempSync(join(tmpdir(), 'ras-victim-'));
  try {
    const path = join(folder, 'victim');
    const built = spawnSync(COMPILER, ['-static', '-O2', '-Wall', '-Wextra', '-Werror', '-o', path, SOURCE]);
    if (built.status !== 0) throw new Error(`${SOURCE}: ${built.stderr}`);
    victim = readFileSync(path);
    return victim;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What became of errors, as `serial what source`, in order. */
export type Ways = string[];

/** Debian's kernel with ACPI at its shell, quiet on the console, and what becomes of errors. */
export class RasGuest extends LinuxGuest {
  readonly ways: Ways = [];

  constructor(
    machine: MachineOptions = {},
    cpus = 1,
    more: { readonly victim?: boolean; readonly modules?: boolean; readonly archives?: readonly Uint8Array[] } = {},
  ) {
    const programs = more.victim
      ? [
          archive([
            { path: 'ras', mode: 0o040755 },
            { path: 'ras/victim', mode: 0o100755, bytes: buildVictim() },
          ]),
        ]
      : [];
    const modules = more.modules ? [readFileSync(guestPath('modules.cpio'))] : [];
    super({
      cpu: 'full',
      cpus,
      machine: { tables: 'acpi', ...machine },
      archives: [...modules, ...programs, ...(more.archives ?? [])],
    });
    this.machine.ras.on((what: RasHappening, serial, source) => {
      this.ways.push(`${serial} ${what} ${source?.id ?? '-'}`);
    });
  }

  /** Boots; what the kernel wrote goes to `dmesg` alone from then on. */
  boot(): this {
    const reason = this.untilPrompt();
    if (reason !== 'stopped') throw new Error(`no shell: ${reason}\n${this.text.slice(-2000)}`);
    this.command('stty cols 1000; dmesg -n 1; dmesg -c > /dev/null');
    return this;
  }

  /** Lines of the kernel since the last call. */
  kernelLines(): string {
    return this.command('dmesg -c');
  }

  /** Runs until the console shows a text; why it ended. */
  untilText(pattern: RegExp, from = this.text.length): RunReason {
    for (let n = 0; n < 400; n++) {
      const { reason } = this.machine.run({ steps: 10_000_000 });
      if (pattern.test(this.text.slice(from)) || (reason !== 'limit' && reason !== 'stopped')) return reason;
    }
    throw new Error(`no ${pattern} in:\n${this.text.slice(from).slice(-2000)}`);
  }

  /** Starts the victim in the background; physical address of its page. */
  startVictim(words: string): bigint {
    this.command(`( (/ras/victim ${words} > /tmp/out 2>&1; echo exit $? >> /tmp/out) & )`);
    for (let n = 0; n < 20; n++) {
      const found = /page (0x\w+)/.exec(this.command('sleep 0.05; cat /tmp/out'));
      if (found) return BigInt(found[1]!);
    }
    throw new Error(`the victim does not start: ${this.command('cat /tmp/out')}`);
  }
  /** Lets the victim read its page; what it wrote. */
  letVictimRead(): string {
    this.command('touch /tmp/go');
    for (let n = 0; n < 20; n++) {
      const shown = this.command('sleep 0.1; cat /tmp/out');
      if (shown.includes('exit')) return shown.replace(/^page .*\n/, '');
    }
    throw new Error('the victim does not end');
  }
}
