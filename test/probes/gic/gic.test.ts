import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { runHere, runQemu } from '../run.ts';
import { DIFFERENCES, DIFFERENCES_V2 } from './differences.ts';
import { gicProgram } from './scenes.ts';
import { gicv2Program } from './scenes-v2.ts';

const noQemu = spawnSync('qemu-system-aarch64', ['--version']).status !== 0;

/** A question that is answered differently, and both answers. */
interface Line {
  readonly question: string;
  readonly here: string;
  readonly qemu: string;
}

async function compare(el3: boolean, gic: 2 | 3): Promise<Line[]> {
  const program = gic === 2 ? gicv2Program(el3) : gicProgram(el3);
  const image = program.image();
  const board = `virt,${el3 ? 'secure=on,virtualization=on,' : ''}gic-version=${gic}`;
  const here = runHere(image, 'cortex-a57', { el3, el2: el3, gic }).slice(0, -2);
  const qemu = (await runQemu(image, 'cortex-a57', board)).slice(0, -2);
  const asked = program.descriptions.length;
  expect([here.length, qemu.length]).toEqual([asked, asked]);
  const all = program.descriptions.map((question, n) => ({ question, here: here[n]!, qemu: qemu[n]! }));
  return all.filter((line) => line.here !== line.qemu);
}

for (const gic of [2, 3] as const) {
  const named = gic === 2 ? DIFFERENCES_V2 : DIFFERENCES;
  describe.skipIf(noQemu)(`bare-metal probes of the GICv${gic} (skipped without qemu-system-aarch64)`, () => {
    const done = new Map<boolean, Promise<Line[]>>();
    const differing = (el3: boolean): Promise<Line[]> => {
      const lines = done.get(el3) ?? compare(el3, gic);
      done.set(el3, lines);
      return lines;
    };

    for (const el3 of [false, true]) {
      it(`with secure=${el3 ? 'on' : 'off'} give what they give under QEMU, but for the differences that are named`, async () => {
        const lines = await differing(el3);
        const unnamed = lines.filter(({ question }) => named.filter(({ cases }) => cases.test(question)).length !== 1);
        expect(unnamed).toEqual([]);
      });
    }

    it('every difference that is named is there', async () => {
      const lines = [...(await differing(false)), ...(await differing(true))];
      expect(named.filter(({ cases }) => !lines.some(({ question }) => cases.test(question)))).toEqual([]);
    });
  });
}
