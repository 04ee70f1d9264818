import { EC, FSC } from '../../arch/esr.ts';
import { load, msrImmediate, nop, store } from '../../engine/hosted/effects.ts';
import { takeAbort } from '../../machine/ras-aborts.ts';
import { AREA, areaOf } from '../../os/kit/layout.ts';
import { EVENT, errorRig, memoryBlock } from '../errors.ts';
import type { Experiment } from '../experiment.ts';

/** Steps into the handler before at which the next one comes. */
const DELAYS = [0, 25, 60, 100] as const;
const NAMES = ['SDEI normal', 'SEI', 'SEA', 'SDEI critical'] as const;

/** Four notifications, each in the handler of the one before. */
export const seaSeiSdei: Experiment = {
  name: 'sea-sei-sdei',
  claim:
    'An SError in the handler of an SDEI event, a synchronous abort in the handler of that, and a critical event in the ' +
    'handler of that all get their records read.',
  source: 'Linux 5.1, "ACPI / APEI: Add support for the SDEI GHES Notification type" and the series it ends',
  control: 'lock and window are chosen by whether the CPU is in an NMI, as before 5.1',
  run({ control, at }) {
    const { rig, firmware, stagePa } = errorRig({
      sources: [
        { notify: 'SDEI', vector: EVENT.normal },
        { notify: 'SEI' },
        { notify: 'SEA' },
        { notify: 'SDEI', vector: EVENT.critical },
      ],
      // As 5.1 did: what was claimed is claimed, although nothing has been done about it yet.
      variants: control ? ['noClaimWork', 'inNmi'] : ['noClaimWork'],
      // SErrors may come into the handler; the code that met the abort tries again.
      inSdei: () => msrImmediate('DAIFClr', 4),
      *fixup() {
        yield* nop();
        return true;
      },
      *main(_cpu, { stagePa: stage, ghes }) {
        yield* store(stage, 1n);
        while ((yield* load(ghes.words.printed)) < 4n) yield* nop();
      },
    });
    rig.until(stagePa, 1n);
    const mark = rig.mark();
    const { machine } = rig;
    const pe = machine.pes[0]!;
    const block = (n: number) =>
      memoryBlock({
        severity: n % 2 ? 'corrected' : 'recoverable',
        addr: 0x4050_0000n + BigInt(n) * 0x1000n,
        fruText: NAMES[n]!,
      });
    const depth = areaOf(0) + AREA.nmiDepth;
    /** Into the NMI that is so many deep, and some steps on. */
    const into = (deep: number, steps: number): void => {
      machine.runUntil(() => rig.word(depth) === BigInt(deep), { steps: 3_000 });
      if (steps > 0) machine.run({ steps });
    };
    const tries: { at: number; kind: string; why: string; acknowledged: number }[] = [];
    for (let n = at ?? 0; n < DELAYS.length ** 2; n++) {
      rig.back(mark);
      const [first, second] = [DELAYS[Math.floor(n / DELAYS.length)]!, DELAYS[n % DELAYS.length]!];
      firmware.raise(0, block(0));
      into(1, first);
      firmware.raise(1, block(1));
      into(2, second);
      firmware.put(2, block(2));
      takeAbort(pe, EC.DataAbortSameEL, FSC.SyncExternal);
      into(3, first);
      firmware.raise(3, block(3));
      const { kind, why } = rig.finish(40_000);
      tries.push({ at: n, kind, why, acknowledged: [0, 1, 2, 3].filter((one) => firmware.acknowledged(one)).length });
      if (at !== undefined) break;
    }
    const good = tries.filter(({ kind, acknowledged }) => kind === 'off' && acknowledged === 4);
    const bad = tries.find((one) => !good.includes(one));
    const evidence = [`in ${good.length} of ${tries.length} nestings of ${NAMES.join(', ')} all were read and printed`];
    if (bad) evidence.push(`otherwise: ${bad.kind}: ${bad.why}; ${bad.acknowledged} of 4 acknowledged`);
    return { holds: tries.length > 0 && !bad, evidence, at: bad?.at };
  },
};
