import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archive, haveGuests, LinuxGuest } from './guest.ts';

const COMPILER = 'aarch64-linux-gnu-gcc';
const SOURCES = fileURLToPath(new URL('../guest/debug/', import.meta.url));
const haveTools = spawnSync(COMPILER, ['--version']).status === 0;
const TIMEOUT_MS = 300_000;

function build(name: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'debug-'));
  try {
    const path = join(folder, name);
    execFileSync(COMPILER, ['-static', '-O2', '-o', path, join(SOURCES, `${name}.c`)]);
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.skipIf(!haveGuests || !haveTools)(
  'debug and Performance Monitors as Linux uses them (needs scripts/guests.mjs to have run, and a cross compiler)',
  () => {
    let guest: LinuxGuest;
    beforeAll(() => {
      const file = (name: string) => ({ path: name, mode: 0o100755, bytes: build(name) });
      guest = new LinuxGuest({ cpu: 'full', archives: [archive([file('ptrace'), file('perf')])] });
      guest.untilPrompt();
    }, TIMEOUT_MS);
    afterAll(() => {
      guest = undefined as unknown as LinuxGuest;
    });

    it('the kernel finds the counters, breakpoints and watchpoints', () => {
      expect(guest.text).toContain('hw perfevents: enabled with armv8_pmuv3 PMU driver, 7 counters available');
      expect(guest.text).toContain('hw-breakpoint: found 6 breakpoint and 4 watchpoint registers');
    });

    it(
      'a debugger single-steps, and stops at breakpoints and watchpoints',
      () => {
        expect(guest.command('/ptrace').trim().split('\n')).toEqual([
          'breakpoints 6 watchpoints 4',
          'signal 5 code 4 stop 5 at 0 pc 0',
          'steps 4 8 4 8 4 8 12 16 48 52 20 24 28 32 36 40 44',
          'stopped by itself 1',
          'hit 5 at end 1',
          'left 1',
          'hit 5 at end 1',
          'left 1',
          'stopped by itself 1',
          'signal 5 code 4 watch 5 address 1 pc 1 value 0',
          'signal 5 code 4 watch 5 address 1 pc 1 value 5',
          'exit 7',
        ]);
      },
      TIMEOUT_MS,
    );

    it(
      'perf counts instructions and cycles of a loop exactly, and samples',
      () => {
        expect(guest.command('/perf').trim().split('\n')).toEqual([
          'instructions 1000000',
          'cycles 1000000',
          'signals 7',
        ]);
      },
      TIMEOUT_MS,
    );
  },
);
