/** What happened to a hardware error, from what was seen of it, in words that need no manual. */
import type { RasHappening } from '../firmware/ras/ghes.ts';
import type { RasInjected } from '../firmware/ras/ras.ts';
import type { CheckedSource } from '../firmware/ras/sources.ts';
import { decodeStatusBlock, describeStatusBlock } from '../tables/cper/block.ts';
import { parseKernelLog } from '../tables/cper/kernel-log/parse.ts';
import type { LogEvent } from '../tables/cper/kernel-log/types.ts';
import type { TreeNode } from '../tables/tree-node.ts';
import { harmless } from './decode-print.ts';
import { formatTimeNs, grouped } from './report.ts';

/** A moment of a run. */
export interface Moment {
  readonly step: number;
  readonly timeNs: bigint;
}

/** What was seen, each with its moment. */
export type Seen = Moment &
  (
    | { readonly kind: 'error'; readonly injected: RasInjected }
    | {
        readonly kind: 'way';
        readonly what: RasHappening;
        readonly serial: number;
        readonly source: CheckedSource | undefined;
        readonly pe: number;
      }
    | { readonly kind: 'sdei'; readonly event: number; readonly pe: number; readonly operation: string }
    | { readonly kind: 'reset' }
    /** The kernel wrote a line. */
    | { readonly kind: 'line'; readonly text: string }
  );

/** Lines about errors, and the reports among them. */
const ABOUT_ERRORS =
  /\[Hardware Error\]|Memory failure:|[Ss]oft[_ ]offline|GHES:(?! APEI)|Kernel panic|BERT:|SError|external abort|Bus error/;
/** What a terminal takes as commands, and a prompt that comes before a line of the kernel. */
const ESCAPES = new RegExp(`${String.fromCharCode(0x1b)}\\[[\\d;]*[A-Za-z]`, 'g');
const BEFORE_TIME = /^.*?(?=\[ *\d+\.\d{6}\])/;

const NOTIFICATIONS: Readonly<Record<CheckedSource['notify'], (source: CheckedSource) => string>> = {
  sdei: ({ event }) => `SDEI event ${event}`,
  'sdei-critical': ({ event }) => `critical SDEI event ${event}`,
  sea: () => 'a synchronous External abort',
  sei: () => 'an SError',
  gsiv: () => 'an interrupt, by the generic event device and the error device',
  gpio: () => 'the generic event device and the error device',
  polled: ({ pollMs }) => `nothing: the kernel looks by itself every ${pollMs} ms`,
};

const at = ({ step, timeNs }: Moment): string => `step ${grouped(step)}, ${formatTimeNs(timeNs)}`;

/** Time between two moments in the unit that suits it. */
function between(from: Moment, to: Moment): string {
  const ns = Number(to.timeNs - from.timeNs);
  if (ns < 10_000) return `${ns} ns`;
  return ns < 10_000_000 ? `${(ns / 1e3).toFixed(1)} us` : `${(ns / 1e6).toFixed(1)} ms`;
}

function treeLines(node: TreeNode, indent: string, lines: string[]): void {
  const value = node.value === undefined ? '' : `: ${node.value}`;
  lines.push(harmless(`${indent}${node.name}${value}`));
  for (const child of node.children ?? []) treeLines(child, `${indent}  `, lines);
}

function blockLines(block: Uint8Array): string[] {
  const lines: string[] = [];
  const { value } = decodeStatusBlock(block);
  if (value) treeLines(describeStatusBlock(value), '     ', lines);
  return lines;
}

/** How one error went its way. */
function wayLines(seen: readonly Seen[], serial: number): string[] {
  const lines: string[] = [];
  const steps = seen.filter((one) => one.kind === 'way' && one.serial === serial) as Extract<Seen, { kind: 'way' }>[];
  let notified: Extract<Seen, { kind: 'way' }> | undefined;
  for (const one of steps) {
    const { what, source, pe } = one;
    if (what === 'kept') lines.push(`Firmware kept it for the boot error record (BERT) of the next start.`);
    if (!source) continue;
    const whose = `error source ${source.id} (GHES.${source.id}, ${source.notify})`;
    if (what === 'queued') lines.push(`It waited: ${whose} was not acknowledged yet.`);
    if (what === 'recorded') lines.push(`Firmware recorded it in the block of ${whose} at ${at(one)}.`);
    if (what === 'recorded' && source.notify === 'polled')
      lines.push(`It told the kernel by ${NOTIFICATIONS.polled(source)}.`);
    if (what === 'lost') lines.push(`It was LOST: too many waited for ${whose}.`);
    if (what === 'notified') {
      notified = one;
      lines.push(`It told the kernel by ${NOTIFICATIONS[source.notify](source)}${pe < 0 ? '' : ` on PE ${pe}`}.`);
      lines.push(...handlerLines(seen, one));
    }
    if (what === 'acknowledged') {
      const since = notified ? `, ${between(notified, one)} after it was told` : '';
      lines.push(`The kernel acknowledged the block at ${at(one)}${since}.`);
    }
  }
  if (steps.every(({ what }) => what !== 'acknowledged')) lines.push('The kernel has NOT acknowledged it.');
  return lines;
}

/** The run of the SDEI handler. */
function handlerLines(seen: readonly Seen[], notified: Extract<Seen, { kind: 'way' }>): string[] {
  const moves = seen.filter(
    (one) => one.kind === 'sdei' && one.event === notified.source?.event && one.step >= notified.step,
  ) as Extract<Seen, { kind: 'sdei' }>[];
  const began = moves.find(({ operation }) => operation === 'DISPATCH');
  const ended = moves.find(({ operation }) => operation.startsWith('COMPLETE'));
  if (!began) return [];
  const end = ended ? `it completed ${between(began, ended)} later` : 'it never completed';
  return [`Its handler began on PE ${began.pe} at ${at(began)}; ${end}.`];
}

/** What the kernel did with pages, and to processes. */
function effectLines(events: readonly LogEvent[]): string[] {
  return events.flatMap(({ kind, fields, text }) => {
    const field = (name: string): string | undefined => fields.find((one) => one.name === name)?.value;
    const pfn = field('pfn');
    const page = pfn === undefined ? '' : `page 0x${(BigInt(pfn) << 12n).toString(16)}`;
    if (kind === 'memory failure' && field('result'))
      return [`It took ${page} out of use (${field('page')}): ${field('result')}.`];
    if (kind === 'memory failure' && field('process'))
      return [`It sent SIGBUS to ${field('process')} (process ${field('pid')}), which used ${page}.`];
    if (kind === 'memory failure' || kind === 'soft offline') return [`Of ${page} it says: ${field('text') ?? text}.`];
    if (kind === 'panic') return [`It panicked: ${field('reason')}.`];
    if (kind === 'memory error in no page') return [`The address ${field('address')} is in no page that it knows.`];
    if (kind === 'BERT' && field('records')) return [`After the reset it found ${field('records')} in BERT.`];
    return [];
  });
}

const numbered = (lines: readonly string[], n: number): string => `${String(n).padStart(2)}. ${lines.join('\n    ')}`;

/** The story of all errors of a run, in order; ends with a line end. */
export function rasStory(seen: readonly Seen[]): string {
  const parts: string[] = [];
  const add = (...lines: string[]): void => void parts.push(numbered(lines, parts.length + 1));
  for (const one of seen) {
    if (one.kind !== 'error') continue;
    const { injected } = one;
    add(`At ${at(one)} an error happened; firmware described it in ${injected.block.length} bytes:`);
    parts[parts.length - 1] += `\n${blockLines(injected.block).join('\n')}`;
    add(...wayLines(seen, injected.serial));
  }
  const lines = seen
    .filter((one) => one.kind === 'line')
    .map(({ text }) => text.replace(ESCAPES, '').replace(BEFORE_TIME, ''));
  const about = lines.filter((text) => ABOUT_ERRORS.test(text));
  add(
    about.length === 0 ? 'The kernel printed nothing about it.' : 'The kernel printed:',
    ...about.map((text) => `  ${harmless(text)}`),
  );
  const { items } = parseKernelLog(new TextEncoder().encode(about.join('\n')));
  const effects = effectLines(items.filter((item): item is LogEvent => item.item === 'event'));
  const resets = seen.filter(({ kind }) => kind === 'reset');
  const found = effects.findIndex((line) => line.startsWith('After the reset'));
  const told = resets.map((reset) => `The machine was reset at ${at(reset)}.`);
  effects.splice(found < 0 ? effects.length : found, 0, ...told);
  add(...(effects.length === 0 ? ['It did nothing else: no page was taken out of use.'] : effects));
  return `\nWhat happened\n\n${parts.join('\n')}\n`;
}
