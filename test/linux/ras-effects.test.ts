import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RasNotification } from '../../src/firmware/ras/sources.ts';
import type { Snapshot } from '../../src/machine/machine.ts';
import { decodeRecord } from '../../src/tables/cper/record.ts';
import { haveGuests } from './guest.ts';
import { haveCompiler, haveEinj, RasGuest } from './ras-guest.ts';
import { numbers, TIMEOUT_MS } from './suite.ts';

const FREE_PA = 0x5000_0000n;
const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** SIGBUS codes. POSIX and Linux, asm-generic/siginfo.h: action required, action optional. */
const BUS_MCEERR_AR = 4;
const BUS_MCEERR_AO = 5;

describe.skipIf(!haveGuests || !haveCompiler).each([1, 2])(
  "a page of a process of Debian's kernel, %i CPUs (needs scripts/guests.mjs to have run, aarch64-linux-gnu-gcc)",
  { timeout: TIMEOUT_MS },
  (cpus) => {
    let guest: RasGuest;
    let shell: Snapshot;

    beforeAll(() => {
      guest = new RasGuest({}, cpus, { victim: true }).boot();
      shell = guest.machine.snapshot();
    }, TIMEOUT_MS);
    afterAll(() => {
      guest = undefined as unknown as RasGuest;
    });
    const victim = (words: string): bigint => {
      guest.machine.restore(shell);
      guest.ways.length = 0;
      return guest.startVictim(words);
    };
    const sigbus = (code: number): string => `SIGBUS code ${code} at the page lsb 12\nexit 7\n`;

    it('is read as it was written while nothing is wrong', () => {
      victim('');
      expect(guest.letVictimRead()).toBe('read 0x600df00d\nexit 0\n');
      expect(guest.kernelLines()).toBe('');
    });

    it.each<RasNotification>(['sdei', 'sdei-critical', 'gsiv', 'polled'])(
      '%s, recoverable: it is taken away, and the process gets SIGBUS when it reads it',
      (notify) => {
        const addr = victim('');
        guest.machine.ras.inject({ kind: 'memory', addr, notify });
        guest.command('sleep 1.5');
        expect(guest.kernelLines()).toContain(
          `Memory failure: ${hex(addr >> 12n)}: recovery action for dirty LRU page: Recovered`,
        );
        expect(guest.command('cat /tmp/out')).not.toContain('SIGBUS');
        expect(guest.letVictimRead()).toBe(sigbus(BUS_MCEERR_AR));
        expect(guest.command('grep HardwareCorrupted /proc/meminfo')).toMatch(/ 4 kB/);
      },
    );

    it('sdei, recoverable: a process that asked for it gets SIGBUS at once', () => {
      const addr = victim('early');
      guest.machine.ras.inject({ kind: 'memory', addr, notify: 'sdei' });
      guest.command('sleep 0.2');
      expect(guest.kernelLines()).toMatch(/Sending SIGBUS to victim:\d+ due to hardware memory corruption/);
      expect(guest.command('cat /tmp/out')).toContain(sigbus(BUS_MCEERR_AO));
    });

    it('corrected with the threshold exceeded: its content moves, and the process notices nothing', () => {
      const addr = victim('');
      guest.machine.ras.inject({ kind: 'memory', addr, severity: 'corrected', threshold: true, notify: 'sdei' });
      guest.command('sleep 0.2');
      expect(guest.letVictimRead()).toBe('read 0x600df00d\nexit 0\n');
      expect(guest.command('grep HardwareCorrupted /proc/meminfo')).toMatch(/ 4 kB/);
    });

    it('poisoned: the load raises a synchronous External abort to firmware, its record is there, SIGBUS at once', () => {
      const addr = victim('');
      const aborts: string[] = [];
      guest.machine.poison(addr);
      const off = guest.machine.on('exception', (pe, el) => {
        const esr = el === 3 || el === 1 ? guest.machine.readRegister(pe, `ESR_EL${el}`) : 0n;
        if (esr >> 26n === 0x24n && (esr & 0x3fn) === 0x10n) aborts.push(`EL${el} ${hex(esr)}`);
      });
      expect(guest.letVictimRead()).toBe(sigbus(BUS_MCEERR_AR));
      off();
      expect(aborts.slice(0, 2)).toEqual(['EL3 0x92000010', 'EL1 0x92000010']);
      expect(guest.ways).toEqual(['1 recorded 3', '1 notified 3', '1 acknowledged 3']);
      const lines = guest.kernelLines();
      expect(lines).toContain('Hardware error from APEI Generic Hardware Error Source: 3');
      expect(lines).toContain(`physical_address: 0x${addr.toString(16).padStart(16, '0')}`);
      expect(lines).toContain(`Memory failure: ${hex(addr >> 12n)}: recovery action for dirty LRU page: Recovered`);
    });

    it('poisoned: without a handler the process dies of it', () => {
      const addr = victim('default');
      guest.machine.poison(addr);
      expect(guest.letVictimRead()).toBe('Bus error\nexit 135\n');
    });

    it('poisoned so that an SError arrives: firmware takes it, and tells the kernel by SDEI', () => {
      const addr = victim('');
      guest.machine.poison(addr, { raises: 'serror' });
      expect(guest.letVictimRead()).toBe('read 0x600df00d\nexit 0\n');
      expect(guest.kernelLines()).toContain(`Memory failure: ${hex(addr >> 12n)}: recovery action for`);
      expect(guest.ways).toEqual(['1 recorded 1', '1 notified 1', '1 acknowledged 1']);
    });

    it('sea, told to the process that runs: it is taken away, and the process gets SIGBUS when it reads it', () => {
      const addr = victim('spin');
      guest.machine.ras.inject({ kind: 'memory', addr, notify: 'sea' });
      guest.command('sleep 0.3');
      expect(guest.kernelLines()).toMatch(/recovery action for dirty LRU page: Recovered/);
      const shown = guest.command('cat /tmp/out');
      expect(shown.includes('SIGBUS') ? shown : guest.letVictimRead()).toContain('SIGBUS');
    });
  },
);

describe.skipIf(!haveGuests)(
  "errors and what survives them in Debian's kernel (needs scripts/guests.mjs to have run)",
  { timeout: TIMEOUT_MS },
  () => {
    it('an error from before the boot is in BERT, and told once', () => {
      const guest = new RasGuest({
        ras: {
          bootErrors: [
            { kind: 'memory', addr: 0x4123_4000n, severity: 'fatal', type: 8 },
            { kind: 'processor', severity: 'corrected', type: 'tlb', level: 2 },
          ],
        },
      });
      guest.boot();
      expect(guest.text).toContain('BERT: Error records from previous boot:');
      expect(guest.text).toMatch(
        /event severity: fatal\r\n[\s\S]*physical_address: 0x0000000041234000\r\n[\s\S]*error_type: 8/,
      );
      expect(guest.text).toMatch(/section_type: ARM processor error\r\n[\s\S]*error_type: 0x04: TLB error/);
      expect(guest.text).toContain('BERT: Total records found: 2');
      expect(guest.lastCommand('reboot -f')).toBe('reset');
      const before = guest.text.length;
      guest.machine.reset();
      expect(guest.untilPrompt()).toBe('stopped');
      expect(guest.text.slice(before)).not.toContain('BERT:');
    });

    it('a fatal error: panic, reset, BERT has it, ERST has the panic, and removing that clears it', () => {
      const guest = new RasGuest({ append: 'panic=1' }, 2).boot();
      const from = guest.text.length;
      guest.machine.ras.inject({ kind: 'memory', addr: FREE_PA, severity: 'fatal', fruText: 'DIMM B1' });
      expect(guest.untilText(/never/, from)).toBe('reset');
      expect(guest.text.slice(from)).toContain('Kernel panic - not syncing: GHES: Fatal hardware error');
      const again = guest.text.length;
      guest.machine.reset();
      expect(guest.untilPrompt()).toBe('stopped');
      const lines = guest.text.slice(again);
      expect(lines).toMatch(
        /BERT: Error records from previous boot:\r\n[\s\S]*event severity: fatal\r\n[\s\S]*fru_text: DIMM B1/,
      );
      expect(lines).toContain('physical_address: 0x0000000050000000');
      expect(lines).toContain('BERT: Total records found: 1');
      expect(guest.ways).toEqual(['1 recorded 2', '1 notified 2', '1 acknowledged 2', '1 kept -']);

      const { value, findings } = decodeRecord(guest.machine.ras.erstRecords);
      expect(findings).toEqual([]);
      expect(value!.sections.length).toBe(1);
      guest.command('stty cols 1000; mkdir /p; mount -t pstore pstore /p; cd /p');
      const [name] = guest.command('ls').trim().split(/\s+/);
      expect(name).toBe(`dmesg-erst-${value!.recordId}`);
      expect(guest.command(`cat ${name}`)).toContain('Kernel panic - not syncing: GHES: Fatal hardware error');
      guest.command('rm *');
      expect(guest.command('ls')).toBe('');
      expect(guest.machine.ras.erstRecords.length).toBe(0);
      expect(guest.reports).toEqual([]);
    });

    it('records given at the start are in pstore, and a snapshot has them as they were', () => {
      const first = new RasGuest({ append: 'panic=1' }).boot();
      const from = first.text.length;
      first.machine.ras.inject({ kind: 'memory', addr: FREE_PA, severity: 'fatal' });
      expect(first.untilText(/never/, from)).toBe('reset');
      const erstRecords = first.machine.ras.erstRecords;
      const guest = new RasGuest({ ras: { erstRecords } }).boot();
      guest.command('mkdir /p; mount -t pstore pstore /p');
      expect(guest.command('cat /p/*')).toContain('GHES: Fatal hardware error');
      const before = guest.machine.snapshot();
      guest.command('rm /p/*');
      expect(guest.machine.ras.erstRecords.length).toBe(0);
      guest.machine.restore(before);
      expect(guest.machine.ras.erstRecords).toEqual(erstRecords);
    });

    it('errors of processors come to the tracepoint ras:arm_event', () => {
      const guest = new RasGuest({}, 2).boot();
      guest.command(
        'mount -t tracefs t /sys/kernel/tracing; cd /sys/kernel/tracing; echo 1 > events/ras/arm_event/enable',
      );
      for (const [n, type] of (['cache', 'tlb', 'bus', 'micro-architectural'] as const).entries())
        guest.machine.ras.inject({
          kind: 'processor',
          type,
          severity: 'corrected',
          pe: n % 2,
          notify: n < 2 ? 'sdei' : 'gsiv',
        });
      guest.command('sleep 0.3');
      const lines = guest.command('grep arm_event: trace').trim().split('\n');
      expect(lines.length).toBe(4);
      expect(lines.map((line) => /MPIDR: (\w+)/.exec(line)?.[1])).toEqual(
        expect.arrayContaining(['0000000080000000', '0000000080000001']),
      );
      expect(guest.kernelLines()).toMatch(/error_type: 0x02: cache error/);
    });

    it('a storm of 10,000 errors: the kernel lives, and all counts agree', () => {
      const guest = new RasGuest({}, 2).boot();
      const { machine } = guest;
      guest.command('mount -t tracefs t /sys/kernel/tracing; cd /sys/kernel/tracing');
      guest.command('echo 8192 > buffer_size_kb; echo 1 > events/ras/arm_event/enable');
      const random = numbers(77);
      const ways = ['sdei', 'sdei-critical', 'gsiv'] as const;
      const outcomes = { recorded: 0, queued: 0, lost: 0, kept: 0 };
      for (let n = 0; n < 10_000; n++) {
        const addr = FREE_PA + BigInt(n) * 0x1000n;
        const notify = ways[random(ways.length)]!;
        outcomes[
          machine.ras.inject({ kind: 'processor', severity: 'corrected', addr, notify, pe: random(2) }).outcome
        ]++;
        if (random(64) === 0) machine.run({ steps: 200_000 });
      }
      guest.command('sleep 3');
      const counters = machine.ras.counters;
      const sum = (key: 'recorded' | 'acknowledged' | 'lost' | 'waiting'): number =>
        counters.reduce((total, one) => total + one[key], 0);
      expect(sum('waiting')).toBe(0);
      expect(sum('recorded') + sum('lost')).toBe(10_000);
      expect(sum('lost')).toBe(outcomes.lost);
      expect(outcomes.lost).toBeGreaterThan(100);
      expect(outcomes.queued).toBeGreaterThan(100);
      expect(sum('acknowledged')).toBe(sum('recorded'));
      expect(guest.reports.length).toBe(outcomes.lost);
      expect(Number(guest.command('grep -c arm_event: trace'))).toBe(sum('recorded'));
      expect(guest.command('echo alive')).toBe('alive\n');
    });

    it('sei: the kernel refuses such a source, and an SError is the end of it', () => {
      const guest = new RasGuest({
        ras: {
          sources: [
            { id: 1, notify: 'sdei' },
            { id: 9, notify: 'sei' },
          ],
        },
      });
      guest.boot();
      expect(guest.text).toContain('Unknown notification type: 9 for generic hardware error source: 9');
      expect(guest.text).toContain('GHES: probe of GHES.9 failed with error -22');
      const from = guest.text.length;
      guest.machine.ras.inject({ kind: 'memory', addr: FREE_PA, notify: 'sei' });
      guest.machine.console.input(new TextEncoder().encode('ls\n'));
      guest.untilText(/end Kernel panic/, from);
      expect(guest.text.slice(from)).toContain('Kernel panic - not syncing: Asynchronous SError Interrupt');
    });

    it('polled sources of both versions of GHES are read; version 1 gives its block back by its status', () => {
      const sources = [
        { id: 1, notify: 'polled', ghes: 1, pollMs: 1000 },
        { id: 2, notify: 'polled', ghes: 2, pollMs: 2000 },
      ] as const;
      const guest = new RasGuest({ ras: { sources } }).boot();
      for (const source of [1, 2, 1])
        guest.machine.ras.inject({ kind: 'memory', addr: FREE_PA, severity: 'corrected', source, type: source + 3 });
      guest.command('sleep 4.5');
      const lines = guest.kernelLines();
      expect(lines.match(/Generic Hardware Error Source: 1/g)?.length).toBe(1);
      expect(lines.match(/Generic Hardware Error Source: 2/g)?.length).toBe(1);
      expect(guest.ways.filter((way) => way.includes('acknowledged'))).toEqual(
        expect.arrayContaining(['1 acknowledged 1', '2 acknowledged 2']),
      );
    });
  },
);

describe.skipIf(!haveEinj)(
  "Debian's einj module (needs scripts/guests.mjs to have run)",
  { timeout: TIMEOUT_MS },
  () => {
    let guest: RasGuest;
    let ready: Snapshot;
    beforeAll(() => {
      guest = new RasGuest({}, 2, { modules: true }).boot();
      guest.command('mount -t debugfs d /sys/kernel/debug; modprobe einj');
      guest.command('cd /sys/kernel/debug/apei/einj');
      ready = guest.machine.snapshot();
    }, TIMEOUT_MS);
    afterAll(() => {
      guest = undefined as unknown as RasGuest;
    });
    const inject = (type: number, ...files: readonly string[]): string => {
      guest.machine.restore(ready);
      guest.ways.length = 0;
      guest.kernelLines();
      const set = files.map((file) => `echo ${file.replace('=', ' > ')};`).join(' ');
      return guest.command(`${set} echo ${type} > error_type; echo 1 > error_inject && echo taken`);
    };

    it('loads and offers the types that firmware can do', () => {
      guest.machine.restore(ready);
      expect(guest.kernelLines()).toContain('EINJ: Error INJection is initialized.');
      expect(guest.command('cat available_error_type')).toBe(
        [
          '0x00000001\tProcessor Correctable\n',
          '0x00000002\tProcessor Uncorrectable non-fatal\n',
          '0x00000004\tProcessor Uncorrectable fatal\n',
          '0x00000008\tMemory Correctable\n',
          '0x00000010\tMemory Uncorrectable non-fatal\n',
          '0x00000020\tMemory Uncorrectable fatal\n',
        ].join(''),
      );
    });

    it.each([
      [0x08, 'corrected'],
      [0x10, 'recoverable'],
    ] as const)('memory, type 0x%s: the error comes back, %s, with its address', (type, severity) => {
      const addr = 0x5001_2000n;
      const files = ['2=flags', `${hex(addr)}=param1`, '0xfffffffffffff000=param2'];
      expect(inject(type, ...files)).toBe('taken\n');
      guest.command('sleep 0.3');
      const lines = guest.kernelLines();
      expect(lines).toContain(`event severity: ${severity}`);
      expect(lines).toContain(`physical_address: 0x${addr.toString(16).padStart(16, '0')}`);
      expect(lines.includes('free buddy page: Recovered')).toBe(severity === 'recoverable');
    });

    it.each([
      [0x01, 'corrected'],
      [0x02, 'recoverable'],
    ] as const)('processor, type 0x%s: the error comes back, %s, with PE and address', (type, severity) => {
      const files = ['3=flags', '1=param3', '0x50013000=param1', '0xfffffffffffff000=param2'];
      expect(inject(type, ...files)).toBe('taken\n');
      guest.command('sleep 0.3');
      const lines = guest.kernelLines();
      expect(lines).toContain(`event severity: ${severity}`);
      expect(lines).toContain('Multiprocessor Affinity Register (MPIDR): 0x0000000080000001');
      expect(lines).toContain('physical fault address: 0x0000000050013000');
    });

    it('a fatal type ends in a panic', () => {
      const from = guest.text.length;
      guest.machine.restore(ready);
      guest.machine.console.input(
        new TextEncoder().encode('echo 2 > flags; echo 0x50014000 > param1; echo 0xfffffffffffff000 > param2; '),
      );
      guest.machine.console.input(new TextEncoder().encode('echo 32 > error_type; echo 1 > error_inject\n'));
      guest.untilText(/end Kernel panic/, from);
      expect(guest.text.slice(from)).toMatch(/physical_address: 0x0000000050014000/);
      expect(guest.text.slice(from)).toContain('Kernel panic - not syncing: GHES: Fatal hardware error');
    });

    it('without a trigger the error stays where it is', () => {
      const files = ['2=flags', '0x50015000=param1', '0xfffffffffffff000=param2', '1=notrigger'];
      expect(inject(0x10, ...files)).toBe('taken\n');
      guest.command('sleep 0.3');
      expect(guest.kernelLines()).not.toContain('Hardware Error');
      expect(guest.ways).toEqual([]);
    });

    it('what firmware cannot do is refused: a PE that is not there', () => {
      expect(inject(0x01, '1=flags', '7=param3')).not.toContain('taken');
      expect(guest.ways).toEqual([]);
    });
  },
);
