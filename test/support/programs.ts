import { ARCHITECTURAL_BYTES, DATA_TLB_BASE, DATA_TLB_ENTRIES, PE_DERIVED, PE_STATE } from '../../src/arch/pestate.ts';
import { PAGE_BYTES } from '../../src/engine/memory.ts';
import { RAM_BASE } from '../../src/engine/records.ts';
import { A64 } from '../../src/isa/table.ts';
import { assemble } from '../../src/isa/text/assemble.ts';
import { FlatMachine } from './flat.ts';

/** Where programs begin and, unless told otherwise, their only vector. */
export const PROGRAM_VA = 0x1000;
export const VECTOR_VA = 0x200;

/**
 * Programs of many instructions on a flat machine.
 *
 * An exception puts the address of the next instruction into X17 and goes to the vector, which counts in X16 and
 * returns. Accesses make TLB entries, so that generated code uses all of its paths.
 */
export class ProgramMachine extends FlatMachine {
  /** Steps taken since the program was loaded or put back. */
  steps = 0;
  private readonly image: Uint8Array;
  private readonly usedBytes: number;

  /**
   * @param source - a program for the assembler, placed at `PROGRAM_VA`; `usedBytes` of RAM are compared
   * @param regions - whether hot code is compiled
   */
  constructor(source: string, usedBytes = 0x1_0000, ramBytes = 1 << 20, regions = true) {
    super(ramBytes, 0, ramBytes, A64, regions);
    this.usedBytes = usedBytes;
    this.image = new Uint8Array(usedBytes);
    this.load(source);
  }

  /** Puts another program in the place of the one that is there, at its start. */
  load(source: string): void {
    this.image.fill(0);
    this.image.set(assemble('add x16, x16, #1\n br x17\n', { origin: BigInt(VECTOR_VA) }).bytes, VECTOR_VA);
    this.image.set(assemble(source, { origin: BigInt(PROGRAM_VA) }).bytes, PROGRAM_VA);
    this.reset();
  }

  /** Puts registers, memory and PC back to the start; decoded and compiled code stays where memory did not change. */
  reset(): void {
    const { memory } = this;
    memory.u8.fill(0, 0, 0x400);
    for (const { offset, type } of Object.values(PE_STATE)) {
      if (type === 'i32') memory.view.setInt32(offset, 0, true);
      else memory.view.setBigUint64(offset, 0n, true);
    }
    memory.view.setInt32(PE_STATE.EL.offset, 1, true);
    memory.view.setBigUint64(PE_STATE.PC.offset, BigInt(PROGRAM_VA), true);
    for (let at = 0; at < this.usedBytes; at += PAGE_BYTES) {
      const bytes = this.image.subarray(at, at + PAGE_BYTES);
      if (Buffer.compare(memory.pageBytes(at / PAGE_BYTES), bytes) !== 0) memory.write(at, bytes);
    }
    this.flush();
    this.events.length = 0;
    this.steps = 0;
  }

  /** Takes exactly `steps` steps in generated code, in as many grants as it needs. */
  run(steps: number): this {
    for (let left = steps; left > 0; ) {
      const taken = this.engine.run(0, left);
      left -= taken;
      this.steps += taken;
    }
    return this;
  }

  /** Takes one step with the oracle. */
  oracleRun(steps = 1): this {
    for (let i = 0; i < steps; i++) {
      const { view } = this.memory;
      const pc = view.getBigUint64(PE_STATE.PC.offset, true);
      this.oracleStep(view.getUint32(RAM_BASE + Number(pc), true), pc);
      this.steps++;
    }
    return this;
  }

  /** Registers, other state and the memory of the program, for comparison. */
  state(): string {
    const { u8 } = this.memory;
    const bytes = (from: number, size: number): string => Buffer.from(u8.slice(from, from + size)).toString('hex');
    return `${bytes(0, 0x1000)} ${bytes(0x1000, ARCHITECTURAL_BYTES - 0x1000)} ${bytes(RAM_BASE, this.usedBytes)}`;
  }
  x(n: number): bigint {
    return this.memory.view.getBigUint64(n * 8, true);
  }
  get pc(): number {
    return Number(this.memory.view.getBigUint64(PE_STATE.PC.offset, true));
  }

  protected override divert(helper: string, args: readonly (number | bigint)[]): void {
    super.divert(helper, args);
    this.toVector(this.memory.view.getBigUint64(PE_STATE.PC.offset, true));
  }
  private toVector(from: bigint): void {
    const { view } = this.memory;
    view.setBigUint64(17 * 8, from + 4n, true);
    view.setBigUint64(PE_STATE.PC.offset, BigInt(VECTOR_VA), true);
  }

  override slowLoad(cpu: number, record: number, access: number): number {
    return this.accessed(cpu, record, super.slowLoad(cpu, record, access));
  }
  override slowStore(cpu: number, record: number, access: number): number {
    return this.accessed(cpu, record, super.slowStore(cpu, record, access));
  }
  private accessed(cpu: number, record: number, faulted: number): number {
    // Generated code names the instruction by its record; the oracle has none, and PC is right.
    if (faulted === 0) this.learn();
    else if (record !== 0) {
      this.engine.setPcOfRecord(cpu, record);
      this.toVector(this.memory.view.getBigUint64(cpu + PE_STATE.PC.offset, true));
    } else this.toVector(this.memory.view.getBigUint64(PE_STATE.PC.offset, true));
    return faulted;
  }
  /** Makes a TLB entry for the page of the last access, for writing when it is written freely. */
  private learn(): void {
    const { view } = this.memory;
    const va = view.getBigUint64(PE_DERIVED.slowVa.offset, true);
    const page = Number(va >> 12n);
    const at = DATA_TLB_BASE + (page & (DATA_TLB_ENTRIES - 1)) * 32;
    const tag = (va & ~0xfffn) | 1n;
    view.setBigUint64(at, tag, true);
    view.setBigUint64(at + 8, this.memory.writesFreely(page, at >> 2) ? tag : 0n, true);
    view.setInt32(at + 16, RAM_BASE, true);
  }
}
