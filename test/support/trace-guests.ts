/** Guests that do what traces show, and what a trace of them says. */
import { PerfettoTrace } from '../../src/debug/trace/perfetto.ts';
import type { TraceKind, TraceRecord } from '../../src/debug/trace/records.ts';
import { TextTrace } from '../../src/debug/trace/text.ts';
import { Tracer } from '../../src/debug/trace/tracer.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { readLanes, type TraceLane } from './perfetto-slices.ts';

/** Registers and enables 3000 (normal) and 3001 (critical), unmasks, and counts in X20; the label `ready` says when. */
export const SDEI_CLIENT = `
        adr     x2, normal
        mov     x1, #3000
        bl      register
        adr     x2, critical
        mov     x1, #3001
        bl      register
        ldr     x0, =0xc400002c
        smc     #0
ready:  add     x20, x20, #1
        b       ready

register:
        ldr     x0, =0xc4000021
        mov     x3, #0x77
        mov     x4, #0
        mov     x5, #0
        smc     #0
        ldr     x0, =0xc4000022
        smc     #0
        ret

normal: mov     x1, #40
1:      subs    x1, x1, #1
        b.ne    1b
complete:
        ldr     x0, =0xc4000025
        mov     x1, #0
        smc     #0
critical:
        mov     x1, #4
2:      subs    x1, x1, #1
        b.ne    2b
        b       complete
        .ltorg
`;

/** EL0 calls EL1 by SVC #5, over and over; the handler returns. */
export const SYSTEM_CALLS = `
        adr     x0, vectors
        msr     VBAR_EL1, x0
        adr     x0, user
        msr     ELR_EL1, x0
        msr     SPSR_EL1, xzr
        eret
user:   svc     #5
        b       user
        .balign 0x800
vectors:
        .space  0x400
        eret
`;

/** PE 0 turns PE 1 on and waits for its flag; PE 1 sets it and turns itself off; PE 0 then powers off. */
export const TWO_PES = `
        ldr     x0, =0xc4000003
        mov     x1, #1
        adr     x2, second
        mov     x3, #9
        smc     #0
1:      ldr     x0, =0x40200000
        wfe
        ldr     x1, [x0]
        cbz     x1, 1b
        ldr     x0, =0xc4000004
        mov     x1, #1
        mov     x2, #0
        smc     #0
        ldr     x0, =0x84000008
        smc     #0
second: ldr     x0, =0x40200000
        mov     x1, #1
        str     x1, [x0]
        sev
        ldr     x0, =0x84000002
        smc     #0
        .ltorg
`;

/** A machine under a tracer with all sinks. */
export class Traced {
  readonly records: TraceRecord[] = [];
  text = '';
  json = '';
  readonly tracer: Tracer;

  constructor(machine: Machine, kinds?: readonly TraceKind[], symbolize?: (addrVa: bigint) => string | undefined) {
    const keep = { record: (r: TraceRecord) => void this.records.push(r), flush: () => {}, end: () => {} };
    const text = new TextTrace((lines) => (this.text += lines), symbolize);
    const json = new PerfettoTrace((piece) => (this.json += piece), symbolize);
    this.tracer = new Tracer(machine, [keep, text, json], kinds);
  }

  /** Ends the trace; its lanes as a viewer reads them. */
  end(): readonly TraceLane[] {
    this.tracer.end();
    return readLanes(this.json);
  }
  /** The lines without their first columns. */
  get lines(): string[] {
    this.tracer.flush();
    return this.text
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(25));
  }
}
