/** The smallest virtual machine monitor with its guest, for the tests of KVM. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../house/sources.ts';

const SCRIPT = join(ROOT, 'scripts', 'guest-programs.mjs');
const TOOLS = ['aarch64-linux-gnu-gcc', 'aarch64-linux-gnu-objcopy'];

/** The cross compiler is there. */
export const haveCompiler: boolean = TOOLS.every((tool) => spawnSync(tool, ['--version']).status === 0);

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

/** The monitor as a static arm64 program: test/guest/kvm. */
export function buildVmm(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'kvm-vmm-'));
  try {
    const file = join(folder, 'vmm');
    const built = spawnSync(process.execPath, [SCRIPT, '--vmm', file], { encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`${SCRIPT}: ${built.stderr}`);
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
