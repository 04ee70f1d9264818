import { describe, expect, it } from 'vitest';
import { ARM_VERSIONS } from '../os/hyp/abi-arm.ts';
import { ARM64_VERSIONS } from '../os/hyp/abi-arm64.ts';
import { handoverJobs, handoverTables, mustHold, rowLines, runHandoverJob } from './hyp-campaign.ts';

const keys = (jobs: ReturnType<typeof handoverJobs>): string[] =>
  jobs.map((job) => Object.values(job).join(' ')).sort();

describe('the sweeps of a campaign', () => {
  const all = handoverJobs({});
  it('are each there once, for every version', () => {
    expect(new Set(keys(all)).size).toBe(all.length);
    expect([...new Set(all.map(({ abi }) => abi))]).toEqual(
      [...ARM64_VERSIONS, ...ARM_VERSIONS].map(({ name }) => name),
    );
    for (const { name } of ARM64_VERSIONS) {
      const own = all.filter(({ abi }) => abi === name);
      // Six sequences in five ways, hotplug on two PEs.
      expect(own).toHaveLength(6 * 5 + 5);
    }
  });
  it('of 32-bit Arm have KVM only where the version has it', () => {
    const sequences = (name: string): string[] => [
      ...new Set(all.filter(({ abi }) => abi === name).map(({ sequence }) => sequence)),
    ];
    expect(sequences('arm 4.12')).toEqual(['boot', 'load', 'idle', 'unload', 'kexec', 'kdump']);
    expect(sequences('arm 5.7')).toEqual(['boot', 'kexec', 'kdump']);
  });
  it('are those that a choice names, and more CPUs are more PEs', () => {
    const chosen = handoverJobs({ abis: ['arm64 6.19'], sequences: ['kexec'], events: ['sdei'], cpus: 3 });
    expect(chosen).toMatchObject([0, 1, 2].map((pe) => ({ pe, cpus: 3, vhe: true, stride: 1 })));
  });
});

describe('a sweep of a campaign', () => {
  it('names the range that is lost by what the code is about to do there', () => {
    const [fault] = handoverJobs({ abis: ['arm64 4.8'], sequences: ['load'], events: ['fault'] });
    const row = runHandoverJob(fault!);
    expect(row).toMatchObject({ boundaries: 71, tried: 30, leftOut: 0, lost: 8, counts: { reached: 22, dead: 8 } });
    expect(rowLines(row)).toEqual([
      'arm64 4.8, load, fault: 71 boundaries, 30 tried: 22 reached, 8 dead',
      expect.stringMatching(/^ {2}dead: 8, 42 \(main, yield \d+: hvc 0x1\) to 70 \(main, yield \d+: store\)$/),
    ]);
  });
  it('of 32-bit Arm does so too, and rows of several make a table', () => {
    const jobs = handoverJobs({ abis: ['arm patch v2', 'arm 4.12'], sequences: ['unload'], events: ['nmi'] });
    const rows = jobs.map(runHandoverJob);
    expect(rows.map(({ lost }) => lost > 0)).toEqual([true, true, false, false]);
    expect(rows[0]!.ranges[0]).toMatch(/^0 to 4, kernel\.main\+0x\w+ to .*: dead: prefetchAbort at 0x2 in HYP/);
    const [two] = rows.map(({ lost, tried }) => `${2 * lost} dead of ${2 * tried}`);
    expect(handoverTables(rows)).toEqual([
      '| arm, nmi | unload        |',
      '| -------- | ------------- |',
      `| patch v2 | ${two!.padEnd(13)} |`,
      `| 4.12     | 0 of ${2 * rows[2]!.tried}       |`,
      '',
    ]);
  });
  it('with VHE, and since 5.8, may lose none', () => {
    const holds = (abi: string, vhe: boolean): boolean =>
      mustHold({ arch: 'arm64', abi, vhe, sequence: 'load', event: 'fault', pe: 0, cpus: 1, stride: 1 });
    expect([holds('arm64 3.11', true), holds('arm64 4.19', false), holds('arm64 5.8', false)]).toEqual([
      true,
      false,
      true,
    ]);
  });
});
