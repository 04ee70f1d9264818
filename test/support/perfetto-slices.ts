/** Reads a trace in the Trace Event Format as a viewer does, and refuses what a viewer would show wrongly. */

/** A slice of a lane: from entry to end, with what it contains. */
export interface TraceSlice {
  readonly name: string;
  /** In ns. */
  readonly from: number;
  to: number;
  readonly args: Readonly<Record<string, unknown>>;
  readonly inside: TraceSlice[];
}

/** One lane of one process. */
export interface TraceLane {
  readonly process: string;
  readonly lane: string;
  readonly slices: TraceSlice[];
  readonly instants: { readonly name: string; readonly at: number; readonly args: Readonly<Record<string, unknown>> }[];
}

interface Event {
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly name?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Event lists may lack their end: a killed run has no time to write it. */
function parse(text: string): Event[] {
  const closed = text.trimEnd().endsWith(']') ? text : `${text}\n]`;
  return JSON.parse(closed) as Event[];
}

class Reader {
  readonly lanes = new Map<number, TraceLane & { readonly open: TraceSlice[]; last: number }>();
  readonly processes = new Map<number, string>();

  take(event: Event): void {
    if (event.ph === 'M') return this.metadata(event);
    const lane = this.lanes.get(event.tid);
    if (event.ph !== 'C' && !lane) throw new Error(`lane ${event.tid} has no name`);
    const at = Math.round((event.ts ?? Number.NaN) * 1000);
    if (!(at >= 0)) throw new Error(`no time: ${JSON.stringify(event)}`);
    if (!lane || event.ph === 'C') return;
    if (at < lane.last) throw new Error(`${lane.process} ${lane.lane}: time goes back from ${lane.last} to ${at} ns`);
    lane.last = at;
    const { name = '', args = {} } = event;
    const around = lane.open.at(-1);
    if (event.ph === 'B') {
      const slice = { name, from: at, to: Number.NaN, args, inside: [] };
      (around?.inside ?? lane.slices).push(slice);
      lane.open.push(slice);
    } else if (event.ph === 'E') {
      if (!around) throw new Error(`${lane.process} ${lane.lane}: an end without a beginning at ${at} ns`);
      around.to = at;
      lane.open.pop();
    } else if (event.ph === 'i') lane.instants.push({ name, at, args });
    else throw new Error(`unknown phase ${event.ph}`);
  }
  private metadata({ pid, tid, name, args }: Event): void {
    if (pid < 1 || tid < 1) throw new Error('viewers take 0 for no process and no thread');
    if (name === 'process_name') this.processes.set(pid, String(args!.name));
    if (name !== 'thread_name') return;
    if (this.lanes.has(tid)) throw new Error(`lane ${tid} has two names`);
    const process = this.processes.get(pid) ?? '';
    this.lanes.set(tid, { process, lane: String(args!.name), slices: [], instants: [], open: [], last: 0 });
  }
}

/**
 * All lanes of a trace.
 *
 * @param whole - every slice must have its end; a killed run leaves some open
 * @throws Error for what does not nest, goes back in time or has no name
 */
export function readLanes(text: string, { whole = true } = {}): TraceLane[] {
  const reader = new Reader();
  for (const event of parse(text)) reader.take(event);
  for (const { process, lane, open } of reader.lanes.values()) {
    if (whole && open.length > 0) throw new Error(`${process} ${lane}: ${open.map(({ name }) => name)} has no end`);
  }
  return [...reader.lanes.values()].map(({ process, lane, slices, instants }) => ({ process, lane, slices, instants }));
}

/** One lane, by the names of its process and itself; empty where nothing was written to it. */
export function laneNamed(lanes: readonly TraceLane[], process: string, lane: string): TraceLane {
  return (
    lanes.find((one) => one.process === process && one.lane === lane) ?? { process, lane, slices: [], instants: [] }
  );
}

/** Slices as text: names, with what is inside in brackets. */
export function outline(slices: readonly TraceSlice[]): string {
  return slices.map(({ name, inside }) => (inside.length === 0 ? name : `${name} [${outline(inside)}]`)).join(', ');
}
