import { describe, expect, it } from 'vitest';
import { haveGuests, haveRtKernel } from './guest.ts';
import { complaints, Soak, type SoakPlan } from './soak.ts';
import { TIMEOUT_MS } from './suite.ts';

/** A sample; all of it is `npm run soak`. */
const PLANS: readonly SoakPlan[] = [
  { kernel: 'Image', cpu: 'full', cpus: 8, rounds: 2 },
  { kernel: 'Image-rt', cpu: 'full', cpus: 1, rounds: 0 },
  { kernel: 'Image-rt', cpu: 'cortex-a57', cpus: 4, rounds: 2 },
];

describe.each(PLANS)("Debian's $kernel on $cpus CPUs, '$cpu' (needs scripts/guests.mjs to have run)", (plan) => {
  const here = plan.kernel === 'Image' ? haveGuests : haveRtKernel;

  it.skipIf(!here)(
    `boots, works on all CPUs, takes each secondary away and back under load ${plan.rounds} times, powers off`,
    { timeout: TIMEOUT_MS },
    () => {
      const soak = new Soak(plan);
      soak.boot();
      const { text } = soak.guest;
      if (plan.cpus > 1) expect(text).toContain(`SMP: Total of ${plan.cpus} processors activated.`);
      expect(text.includes('PREEMPT_RT')).toBe(plan.kernel === 'Image-rt');
      soak.load();
      for (let round = 0; round < plan.rounds; round++) soak.round();
      const killed = soak.guest.text.match(/psci: CPU\d killed/g) ?? [];
      expect(killed.length).toBe(plan.rounds * (plan.cpus - 1));
      soak.end();
      expect(soak.guest.text).toContain('reboot: Power down');
    },
  );
});

describe('the soak', () => {
  it.each([
    '[   22.084] rcu: no time stamp of a kernel',
    '# echo 3 > /sys/module/rcupdate/parameters/rcu_cpu_stall_timeout',
    '[    1.246311] psci: CPU1 killed (polled 0 ms)',
  ])('does not mind %s', (text) => {
    expect(complaints(text)).toEqual([]);
  });

  it.each([
    '[   22.084101] rcu: INFO: rcu_sched self-detected stall on CPU',
    '[   26.000001] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:',
    '[   24.312000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [sh:61]',
    '[  242.500000] INFO: task sh:61 blocked for more than 120 seconds.',
    'bin/sh: x[    1.000000][    T1] WARNING: CPU: 0 PID: 1 at kernel/x.c:1',
  ])('would notice %s', (text) => {
    expect(complaints(`\r\n${text}\r\n`)).toHaveLength(1);
  });
});
