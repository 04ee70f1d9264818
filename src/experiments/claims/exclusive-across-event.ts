import { assemble } from '../../isa/text/index.ts';
import { EVENT } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import { Rig } from '../rig.ts';

const CODE_PA = 0x4020_0000n;
const COUNTER_PA = 0x4010_0000n;
const program = `
  ldr x0, =0xc4000021
  mov x1, #${EVENT.normal}
  adr x2, event
  mov x3, xzr
  mov x4, xzr
  mov x5, xzr
  smc #0
  ldr x0, =0xc4000022
  mov x1, #${EVENT.normal}
  smc #0
  ldr x0, =0xc400002c
  smc #0
  ldr x20, =${COUNTER_PA}
  mov x22, xzr
again:
  ldxr x1, [x20]
reserved:
  add x1, x1, #1
  stxr w2, x1, [x20]
  cbz w2, counted
  add x22, x22, #1
  b again
counted:
  str x22, [x20, #64]
  ldr x0, =0x84000008
  smc #0
  b .
event:
  ldxr x4, [x20]
  add x4, x4, #16
  stxr w5, x4, [x20]
  ldr x0, =0xc4000025
  mov x1, xzr
  smc #0
  b .
`;

/** Read-modify-write by exclusives, and a handler that does the same to the same word. */
export const exclusiveAcrossEvent: Experiment = {
  name: 'exclusive-across-event',
  claim: 'An SDEI event between LDXR and STXR makes the STXR fail, so that both updates of the word count.',
  source: 'DEN0054, "Event dispatch"; DDI 0487, "Synchronization and semaphores"',
  control: 'the event comes before the LDXR',
  run({ control }) {
    const { bytes, symbols } = assemble(program, { origin: CODE_PA });
    const rig = new Rig({ programs: [{ addrPa: CODE_PA, bytes }] });
    const { machine } = rig;
    const at = symbols.get(control ? 'again' : 'reserved')!;
    machine.runUntil(() => machine.pes[0]!.s.pc === at, { steps: 1000 });
    machine.sdei.signal(EVENT.normal);
    const { kind } = rig.finish();
    const failures = rig.word(COUNTER_PA + 64n);
    const counter = rig.word(COUNTER_PA);
    return {
      holds: kind === 'off' && failures === 1n && counter === 17n,
      evidence: [`the STXR failed ${failures} time(s); the word is ${counter}: 1 of the loop and 16 of the handler`],
    };
  },
};
