import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { deletionsOf, drawnDeletions, without } from './deletions.ts';
import { allDeletions, judgeDeletions } from './deletions-run.ts';
import { SURVIVORS, survivorReason } from './survivors.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

describe('lines that mask, lock or acknowledge', () => {
  it('are statements, with what they keep kept and their condition too', () => {
    const source = [
      '  const flags = yield* cpu.spinLock(va);',
      '  const value = yield* load(va);',
      '  if (others) yield* kernel.gic.send(SGI.CALL, others);',
      '  yield* cpu.spinUnlock(va, flags);',
    ].join('\n');
    const found = deletionsOf('src/os/kit/x.ts', source);
    expect(found.map(({ line, instead }) => [line, instead.trim()])).toEqual([
      [1, 'const flags = yield* cpu.irq.saveAndDisable();'],
      [3, 'if (others) ;'],
      [4, ';'],
    ]);
    expect(without(source, found[2]!).split('\n')[3]).toBe('  ;');
  });
  it('are more than a hundred, of which a seed draws the same fifty each time', () => {
    const all = allDeletions(ROOT);
    expect(all.length).toBeGreaterThan(100);
    const fifty = drawnDeletions(all, 50, '1');
    expect(new Set(fifty).size).toBe(50);
    expect(drawnDeletions(all, 50, '1')).toEqual(fifty);
    expect(drawnDeletions(all, 50, '2')).not.toEqual(fifty);
  });
  it('each family of survivors is one of lines that there are', () => {
    const explained = new Set(allDeletions(ROOT).map(survivorReason));
    for (const { reason } of SURVIVORS) expect(explained).toContain(reason);
  });
});

describe('deleting one of them', () => {
  it.each([
    ['src/os/kit/cpu.ts', 'yield* unlock(va);'],
    ['src/os/irqflags/nmi.ts', 'yield* own.kernel.gic.end(intid);'],
    ['src/os/irqflags/nmi.ts', 'yield* nmiExit(own);'],
    ['src/os/irqflags/pmr.ts', 'yield* sync();'],
    ['src/os/ghes/queue.ts', 'yield* clear(ghes, cpu, source, { pa, slot, ack });'],
  ])(
    'in %s `%s` is noticed',
    async (file, text) => {
      const deletion = allDeletions(ROOT)
        .filter((one) => one.file === file && one.text === text)
        .at(-1)!;
      expect(survivorReason(deletion)).toBeUndefined();
      const [verdict] = await judgeDeletions(ROOT, [deletion], { jobs: 1, storms: 4 });
      expect(verdict!.noticed).toMatch(/\.test\.ts: |storm \d+: |hosted/);
    },
    300_000,
  );
});
