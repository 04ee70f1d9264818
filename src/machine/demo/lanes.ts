/** What runs on a PE over a while, drawn as lanes: one row for each kind of code, time from left to right. */
import type { Machine } from '../machine.ts';

/** Rows, from the most urgent down. */
const ROWS = {
  firmware: 'EL3 firmware',
  critical: 'EL1 critical event',
  normal: 'EL1 normal event',
  nmi: 'EL1 NMI',
  irq: 'EL1 interrupt',
  program: 'EL1 program',
} as const;
type Row = keyof typeof ROWS;

interface Segment {
  readonly row: Row;
  steps: number;
}

/** IRQ from the same Exception level, with its own stack pointer. */
const IRQ_OFFSET = 0x280;
const LABEL_CHARS = 20;
/** Columns of a stretch by its steps: short ones must be seen, long ones must fit. */
const WIDTHS: readonly (readonly [below: number, columns: number])[] = [
  [1, 1],
  [40, 3],
  [150, 5],
  [600, 8],
  [Number.POSITIVE_INFINITY, 11],
];

/** Watches one PE of a machine while it is on. */
export class LaneWatch {
  private readonly machine: Machine;
  private readonly nmiIntid: number;
  private pe = -1;
  private stack: Row[] = [];
  private segments: Segment[] = [];
  private since = 0;

  /** @param nmiIntid - the interrupt that is an NMI */
  constructor(machine: Machine, nmiIntid: number) {
    this.machine = machine;
    this.nmiIntid = nmiIntid;
    machine.on('exception', (pe, el, offset) => {
      if (pe === this.pe && el === 1 && offset === IRQ_OFFSET) this.push('irq');
    });
    machine.on('exceptionReturn', (pe, el) => {
      if (pe === this.pe && el === 1) this.pop();
    });
    machine.on('interrupt', (pe, what, intid) => {
      if (pe === this.pe && what === 'acknowledged' && intid === this.nmiIntid) this.becomeNmi();
    });
    machine.on('call', (pe, name) => {
      if (pe === this.pe && name === 'SDEI_EVENT_COMPLETE_AND_RESUME') this.push('irq');
    });
    machine.sdei.onMove((pe, event, operation) => {
      if (pe !== this.pe) return;
      if (operation === 'DISPATCH') {
        const critical = machine.sdei.events.find(({ number }) => number === event)?.priority === 'critical';
        this.firmware();
        this.push(critical ? 'critical' : 'normal');
      } else if (operation === 'COMPLETE') {
        this.pop();
        this.firmware();
      }
    });
  }

  /** Begins to watch a PE that runs its program. */
  begin(pe: number): void {
    this.pe = pe;
    this.stack = ['program'];
    this.segments = [];
    this.since = this.machine.boundary.step;
  }
  /** Ends watching; gives the drawing. */
  end(): string {
    this.account();
    this.pe = -1;
    const used = (Object.keys(ROWS) as Row[]).filter((row) => this.segments.some((s) => s.row === row));
    return used.map((row) => this.line(row)).join('');
  }

  private line(row: Row): string {
    const cells = this.segments.map((s) => (s.row === row ? '#' : ' ').repeat(columns(s.steps)));
    return `    ${ROWS[row].padEnd(LABEL_CHARS)} ${cells.join('').trimEnd()}\n`;
  }
  private account(): void {
    const { step } = this.machine.boundary;
    const row = this.stack.at(-1) ?? 'program';
    const steps = step - this.since;
    this.since = step;
    const last = this.segments.at(-1);
    if (last?.row === row) last.steps += steps;
    else if (steps > 0) this.segments.push({ row, steps });
  }
  private firmware(): void {
    this.account();
    this.segments.push({ row: 'firmware', steps: 0 });
  }
  private push(row: Row): void {
    this.account();
    this.stack.push(row);
  }
  private pop(): void {
    this.account();
    if (this.stack.length > 1) this.stack.pop();
  }
  private becomeNmi(): void {
    this.stack[this.stack.length - 1] = 'nmi';
  }
}

const columns = (steps: number): number => WIDTHS.find(([below]) => steps < below)![1];
