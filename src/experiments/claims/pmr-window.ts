import { damageLine, EntryRig } from '../entry.ts';
import type { Experiment } from '../experiment.ts';

/** An SPI of the board that nobody uses. */
const INTID = 100;
const GICD = 0x0800_0000;
/** ICC_PMR_EL1 and ICC_IGRPEN1_EL1. */
const [PMR, IGRPEN1] = ['s3_0_c4_c6_0', 's3_0_c12_c12_7'];
const before = `
  ldr x10, =0x080a0014
  str wzr, [x10]
  ldr x10, =${GICD}
  mov w9, #0x12
  str w9, [x10]
  mov x9, #0xe0
  msr ${PMR}, x9
  mov x9, #1
  msr ${IGRPEN1}, x9
  ldr x10, =${GICD + 0x400 + INTID}
  mov w9, #0xc0
  strb w9, [x10]
  ldr x10, =${GICD + 0xc00 + 4 * (INTID >> 4)}
  mov w9, #0x200
  str w9, [x10]
  ldr x10, =${GICD + 0x100 + 4 * (INTID >> 5)}
  mov w9, #${1 << (INTID & 31)}
  str w9, [x10]
  msr daifclr, #2`;
/** The handler lets in what has a better priority than the mask, as a kernel with pseudo-NMIs does. */
const entered = `
  mov x0, #0xc0
  msr ${PMR}, x0
  msr daifclr, #2`;
const restore = `
  mov x0, #0xe0
  msr ${PMR}, x0`;

/** Why pseudo-NMI code masks with PSTATE.I on its way out, although priorities mask already. */
export const pmrWindow: Experiment = {
  name: 'pmr-window',
  claim:
    'Masking by ICC_PMR_EL1 alone leaves a window in exception return: an instruction opens the mask while ELR_EL1 and ' +
    'SPSR_EL1 are live.',
  source: 'DDI 0487, "ICC_PMR_EL1" and "Exception return": ERET restores PSTATE.I, and no priority mask',
  control: 'PSTATE.I masks from before ELR_EL1 is written until ERET itself unmasks',
  run({ control, at }) {
    const leaving = control ? `msr daifset, #2\n${restore}` : restore;
    const tries = new EntryRig({ before, entered, leaving }).sweep(({ machine }) => {
      machine.gic.set(INTID, true);
      machine.gic.set(INTID, false);
    }, at);
    const bad = tries.find(({ intact }) => !intact);
    const allTaken = tries.every(({ taken }) => taken);
    return {
      holds: allTaken && bad !== undefined,
      evidence: [damageLine(control ? 'priority and PSTATE.I' : 'priority alone', tries)],
      at: bad?.at,
    };
  },
};
