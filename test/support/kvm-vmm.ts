/** Builds the smallest virtual machine monitor with its guest, for the tests of KVM. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const GCC = 'aarch64-linux-gnu-gcc';
const OBJCOPY = 'aarch64-linux-gnu-objcopy';
const SOURCES = join(import.meta.dirname, '..', 'guest', 'kvm');

/** The cross compiler is there. */
export const haveCompiler: boolean = [GCC, OBJCOPY].every((tool) => spawnSync(tool, ['--version']).status === 0);

/** What the guest says when all of it works, and what its monitor adds. */
export const GUEST_SAYS = `guest: at EL1, MPIDR 0
guest: MMU on
guest: loads answered
guest: three ticks
guest: SGI received
guest: sums are right
guest: PSCI there, off
vmm: the guest turned itself off (exit reason 24)
`;

/** The monitor as a static arm64 program. */
export function buildVmm(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'kvm-vmm-'));
  try {
    const path = (name: string): string => join(folder, name);
    const bare = ['-nostdlib', '-static', '-Wl,--build-id=none', '-Wl,-Ttext=0x40000000'];
    execFileSync(GCC, [...bare, '-o', path('guest.elf'), join(SOURCES, 'guest.S')]);
    execFileSync(OBJCOPY, ['-O', 'binary', path('guest.elf'), path('guest.bin')]);
    const guest = `-DGUEST="${path('guest.bin')}"`;
    execFileSync(GCC, ['-static', '-O2', '-Wall', '-Wextra', guest, '-o', path('vmm'), join(SOURCES, 'vmm.c')]);
    return readFileSync(path('vmm'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
