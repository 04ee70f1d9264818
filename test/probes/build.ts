/** Builds the probe program with the cross compiler. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSREGS, type SysReg } from '../../src/arch/sysregs/index.ts';

/** The tools without which nothing can be compared. */
export const TOOLS = ['aarch64-linux-gnu-gcc', 'aarch64-linux-gnu-objcopy', 'qemu-system-aarch64'];

/** Those of the tools that are not installed. */
export function missingTools(): string[] {
  return TOOLS.filter((tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0);
}

/** Registers whose value is the time, or has side effects outside this comparison when read. */
const NO_VALUE = /^(CNTPCT|CNTVCT|CNT\w*_TVAL)/;
/** Writing zero to these would leave the program without its vectors or its way back to EL3. */
const NO_WRITE = /^(VBAR_EL[123]|SPSel)$/;
/** Registers on which single trap bits are tried. */
const TRAPPED =
  /^(SCTLR_EL1|TTBR0_EL1|TCR_EL1|ESR_EL1|FAR_EL1|MAIR_EL1|AMAIR_EL1|AFSR0_EL1|CONTEXTIDR_EL1|VBAR_EL1|ACTLR_EL1|CPACR_EL1|CTR_EL0|CCSIDR_EL1|CLIDR_EL1|CSSELR_EL1|ID_AA64PFR0_EL1|ID_AA64MMFR0_EL1|REVIDR_EL1|AIDR_EL1|MIDR_EL1|MPIDR_EL1|DCZID_EL0|DAIF|NZCV|CNTFRQ_EL0|CNTP_CTL_EL0|CNTPS_CTL_EL1|TPIDR_EL0|PAR_EL1|ID_AA64ISAR5_EL1)$/;

/** Whose tests are elsewhere: the virtual CPU interface, Performance Monitors and debug registers. */
const NOT_HERE = /^(ICH_|PM)/;

function listed(): readonly SysReg[] {
  return SYSREGS.filter((r) => r.op0 === 3 && !NOT_HERE.test(r.name));
}

function includes(): { registers: string; trapped: string } {
  const rows = listed();
  const flags = (name: string): number => (NO_WRITE.test(name) ? 1 : 0) | (NO_VALUE.test(name) ? 2 : 0);
  return {
    registers: rows.map((r) => `{0x${r.key.toString(16)}, ${flags(r.name)}, "${r.name}"},`).join('\n'),
    trapped: rows.flatMap((r, i) => (TRAPPED.test(r.name) ? [`${i},`] : [])).join('\n'),
  };
}

function run(tool: string, args: readonly string[]): void {
  const done = spawnSync(tool, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${tool}: ${done.stderr}`);
}

/**
 * The program as a raw image for physical address 0x40200000.
 *
 * @param defines - preprocessor names, such as `WITH_PAN`
 */
export function buildProbe(sources: string, defines: readonly string[] = []): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'probe-'));
  try {
    const { registers, trapped } = includes();
    writeFileSync(join(folder, 'registers.inc'), registers);
    writeFileSync(join(folder, 'trapped.inc'), trapped);
    const elf = join(folder, 'probe.elf');
    run('aarch64-linux-gnu-gcc', [
      ...['-O1', '-std=gnu11', '-Wall', '-Werror', '-ffreestanding', '-nostdlib', '-static', '-fno-pic', '-no-pie'],
      ...['-fno-stack-protector', '-mgeneral-regs-only', '-mstrict-align', '-march=armv8-a', '-mno-outline-atomics'],
      ...['-fno-asynchronous-unwind-tables', '-fno-tree-loop-distribute-patterns', '-Wl,--build-id=none'],
      ...defines.map((d) => `-D${d}`),
      ...['-I', folder, '-I', sources, '-T', join(sources, 'probe.ld'), '-o', elf],
      ...['entry.S', 'main.c', 'exceptions.c', 'interrupts.c', 'translation.c', 'virtualization.c'].map((f) =>
        join(sources, f),
      ),
    ]);
    const bin = join(folder, 'probe.bin');
    run('aarch64-linux-gnu-objcopy', ['-O', 'binary', elf, bin]);
    return new Uint8Array(readFileSync(bin));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
