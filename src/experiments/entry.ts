/** A few instructions of machine code that enter and leave an exception handler, as a kernel does, and what can come in. */
import { assemble } from '../isa/text/index.ts';
import { EVENT } from './errors.ts';
import { checkAt } from './experiment.ts';
import { Rig } from './rig.ts';

const CODE_PA = 0x4020_0000n;
/** Where the program says that the exception was returned from as it should. */
const DONE_PA = 0x4010_0000n;
const DONE = 0x600dn;
/** Program counter of a step, for reports. */
interface Place {
  readonly at: number;
  readonly symbol: string;
}
/** What came of one boundary. */
export interface EntryTry extends Place {
  readonly intact: boolean;
  /** What came was taken before the end. */
  readonly taken: boolean;
}

/** Parts that differ between experiments. */
export interface EntryParts {
  /** Between entry and body. */
  readonly entered?: string;
  /** Last before the return, after ELR and SPSR were written. */
  readonly leaving?: string;
  /** Before the exception. */
  readonly before?: string;
}

const program = ({ entered = '', leaving = '', before = '' }: EntryParts): string => `
start:
  adr x9, vectors
  msr vbar_el1, x9
  ldr x0, =0xc4000021
  mov x1, #${EVENT.critical}
  adr x2, event
  mov x3, xzr
  mov x4, xzr
  mov x5, xzr
  smc #0
  ldr x0, =0xc4000022
  mov x1, #${EVENT.critical}
  smc #0
  ldr x0, =0xc400002c
  smc #0
  ldr x20, =0x40100000
  mov sp, x20
  ${before}
  mov x0, #0x600d
  svc #0
returned:
  str x0, [x20]
  ldr x0, =0x84000008
  smc #0
  b .
  .balign 2048
vectors:
  .balign 512
  .skip 512
  b entry
  .balign 128
  b irq
  .balign 128
  b .
  .balign 128
  b nmi
  .balign 2048
entry:
  stp x0, x1, [sp, #-48]!
  mrs x0, elr_el1
  mrs x1, spsr_el1
  stp x0, x1, [sp, #16]
  ${entered}
body:
  nop
  nop
  nop
leave:
  ldp x0, x1, [sp, #16]
  msr elr_el1, x0
  msr spsr_el1, x1
  ${leaving}
  ldp x0, x1, [sp], #48
  eret
irq:
  stp x0, x1, [sp, #-16]!
  mrs x0, s3_0_c12_c12_0
  msr s3_0_c12_c12_1, x0
  str x0, [x20, #8]
  ldp x0, x1, [sp], #16
  eret
nmi:
  str x20, [x20, #8]
  eret
event:
  str x20, [x20, #8]
  ldr x0, =0xc4000025
  mov x1, xzr
  smc #0
  b .
`;

/** The program on a machine, at its first step in the handler. */
export class EntryRig {
  readonly rig: Rig;
  private readonly symbols: ReadonlyMap<string, bigint>;

  constructor(parts: EntryParts = {}) {
    const { bytes, symbols } = assemble(program(parts), { origin: CODE_PA });
    this.symbols = symbols;
    this.rig = new Rig({ programs: [{ addrPa: CODE_PA, bytes }] });
    this.runTo('entry');
  }
  private runTo(symbol: string): void {
    const at = this.symbols.get(symbol);
    const { machine } = this.rig;
    machine.runUntil(() => machine.pes[0]!.s.pc === at, { steps: 10_000 });
  }
  private symbol(): string {
    const pc = this.rig.machine.pes[0]!.s.pc;
    const below = [...this.symbols].filter(([, at]) => at <= pc).sort((a, b) => (a[1] < b[1] ? 1 : -1))[0];
    return below ? `${below[0]}+0x${(pc - below[1]).toString(16)}` : `0x${pc.toString(16)}`;
  }

  /** Something comes at each boundary from the handler's first instruction to behind its return. */
  sweep(come: (rig: Rig) => void, only?: number): EntryTry[] {
    const { rig } = this;
    const { machine } = rig;
    const end = this.symbols.get('returned');
    const mark = rig.mark();
    let size = 0;
    for (; machine.pes[0]!.s.pc !== end; size++) machine.run({ steps: 1 });
    checkAt(only, size);
    const tries: EntryTry[] = [];
    for (let at = only ?? 0; at < size; at++) {
      rig.back(mark);
      if (at > 0) machine.run({ steps: at });
      const symbol = this.symbol();
      come(rig);
      const { reason } = machine.run({ steps: 500 });
      const intact = reason === 'poweroff' && rig.word(DONE_PA) === DONE;
      tries.push({ at, symbol, intact, taken: rig.word(DONE_PA + 8n) !== 0n });
      if (only !== undefined) break;
    }
    rig.back(mark);
    return tries;
  }
}

/** `3 of 14 boundaries: entry+0x4, ...`. */
export function damageLine(what: string, tries: readonly EntryTry[]): string {
  const bad = tries.filter(({ intact }) => !intact).map(({ symbol }) => symbol);
  const list = bad.length > 0 ? `: ${bad.join(', ')}` : '';
  const taken = tries.filter((one) => one.taken).length;
  return `${what}: taken ${taken} times of ${tries.length}; the return goes wrong at ${bad.length} boundaries${list}`;
}
