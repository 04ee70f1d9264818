import { describe, expect, it } from 'vitest';
import { bareKernel, ECHO, POWER_OFF, PRINT } from '../../test/support/bare-kernel.ts';
import { CODEC } from '../../test/support/codec.ts';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { Machine } from '../machine/machine.ts';
import {
  readRecording,
  recordingEnd,
  recordingEntries,
  recordingHead,
  recordingSteps,
  stepsOf,
} from '../machine/record/recording.ts';
import { loadSnapshot, saveSnapshot } from '../machine/snapshot-file/files.ts';
import { joined } from '../machine/snapshot-file/sections.ts';
import { main } from './main.ts';

/** Prints, counts for a while in X5, prints again, powers off. */
const COUNTER = `${PRINT}
        mov     x5, #3000
4:      sub     x5, x5, #1
        cbnz    x5, 4b
        mov     w3, #'.'
        str     w3, [x1]
        ${POWER_OFF}
text:   .asciz  "go\\n"
`;

/** A process with a real machine; files that the command writes can be read by the next one. */
function process(source: string, files = new Map<string, Uint8Array>(), interactive = false) {
  const host = new FakeHost(() => 'poweroff', interactive);
  host.createMachine = (request) => Machine.create({ ...request, memoryBytes: 16 * 2 ** 20 });
  host.files.set('Image', bareKernel(source));
  for (const [name, bytes] of files) host.files.set(name, bytes);
  // A recording is bytes, written piece by piece.
  host.openText = (path) => {
    if (path === 'full') throw Object.assign(new Error('x'), { code: 'ENOSPC' });
    const pieces: Uint8Array[] = [];
    return {
      write: (content) => {
        pieces.push(content as Uint8Array);
        host.files.set(path, joined(pieces));
      },
      close: () => undefined,
    };
  };
  const run = async (...args: string[]): Promise<{ code: number; digest: string | undefined; err: string }> => {
    const code = await main(args, host, '0.0.0');
    return { code, digest: /^digest (\S+)$/m.exec(host.err)?.[1], err: host.err };
  };
  return { host, run, files: host.files as Map<string, Uint8Array> };
}
const KERNEL = ['run', '--kernel', 'Image', '--digest'];

describe('--on "... => save:FILE" and --restore', () => {
  it('goes on from the boundary of the rule to the same end', async () => {
    const first = process(COUNTER);
    const saving = ['--on', 'step:500 => save:a.snap', '--on', 'console:/go/ => save:"b, c.snap"'];
    const whole = await first.run(...KERNEL, ...saving);
    expect(whole.code).toBe(0);
    for (const file of ['a.snap', 'b, c.snap']) {
      const again = process(COUNTER, first.files);
      expect(await again.run('run', '--restore', file, '--digest', '--engine', 'interpreter')).toMatchObject({
        code: 0,
        digest: whole.digest,
      });
      expect(again.host.out).toMatch(/^\n?\.$/);
    }
  });

  it('with other options of a machine is refused with their names', async () => {
    const { err, code } = await process(COUNTER).run('run', '--restore', 'x', '--cpus', '2', '--drive', 'y');
    expect([code, err]).toEqual([2, expect.stringMatching(/--restore: .* there is no --cpus, --drive with it/)]);
    expect((await process(COUNTER).run('run', '--restore', 'x', '--kernel', 'Image')).err).toContain(
      'no --kernel with',
    );
    expect((await process(COUNTER).run(...KERNEL, '--engine', 'fast')).err).toContain('Known: compiled, interpreter');
    expect((await process(COUNTER).run(...KERNEL, '--record-every', '5')).err).toContain('Add --record FILE');
  });

  it('names the file that is none, is damaged or is not there', async () => {
    const { files, run } = process(COUNTER);
    await run(...KERNEL, '--on', 'step:9 => save:a');
    const damaged = files.get('a')!.slice();
    damaged[damaged.length - 100]! ^= 1;
    const others = new Map([...files, ['damaged', damaged]]);
    const err = async (file: string): Promise<string> =>
      (await process(COUNTER, others).run('run', '--restore', file)).err;
    expect(await err('damaged')).toMatch(/--restore damaged: snapshot: section '.*' is damaged/);
    expect(await err('Image')).toContain('--restore Image: snapshot: this is no snapshot');
    expect(await err('nothing')).toContain('--restore nothing: cannot be read: there is no such file');
  });

  it('a file that cannot be written ends the run with its name, exit code 6', async () => {
    const { host, run } = process(COUNTER);
    host.replaceFile = () => {
      throw Object.assign(new Error('x'), { code: 'ENOSPC' });
    };
    const { code, err } = await run(...KERNEL, '--on', 'step:9 => save:/disk/a');
    expect(code).toBe(6);
    expect(err).toContain("--on 'step:9 => save:/disk/a': /disk/a: cannot be written: no space is left on its device");
    expect((await process(COUNTER).run(...KERNEL, '--record', 'full')).err).toContain(
      '--record full: cannot be written',
    );
  });
});

describe('--record and --replay', () => {
  it('keys that came while the guest ran come again at the same boundary', async () => {
    const first = process(ECHO, undefined, true);
    first.host.atPause = (pause) => {
      if (pause < 6) first.host.type(`k${pause}`);
      else first.host.type('q');
    };
    const recorded = await first.run(...KERNEL, '--record', 'r', '--record-every', '1M');
    expect(recorded.code).toBe(0);
    expect(first.host.out).toContain('k0k1k2k3k4k5q');
    for (const engine of ['compiled', 'interpreter']) {
      const second = process(ECHO, first.files);
      const replayed = await second.run('run', '--replay', 'r', '--digest', '--engine', engine);
      expect(replayed).toMatchObject({ code: 0, digest: recorded.digest });
      expect(replayed.err).toMatch(/replayed to the end, \d+ checkpoints the same/);
      expect(second.host.out).toBe(first.host.out);
    }
  });

  it('actions of --on are in the recording, whatever triggered them', async () => {
    const first = process(ECHO);
    const rules = ['console:/echo/ => type:"ab"', 'step:2000 => irq:40', 'console:/b/ => type:"q"'];
    const recorded = await first.run(...KERNEL, '--record', 'r', ...rules.flatMap((rule) => ['--on', rule]));
    expect(recorded.code).toBe(0);
    const replayed = await process(ECHO, first.files).run('run', '--replay', 'r', '--digest');
    expect(replayed).toMatchObject({ code: 0, digest: recorded.digest });
  });

  it('a recording of something else ends with exit code 5, the interval and the parts that differ', async () => {
    const first = process(COUNTER);
    await first.run(...KERNEL, '--record', 'r', '--record-every', '1000');
    const recording = readRecording(first.files.get('r')!);
    const entries = recording.entries.map((entry) =>
      entry.digests && entry.place.steps === 4000 ? { ...entry, digests: { ...entry.digests, 'pe 0': '00' } } : entry,
    );
    const changed = joined([...recordingHead(recording.start), ...recordingEntries(entries), ...recordingEnd()]);
    const { code, err } = await process(COUNTER, new Map([['r', changed]])).run('run', '--replay', 'r');
    expect(code).toBe(5);
    expect(err).toContain('the replay diverged: at step 4,000 of the recording');
    expect(err).toContain('the last checkpoint that is the same is at step 3,000');
    expect(err).toContain('parts that differ at step 4,000: pe 0');
    expect(err).toContain('both engines, compiled and interpreter, come to the same state here');
    expect(err).toContain('unmaskable run --replay r --record r.steps --record-steps 3000..4000');
  });

  /** The recording with a machine that subtracts 2 where the one that was recorded subtracted 1, in its 400th round. */
  const otherwise = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const { start, entries, steps } = readRecording(bytes);
    const machine = await loadSnapshot(start, CODEC);
    const kernel = machine.readMemory(0x4020_0000n, 256);
    const at = Buffer.from(kernel).indexOf(Buffer.from('a50400d1', 'hex'));
    machine.writeMemory(0x4020_0000n + BigInt(at), Buffer.from('a50800d1', 'hex'));
    const changed = await saveSnapshot(machine, machine.snapshot(), CODEC);
    const chunks = [...(await stepsOf({ start, entries, steps, complete: true }, CODEC))];
    const pieces = chunks.flatMap((chunk) => recordingSteps(chunk, CODEC));
    return joined([...recordingHead(changed), ...pieces, ...recordingEntries(entries), ...recordingEnd()]);
  };

  it('names the step, its instruction and the registers where every step was written down', async () => {
    const first = process(COUNTER);
    await first.run(...KERNEL, '--record', 'r', '--record-every', '1000');
    // What the message of a coarse recording says is done: played with the machine that made it, and written down.
    const recorder = process(COUNTER, first.files);
    const fine = ['--record', 'fine', '--record-steps', '0..1k'];
    expect((await recorder.run('run', '--replay', 'r', ...fine)).err).toMatch(/\d checkpoints the same/);
    const same = await process(COUNTER, recorder.files).run('run', '--replay', 'fine');
    expect(same.err).toMatch(/1 checkpoint and 1,001 single steps the same/);
    const files = new Map([['fine', await otherwise(recorder.files.get('fine')!)]]);
    const { code, err } = await process(COUNTER, files).run('run', '--replay', 'fine');
    expect(code).toBe(5);
    expect(err).toMatch(/the first step that differs is step \d+: PE 0 at 0x402000[0-9a-f]+: sub x5, x5, #0?x?2\n/i);
    expect(err).toMatch(/behind it \(recorded \| found\):\nunmaskable: {3}pe 0 X5: 0xbb7 \| 0xbb6\n/);
  });

  it('what enters by --on during a replay is a divergence with its name', async () => {
    const first = process(COUNTER);
    await first.run(...KERNEL, '--record', 'r');
    const { code, err } = await process(COUNTER, first.files).run(
      'run',
      '--replay',
      'r',
      '--on',
      'step:77 => type:"x"',
    );
    expect([code, err]).toEqual([
      5,
      expect.stringMatching(/diverged: at step 77 something entered that was not recorded/),
    ]);
    expect(err).toContain('console.input "x", at step 77. What was recorded enters by itself: leave out the --on');
  });

  it.each([
    [['--record-steps'], /--record-steps: there is no recording/],
    [['--record', 'r', '--record-steps', '5'], /--record-steps '5': write FROM\.\.TO or FROM\.\./],
    [['--record', 'r', '--record-steps', '9..5'], /it ends before it begins/],
    [['--record', 'r', '--record-steps', 'a..5'], /--record-steps 'a': not a count/],
  ])('%j is refused', async (options, message) => {
    const { code, err } = await process(COUNTER).run(...KERNEL, ...options);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });
  it('a recording is not written over while it is played', async () => {
    const { code, err } = await process(COUNTER).run('run', '--replay', 'r', '--record', 'r');
    expect([code, err]).toEqual([2, expect.stringMatching(/--record r: it is the recording that is played/)]);
  });
});

describe('unmaskable snapshot', () => {
  it('info shows time, PEs, options, images and sections; diff shows registers by name', async () => {
    const first = process(COUNTER);
    await first.run(...KERNEL, '--append', 'abc', '--on', 'step:600 => save:a', '--on', 'step:602 => save:b');
    const info = process(COUNTER, first.files);
    expect((await info.run('snapshot', 'info', 'a', 'b')).code).toBe(0);
    for (const text of [
      'a: ',
      'b: ',
      'steps 600',
      'PE 0: PC 0x4020',
      'kernel: ',
      'option append: "abc"',
      'section pe 0',
    ])
      expect(info.host.out).toContain(text);
    const diff = process(COUNTER, first.files);
    expect((await diff.run('snapshot', 'diff', 'a', 'b')).code).toBe(1);
    expect(diff.host.out).toMatch(/^pe 0 X5: 0x[0-9a-f]+ \| 0x[0-9a-f]+$/m);
    expect(diff.host.out).toContain('time steps: 600 | 602');
    const same = process(COUNTER, first.files);
    expect((await same.run('snapshot', 'diff', 'a', 'a')).code).toBe(0);
    expect(same.host.out).toBe('no differences\n');
  });
});
