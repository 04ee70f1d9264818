/** A case as somebody wants to see it: who was at which Exception level when, and what happened there. */
import { addressText, type TraceRecord } from '../debug/trace/records.ts';
import type { Explorer } from './explorer.ts';
import type { Case, CaseResult } from './types.ts';

/** A PE at an Exception level for some steps. */
export interface TimelineSpan {
  readonly pe: number;
  readonly el: number;
  /** Steps since the start, [from, to). */
  readonly from: number;
  readonly to: number;
  /** Where it began. */
  readonly place: string;
}

/** Something that happened. */
export interface TimelineMark {
  readonly step: number;
  readonly pe: number;
  readonly text: string;
}

/** A case to be drawn. */
export interface Timeline {
  readonly from: number;
  readonly to: number;
  readonly spans: readonly TimelineSpan[];
  readonly marks: readonly TimelineMark[];
  /** The run went on behind it. */
  readonly cut: boolean;
}

/** Steps that are drawn before the first event. */
const BEFORE_STEPS = 40;
/** Most steps that are drawn. */
const STEPS_MAX = 4_000;
/** Most of what happened that is listed. */
const MARKS_MAX = 400;

function markText(record: TraceRecord, name: (pc: bigint) => string): string | undefined {
  switch (record.kind) {
    case 'exception': {
      const what = record.EC === undefined ? record.exception : `${record.exception} ${record.EC}`;
      return `${what} to EL${record.el} from ${name(record.ELR)}`;
    }
    case 'return':
      return `returns from EL${record.fromEl} to ${name(record.PC)}`;
    case 'sdei':
      return `SDEI event ${record.event} ${record.operation}${record.PC === undefined ? '' : ` at ${name(record.PC)}`}`;
    case 'interrupt':
      return record.what === 'acknowledged' || record.what === 'raised' ? `${record.name} ${record.what}` : undefined;
    default:
      return undefined;
  }
}

/** Runs a case again, step by step, and notes what is drawn. */
export function timelineOf(
  explorer: Explorer,
  tried: Case,
): { readonly timeline: Timeline; readonly result: CaseResult } {
  const { machine, watch } = explorer;
  const spans: { pe: number; el: number; from: number; to: number; place: string }[] = [];
  const marks: TimelineMark[] = [];
  const open = new Map<number, (typeof spans)[number]>();
  const first = Math.min(...tried.injections.map(({ step }) => step), ...tried.switches.map(({ step }) => step));
  const from = Math.max(0, (Number.isFinite(first) ? first : 0) - BEFORE_STEPS);
  const name = (pc: bigint): string =>
    machine.hosted?.describe(pc) ?? addressText(pc, (va) => explorer.symbols.symbolize(va));
  let to = from;
  let cut = false;
  explorer.goTo(from);
  const off = machine.on('step', (pe, pc) => {
    const { step } = explorer;
    if (explorer.judging || step < from) return;
    if (step >= from + STEPS_MAX) {
      cut = true;
      return;
    }
    to = step + 1;
    const { el } = machine.pes[pe]!.s;
    const now = open.get(pe);
    if (now && now.el === el && now.to === step) now.to = step + 1;
    else {
      const span = { pe, el, from: step, to: step + 1, place: name(pc) };
      spans.push(span);
      open.set(pe, span);
    }
  });
  watch.onRecord = (record) => {
    const step = record.step - explorer.baseline.startSteps;
    if (explorer.judging || step < from || step >= from + STEPS_MAX || marks.length >= MARKS_MAX) return;
    const text = markText(record, name);
    if (text !== undefined) marks.push({ step, pe: record.pe, text });
  };
  let result: CaseResult;
  try {
    result = explorer.run(tried, from);
  } finally {
    off();
    watch.onRecord = undefined;
  }
  return { timeline: { from, to, spans, marks, cut }, result };
}
