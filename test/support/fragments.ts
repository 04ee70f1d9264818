import { ARCHITECTURAL_BYTES, PE_STATE, V_BASE } from '../../src/arch/pestate.ts';
import { RAM_BASE } from '../../src/engine/records.ts';
import type { Builder } from '../../src/ir/builder.ts';
import { type Clause, type ImmSpec, insn } from '../../src/isa/clause.ts';
import { encodeFields } from '../../src/isa/encoding.ts';
import { FlatMachine } from './flat.ts';
import type { Rng } from './rng.ts';

/** A meaning under test: registers are `Rd`, `Rn`, `Rm`, `Ra`, each of them also for V registers. */
export type Meaning = (b: Builder) => void;

/** Address of the instruction, and of memory it may use. */
export const CODE_VA = 0x1000;
export const DATA_VA = 0x8000;
const DATA_BYTES = 0x2000;

/** What one run left behind. */
export interface Outcome {
  readonly state: string;
  readonly data: string;
  readonly events: readonly unknown[];
}

/** Runs meanings written for a test, each as an instruction of its own, through generated handlers and the oracle. */
export class Fragments {
  readonly flat: FlatMachine;
  private readonly names: readonly string[];
  private readonly clauses: readonly Clause[];

  /** @param meanings - at most 4,096, by name; `imm` gives every one of them the same immediates */
  constructor(meanings: Readonly<Record<string, Meaning>>, imm: Readonly<Record<string, ImmSpec>> = {}) {
    this.names = Object.keys(meanings);
    this.clauses = Object.entries(meanings).map(([name, lift], i) =>
      insn(name, `${i.toString(2).padStart(12, '0')} Ra:5 Rm:5 Rn:5 Rd:5`, { lift, imm }),
    );
    this.flat = new FlatMachine(1 << 20, 0, 1 << 20, this.clauses);
  }

  /** The instruction word; registers by default d = 0, n = 1, m = 2, a = 3. */
  word(name: string, registers: { Rd?: number; Rn?: number; Rm?: number; Ra?: number } = {}): number {
    const clause = this.clauses[this.names.indexOf(name)];
    if (!clause) throw new Error(`no meaning '${name}'`);
    return encodeFields(clause.encoding, { Rd: 0, Rn: 1, Rm: 2, Ra: 3, ...registers });
  }

  /** Puts random values, many of them special, into X0 to X3, V0 to V3 and the data memory. */
  randomise(rng: Rng): void {
    const { view } = this.flat.memory;
    const special = [0n, 1n, (1n << 64n) - 1n, 1n << 63n, 0x8000_0000n, 0x7fff_ffffn, 0x7fff_ffff_8000_0000n];
    const value = (): bigint => (rng.percent(50) ? rng.pick(special) : rng.u64());
    for (let n = 0; n < 4; n++) this.setX(n, value());
    for (let at = V_BASE; at < V_BASE + 64; at += 8) view.setBigUint64(at, value(), true);
    for (let at = 0; at < DATA_BYTES; at += 8) view.setBigUint64(RAM_BASE + DATA_VA + at, rng.u64(), true);
    view.setInt32(PE_STATE.NZCV.offset, rng.below(16) << 28, true);
  }

  setX(n: number, value: bigint): void {
    this.flat.memory.view.setBigUint64(n * 8, BigInt.asUintN(64, value), true);
  }
  x(n: number): bigint {
    return this.flat.memory.view.getBigUint64(n * 8, true);
  }
  get pc(): bigint {
    return this.flat.memory.view.getBigUint64(PE_STATE.PC.offset, true);
  }

  /** Runs the word once through the generated handler, on the state as it is. */
  handler(word: number): Outcome {
    const { memory, engine, events } = this.flat;
    const code = new Uint8Array(4);
    new DataView(code.buffer).setUint32(0, word, true);
    memory.write(CODE_VA, code);
    events.length = 0;
    memory.view.setBigUint64(PE_STATE.PC.offset, BigInt(CODE_VA), true);
    engine.run(0, 1);
    return this.outcome();
  }

  /** Runs the word once through the bigint oracle, on the state as it is. */
  oracle(word: number): Outcome {
    this.flat.events.length = 0;
    this.flat.oracleStep(word, BigInt(CODE_VA));
    return this.outcome();
  }

  /** Both, from the same state; the handler's state is what stays. */
  both(word: number): { handler: Outcome; oracle: Outcome } {
    const { u8 } = this.flat.memory;
    const state = u8.slice(0, ARCHITECTURAL_BYTES);
    const ram = u8.slice(RAM_BASE, RAM_BASE + DATA_VA + DATA_BYTES);
    const oracle = this.oracle(word);
    u8.set(state, 0);
    this.flat.memory.write(0, ram);
    return { handler: this.handler(word), oracle };
  }

  private outcome(): Outcome {
    const { u8 } = this.flat.memory;
    const hex = (from: number, bytes: number): string => Buffer.from(u8.slice(from, from + bytes)).toString('hex');
    return {
      state: hex(0, ARCHITECTURAL_BYTES),
      data: hex(RAM_BASE + DATA_VA, DATA_BYTES),
      events: structuredClone(this.flat.events),
    };
  }
}
