/** Runs cases here: through the bigint oracle and through the generated handlers. */
import { DATA_TLB_BASE, PE_DERIVED, PE_STATE, SLOT_SP, V_BASE } from '../../src/arch/pestate.ts';
import { RAM_BASE } from '../../src/engine/records.ts';
import { type Clause, liftConstant } from '../../src/isa/clause.ts';
import { fpCheck } from '../../src/isa/table.ts';
import { FlatMachine } from '../support/flat.ts';
import { CASE, type Case, CHANGES_MAX, DATA_BYTES, DATA_VA, OUTCOME, Outcome } from './layout.ts';

/** `B .`: stands after a piece of code so that decoding ahead stops there. It never runs. */
const STOP = 0x1400_0000;

/** What ran a case: `oracle` is the evaluator on bigints, `handler` the generated WebAssembly. */
export type Executor = 'oracle' | 'handler';

/** A machine for cases, with data pages of a given content. */
export class Ours {
  readonly flat = new FlatMachine(1 << 20, DATA_VA, DATA_VA + DATA_BYTES);
  /** 15 to have SP checked for alignment, which QEMU does not. */
  spAlignMask = 0;
  private readonly data: Uint8Array;
  private readonly dataNow: Uint8Array;

  constructor(data: Uint8Array) {
    this.data = data;
    this.dataNow = this.flat.memory.u8.subarray(RAM_BASE + DATA_VA, RAM_BASE + DATA_VA + DATA_BYTES);
    this.dataNow.set(data);
  }

  /** Names of the PE's helpers that a case called: what this machine cannot do. */
  get helpersCalled(): string[] {
    return this.flat.events.map((e) => e.helper).filter((h) => h !== 'load' && h !== 'store' && h !== 'fetch');
  }

  /** Up to 8 bytes of the initial data at an address; zero outside the data pages. */
  dataAt(va: number, sizeBytes: number): bigint {
    let value = 0n;
    for (let i = sizeBytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.data[va - DATA_VA + i] ?? 0);
    return value;
  }

  /**
   * Runs a case.
   *
   * @param mutant - a clause to run instead of the one with the same name; the oracle only
   */
  run(c: Case, executor: Executor, mutant?: Clause): Outcome {
    this.setState(c);
    this.flat.events.length = 0;
    this.flat.accesses.length = 0;
    if (executor === 'oracle') this.oracle(c, mutant);
    else this.handler(c);
    return this.takeOutcome(c);
  }

  private setState(c: Case): void {
    const { u8, view } = this.flat.memory;
    u8.set(c.bytes.subarray(CASE.x, CASE.sp), 0);
    u8.set(c.bytes.subarray(CASE.sp, CASE.pc), SLOT_SP * 8);
    u8.set(c.bytes.subarray(CASE.v, CASE.bytes), V_BASE);
    const from = c.view;
    view.setBigUint64(PE_STATE.PC.offset, from.getBigUint64(CASE.pc, true), true);
    for (const field of ['nzcv', 'fpcr', 'fpsr'] as const) {
      const { offset } = PE_STATE[field.toUpperCase() as 'NZCV' | 'FPCR' | 'FPSR'];
      view.setUint32(offset, from.getUint32(CASE[field], true), true);
    }
    view.setInt32(PE_STATE.EL.offset, 0, true);
    view.setInt32(PE_DERIVED.spAlignMask.offset, this.spAlignMask, true);
    view.setInt32(PE_STATE.exclusiveValid.offset, 0, true);
  }

  private oracle(c: Case, mutant: Clause | undefined): void {
    const { flat } = this;
    let pc = BigInt(c.pc);
    for (const word of c.code) {
      if (flat.events.length || flat.memory.view.getBigUint64(PE_STATE.PC.offset, true) !== pc) return;
      const decoded = flat.decoder.decode(word);
      if (!decoded) {
        flat.events.push({ helper: 'undefinedInstruction', args: [word] });
        return;
      }
      const clause = mutant?.name === decoded.clause.name ? mutant : decoded.clause;
      flat.oracle.run(liftConstant(clause, decoded.fields, fpCheck), 0);
      pc += 4n;
    }
  }

  private handler(c: Case): void {
    const { flat } = this;
    const { code } = c;
    const bytes = new Uint8Array(4 * (code.length + 1));
    const view = new DataView(bytes.buffer);
    [...code, STOP].forEach((word, i) => {
      view.setUint32(4 * i, word, true);
    });
    flat.memory.write(c.pc, bytes);
    flat.memory.u8.fill(0, DATA_TLB_BASE, DATA_TLB_BASE + 64);
    flat.engine.run(0, code.length);
  }

  private takeOutcome(c: Case): Outcome {
    const { u8, view } = this.flat.memory;
    const out = new Outcome();
    out.bytes.set(u8.subarray(0, 31 * 8), OUTCOME.x);
    out.bytes.set(u8.subarray(SLOT_SP * 8, SLOT_SP * 8 + 8), OUTCOME.sp);
    out.bytes.set(u8.subarray(V_BASE, V_BASE + 512), OUTCOME.v);
    const fault = this.flat.events.some((e) => e.helper !== 'fetch');
    const pc = fault ? BigInt(c.pc) : view.getBigUint64(PE_STATE.PC.offset, true);
    out.view.setBigUint64(OUTCOME.pc, pc, true);
    out.view.setUint32(OUTCOME.nzcv, view.getUint32(PE_STATE.NZCV.offset, true), true);
    out.view.setUint32(OUTCOME.fpsr, view.getUint32(PE_STATE.FPSR.offset, true), true);
    out.view.setUint32(OUTCOME.fault, Number(fault), true);
    out.view.setUint32(OUTCOME.changes, this.takeChanges(out), true);
    return out;
  }

  /** Lists the words of data that differ from the initial content, and puts them back. */
  private takeChanges(out: Outcome): number {
    const { data, dataNow } = this;
    if (Buffer.compare(data, dataNow) === 0) return 0;
    let found = 0;
    for (let at = 0; at < DATA_BYTES; at += 8) {
      const now = dataNow.subarray(at, at + 8);
      const then = data.subarray(at, at + 8);
      if (Buffer.compare(now, then) === 0) continue;
      if (found < CHANGES_MAX) {
        out.view.setBigUint64(OUTCOME.change + 16 * found, BigInt(at), true);
        out.bytes.set(now, OUTCOME.change + 16 * found + 8);
      }
      found++;
      now.set(then);
    }
    return found;
  }
}
