import { describe, expect, it } from 'vitest';
import { EventQueue, PRIORITY } from './events.ts';

function queue(): { q: EventQueue; seen: string[]; note: (what: string) => () => void } {
  const seen: string[] = [];
  return { q: new EventQueue(), seen, note: (what) => () => void seen.push(what) };
}

describe('EventQueue', () => {
  it('applies events in the order of time, then priority, then insertion', () => {
    const { q, seen, note } = queue();
    q.schedule(20, note('late'));
    q.schedule(10, note('outside'), { priority: PRIORITY.OUTSIDE });
    q.schedule(10, note('device 1'), { priority: PRIORITY.DEVICE });
    q.schedule(10, note('timer'), { priority: PRIORITY.TIMER });
    q.schedule(10, note('device 2'), { priority: PRIORITY.DEVICE });
    q.fire(20);
    expect(seen).toEqual(['timer', 'device 1', 'device 2', 'outside', 'late']);
  });

  it('applies what is due and keeps the rest', () => {
    const { q, seen, note } = queue();
    q.schedule(10, note('a'));
    q.schedule(11, note('b'));
    q.fire(9);
    expect(seen).toEqual([]);
    q.fire(10);
    expect(seen).toEqual(['a']);
    expect(q.nextNs).toBe(11);
  });

  it('an event with a key replaces the one of that key, and cancel removes it', () => {
    const { q, seen, note } = queue();
    q.schedule(10, note('old'), { key: 'k' });
    q.schedule(5, note('new'), { key: 'k' });
    q.schedule(7, note('other'), { key: 'l' });
    q.cancel('l');
    q.cancel('nobody');
    q.fire(100);
    expect(seen).toEqual(['new']);
    expect(q.nextNs).toBeUndefined();
  });

  it('events that an event adds count if they are due', () => {
    const { q, seen, note } = queue();
    q.schedule(10, () => {
      q.schedule(10, note('now'));
      q.schedule(30, note('later'));
    });
    q.fire(20);
    expect(seen).toEqual(['now']);
    q.clear();
    q.fire(100);
    expect(seen).toEqual(['now']);
  });
});
