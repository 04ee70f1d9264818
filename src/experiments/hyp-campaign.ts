/** Hand-over at every boundary, all versions together: the sweeps there are, each run alone, and their table. */
import { ARM_VERSIONS } from '../os/hyp/abi-arm.ts';
import { ARM64_VERSIONS } from '../os/hyp/abi-arm64.ts';
import { failureLines, type Injection32 } from '../os/hyp/arm32/explore.ts';
import type { Isa32 } from '../os/hyp/arm32/program.ts';
import { HYP_EVENTS, type HypEvent, type HypSequence, SEQUENCES, sweepBoundaries } from './hyp-boundaries.ts';
import { isLost, lostRanges, titleOf } from './hyp-table.ts';
import {
  HYP32_EVENTS,
  type Hyp32Sequence,
  SEQUENCES_32,
  sequencesOf32,
  sweepBoundaries32,
} from './hyp32-boundaries.ts';

/** One sweep, as plain data. */
export type HandoverJob =
  | {
      readonly arch: 'arm64';
      readonly abi: string;
      readonly sequence: HypSequence;
      readonly event: HypEvent;
      readonly vhe: boolean;
      /** PE that the event is for, of so many. */
      readonly pe: number;
      readonly cpus: number;
      readonly stride: number;
      /** Where a crash kernel is sent; left out: where the version sends it. See `HandoverVariants.crash`. */
      readonly crash?: 'boot' | 'EL1';
    }
  | {
      readonly arch: 'arm';
      readonly abi: string;
      readonly sequence: Hyp32Sequence;
      readonly event: Injection32;
      readonly isa: Isa32;
    };

/** What came of it, as plain data. */
export interface HandoverRow {
  readonly job: HandoverJob;
  /** Version, sequence, event. */
  readonly title: string;
  /** Boundaries of the window; the difference is where nothing can come, and what a stride leaves out. */
  readonly boundaries: number;
  readonly tried: number;
  readonly leftOut: number;
  /** Outcomes, by how often. */
  readonly counts: Readonly<Record<string, number>>;
  /** Boundaries at which hand-over fails. */
  readonly lost: number;
  /** Where they begin and end. */
  readonly ranges: readonly string[];
}

/** Which sweeps are wanted; a list that is left out or empty means all. */
export interface HandoverChoice {
  readonly abis?: readonly string[];
  readonly sequences?: readonly string[];
  readonly events?: readonly string[];
  /** See `HypReach.stride`; default 1. 32-bit sweeps are always whole. */
  readonly stride?: number;
  /** CPUs of an arm64 machine, 1 to 8; the event then comes on each of them. Default 1, in `hotplug` 2. */
  readonly cpus?: number;
  /** Crash kernels on arm64 are sent to the level of the boot, or to EL1, whatever the version does. */
  readonly crash?: 'boot' | 'EL1';
}

/** Names that a choice may use. */
export const HANDOVER_NAMES = {
  abi: [...ARM64_VERSIONS, ...ARM_VERSIONS].map(({ name }) => name),
  sequence: [...new Set<string>([...SEQUENCES, ...SEQUENCES_32])],
  event: [...new Set<string>([...HYP_EVENTS, ...HYP32_EVENTS])],
} as const;

/** Kernel at EL1 under KVM: a fault, an NMI. Kernel at EL2: these and an event of firmware, whose client EL2 is. */
const WAYS: readonly { readonly event: HypEvent; readonly vhe: boolean }[] = [
  { event: 'fault', vhe: false },
  { event: 'nmi', vhe: false },
  { event: 'fault', vhe: true },
  { event: 'nmi', vhe: true },
  { event: 'sdei', vhe: true },
];

/** The sweeps of a choice, version by version. */
export function handoverJobs(choice: HandoverChoice): HandoverJob[] {
  const { abis = [], sequences = [], events = [], stride = 1, cpus: asked = 1, crash } = choice;
  const has = (list: readonly string[], name: string): boolean => list.length === 0 || list.includes(name);
  const jobs: HandoverJob[] = [];
  for (const { name: abi } of ARM64_VERSIONS)
    for (const sequence of SEQUENCES)
      for (const way of WAYS) {
        const cpus = Math.max(asked, sequence === 'hotplug' ? 2 : 1);
        const how = { ...way, cpus, stride, ...(crash ? { crash } : {}) };
        for (let pe = 0; pe < cpus; pe++) jobs.push({ arch: 'arm64', abi, sequence, ...how, pe });
      }
  for (const { name: abi } of ARM_VERSIONS)
    for (const sequence of sequencesOf32(abi))
      for (const event of HYP32_EVENTS)
        for (const isa of ['A32', 'T32'] as const) jobs.push({ arch: 'arm', abi, sequence, event, isa });
  return jobs.filter(({ abi, sequence, event }) => has(abis, abi) && has(sequences, sequence) && has(events, event));
}

/** Runs one. */
export function runHandoverJob(job: HandoverJob): HandoverRow {
  return job.arch === 'arm64' ? run64(job) : run32(job);
}

function run64(job: Extract<HandoverJob, { arch: 'arm64' }>): HandoverRow {
  const { stride, pe, crash, ...rest } = job;
  const spec = { ...rest, ...(job.cpus > 1 ? { pe } : {}), ...(crash ? { handover: { crash } } : {}) };
  const { tries, boundaries, leftOut } = sweepBoundaries(spec, { stride });
  return {
    job,
    title: titleOf(spec),
    boundaries,
    tried: tries.length,
    leftOut,
    counts: countsOf(tries.map(({ outcome }) => outcome)),
    lost: tries.filter(isLost).length,
    ranges: lostRanges(tries).map(
      ({ outcome, first, last, count }) =>
        `${outcome}: ${count}, ${first.at} (${first.where}) to ${last.at} (${last.where})`,
    ),
  };
}

function run32(job: Extract<HandoverJob, { arch: 'arm' }>): HandoverRow {
  const { abi, sequence, event, isa } = job;
  const all = sweepBoundaries32(job);
  return {
    job,
    title: `${abi}, ${sequence}, ${event}, ${isa}`,
    boundaries: all.length,
    tried: all.length,
    leftOut: 0,
    counts: countsOf(all.map(({ kind }) => kind)),
    lost: all.filter(({ kind }) => kind !== 'handed over').length,
    ranges: failureLines('', all)
      .slice(1)
      .map((line) => line.trim()),
  };
}

function countsOf(outcomes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/**
 * Nothing may be lost in this sweep: with VHE in any version, since 5.8 on arm64; on 32-bit Arm since 4.12 for an NMI,
 * because an UNDEFINED instruction in HYP itself, or an abort behind the end of the kernel's MMU, has no handler there.
 */
export function mustHold(job: HandoverJob): boolean {
  if (job.arch === 'arm') return /^arm \d/.test(job.abi) && job.event === 'nmi';
  if (job.crash === 'EL1') return false;
  return job.vhe || namesFrom('arm64 5.8').includes(job.abi);
}
function namesFrom(first: string): readonly string[] {
  const names: readonly string[] = ARM64_VERSIONS.map(({ name }) => name);
  return names.slice(names.indexOf(first));
}

/** A sweep as lines: counts, and each range of boundaries that is lost. */
export function rowLines({ title, boundaries, tried, leftOut, counts, ranges }: HandoverRow): string[] {
  const what = Object.entries(counts).map(([outcome, n]) => `${n} ${outcome}`);
  const more = leftOut > 0 ? `, ${leftOut} left out` : '';
  return [
    `${title}: ${boundaries} boundaries, ${tried} tried${more}: ${what.join(', ') || 'nothing can come'}`,
    ...ranges.map((range) => `  ${range}`),
  ];
}

/** The tables of a report, in Markdown: how many of the boundaries that were tried are lost, and how. */
export function handoverTables(rows: readonly HandoverRow[]): string[] {
  const kinds = [
    { title: 'arm64, kernel at EL1', of: rows.filter(({ job }) => job.arch === 'arm64' && !job.vhe) },
    { title: 'arm64, VHE', of: rows.filter(({ job }) => job.arch === 'arm64' && job.vhe) },
    ...HYP32_EVENTS.map((event) => ({
      title: `arm, ${event}`,
      of: rows.filter(({ job }) => job.arch === 'arm' && job.event === event),
    })),
  ];
  return kinds.flatMap(({ title, of }) => (of.length > 0 ? [...table(title, of), ''] : []));
}

function table(title: string, rows: readonly HandoverRow[]): string[] {
  const unique = (names: readonly string[]): string[] => [...new Set(names)];
  const abis = unique(rows.map(({ job }) => job.abi));
  const sequences = unique(rows.map(({ job }) => job.sequence));
  const cells = [
    [title, ...sequences],
    ...abis.map((abi) => [
      abi.replace(/^arm(64)? /, ''),
      ...sequences.map((sequence) => cell(rows.filter(({ job }) => job.abi === abi && job.sequence === sequence))),
    ]),
  ];
  const widths = cells[0]!.map((_, n) => Math.max(...cells.map((line) => line[n]!.length)));
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, n) => text.padEnd(widths[n]!)).join(' | ')} |`;
  return [line(cells[0]!), line(widths.map((width) => '-'.repeat(width))), ...cells.slice(1).map(line)];
}
/** `0 of 130`, `8 dead of 30`. */
function cell(rows: readonly HandoverRow[]): string {
  if (rows.length === 0) return '-';
  const total = (of: (row: HandoverRow) => number): number => rows.reduce((sum, row) => sum + of(row), 0);
  const tried = total((row) => row.tried);
  const kinds = LOST_OUTCOMES.map((kind) => ({ kind, n: total(({ counts }) => counts[kind] ?? 0) }));
  const lost = kinds.filter(({ n }) => n > 0).map(({ kind, n }) => `${n} ${kind}`);
  return `${lost.join(', ') || '0'} of ${tried}`;
}
/** Outcomes that are failures, of both architectures. */
const LOST_OUTCOMES = ['dead', 'EL1', 'no DTB', 'wrong mode'] as const;
