import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PRIORITY_IDLE } from '../groups.ts';
import { PriorityTree } from './priority-tree.ts';

const FIRST = 8192;

it('first() is the least priority and of those the lowest INTID, after any changes', () => {
  const change = fc.record({
    intid: fc.oneof(fc.integer({ min: FIRST, max: 65535 }), fc.integer({ min: FIRST, max: FIRST + 40 })),
    priority: fc.constantFrom(0, 0x80, 0xa0, 0xf8, PRIORITY_IDLE),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const tree = new PriorityTree();
      const model = new Map<number, number>();
      for (const { intid, priority } of changes) {
        tree.set(intid, priority);
        model.set(intid, priority);
        const asking = [...model].filter(([, at]) => at !== PRIORITY_IDLE);
        const [best] = asking.sort((a, b) => a[1] - b[1] || a[0] - b[0]);
        expect(tree.first()).toEqual({ intid: best?.[0] ?? 0, priority: best?.[1] ?? PRIORITY_IDLE });
      }
    }),
    { numRuns: 100, seed: 1 },
  );
});

it('clear() takes all of them out', () => {
  const tree = new PriorityTree();
  tree.set(65535, 0);
  tree.set(8192, 0x80);
  expect(tree.first()).toEqual({ intid: 65535, priority: 0 });
  tree.clear();
  expect(tree.first()).toEqual({ intid: 0, priority: PRIORITY_IDLE });
});
