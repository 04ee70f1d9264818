import { describe, expect, it } from 'vitest';
import { Pace } from './pace.ts';

/** How often a record has to be reported until it is compiled. */
function reports(pace: Pace, record: number): number {
  for (let n = 1; n < 100; n++) if (pace.arrived(record)) return n;
  throw new Error('never compiled');
}
/** A pace that has compiled more than was allowed. */
function spent(): Pace {
  const pace = new Pace();
  pace.compiled(1_000_000);
  return pace;
}

describe('the pace of compiling', () => {
  it('lets a new machine compile what is hot at once', () => {
    expect(reports(new Pace(), 16)).toBe(1);
  });

  it('makes code run longer first while more was compiled than the steps pay for', () => {
    expect(reports(spent(), 16)).toBe(8);
  });

  it('counts each record for itself, and anew once it was compiled', () => {
    const pace = spent();
    for (let n = 0; n < 7; n++) expect([pace.arrived(16), pace.arrived(32)]).toEqual([false, false]);
    expect(pace.arrived(16)).toBe(true);
    expect(reports(pace, 16)).toBe(8);
    expect(reports(pace, 32)).toBe(1);
  });

  it('is paid by steps, whatever they run', () => {
    const pace = new Pace();
    pace.compiled(3000);
    expect(pace.arrived(16)).toBe(false);
    for (let n = 0; n < 100; n++) pace.took(1_000_001);
    expect(pace.arrived(16)).toBe(true);
  });

  it('does not save up without end', () => {
    const pace = new Pace();
    pace.took(1e15);
    pace.compiled(10_000);
    expect(reports(pace, 16)).toBe(8);
  });

  it('forgets what was reported of records that are used for something else', () => {
    const pace = spent();
    for (let n = 0; n < 7; n++) pace.arrived(16);
    pace.forget();
    expect(reports(pace, 16)).toBe(8);
  });
});
