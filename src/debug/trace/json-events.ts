/**
 * Slices and instants as the JSON that Perfetto and other trace viewers open: the Trace Event Format in its array
 * form, one event to a line. The closing bracket may be missing, so what a killed run leaves behind can be read.
 *
 * Source: "Trace Event Format" (Google), "JSON Array Format", "Duration Events", "Instant Events", "Metadata Events".
 */
import { Chunks } from './chunks.ts';

/** What an event says besides its name. */
export type EventArgs = Readonly<Record<string, string | number | boolean>>;

/** The lanes of a PE, from top to bottom. */
export const LANES = ['power', 'EL0', 'EL1', 'EL2', 'EL3', 'interrupts', 'firmware'] as const;
/** One of them. */
export type Lane = (typeof LANES)[number];

/** Identifiers of a pass over time: the board, then PEs. Viewers treat 0 as none. */
const PIDS_OF_PASS = 16;
const BOARD_PID = 1;
const PE_PID_FIRST = 2;
const TIDS_OF_PID = 16;

/** Microseconds with the nanoseconds behind the point: a number of any size, exact. */
function timestamp(timeNs: bigint): string {
  return `${timeNs / 1000n}.${(timeNs % 1000n).toString().padStart(3, '0')}`;
}

/** Writes events; whoever calls sees to it that slices nest and that time does not go back within a pass. */
export class JsonEvents {
  private readonly chunks: Chunks;
  private readonly named = new Set<number>();
  private pass = 0;
  private first = true;

  /** @param write - takes text in pieces, each of whole events */
  constructor(write: (text: string) => void) {
    this.chunks = new Chunks(write);
  }

  /** What follows is another run of the same PEs: time may begin anew. */
  nextPass(): void {
    this.pass++;
  }
  begin(pe: number, lane: Lane, timeNs: bigint, name: string, args: EventArgs): void {
    this.event(pe, lane, `"ph":"B","ts":${timestamp(timeNs)}`, name, args);
  }
  end(pe: number, lane: Lane, timeNs: bigint): void {
    this.event(pe, lane, `"ph":"E","ts":${timestamp(timeNs)}`);
  }
  /** @param pe - negative for what belongs to no PE */
  instant(pe: number, lane: Lane, timeNs: bigint, name: string, args: EventArgs): void {
    this.event(pe, lane, `"ph":"i","s":"t","ts":${timestamp(timeNs)}`, name, args);
  }
  /** A number over time, of the board. */
  counter(timeNs: bigint, name: string, value: number): void {
    this.event(-1, 'power', `"ph":"C","ts":${timestamp(timeNs)}`, name, { [name]: value });
  }
  flush(): void {
    this.chunks.flush();
  }
  /** Nothing follows. */
  close(): void {
    this.chunks.add(this.first ? '[]\n' : '\n]\n');
    this.chunks.flush();
  }

  private event(pe: number, lane: Lane, head: string, name?: string, args?: EventArgs): void {
    const pid = this.pass * PIDS_OF_PASS + (pe < 0 ? BOARD_PID : PE_PID_FIRST + pe);
    const tid = pid * TIDS_OF_PID + LANES.indexOf(lane) + 1;
    this.introduce(pe, lane, pid, tid);
    const rest = name === undefined ? '' : `,"name":${JSON.stringify(name)},"args":${JSON.stringify(args ?? {})}`;
    this.line(`{${head},"pid":${pid},"tid":${tid}${rest}}`);
  }
  private introduce(pe: number, lane: Lane, pid: number, tid: number): void {
    const metadata = (name: string, args: EventArgs): void => {
      this.line(JSON.stringify({ ph: 'M', pid, tid, name, args }));
    };
    if (!this.named.has(pid)) {
      this.named.add(pid);
      const again = this.pass === 0 ? '' : `, pass ${this.pass + 1}`;
      metadata('process_name', { name: `${pe < 0 ? 'board' : `PE ${pe}`}${again}` });
      metadata('process_sort_index', { sort_index: pid });
    }
    if (this.named.has(tid)) return;
    this.named.add(tid);
    metadata('thread_name', { name: lane });
    metadata('thread_sort_index', { sort_index: LANES.indexOf(lane) });
  }
  private line(text: string): void {
    this.chunks.add(`${this.first ? '[\n' : ',\n'}${text}`);
    this.first = false;
  }
}
