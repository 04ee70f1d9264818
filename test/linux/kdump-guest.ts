import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VIRT_MEMORY_MAP } from '../../src/machine/board/virt.ts';
import type { Snapshot } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';
import { ROOT } from '../house/sources.ts';
import { type ArchiveFile, archive, guestPath } from './guest.ts';
import { KexecGuest, type Way } from './kexec-guest.ts';

const COMPILER = 'aarch64-linux-gnu-gcc';
const SOURCE = 'test/guest/kdump/vmhash.c';
const MIB = 2 ** 20;
const PSTATE_I = 1 << 7;
const RAM_PA = VIRT_MEMORY_MAP.ram.basePa;

let vmhash: Uint8Array | undefined;

/** test/guest/kdump/vmhash.c as a program. */
function buildVmhash(): Uint8Array {
  if (vmhash) return vmhash;
  const folder = mkdtempSync(join(tmpdir(), 'vmhash-'));
  try {
    const path = join(folder, 'vmhash');
    const source = join(ROOT, SOURCE);
    const built = spawnSync(COMPILER, ['-static', '-O2', '-Wall', '-Wextra', '-Werror', '-o', path, source]);
    if (built.status !== 0) throw new Error(`${SOURCE}: ${built.stderr}`);
    vmhash = readFileSync(path);
    return vmhash;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A PT_LOAD of a core: where it lies in the memory of the kernel that died, and the fingerprint of its bytes. */
export interface Segment {
  readonly addrPa: bigint;
  readonly sizeBytes: number;
  readonly fingerprint: string;
}

/** That the first instruction of the crash kernel is about to be executed. */
export interface Entry {
  readonly pe: number;
  readonly el: number;
  /** Steps since the panic was caused. */
  readonly steps: number;
  /** PEs that mask interrupts, so that they cannot be stopped by one. */
  readonly deaf: readonly number[];
  readonly snapshot: Snapshot;
  /** SDEI and power calls since the panic was caused. */
  readonly calls: readonly string[];
}

/** What the crash kernel found in /proc/vmcore, beside what is there. */
export interface CoreReport {
  readonly segments: readonly Segment[];
  /** Segments outside RAM, as kexec-tools describes them. */
  readonly odd: readonly string[];
  readonly notes: number;
  /** Segments, or pages of them, that are not as they were when the crash kernel took over. */
  readonly wrong: readonly string[];
}

/**
 * kexec-tools 2.0.25 works out where the kernel lies in RAM from `_text`, which a kernel without CONFIG_KALLSYMS_ALL
 * does not list; it takes 0 then, and describes the kernel's memory by a segment of 2^64 bytes less a few, behind which
 * no other can be read. So it is shown a list that has the symbol: 64 KiB before `_stext`, as in the Image.
 */
const NAME_TEXT = [
  "stext=$(grep ' _stext$' /proc/kallsyms)",
  'printf "%x T _text\\n$stext\\n" $((0x$(echo $stext | cut -d " " -f 1) - 0x10000)) > /tmp/kallsyms',
  'mount --bind /tmp/kallsyms /proc/kallsyms',
].join(' && ');

/** Command line of the crash kernel. */
const CRASH_APPEND = 'earlycon console=ttyAMA0 nr_cpus=1 reset_devices cryptomgr.notests';
/** The way to the crash kernel takes a few million steps, or a second of waiting for CPUs that do not stop. */
const ENTRY_STEPS_MAX = 4_000_000_000;
const WORDS = 1024;

/** The fingerprint of test/guest/kdump/vmhash.c over bytes that come in pieces of 4 KiB, but for the last. */
export class Fingerprint {
  private s1 = 0n;
  private s2 = 0n;

  /** Sums of one piece fit in a double: 1024 words of 32 bits, and 1024 sums of them. */
  add(bytes: Uint8Array): void {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    for (let at = 0; at < words.length; at += WORDS) {
      let b1 = 0;
      let b2 = 0;
      const end = Math.min(at + WORDS, words.length);
      for (let n = at; n < end; n++) {
        b1 += words[n]!;
        b2 += b1;
      }
      this.s2 = BigInt.asUintN(64, this.s2 + this.s1 * BigInt(end - at) + BigInt(b2));
      this.s1 = BigInt.asUintN(64, this.s1 + BigInt(b1));
    }
  }
  get text(): string {
    return [this.s2, this.s1].map((sum) => sum.toString(16).padStart(16, '0')).join('');
  }
}

/** How a {@link KdumpGuest} is made. */
export interface KdumpOptions {
  readonly way: Way;
  readonly cpus: number;
  readonly files?: readonly ArchiveFile[];
  readonly machine?: MachineOptions;
}

/** Debian's kernel with itself loaded as its crash kernel. */
export class KdumpGuest extends KexecGuest {
  /** Physical address of the crash kernel's Image, when it is loaded. */
  crashImagePa = 0n;
  entry: Entry | undefined;
  private causedAt = 0;

  constructor({ way, cpus, files = [], machine = {} }: KdumpOptions) {
    const program = { path: 'bin/vmhash', mode: 0o100755, bytes: buildVmhash() };
    const crash = Buffer.concat([readFileSync(guestPath('initramfs.cpio')), archive([program])]);
    super({
      way,
      cpus,
      files: [{ path: 'crash.cpio', mode: 0o100644, bytes: crash }, ...files],
      machine: {
        memoryBytes: 384 * MIB,
        append: 'earlycon console=ttyAMA0 cryptomgr.notests crashkernel=128M',
        ...machine,
      },
    });
  }

  /** Boots and loads the crash kernel; what the kernel wrote. */
  override boot(): string {
    const said = super.boot();
    this.quietly(NAME_TEXT);
    this.quietly(`kexec -i -p /Image --initrd=/crash.cpio --append="${CRASH_APPEND}"`);
    this.crashImagePa = this.findCrashImage();
    this.machine.breakAt(
      this.crashImagePa,
      ({ pe }) => {
        this.entry ??= {
          pe,
          el: this.machine.pes[pe]!.s.el,
          steps: this.machine.steps - this.causedAt,
          deaf: this.machine.pes.flatMap(({ s }, n) => ((s.pstate() & PSTATE_I) !== 0 ? [n] : [])),
          snapshot: this.machine.snapshot(),
          calls: [...this.calls],
        };
        this.machine.stop();
      },
      { space: 'physical' },
    );
    return said;
  }

  /** The Image in the reserved memory: Linux Documentation/arch/arm64/booting.rst, "Call the kernel image". */
  private findCrashImage(): bigint {
    const found = /([0-9a-f]+)-([0-9a-f]+) : Crash kernel/.exec(this.command("grep 'Crash kernel' /proc/iomem"));
    if (!found) throw new Error('no memory is reserved for a crash kernel');
    const end = BigInt(`0x${found[2]}`);
    for (let pa = BigInt(`0x${found[1]}`); pa < end; pa += BigInt(2 * MIB)) {
      if (Buffer.from(this.machine.readMemory(pa + 0x38n, 4)).toString('latin1') === 'ARM\x64') return pa;
    }
    throw new Error(`no Image is between 0x${found[1]} and 0x${found[2]}`);
  }

  /** Causes a panic and runs to the crash kernel's first instruction. */
  crash(cause: () => void): Entry {
    const from = this.text.length;
    this.calls = [];
    this.entry = undefined;
    this.causedAt = this.machine.steps;
    cause();
    while (!this.entry) {
      const { reason } = this.machine.run({ steps: ENTRY_STEPS_MAX });
      if (!this.entry && (reason !== 'stopped' || this.machine.steps - this.causedAt > ENTRY_STEPS_MAX))
        throw new Error(`no crash kernel: ${reason}\n${this.text.slice(from).slice(-4000)}`);
    }
    return this.entry;
  }

  /** From its first instruction to its shell; what the crash kernel wrote. */
  crashBoot(): string {
    const from = this.text.length;
    const reason = this.untilPrompt();
    if (!this.atPrompt) throw new Error(`no shell: ${reason}\n${this.text.slice(from).slice(-4000)}`);
    return this.text.slice(from);
  }

  /** Compares /proc/vmcore with the memory of the machine when the crash kernel took over; leaves the machine there. */
  core(): CoreReport {
    const end = RAM_PA + BigInt(this.machine.options.memoryBytes);
    const said = this.command(`stty cols 1000; vmhash 0x${RAM_PA.toString(16)} 0x${end.toString(16)}`);
    if (!said.includes('vmcore ok')) throw new Error(`vmhash: ${said}`);
    const segments = [...said.matchAll(/^load (\w+) (\w+) (\w{32})$/gm)].map(([, addr, size, fingerprint]) => ({
      addrPa: BigInt(`0x${addr}`),
      sizeBytes: Number.parseInt(size!, 16),
      fingerprint: fingerprint!,
    }));
    this.machine.restore(this.entry!.snapshot);
    const wrong = segments.flatMap((segment) => {
      const there = this.fingerprintOf(segment);
      const where = `0x${segment.addrPa.toString(16)}, ${segment.sizeBytes} bytes`;
      return there === segment.fingerprint ? [] : [`${where}: ${segment.fingerprint} in the core, ${there} in RAM`];
    });
    const odd = [...said.matchAll(/^odd (\w+) (\w+)$/gm)].map(([, addr, size]) => `0x${addr}, 0x${size} bytes`);
    return { segments, odd, notes: [...said.matchAll(/^note/gm)].length, wrong };
  }

  private fingerprintOf({ addrPa, sizeBytes }: Segment): string {
    const sum = new Fingerprint();
    for (let at = 0; at < sizeBytes; at += MIB)
      sum.add(this.machine.readMemory(addrPa + BigInt(at), Math.min(MIB, sizeBytes - at)));
    return sum.text;
  }
}
