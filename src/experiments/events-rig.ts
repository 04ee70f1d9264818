/** Two PEs and an SDEI event of the second: what becomes of it in the states a PE can be in. */
import { finalCall, type Hosted, hint, load, smc, store } from '../engine/hosted/effects.ts';
import { HostedProgram } from '../engine/hosted/program.ts';
import { SDEI_FUNCTIONS } from '../firmware/sdei/functions.ts';
import { EVENT } from './errors.ts';
import { Rig } from './rig.ts';

/** How often the handler has run on PE 1; the stage that PE 1 has reached; what it is told. */
export const WORD = { handled: 0x4010_0000n, stage: 0x4010_0040n, go: 0x4010_0080n } as const;
const fid = (name: keyof typeof SDEI_FUNCTIONS): bigint => BigInt(SDEI_FUNCTIONS[name]);
/** An SDEI call; X0. */
export function* sdei(name: keyof typeof SDEI_FUNCTIONS, ...args: bigint[]): Hosted<bigint> {
  return (yield* smc(fid(name), ...args))[0]!;
}
/** Says how far PE 1 is, and waits to be told to go on. */
export function* stage(n: bigint): Hosted {
  yield* store(WORD.stage, n);
  while ((yield* load(WORD.go)) !== n) yield* hint('yield');
}
/** PE 1 registers its event. */
export function* register(program: HostedProgram): Hosted {
  yield* sdei('SDEI_EVENT_REGISTER', BigInt(EVENT.normal), program.address('event'), 0n, 0n, 0n);
  yield* sdei('SDEI_EVENT_ENABLE', BigInt(EVENT.normal));
}

/** A machine whose PE 0 brings PE 1 up, again and again when it went down. */
export function eventsRig(second: (program: HostedProgram) => Hosted): Rig {
  const program: HostedProgram = new HostedProgram({
    functions: {
      *main() {
        for (;;) {
          yield* smc(0xc400_0003n, 1n, program.address('second'), 0n);
          for (let n = 0; n < 50; n++) yield* hint('yield');
        }
      },
      *second() {
        yield* second(program);
        yield* store(WORD.stage, 99n);
        for (;;) yield* hint('yield');
      },
      *event() {
        yield* store(WORD.handled, (yield* load(WORD.handled)) + 1n);
        yield* finalCall('smc', fid('SDEI_EVENT_COMPLETE'), 0n);
      },
    },
  });
  return new Rig({ hosted: program, entry: 'main', cpus: 2 });
}
/** Firmware raises the event on PE 1; whether it was accepted. */
export const raise = (rig: Rig): boolean => rig.machine.sdei.signal(EVENT.normal, { pe: 1 });
