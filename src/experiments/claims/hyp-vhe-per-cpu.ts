import {
  eret,
  finalCall,
  type Hosted,
  hint,
  hvc,
  load,
  mrs,
  msr,
  nop,
  smc,
  store,
} from '../../engine/hosted/effects.ts';
import { HostedProgram } from '../../engine/hosted/program.ts';
import { SDEI_FUNCTIONS } from '../../firmware/sdei/functions.ts';
import { HCR_HOST_VHE } from '../../os/hyp/owners.ts';
import { EVENT } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import { Rig, sweep } from '../rig.ts';

/** Per-CPU data of host and guest: a counter each. */
const DATA = { host: 0x4010_0000n, guest: 0x4011_0000n } as const;
const STAGE_PA = 0x4012_0000n;
const UART_PA = 0x0900_0000n;
/** HCR_EL2 of a host whose guest runs: RW, E2H, IMO, FMO, AMO. */
const HCR_GUEST = (1n << 31n) | (1n << 34n) | 0x38n;
const EL1H_MASKED = 0x3c5n;
const fid = (name: keyof typeof SDEI_FUNCTIONS): bigint => BigInt(SDEI_FUNCTIONS[name]);

function program(perCpu: string): HostedProgram {
  const made: HostedProgram = new HostedProgram({
    functions: {
      *main(): Hosted {
        yield* msr('HCR_EL2', HCR_HOST_VHE);
        yield* hint('isb');
        yield* msr('VBAR_EL2', made.vectors('host'));
        for (const el of [1, 2]) yield* msr(`TPIDR_EL${el}`, DATA.host);
        yield* smc(fid('SDEI_EVENT_REGISTER'), BigInt(EVENT.normal), made.address('event'), 0n, 0n, 0n);
        yield* smc(fid('SDEI_EVENT_ENABLE'), BigInt(EVENT.normal));
        yield* smc(fid('SDEI_PE_UNMASK'));
        yield* store(STAGE_PA, 1n);
        // The guest's registers are loaded while its host still runs.
        yield* msr('TPIDR_EL1', DATA.guest);
        yield* msr('HCR_EL2', HCR_GUEST);
        yield* msr('ELR_EL2', made.address('guest'));
        yield* msr('SPSR_EL2', EL1H_MASKED);
        yield* eret();
      },
      *guest(): Hosted {
        for (let n = 0; n < 12; n++) yield* nop();
        yield* hvc(0n);
      },
      *exit(): Hosted {
        yield* msr('HCR_EL2', HCR_HOST_VHE);
        yield* msr('TPIDR_EL1', DATA.host);
        yield* store(STAGE_PA, 2n);
        for (const pa of [DATA.host, DATA.guest]) yield* store(UART_PA, 0x30n + (yield* load(pa)), 1);
        yield* finalCall('smc', 0x8400_0008n);
      },
      *event(): Hosted {
        const data = yield* mrs(perCpu);
        yield* store(data, (yield* load(data)) + 1n);
        yield* finalCall('smc', fid('SDEI_EVENT_COMPLETE'), 0n);
      },
    },
    vectors: { host: { lower64: { sync: 'exit' } } },
  });
  return made;
}

/** Why a host with VHE keeps its per-CPU data behind TPIDR_EL2. */
export const hypVhePerCpu: Experiment = {
  name: 'hyp-vhe-per-cpu',
  claim:
    "With VHE a handler of SDEI that finds its per-CPU data by TPIDR_EL2 finds the host's at every boundary of a guest " +
    'that is entered, runs and is left.',
  source: 'cover letter of the SDEI series; Linux 4.16, "arm64: alternatives: use tpidr_el2 on VHE hosts"',
  control: "it uses TPIDR_EL1, which is not redirected: the guest's value",
  run({ control, at }) {
    const rig = new Rig({ hosted: program(control ? 'TPIDR_EL1' : 'TPIDR_EL2'), entry: 'main', el2: true });
    rig.until(STAGE_PA, 1n);
    const tries = sweep(rig, {
      over: () => rig.word(STAGE_PA) === 2n,
      inject: () => void rig.machine.sdei.signal(EVENT.normal),
      only: at,
      stepsMax: 2_000,
    });
    const bad = tries.filter(({ text }) => text !== '10');
    const [first, last] = [bad[0], bad.at(-1)];
    const where = first && last ? `: ${first.where} to ${last.where}` : '';
    const evidence = [`${tries.length} boundaries; the guest's data was written at ${bad.length}${where}`];
    return { holds: tries.length > 0 && bad.length === 0, evidence, at: first?.at };
  },
};
