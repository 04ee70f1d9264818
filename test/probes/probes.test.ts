import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ProfileName } from '../../src/arch/profiles.ts';
import { buildProbe, missingTools } from './build.ts';
import { DIFFERENCES, type KnownDifference, withoutInstructionSyndrome } from './differences.ts';
import { runHere, runQemu } from './run.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const missing = missingTools();
const used = new Set<KnownDifference>();

/** Lines that differ without a reason, as pairs of text. */
function unexplained(qemu: readonly string[], here: readonly string[]): string[] {
  const found: string[] = [];
  for (let n = 0; n < Math.max(qemu.length, here.length); n++) {
    const theirs = withoutInstructionSyndrome(qemu[n] ?? '(nothing)');
    const ours = here[n] ?? '(nothing)';
    if (theirs === ours) continue;
    const known = DIFFERENCES.find((d) => d.cases.test(ours) && d.here.test(ours));
    if (known) used.add(known);
    else found.push(`QEMU ${theirs}\nhere ${ours}`);
  }
  return found;
}

async function compare(defines: readonly string[], cpus: { here: ProfileName; qemu: string }, casesMin: number) {
  const image = buildProbe(HERE, defines);
  const [qemu, here] = [await runQemu(image, cpus.qemu), runHere(image, cpus.here)];
  expect(here.length).toBeGreaterThan(casesMin);
  expect(unexplained(qemu, here).slice(0, 20)).toEqual([]);
}

describe.skipIf(missing.length > 0)(`exceptions and translation, as QEMU has them (not installed: ${missing})`, () => {
  it('every case on a Cortex-A57 with EL2 and EL3 prints the same line', async () => {
    await compare([], { here: 'cortex-a57', qemu: 'cortex-a57' }, 8000);
  }, 180_000);

  it('PAN and UAO, on a processor that has them, print the same lines', async () => {
    await compare(['WITH_PAN'], { here: 'full', qemu: 'neoverse-n1' }, 400);
  }, 60_000);

  it('stage 2, virtual interrupts and the virtual CPU interface print the same lines', async () => {
    await compare(['WITH_EL2'], { here: 'cortex-a57', qemu: 'cortex-a57' }, 500);
  }, 60_000);

  it('exceptions, traps and names with HCR_EL2.{E2H, TGE}, on a processor that has them, print the same lines', async () => {
    await compare(['WITH_VHE'], { here: 'full', qemu: 'neoverse-n1' }, 90);
  }, 60_000);

  it('every known difference is still one', () => {
    expect(DIFFERENCES.filter((d) => !used.has(d)).map((d) => d.reason)).toEqual([]);
  });
});
