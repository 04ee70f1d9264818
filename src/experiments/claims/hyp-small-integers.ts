import { hvc } from '../../engine/hosted/effects.ts';
import { IMAGE_PA, TEXT } from '../../os/hyp/layout.ts';
import type { Experiment } from '../experiment.ts';
import { hypMachine, versions } from '../hyp-rig.ts';

/** Numbers that no version has. */
const NUMBERS = [5n, 6n, 7n, 31n, 255n, 0xfffn] as const;

/** The stub is called with a number it does not know, and once more. */
function tried(abi: string, number: bigint): { readonly answered: boolean; readonly vbar: bigint } {
  const { rig } = hypMachine({
    options: { abi },
    *main(cpu) {
      yield* hvc(number);
      yield* hvc(number);
      yield* cpu.print('answered');
    },
  });
  const { text } = rig.finish(4_000);
  return { answered: text === 'answered', vbar: rig.machine.pes[0]!.readRegister('VBAR_EL2')! };
}

/** Why numbers and addresses travel in different registers. */
export const hypSmallIntegers: Experiment = {
  name: 'hyp-small-integers',
  claim: 'A call that the stub does not know changes nothing: the next one is answered.',
  source: '"arm64: hyp/kvm: Make hyp-stub extensible", 4.7',
  control: 'the ABI of 3.7 to 4.6, where every number but 0 is the address of vectors',
  run({ control, at }) {
    const names = control ? versions('arm64 4.7', 'before') : versions('arm64 4.7', 'since');
    const evidence: string[] = [];
    let [bad, tries] = [0, 0];
    let first: number | undefined;
    for (const [v, abi] of names.entries()) {
      const list = NUMBERS.map((number, n) => ({ number, at: v * NUMBERS.length + n }));
      const results = list
        .filter((one) => at === undefined || one.at === at)
        .map((one) => ({ ...one, ...tried(abi, one.number) }));
      const wrong = results.filter(({ answered, vbar }) => !answered || vbar !== IMAGE_PA + TEXT.stub);
      tries += results.length;
      bad += wrong.length;
      first ??= wrong[0]?.at;
      const vectors = wrong.map(({ number, vbar }) => `0x${number.toString(16)}: VBAR_EL2 is 0x${vbar.toString(16)}`);
      if (results.length > 0)
        evidence.push(
          `${abi}: ${results.length - wrong.length} of ${results.length} answered; ${vectors[0] ?? 'vectors kept'}`,
        );
    }
    return { holds: tries > 0 && bad === 0, evidence, at: first };
  },
};
