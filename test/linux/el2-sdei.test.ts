import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/machine/machine.ts';
import { buildVmm, haveCompiler } from '../support/kvm-vmm.ts';
import { Traced } from '../support/trace-guests.ts';
import { archive, haveGuests, TROUBLE } from './guest.ts';
import { RasGuest } from './ras-guest.ts';
import { TIMEOUT_MS } from './suite.ts';

/**
 * Firmware's events while Debian's kernel, a host at EL2 with VHE, runs a guest under KVM: they go to the host,
 * whatever runs below it, and what they are about is the host's business before it is the guest's.
 */

/** An IRQ from a lower Exception level in AArch64 state: where the kernel resumes behind an event over a guest. */
const LOWER_IRQ = 0x480n;

/** The last run of a VMM by `start`, from the lines of /tmp/out. */
const ended = 'vmm: the guest turned itself off (exit reason 24)\nexit 0\n';

describe.skipIf(!haveGuests || !haveCompiler).each([1, 2])(
  "an event over a guest of KVM, Debian's kernel at EL2 with VHE, %i CPUs (needs scripts/guests.mjs, aarch64-linux-gnu-gcc)",
  { timeout: TIMEOUT_MS },
  (cpus) => {
    let guest: RasGuest;
    let shell: Snapshot;

    beforeAll(() => {
      const archives = [archive([{ path: 'bin/vmm', mode: 0o100755, bytes: buildVmm() }])];
      guest = new RasGuest({ el2: true }, cpus, { archives }).boot();
      shell = guest.machine.snapshot();
    }, TIMEOUT_MS);
    afterAll(() => {
      guest = undefined as unknown as RasGuest;
    });

    /** Starts the VMM in the background; gives the physical address of the page that it watches over. */
    const start = (task: 'spin' | 'page'): bigint => {
      guest.machine.restore(shell);
      guest.ways.length = 0;
      guest.command(`( (vmm ${task} > /tmp/out 2>&1; echo exit $? >> /tmp/out) & )`);
      for (let n = 0; n < 20; n++) {
        const out = guest.command('sleep 0.05; cat /tmp/out');
        if (/^guest: (runs|waits)$/m.test(out)) return BigInt(/page (0x\w+)/.exec(out)![1]!);
      }
      throw new Error(`the guest does not start: ${guest.command('cat /tmp/out')}`);
    };
    /** Runs until a PE is in KVM's guest: EL1 is nobody else's. */
    const toGuest = (): number => {
      const { machine } = guest;
      const inside = (): number => machine.pes.findIndex(({ s }) => s.el === 1);
      const { reason } = machine.runUntil(() => inside() >= 0, { steps: 20_000_000 });
      expect(reason).toBe('stopped');
      return inside();
    };
    const out = (): string => guest.command('sleep 0.5; cat /tmp/out').replace(/^vmm: page .*\n.*\n/, '');

    it('the kernel is the client at EL2, finds the error sources, and says nothing against them', () => {
      expect(guest.text).toContain('kvm [1]: VHE mode initialized successfully');
      expect(guest.text).toContain('sdei: SDEIv1.0 (0x0) detected in firmware.');
      expect(guest.text).toContain('GHES: APEI firmware first mode is enabled by APEI bit and WHEA _OSC.');
      expect(guest.text).not.toMatch(TROUBLE);
      const { events, pes } = guest.machine.sdei.state();
      expect(events.filter(({ handlers }) => handlers[0]!.state === 3).length).toBeGreaterThan(1);
      expect(pes.map(({ masked }) => masked)).toEqual(pes.map(() => false));
    });

    it('sdei, over the running guest: KVM exits as for an IRQ, and the signal of the VMM is delivered', () => {
      const page = start('spin');
      const pe = toGuest();
      const { machine } = guest;
      const vbar = machine.readRegister(pe, 'VBAR_EL2');
      const interrupted = machine.readRegister(pe, 'PC');
      const traced = new Traced(machine);
      const ends: bigint[] = [];
      const off = machine.on('call', (_pe, name, args) => {
        if (name === 'SDEI_EVENT_COMPLETE_AND_RESUME') ends.push(args[0]!);
      });
      machine.ras.inject({ kind: 'memory', addr: page, notify: 'sdei', pe });
      expect(out()).toBe('guest: runs\nvmm: SIGBUS, action optional, at the page\nguest: told\n'.concat(ended));
      off();
      // KVM's own vectors are there while a guest runs, so the kernel leaves it as at an interrupt.
      expect(ends).toEqual([vbar + LOWER_IRQ]);
      expect(guest.ways).toEqual(['1 recorded 1', '1 notified 1', '1 acknowledged 1']);
      expect(guest.kernelLines()).toMatch(/Memory failure: .*: Sending SIGBUS to vmm:\d+ due to hardware memory/);

      const lines = traced.lines.map((line) => line.replaceAll(/ {2,}/g, ' '));
      const dispatched = lines.findIndex((line) => / sdei .*DISPATCH/.test(line));
      const behind = lines.slice(dispatched);
      const completed = behind.findIndex((line) => /SDEI_EVENT_COMPLETE_AND_RESUME/.test(line));
      expect(lines[dispatched - 2]).toMatch(new RegExp(`exception FIQ from EL1, ELR 0x${interrupted.toString(16)}`));
      // From there to the end of the handler this PE is at EL2, but for its calls.
      const own = behind.slice(1, completed + 1).filter((line) => line.startsWith(`PE${pe} `));
      expect(own.filter((line) => /^PE\d EL[01] /.test(line))).toEqual([]);
      expect(own.at(-1)).toMatch(new RegExp(`^PE${pe} EL2 call .*0x${(vbar + LOWER_IRQ).toString(16)}`));
    });

    it('sdei-critical, over the running guest: the same', () => {
      const page = start('spin');
      const pe = toGuest();
      guest.machine.ras.inject({ kind: 'memory', addr: page, notify: 'sdei-critical', pe });
      expect(out()).toBe('guest: runs\nvmm: SIGBUS, action optional, at the page\nguest: told\n'.concat(ended));
      expect(guest.ways).toEqual(['1 recorded 2', '1 notified 2', '1 acknowledged 2']);
    });

    it('a corrected error is reported and the guest notices nothing', () => {
      const page = start('spin');
      const pe = toGuest();
      guest.machine.ras.inject({ kind: 'memory', addr: page, severity: 'corrected', notify: 'sdei', pe });
      expect(out()).toBe('guest: runs\n');
      expect(guest.kernelLines()).toContain('It has been corrected by h/w and requires no further action');
      expect(guest.machine.runUntil(() => guest.machine.pes.some(({ s }) => s.el === 1)).reason).toBe('stopped');
    });

    it('poison that the guest reads is claimed by the host: SIGBUS for the VMM, whose guest then gets an abort', () => {
      const page = start('page');
      guest.machine.poison(page);
      const aborts: string[] = [];
      const off = guest.machine.on('exception', (pe, el) => {
        const esr = guest.machine.readRegister(pe, `ESR_EL${el}`);
        const from = (guest.machine.readRegister(pe, `SPSR_EL${el}`) >> 2n) & 3n;
        if ((esr >> 26n === 0x24n || esr >> 26n === 0x25n) && (esr & 0x3fn) === 0x10n && from === 1n)
          aborts.push(`EL1 to EL${el}`);
      });
      guest.command('touch /tmp/go');
      expect(out()).toBe(
        'guest: waits\nvmm: SIGBUS, action required, at the page\nguest: External abort of its load\n'.concat(ended),
      );
      off();
      // To firmware, which hands it to EL2; and later what the VMM injects.
      expect(aborts.slice(0, 2)).toEqual(['EL1 to EL3', 'EL1 to EL2']);
      expect(guest.ways).toEqual(['1 recorded 3', '1 notified 3', '1 acknowledged 3']);
      const lines = guest.kernelLines();
      expect(lines).toContain('Hardware error from APEI Generic Hardware Error Source: 3');
      expect(lines).toMatch(/Memory failure: .*: Sending SIGBUS to vmm:\d+ due to hardware memory corruption/);
      expect(lines).not.toMatch(TROUBLE);
      expect(guest.command('grep HardwareCorrupted /proc/meminfo')).toMatch(/ 4 kB/);
    });

    it('a page that is good is read, and nobody hears of anything', () => {
      start('page');
      guest.command('touch /tmp/go');
      expect(out()).toBe(`guest: waits\nguest: the page is good\n${ended}`);
      expect(guest.ways).toEqual([]);
      expect(guest.kernelLines()).toBe('');
    });
  },
);
