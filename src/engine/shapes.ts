import { SLOT_SP } from '../arch/pestate.ts';
import type { Builder, ImmType } from '../ir/builder.ts';
import type { Fragment } from '../ir/types.ts';
import { type Clause, immLayout, liftShape, shapeFields } from '../isa/clause.ts';
import type { Decoder } from '../isa/decoder.ts';
import { extractFields, type FieldValues } from '../isa/encoding.ts';
import { HANDLER_TYPE, HandlerEmitter, type ShapeLayout } from './emit.ts';
import type { GuestMemory } from './memory.ts';
import { HANDLERS_MAX, RECORD_IMM, RECORD_REGS } from './records.ts';
import { runLoopModule } from './runloop.ts';
import { ModuleWriter } from './wasm/binary.ts';

/** What the shapes need of the engine. */
export interface ShapeHost {
  readonly memory: GuestMemory;
  decoder(): Decoder;
  /** The row for words no clause has. */
  readonly unallocated: Clause;
  readonly fpCheck: (b: Builder) => void;
  readonly table: WebAssembly.Table;
  readonly imports: WebAssembly.Imports;
}

/** A clause with the values of its static fields: what one handler stands for. */
export interface Shape {
  readonly clause: Clause;
  /** Bits of its words that tell it from the clause's other shapes. */
  readonly key: number;
  readonly layout: ShapeLayout;
  readonly fragment: Fragment;
  /** For each register field of the record: number 31 means SP. */
  readonly sp: readonly boolean[];
  /** True when nothing after the instruction runs in sequence. */
  readonly ends: boolean;
  /** Number of its handler. */
  readonly handler: number;
}

/** How a word of a clause becomes a record, worked out once for all words. */
interface Plan {
  /** Bits of the word that select the shape. */
  readonly staticMask: number;
  /** Lowest bits of the register fields whose number 31 is a shape of its own. */
  readonly split: readonly number[];
  /** Where the register fields lie; a few have four bits. */
  readonly registers: readonly { readonly lsb: number; readonly mask: number }[];
  readonly immediates: readonly { readonly type: ImmType; readonly at: number; readonly value: ImmValue }[];
  readonly layout: ShapeLayout;
  readonly shapes: Map<number, Shape>;
}
type ImmValue = (f: FieldValues) => bigint | number;

/** Bit of a shape's key that says that the helper `stop` is asked first; above those of the split registers. */
const STOP_BIT = 40;
/** Words whose records are kept, as a power of two: most of what a page of code holds was met in another. */
const KEPT_LOG2 = 13;
/** Handler numbers below are the run loop's. */
const HANDLER_FIRST = 2;

function planOf(clause: Clause): Plan {
  const lsb = (field: string): number => clause.encoding.fields[field]!.lsb;
  let staticMask = 0;
  for (const f of clause.staticFields) staticMask |= (2 ** clause.encoding.fields[f]!.width - 1) << lsb(f);
  const immediates = immLayout(clause.name, clause.imm ?? {});
  return {
    staticMask,
    split: (clause.split31 ?? []).map(lsb),
    registers: clause.registerFields.map((f) => ({
      lsb: lsb(f),
      mask: 2 ** clause.encoding.fields[f]!.width - 1,
    })),
    immediates: Object.entries(immediates).map(([name, place]) => ({ ...place, value: clause.imm![name]![1] })),
    layout: { registers: clause.registerFields, immediates },
    shapes: new Map(),
  };
}

function endsSequence(fragment: Fragment): boolean {
  const last = fragment.body.at(-1);
  return last !== undefined && (last.op === 'branch' || last.op === 'branchrel');
}

/** Turns words into records, and makes the handlers that the records name when a shape is first met. */
export class Shapes {
  private readonly host: ShapeHost;
  private readonly plans = new Map<Clause, Plan>();
  private fresh: Shape[] = [];
  private next = HANDLER_FIRST;
  /** Words by a hash, each with its shape and its record, and the decoder that they are of. */
  private readonly keptWords = new Int32Array(1 << KEPT_LOG2);
  private readonly keptRecords = new Int32Array(4 << KEPT_LOG2);
  private keptShapes: (Shape | undefined)[] = [];
  private keptBy: Decoder | undefined;

  constructor(host: ShapeHost) {
    this.host = host;
  }

  /** Handlers made so far. */
  get count(): number {
    return this.next - HANDLER_FIRST;
  }

  /**
   * Writes the record of a word. Before it runs, `compileFresh` must be called.
   *
   * @param stop - the helper `stop` is to be asked first
   */
  decode(record: number, word: number, stop: boolean): Shape {
    const decoder = this.host.decoder();
    if (stop) return this.write(record, word, true);
    if (this.keptBy !== decoder) {
      this.keptBy = decoder;
      this.keptShapes = new Array<Shape | undefined>(1 << KEPT_LOG2).fill(undefined);
    }
    const slot = Math.imul(word, 0x9e37_79b1) >>> (32 - KEPT_LOG2);
    const { i32 } = this.host.memory;
    const [to, kept] = [record >> 2, slot * 4];
    const known = this.keptShapes[slot];
    if (known && this.keptWords[slot] === (word | 0)) {
      for (let n = 0; n < 4; n++) i32[to + n] = this.keptRecords[kept + n]!;
      return known;
    }
    const shape = this.write(record, word, false);
    this.keptWords[slot] = word;
    this.keptShapes[slot] = shape;
    for (let n = 0; n < 4; n++) this.keptRecords[kept + n] = i32[to + n]!;
    return shape;
  }
  private write(record: number, word: number, stop: boolean): Shape {
    const clause = this.host.decoder().find(word) ?? this.host.unallocated;
    const plan = this.planFor(clause);
    const shape = this.shapeOf(clause, plan, word, stop);
    const { view, u8 } = this.host.memory;
    // With it goes the count of arrivals behind it: what is decoded anew begins to count anew.
    view.setUint32(record, shape.handler, true);
    for (let i = 0; i < plan.registers.length; i++) {
      const { lsb, mask } = plan.registers[i]!;
      const n = (word >>> lsb) & mask;
      u8[record + RECORD_REGS + i] = n === 31 && shape.sp[i] ? SLOT_SP : n;
    }
    if (plan.immediates.length > 0) this.immediates(record + RECORD_IMM, plan, extractFields(clause.encoding, word));
    return shape;
  }

  private planFor(clause: Clause): Plan {
    let plan = this.plans.get(clause);
    if (!plan) {
      plan = planOf(clause);
      this.plans.set(clause, plan);
    }
    return plan;
  }

  private immediates(to: number, plan: Plan, fields: FieldValues): void {
    const { view, u8 } = this.host.memory;
    for (const { type, at, value: of } of plan.immediates) {
      const value = of(fields);
      if (type === 'i64') view.setBigUint64(to + at, BigInt.asUintN(64, BigInt(value)), true);
      else {
        const number = typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value | 0;
        if (type === 'u8') u8[to + at] = number;
        else if (type === 'u16') view.setUint16(to + at, number, true);
        else view.setInt32(to + at, number, true);
      }
    }
  }

  private shapeOf(clause: Clause, plan: Plan, word: number, stop: boolean): Shape {
    let key = (word & plan.staticMask) >>> 0;
    for (let i = 0; i < plan.split.length; i++) if (((word >>> plan.split[i]!) & 31) === 31) key += 2 ** (32 + i);
    if (stop) key += 2 ** STOP_BIT;
    return plan.shapes.get(key) ?? this.make(clause, plan, key, word, stop);
  }
  private make(clause: Clause, plan: Plan, key: number, word: number, stop: boolean): Shape {
    if (this.next >= HANDLERS_MAX) throw new Error('Shapes: more shapes of instructions than handlers');
    const statics = shapeFields(clause, extractFields(clause.encoding, word));
    const fragment = liftShape(clause, statics, this.host.fpCheck, stop);
    const shape: Shape = {
      clause,
      key,
      layout: plan.layout,
      fragment,
      sp: clause.registerFields.map((name) => fragment.spFields.has(name)),
      ends: endsSequence(fragment),
      handler: this.next++,
    };
    plan.shapes.set(key, shape);
    this.fresh.push(shape);
    return shape;
  }

  /**
   * Makes the shapes of words that run most, as far as the machine has their instructions; to be called first.
   *
   * @returns the module of a run loop that they are built into
   */
  builtIn(words: readonly number[]): WebAssembly.Module {
    const decoder = this.host.decoder();
    let made = BUILT_IN.get(decoder);
    if (made?.words !== words) {
      made = this.makeBuiltIn(words);
      BUILT_IN.set(decoder, made);
    }
    for (const shape of made.shapes) this.planFor(shape.clause).shapes.set(shape.key, shape);
    this.next = HANDLER_FIRST + made.shapes.length;
    this.install(made.shapes, made.handlers);
    return made.dispatch;
  }
  private makeBuiltIn(words: readonly number[]): BuiltInCode {
    for (const word of words) {
      const clause = this.host.decoder().find(word);
      if (clause) this.shapeOf(clause, this.planFor(clause), word, false);
    }
    const shapes = this.fresh;
    this.fresh = [];
    const dispatch = new WebAssembly.Module(runLoopModule(shapes) as BufferSource);
    return { words, shapes, dispatch, handlers: handlersOf(shapes) };
  }

  /** Makes the handlers of the shapes that are new. */
  compileFresh(): void {
    if (this.fresh.length === 0) return;
    const shapes = this.fresh;
    this.fresh = [];
    this.install(shapes, handlersOf(shapes));
  }
  private install(shapes: readonly Shape[], handlers: WebAssembly.Module): void {
    const { exports } = new WebAssembly.Instance(handlers, this.host.imports);
    for (const { handler } of shapes) this.host.table.set(handler, exports[`h${handler}`]);
  }
}

/** What machines with the same decoder share: the shapes that are built into their run loops, and the code. */
interface BuiltInCode {
  readonly words: readonly number[];
  readonly shapes: readonly Shape[];
  readonly dispatch: WebAssembly.Module;
  readonly handlers: WebAssembly.Module;
}
const BUILT_IN = new WeakMap<Decoder, BuiltInCode>();

/** The module with a handler for each shape. */
function handlersOf(shapes: readonly Shape[]): WebAssembly.Module {
  const module = new ModuleWriter();
  const bodies = shapes.map((s) => {
    try {
      return new HandlerEmitter(module, s.layout, s.fragment).emit();
    } catch (e) {
      throw new Error(`${s.clause.name}: ${(e as Error).message}`);
    }
  });
  shapes.forEach((s, i) => {
    module.func(`h${s.handler}`, HANDLER_TYPE, bodies[i]!);
  });
  return new WebAssembly.Module(module.finish() as BufferSource);
}
