/** Runs cases under QEMU's user-mode emulation, in test/guest/cases.c. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CASE, type Case, OUTCOME, Outcome } from './layout.ts';

const COMPILER = 'aarch64-linux-gnu-gcc';
const EMULATOR = 'qemu-aarch64';

/** Tools that are needed and not installed. */
export function missingTools(): string[] {
  return [COMPILER, EMULATOR].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
}

/** The guest program, built, and how to run it. */
export class Qemu {
  private readonly folder = mkdtempSync(join(tmpdir(), 'unmaskable-'));
  private readonly program = join(this.folder, 'cases');
  private readonly cpu: string;

  /**
   * @param root - the checkout
   * @param cpu - QEMU's name of a processor. SVE is off, because its part of the signal frame would hide V0 to V31;
   *   FEAT_PAuth is off, because its instructions among the hints would change registers
   */
  constructor(root: string, cpu = 'max,sve=off,sme=off,pauth=off') {
    this.cpu = cpu;
    execFileSync(COMPILER, ['-static', '-O1', '-o', this.program, join(root, 'test', 'guest', 'cases.c')]);
  }

  /**
   * Outcomes of cases, in order.
   *
   * @param data - initial content of the data pages
   * @throws Error when QEMU ends early; the message says after which case
   */
  run(data: Uint8Array, cases: readonly Case[]): Outcome[] {
    const input = new Uint8Array(data.length + cases.length * CASE.bytes);
    input.set(data);
    cases.forEach((c, i) => {
      input.set(c.bytes, data.length + i * CASE.bytes);
    });
    const run = spawnSync(EMULATOR, ['-cpu', this.cpu, this.program], {
      input,
      maxBuffer: cases.length * OUTCOME.bytes + 4096,
      timeout: 120_000,
    });
    const done = Math.floor((run.stdout?.length ?? 0) / OUTCOME.bytes);
    if (run.status !== 0 || done !== cases.length) {
      const why = run.error?.message ?? `exit ${run.status}, signal ${run.signal}`;
      throw new Error(`${EMULATOR} ended after ${done} of ${cases.length} cases (${why}): ${run.stderr}`);
    }
    return cases.map((_, i) => new Outcome(run.stdout.subarray(i * OUTCOME.bytes, (i + 1) * OUTCOME.bytes)));
  }

  /** Removes the program. */
  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
