import { PE_DERIVED, PE_STATE, SLOT_SP, type StateField, V_BASE } from '../../src/arch/pestate.ts';
import { RAM_BASE } from '../../src/engine/records.ts';
import { encodeFields, type FieldValues } from '../../src/isa/encoding.ts';
import { A64 } from '../../src/isa/table.ts';
import { FlatMachine } from './flat.ts';

const CODE_VA = 0x1000;

/** State before one instruction; what is not named is zero, EL is 1, SP is 0x9000. */
export interface Before {
  /** General-purpose registers by number; 31 is SP. */
  readonly x?: Readonly<Record<number, bigint>>;
  /** V registers by number. */
  readonly v?: Readonly<Record<number, bigint>>;
  readonly state?: Readonly<Partial<Record<keyof typeof PE_STATE | keyof typeof PE_DERIVED, number | bigint>>>;
  /** 64-bit words of memory by address. */
  readonly memory?: Readonly<Record<number, bigint>>;
}

/** Runs single instructions, named by clause and fields, through the generated handlers. */
export class OneInstruction {
  readonly flat = new FlatMachine();

  /** Runs one instruction; register fields not given are 0. Address of the instruction: 0x1000. */
  run(name: string, fields: FieldValues, before: Before = {}): this {
    const clause = A64.find((c) => c.name === name);
    if (!clause) throw new Error(`no clause '${name}'`);
    return this.word(encodeFields(clause.encoding, fields), before);
  }

  /** Runs one instruction word. */
  word(word: number, before: Before = {}): this {
    const { view, u8, i32 } = this.flat.memory;
    u8.fill(0, 0, V_BASE + 512);
    for (const field of Object.values(PE_STATE)) this.put(field, 0n);
    this.put(PE_STATE.EL, 1n);
    this.put(PE_DERIVED.interruptPending, 0n);
    view.setBigUint64(SLOT_SP * 8, 0x9000n, true);
    for (const [n, value] of Object.entries(before.x ?? {}))
      view.setBigUint64((n === '31' ? SLOT_SP : Number(n)) * 8, BigInt.asUintN(64, value), true);
    for (const [n, value] of Object.entries(before.v ?? {})) {
      view.setBigUint64(V_BASE + 16 * Number(n), BigInt.asUintN(64, value), true);
      view.setBigUint64(V_BASE + 16 * Number(n) + 8, BigInt.asUintN(64, value >> 64n), true);
    }
    for (const [at, value] of Object.entries(before.memory ?? {}))
      view.setBigUint64(RAM_BASE + Number(at), BigInt.asUintN(64, value), true);
    const places: Record<string, StateField> = { ...PE_STATE, ...PE_DERIVED };
    for (const [name, value] of Object.entries(before.state ?? {})) this.put(places[name]!, BigInt(value));
    this.flat.events.length = 0;
    const code = new Uint8Array(4);
    new DataView(code.buffer).setUint32(0, word, true);
    this.flat.memory.write(CODE_VA, code);
    this.put(PE_STATE.PC, BigInt(CODE_VA));
    this.flat.engine.run(0, 1);
    for (const name of Object.keys(before.state ?? {})) if (name in PE_DERIVED) this.put(places[name]!, 0n);
    i32[PE_DERIVED.diverted.offset >> 2] = 0;
    return this;
  }

  private put({ offset, type }: StateField, value: bigint): void {
    const { view } = this.flat.memory;
    if (type === 'i32') view.setInt32(offset, Number(BigInt.asIntN(32, value)), true);
    else view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  }

  /** General-purpose register 0 to 30, or 31 for SP. */
  x(n: number): bigint {
    return this.flat.memory.view.getBigUint64((n === 31 ? SLOT_SP : n) * 8, true);
  }
  /** All 128 bits of a V register. */
  v(n: number): bigint {
    const { view } = this.flat.memory;
    return view.getBigUint64(V_BASE + 16 * n, true) | (view.getBigUint64(V_BASE + 16 * n + 8, true) << 64n);
  }
  /** 64 bits of memory. */
  memory(va: number): bigint {
    return this.flat.memory.view.getBigUint64(RAM_BASE + va, true);
  }
  /** NZCV as four bits. */
  get flags(): number {
    return this.flat.memory.view.getUint32(PE_STATE.NZCV.offset, true) >>> 28;
  }
  /** A scalar of the PE's state. */
  state(name: keyof typeof PE_STATE): bigint {
    const { offset, type } = PE_STATE[name];
    const { view } = this.flat.memory;
    return type === 'i32' ? BigInt(view.getUint32(offset, true)) : view.getBigUint64(offset, true);
  }
  /** Names of the helpers that were called and of accesses that faulted, in order. */
  get events(): string[] {
    return this.flat.events.map((e) => e.helper);
  }
}
