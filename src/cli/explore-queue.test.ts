import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { PointQueue, queueMemory } from './explore-queue.ts';

const POINTS = Array.from({ length: 1000 }, (_, n) => n * 3);

/** All that one thread takes, batch by batch. */
function takeAll(queue: PointQueue): number[][] {
  const taken: number[][] = [];
  for (let batch = queue.take(); batch.length > 0; batch = queue.take()) taken.push([...batch]);
  return taken;
}

describe('the queue of boundaries', () => {
  it('gives each boundary once, neighbours together, and fewer at a time near the end', () => {
    const queue = new PointQueue(queueMemory(POINTS, 2));
    const taken = takeAll(queue);
    expect(taken.flat()).toEqual(POINTS);
    const sizes = taken.map((batch) => batch.length);
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    expect([sizes[0], sizes.at(-1), queue.left]).toEqual([32, 1, 0]);
  });

  it('gives a boundary to one of two threads, never to both', async () => {
    const memory = queueMemory(POINTS, 2);
    // Takes single boundaries by the same words: another thread in the middle of what this one does.
    const source = `
      const { parentPort, workerData: { control, length } } = require('node:worker_threads');
      const taken = [];
      for (let at = Atomics.load(control, 0); at < length; at = Atomics.load(control, 0))
        if (Atomics.compareExchange(control, 0, at, at + 1) === at) taken.push(at);
      parentPort.postMessage(taken);`;
    const worker = new Worker(source, { eval: true, workerData: { control: memory.control, length: POINTS.length } });
    const theirs = new Promise<number[]>((resolve) => worker.once('message', resolve));
    await new Promise((resolve) => worker.once('online', resolve));
    const ours = takeAll(new PointQueue(memory)).flat();
    const all = [...ours, ...(await theirs).map((at) => POINTS[at]!)];
    expect(all.toSorted((a, b) => a - b)).toEqual(POINTS);
  });

  it('gives nothing once it is stopped, and says who began', () => {
    const memory = queueMemory(POINTS, 2);
    const [one, other] = [new PointQueue(memory), new PointQueue(memory)];
    expect([one.hasBegun(0), one.hasBegun(1)]).toEqual([false, false]);
    other.begin(1);
    expect([one.hasBegun(0), one.hasBegun(1)]).toEqual([false, true]);
    expect(one.take().length).toBe(32);
    other.stop();
    expect([one.stopped, one.take().length, one.left]).toEqual([true, 0, POINTS.length - 32]);
  });
});
