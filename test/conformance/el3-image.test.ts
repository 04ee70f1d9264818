import { describe, expect, it } from 'vitest';
import { firmwareUnderTest } from '../../src/conformance/firmware.ts';
import { resultLine, totals } from '../../src/conformance/report.ts';
import { runCase } from '../../src/conformance/runner.ts';
import { CASES } from '../../src/conformance/suite.ts';
import { EL3_IMAGE } from './el3-image.ts';

/** What the image does not do fails at its first call; those that wait for it would wait for long. */
const GROUPS = ['interface', 'fresh state', 'mask', 'info and routing'];
const results = CASES.filter(({ group }) => GROUPS.includes(group)).map((c) =>
  runCase(c, firmwareUnderTest({ bytes: EL3_IMAGE })),
);
const lineOf = (name: string): string => resultLine(results.find((r) => r.name === name)!);

describe('a dispatcher in machine code at EL3', () => {
  it.each([
    'SDEI_VERSION gives the version, with bit 63 clear',
    'the 32-bit identifier of SDEI_VERSION gives NOT_SUPPORTED',
    'the unused identifier 0xc4000033 gives NOT_SUPPORTED',
    'SDEI_VERSION changes no register but X0',
    'SDEI_PE_MASK changes no register but X0',
    'SDEI_PE_MASK gives 0 on every PE after reset: every PE is masked',
    'SDEI_PE_UNMASK gives 0, and SDEI_PE_MASK behind it gives 1',
    'SDEI_PE_MASK twice gives 1, then 0',
    'SDEI_PE_UNMASK twice gives 0 both times',
  ])('passes what it does: %s', (name) => {
    expect(lineOf(name)).toBe(`PASS: ${name}`);
  });

  it.each([
    ['SDEI_EVENT_STATUS of event 0 is 0 after reset', 'SDEI_EVENT_STATUS(0): expected 0, found -1 (NOT_SUPPORTED)'],
    [
      'SDEI_EVENT_ENABLE of event 0 before it is registered gives DENIED',
      'SDEI_EVENT_ENABLE(0): expected -3 (DENIED), found -1 (NOT_SUPPORTED)',
    ],
    [
      'event 0 is private, of normal priority, and can be signalled',
      'SDEI_EVENT_GET_INFO(0, 0): expected 0, found -1 (NOT_SUPPORTED)',
    ],
  ])('fails by name what it does not: %s', (name, why) => {
    expect(lineOf(name)).toBe(`FAIL: ${name} (${why})`);
  });

  it('skips what nobody can ask of it, with the reason', () => {
    expect(lineOf('a critical event says so')).toBe(
      'SKIP: a critical event says so (nobody can have the image raise its explicit events)',
    );
    expect(totals(results).PASS).toBeGreaterThan(25);
    expect(totals(results).FAIL).toBeGreaterThan(15);
  });

  it('passes nothing when it is a loop, and says where it is', () => {
    const [version] = CASES;
    const { status, why } = runCase(version!, firmwareUnderTest({ bytes: Uint8Array.of(0, 0, 0, 0x14) }));
    expect([status, why]).toEqual(['FAIL', 'it did not end within 40000 steps: PE 0 at 0x40800000']);
  });
});
