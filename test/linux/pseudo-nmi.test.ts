import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/machine/machine.ts';
import { haveNmiKernels, NMI_KERNELS, TROUBLE } from './guest.ts';
import {
  bandsOf,
  haveCompiler,
  MASK,
  NmiGuest,
  type NmiOptions,
  PMU,
  type Security,
  type Taken,
} from './pseudo-nmi/guest.ts';
import { TIMEOUT_MS } from './suite.ts';

const ENABLED = 'GICv3: Pseudo-NMIs enabled using relaxed ICC_PMR_EL1 synchronisation';
const FORCED = /GICv3: Pseudo-NMIs enabled using forced ICC_PMR_EL1 synchronisation/;
/** Steps in which the console has come up. */
const FORCED_STEPS_MAX = 20_000_000;
const CTLR_EL3_PMHE = 0x40n;
const USING_NMIS = /hw perfevents: enabled with armv8_pmuv3 PMU driver, .*, using NMIs/;
/** Function in which LKDTM spins for ever with interrupts out. */
const SPINNING = 'lkdtm_HARDLOCKUP';
/** What the driver of the console does with interrupts out. */
const CONSOLE = /^pl011_(read|write|console_putchar)$/;
const NEEDS = '(needs scripts/kernels.mjs to have run, and a cross compiler)';
const describeKernels = describe.skipIf(!haveNmiKernels || !haveCompiler).each(NMI_KERNELS);

const STATES: readonly (readonly [string, Security])[] = [
  ['two security states, FIQs going to EL3', { ds: 0, fiq: 1, machine: {} }],
  ['two security states, FIQs not going to EL3', { ds: 0, fiq: 0, machine: {} }],
  ['one security state', { ds: 1, fiq: 0, machine: { el3: false } }],
];
const USUAL = STATES[0]![1];

/** A kernel in a machine whose firmware left FIQs where they are to be. */
function guestOf(kernel: NmiOptions['kernel'], { ds, fiq, machine }: Security): NmiGuest {
  const guest = new NmiGuest({ kernel, machine });
  if (ds === 1 || fiq === 1) return guest;
  const scr = guest.machine.readRegister(0, 'SCR_EL3') as bigint;
  guest.machine.writeRegister(0, 'SCR_EL3', scr & ~4n);
  return guest;
}

/** Lines with what a healthy kernel never says. */
const trouble = ({ text }: NmiGuest): string[] =>
  text.split(/\r?\n/).filter((line) => TROUBLE.test(line.replaceAll('debugfs', '')));

/** The Performance Monitors' interrupts that came out of code with interrupts out. */
const nmis = (taken: readonly Taken[]): Taken[] =>
  taken.filter(({ intid, pmr, masked }) => intid === PMU && (masked || pmr !== MASK.on));

describeKernels(`%s ${NEEDS}`, { timeout: TIMEOUT_MS }, (kernel) => {
  describe.each(STATES)('with %s', (_, security) => {
    const { off, nmi, irq } = bandsOf(kernel, security);
    let guest: NmiGuest;
    let shell: Snapshot;
    beforeAll(() => {
      guest = guestOf(kernel, security).boot();
      shell = guest.machine.snapshot();
    }, TIMEOUT_MS);
    afterAll(() => {
      guest = undefined as unknown as NmiGuest;
    });

    it('says that pseudo-NMIs are on, and that the Performance Monitors use them', () => {
      expect(guest.text).toContain(ENABLED);
      expect(guest.text).toMatch(USING_NMIS);
      if (kernel === 'Image-nmi-6.12')
        expect(guest.text).toContain(`GICD_CTRL.DS=${security.ds}, SCR_EL3.FIQ=${security.fiq}`);
      expect(trouble(guest)).toEqual([]);
      expect(guest.reports).toEqual([]);
    });
    it('takes an overflow inside sections with interrupts out, as an NMI; other interrupts wait for their end', () => {
      guest.machine.restore(shell);
      let text = '';
      const taken = guest.taken(() => {
        text = guest.command('/sampler 0 5003 10');
      });
      const inside = nmis(taken);
      expect(inside.length).toBeGreaterThan(3);
      for (const one of inside) expect(one).toMatchObject({ masked: false, pmr: off, rpr: nmi });
      expect(inside.some((one) => CONSOLE.test(one.function))).toBe(true);
      for (const one of taken) expect(one).toMatchObject(one.intid === PMU ? { rpr: nmi } : { rpr: irq, pmr: MASK.on });
      expect(taken.some(({ intid }) => intid !== PMU)).toBe(true);
      // What the program was told is where the interrupts came, in that order.
      const told = guest.sampled(text);
      expect(told.length).toBeGreaterThan(10);
      expect(told).toEqual(taken.filter(({ intid }) => intid === PMU).map((one) => one.function));
      expect(trouble(guest)).toEqual([]);
    });
  });

  it('without the parameter masks by DAIF, and an overflow waits for the end of the section', () => {
    const guest = new NmiGuest({ kernel, pseudoNmi: false }).boot();
    expect(guest.text).not.toContain('Pseudo-NMIs');
    expect(guest.text).not.toContain('using NMIs');
    let text = '';
    const taken = guest.taken(() => {
      text = guest.command('/sampler 0 5003 10');
    });
    expect(taken.filter(({ intid }) => intid === PMU).length).toBeGreaterThan(10);
    for (const one of taken)
      expect(one).toMatchObject({ masked: false, pmr: MASK.unused, rpr: bandsOf(kernel, USUAL).irq });
    const told = guest.sampled(text);
    expect(told.length).toBeGreaterThan(10);
    expect(told.filter((name) => CONSOLE.test(name))).toEqual([]);
    expect(trouble(guest)).toEqual([]);
  });

  it('beside a GICv2 boots with the parameter set, and masks by DAIF', () => {
    const guest = new NmiGuest({ kernel, machine: { gic: 2 } }).boot();
    expect(guest.text).not.toContain('Pseudo-NMIs');
    expect(trouble(guest)).toEqual([]);
  });

  it('where PMHE is 1 says that it synchronises what it unmasks', () => {
    const guest = new NmiGuest({ kernel });
    const ctlr = guest.machine.readRegister(0, 'ICC_CTLR_EL3') as bigint;
    guest.machine.writeRegister(0, 'ICC_CTLR_EL3', ctlr | CTLR_EL3_PMHE);
    expect(guest.untilText(FORCED, FORCED_STEPS_MAX)).toBe(true);
  });

  it.each([1, 2, 4])('comes to the same state by compiled regions and by the interpreter, on %i CPUs', (cpus) => {
    const ends = (['compiled', 'interpreter'] as const).map((engine) => {
      const guest = new NmiGuest({ kernel, cpus, machine: { engine } }).boot();
      expect(guest.text).toContain(`SMP: Total of ${cpus} processors activated.`);
      expect(guest.text).toContain(ENABLED);
      const taken = guest.taken(() => void guest.command('/sampler 0 5003 4'));
      expect(nmis(taken).length).toBeGreaterThan(0);
      expect(trouble(guest)).toEqual([]);
      return { steps: guest.machine.steps, text: guest.text, digest: guest.machine.digest() };
    });
    expect(ends[1]).toEqual(ends[0]);
  });
});

/** Steps from the command to the end of what it asks for, and more. */
const LOCKUP_STEPS_MAX = 12_000_000;
/** Several times the steps from the request to the end of the answer. */
const SILENCE_STEPS = 2_000_000;
/** Last line of a backtrace of CPU 1. */
const ANSWER = /NMI backtrace for cpu 1\s[\s\S]*el0t_64_sync\+\S+\s/;

/** CPU 1 spins with interrupts out, is sampled, and sysrq-l asks for it. */
function lockUp(kernel: NmiOptions['kernel'], pseudoNmi: boolean) {
  const guest = new NmiGuest({ kernel, cpus: 2, pseudoNmi }).boot();
  guest.command('mount -t debugfs none /sys/kernel/debug');
  const from = guest.text.length;
  const taken = guest.taken(() => {
    guest.type('/sampler 1 20011 lockup');
    const answers = pseudoNmi && kernel === 'Image-nmi-6.12';
    guest.untilText(answers ? ANSWER : /Show backtrace of all active CPUs/, LOCKUP_STEPS_MAX);
    if (!answers) guest.machine.run({ steps: SILENCE_STEPS });
  });
  return { guest, taken, text: guest.text.slice(from) };
}

describeKernels(`a CPU that spins with interrupts out, %s ${NEEDS}`, { timeout: TIMEOUT_MS }, (kernel) => {
  it('is sampled all the same, and on 6.12 answers sysrq-l with where it is', () => {
    const { off, nmi } = bandsOf(kernel, USUAL);
    const { guest, taken, text } = lockUp(kernel, true);
    expect(text).toContain('lkdtm: Performing direct entry HARDLOCKUP');
    const there = nmis(taken).filter((one) => one.function === SPINNING);
    expect(there.length).toBeGreaterThan(3);
    for (const one of there) expect(one).toMatchObject({ pe: 1, pmr: off, masked: false, rpr: nmi });
    expect(guest.sampled(text).filter((name) => name === SPINNING).length).toBeGreaterThan(3);
    if (kernel !== 'Image-nmi-6.12') return;
    expect(text).toContain('sysrq: Show backtrace of all active CPUs');
    const [answer] = ANSWER.exec(text) ?? [''];
    expect(answer).toMatch(/pc : lkdtm_HARDLOCKUP\+0x/);
    expect(answer).toMatch(/pmr_save: 000000c0\s/);
  });
  it('without the parameter is not sampled there, and does not answer', () => {
    const { guest, taken, text } = lockUp(kernel, false);
    expect(text).toContain('lkdtm: Performing direct entry HARDLOCKUP');
    expect(text).toContain('sysrq: Show backtrace of all active CPUs');
    expect(taken.some((one) => one.function === SPINNING)).toBe(false);
    expect(guest.sampled(text)).not.toContain(SPINNING);
    expect(text).not.toMatch(/backtrace for cpu 1|pc : lkdtm/);
    // It is there and spins: it would have answered.
    expect(guest.functionAt(guest.machine.readRegister(1, 'PC') as bigint)).toBe(SPINNING);
  });
});
