import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { DIFFERENCES } from './differences.ts';
import { runHere, runQemu } from './run.ts';
import { gicProgram } from './scenes.ts';

const noQemu = spawnSync('qemu-system-aarch64', ['--version']).status !== 0;

/** What differs: the question, and both answers. */
async function compare(el3: boolean): Promise<{ question: string; here: string; qemu: string }[]> {
  const program = gicProgram(el3);
  const image = program.image();
  const [here, qemu] = [runHere(image, el3), await runQemu(image, el3)];
  expect([here.length, qemu.length]).toEqual([program.descriptions.length, program.descriptions.length]);
  const all = program.descriptions.map((question, n) => ({ question, here: here[n]!, qemu: qemu[n]! }));
  return all.filter((line) => line.here !== line.qemu);
}

describe.skipIf(noQemu)('bare-metal probes of the GIC (skipped when qemu-system-aarch64 is not installed)', () => {
  const differing = new Map<boolean, ReturnType<typeof compare>>();
  const compared = (el3: boolean): ReturnType<typeof compare> => {
    const known = differing.get(el3) ?? compare(el3);
    differing.set(el3, known);
    return known;
  };

  for (const el3 of [false, true]) {
    it(`with secure=${el3 ? 'on' : 'off'} give what they give under QEMU, but for the differences that are named`, async () => {
      const unnamed = (await compared(el3)).filter(
        ({ question }) => DIFFERENCES.filter(({ cases }) => cases.test(question)).length !== 1,
      );
      expect(unnamed).toEqual([]);
    });
  }

  it('every difference that is named is there', async () => {
    const lines = [...(await compared(false)), ...(await compared(true))];
    const gone = DIFFERENCES.filter(({ cases }) => !lines.some(({ question }) => cases.test(question)));
    expect(gone).toEqual([]);
  });
});
