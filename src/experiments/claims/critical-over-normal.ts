import { finalCall, type Hosted, hint, load, nop, readX, smc, store, writeX } from '../../engine/hosted/effects.ts';
import { type HostedEntry, HostedProgram } from '../../engine/hosted/program.ts';
import { SDEI_FUNCTIONS } from '../../firmware/sdei/functions.ts';
import { EVENT } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import { Rig, sweep } from '../rig.ts';

const STACK_TOP_PA = { normal: 0x4011_0000n, critical: 0x4012_0000n } as const;
const DONE_PA = 0x4010_0000n;
/** Words that each handler keeps on its stack. */
const WORDS = 6n;
const fid = (name: keyof typeof SDEI_FUNCTIONS): bigint => BigInt(SDEI_FUNCTIONS[name]);

/** A handler: a stack of its own, words on it, the same words again, then the stack of what was interrupted. */
function* handler({ x }: HostedEntry, top: bigint): Hosted {
  const sp = yield* readX(31);
  yield* writeX(31, top);
  const mine = x[0]! << 32n;
  for (let n = 1n; n <= WORDS; n++) yield* store((yield* readX(31)) - 8n * n, mine + n);
  let same = 1n;
  for (let n = 1n; n <= WORDS; n++) if ((yield* load((yield* readX(31)) - 8n * n)) !== mine + n) same = 0n;
  const done = DONE_PA + (x[0] === BigInt(EVENT.critical) ? 16n : 8n);
  yield* store(done, 1n + same);
  yield* writeX(31, sp);
  yield* finalCall('smc', fid('SDEI_EVENT_COMPLETE'), 0n);
}

/** Why a client has two stacks for each CPU. */
export const criticalOverNormal: Experiment = {
  name: 'critical-over-normal',
  claim:
    'A critical event at any boundary of the handler of a normal one leaves what that handler keeps in registers and on ' +
    'its stack as it was.',
  source: 'DEN0054, "Event dispatch": a critical event may interrupt the handler of a normal one',
  control: 'both handlers begin at the top of one stack',
  run({ control, at }) {
    const program: HostedProgram = new HostedProgram({
      functions: {
        *main() {
          for (const [event, name] of [
            [EVENT.normal, 'normal'],
            [EVENT.critical, 'critical'],
          ] as const) {
            yield* smc(fid('SDEI_EVENT_REGISTER'), BigInt(event), program.address(name), 0n, 0n, 0n);
            yield* smc(fid('SDEI_EVENT_ENABLE'), BigInt(event));
          }
          yield* smc(fid('SDEI_PE_UNMASK'));
          yield* store(DONE_PA, 1n);
          while ((yield* load(DONE_PA + 8n)) === 0n || (yield* load(DONE_PA + 16n)) === 0n) yield* nop();
          yield* hint('dsb');
          yield* finalCall('smc', 0x8400_0008n);
        },
        normal: (entry) => handler(entry, STACK_TOP_PA.normal),
        critical: (entry) => handler(entry, control ? STACK_TOP_PA.normal : STACK_TOP_PA.critical),
      },
    });
    const rig = new Rig({ hosted: program, entry: 'main' });
    const { machine } = rig;
    rig.until(DONE_PA, 1n);
    machine.sdei.signal(EVENT.normal);
    const words: bigint[] = [];
    const tries = sweep(rig, {
      over: () => rig.word(DONE_PA + 8n) !== 0n,
      inject: () => {
        machine.sdei.signal(EVENT.critical);
        machine.runUntil(() => rig.word(DONE_PA + 8n) !== 0n && rig.word(DONE_PA + 16n) !== 0n, { steps: 2_000 });
        words.push(rig.word(DONE_PA + 8n));
      },
      only: at,
    });
    const bad = tries.find(({ kind }, n) => kind !== 'off' || words[n] !== 2n);
    const count = tries.filter(({ kind }, n) => kind === 'off' && words[n] === 2n).length;
    const evidence = [`the normal handler found its words again at ${count} of ${tries.length} boundaries`];
    if (bad) evidence.push(`first otherwise at boundary ${bad.at} (${bad.where})`);
    return { holds: tries.length > 0 && !bad, evidence, at: bad?.at };
  },
};
