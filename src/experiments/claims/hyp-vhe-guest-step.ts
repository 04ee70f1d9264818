import { assemble } from '../../isa/text/index.ts';
import { EVENT } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import { Rig, sweep } from '../rig.ts';

const CODE_PA = 0x4020_0000n;
/** Events handled, steps of the guest, steps of the handler, the end. */
const WORDS_PA = 0x4010_0000n;
const GUEST_STEPS = 6n;

/** A host with VHE steps its guest; MDSCR_EL1 is the guest's while that is so. */
const program = (handler: string): string => `
start:
  ldr x20, =${WORDS_PA}
  ldr x0, =0x488000000
  msr hcr_el2, x0
  isb
  adr x0, vectors
  msr vbar_el2, x0
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
  msr oslar_el1, xzr
  mov x0, #0x100
  msr mdcr_el2, x0
  mov x0, #0x2001
  msr mdscr_el1, x0
  ldr x0, =0x480000000
  msr hcr_el2, x0
  adr x0, guest
  msr elr_el2, x0
  ldr x0, =0x2003c5
  msr spsr_el2, x0
entered:
  eret
guest:
  nop
  nop
  nop
  nop
  nop
  nop
  hvc #0
  .balign 2048
vectors:
  .balign 512
  .skip 512
  ldr x9, [x20, #16]
  add x9, x9, #1
  str x9, [x20, #16]
  b again
  .balign 512
  mrs x9, esr_el2
  lsr x9, x9, #26
  cmp x9, #0x16
  b.eq left
  ldr x9, [x20, #8]
  add x9, x9, #1
  str x9, [x20, #8]
again:
  mrs x9, spsr_el2
  orr x9, x9, #0x200000
  msr spsr_el2, x9
  eret
left:
  str x20, [x20, #24]
  ldr x0, =0x84000008
  smc #0
  b .
event:
  ${handler}
  ldr x4, [x20]
  add x4, x4, #1
  str x4, [x20]
  ldr x0, =0xc4000025
  mov x1, xzr
  smc #0
  b .
`;

/** Why handlers leave debug exceptions masked. */
export const hypVheGuestStep: Experiment = {
  name: 'hyp-vhe-guest-step',
  claim:
    'An event of firmware over a guest that its host single-steps is handled without a step exception, because PSTATE.D ' +
    'stays set in the handler.',
  source:
    'DEN0054, "Event context": PSTATE of a handler; DDI 0487, "Software Step exceptions"; Linux, `__sdei_asm_handler`',
  control: "the handler unmasks debug exceptions: MDSCR_EL1 is still the guest's",
  run({ control, at }) {
    const { bytes, symbols } = assemble(program(control ? 'msr daifclr, #8' : 'nop'), { origin: CODE_PA });
    const rig = new Rig({ programs: [{ addrPa: CODE_PA, bytes }], el2: true });
    const { machine } = rig;
    machine.runUntil(() => machine.pes[0]!.s.pc === symbols.get('guest'), { steps: 1_000 });
    const steps: bigint[] = [];
    const tries = sweep(rig, {
      over: () => machine.pes[0]!.s.pc === symbols.get('left'),
      inject: () => void machine.sdei.signal(EVENT.normal),
      only: at,
      stepsMax: 1_000,
      ended: () => void steps.push(rig.word(WORDS_PA + 16n)),
    });
    const whole = tries.every(({ kind }) => kind === 'off');
    const bad = tries.filter((_, n) => steps[n] !== 0n);
    const evidence = [
      `${tries.length} boundaries of ${GUEST_STEPS} steps; step exceptions in the handler at ${bad.length}`,
    ];
    return { holds: whole && tries.length > 0 && bad.length === 0, evidence, at: bad[0]?.at };
  },
};
