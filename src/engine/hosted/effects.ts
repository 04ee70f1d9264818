/**
 * What a piece of hosted code can ask of the PE it runs on: one effect is one step, as one instruction is.
 *
 * Hosted code is written as generator functions that `yield*` the functions below. Between two effects it is atomic.
 */

/** What an effect gives back. */
export type EffectResult = bigint | readonly bigint[] | undefined;

/** Access sizes in bytes. */
export type AccessBytes = 1 | 2 | 4 | 8;

/** Read-modify-write operations that one step does: those of FEAT_LSE. */
export type AtomicOperation = 'swp' | 'add' | 'set' | 'clr' | 'eor';

/** Hints, barriers and waits, by the mnemonic of the instruction. */
export type HintName = 'nop' | 'wfi' | 'wfe' | 'sev' | 'sevl' | 'yield' | 'isb' | 'dsb' | 'dmb' | 'esb' | 'clrex';

/** One effect as plain data. */
export type Effect =
  | { readonly op: 'load'; readonly va: bigint; readonly bytes: AccessBytes; readonly exclusive?: boolean }
  | { readonly op: 'store'; readonly va: bigint; readonly bytes: AccessBytes; readonly value: bigint }
  | { readonly op: 'storeExclusive'; readonly va: bigint; readonly bytes: AccessBytes; readonly value: bigint }
  | {
      readonly op: 'atomic';
      readonly kind: AtomicOperation | 'cas';
      readonly va: bigint;
      readonly bytes: AccessBytes;
      readonly value: bigint;
      readonly expected?: bigint;
    }
  | { readonly op: 'lock'; readonly va: bigint; readonly owner: bigint }
  | { readonly op: 'loadPair' | 'storePair'; readonly va: bigint; readonly first: number }
  | { readonly op: 'readX'; readonly n: number }
  | { readonly op: 'writeX'; readonly n: number; readonly value: bigint }
  | { readonly op: 'mrs'; readonly name: string }
  | { readonly op: 'msr'; readonly name: string; readonly value: bigint }
  | { readonly op: 'pstate'; readonly field: string; readonly immediate: number }
  | { readonly op: 'sys'; readonly name: string; readonly value: bigint }
  | { readonly op: 'hint'; readonly name: HintName }
  | {
      readonly op: 'call';
      readonly conduit: 'smc' | 'hvc' | 'svc' | 'bl';
      /** Immediate of the instruction, or for `bl` the address. */
      readonly target: bigint;
      readonly x: readonly bigint[];
      readonly last?: boolean;
    }
  | { readonly op: 'brk'; readonly immediate: number }
  | { readonly op: 'branch'; readonly va: bigint }
  | { readonly op: 'eret' }
  | { readonly op: 'become'; readonly name: string; readonly args: readonly bigint[] };

/** A stretch of hosted code that gives a `T` in the end. */
export type Hosted<T = void> = Generator<Effect, T, EffectResult>;

function* value(effect: Effect): Hosted<bigint> {
  return (yield effect) as bigint;
}
function* done(effect: Effect): Hosted {
  yield effect;
}

/** Loads 1, 2, 4 or 8 bytes at a virtual address through the MMU; devices answer as to an LDR. */
export const load = (va: bigint, bytes: AccessBytes = 8): Hosted<bigint> => value({ op: 'load', va, bytes });
/** Stores the low 1, 2, 4 or 8 bytes of a value at a virtual address. */
export const store = (va: bigint, v: bigint, bytes: AccessBytes = 8): Hosted =>
  done({ op: 'store', va, bytes, value: v });
/** LDXR: loads and marks the address for this PE. */
export const loadExclusive = (va: bigint, bytes: AccessBytes = 8): Hosted<bigint> =>
  value({ op: 'load', va, bytes, exclusive: true });
/** STXR: 0n when it stored, 1n when the reservation was lost. */
export const storeExclusive = (va: bigint, v: bigint, bytes: AccessBytes = 8): Hosted<bigint> =>
  value({ op: 'storeExclusive', va, bytes, value: v });
/** One atomic operation of FEAT_LSE; gives the old value. */
export const atomic = (kind: AtomicOperation, va: bigint, v: bigint, bytes: AccessBytes = 8): Hosted<bigint> =>
  value({ op: 'atomic', kind, va, bytes, value: v });
/** CAS: stores `v` when memory has `expected`; gives the old value. */
export const compareAndSwap = (va: bigint, expected: bigint, v: bigint, bytes: AccessBytes = 8): Hosted<bigint> =>
  value({ op: 'atomic', kind: 'cas', va, bytes, value: v, expected });
/**
 * Spins until the 8 bytes at `va` are 0 and writes `owner` (not 0) there: acquire. A step that finds the lock taken
 * ends the PE's turn and is taken again; who waits for what is known to the machine.
 */
export const lock = (va: bigint, owner: bigint): Hosted => done({ op: 'lock', va, owner });
/** Releases a lock: a store of 0. */
export const unlock = (va: bigint): Hosted => store(va, 0n);
/** LDP of registers X(first) and X(first + 1), `first` 0 to 29, from 16 bytes at `va`. */
export const loadPair = (first: number, va: bigint): Hosted => done({ op: 'loadPair', va, first });
/** STP of registers X(first) and X(first + 1), `first` 0 to 29, to 16 bytes at `va`. */
export const storePair = (first: number, va: bigint): Hosted => done({ op: 'storePair', va, first });
/** The register X(n), 0 to 30; 31 is SP. */
export const readX = (n: number): Hosted<bigint> => value({ op: 'readX', n });
/** Writes register X(n), 0 to 30; 31 is SP. */
export const writeX = (n: number, v: bigint): Hosted => done({ op: 'writeX', n, value: v });
/** MRS of a System register by Arm's name, with the traps an MRS has. */
export const mrs = (name: string): Hosted<bigint> => value({ op: 'mrs', name });
/** MSR of a System register by Arm's name. */
export const msr = (name: string, v: bigint): Hosted => done({ op: 'msr', name, value: v });
/** MSR (immediate): `DAIFSet`, `DAIFClr`, `SPSel`, `PAN`, `UAO`. */
export const msrImmediate = (field: string, immediate: number): Hosted => done({ op: 'pstate', field, immediate });
/** A SYS instruction by the name of its operation, such as `TLBI VMALLE1` or `IC IALLU`. */
export const sys = (name: string, v = 0n): Hosted => done({ op: 'sys', name, value: v });
/** A hint, barrier or wait. */
export const hint = (name: HintName): Hosted => done({ op: 'hint', name });
/** A step that does nothing: a boundary. */
export const nop = (): Hosted => hint('nop');
/** WFI. */
export const wfi = (): Hosted => hint('wfi');
/** WFE. */
export const wfe = (): Hosted => hint('wfe');

function* call(effect: Effect & { op: 'call' }): Hosted<readonly bigint[]> {
  return (yield effect) as readonly bigint[];
}
/** SMC with X0.. set from `x`, X0 being the function; gives X0 to X7 as they are when the PE comes back. */
export const smc = (...x: bigint[]): Hosted<readonly bigint[]> => call({ op: 'call', conduit: 'smc', target: 0n, x });
/** HVC, as `smc`. */
export const hvc = (...x: bigint[]): Hosted<readonly bigint[]> => call({ op: 'call', conduit: 'hvc', target: 0n, x });
/** SVC, as `smc`; `x` are X0.., and so the immediate is 0. */
export const svc = (...x: bigint[]): Hosted<readonly bigint[]> => call({ op: 'call', conduit: 'svc', target: 0n, x });
/** Calls code at an address, machine code or hosted, under the procedure call standard; gives X0 to X7. */
export const callAt = (va: bigint, ...x: bigint[]): Hosted<readonly bigint[]> =>
  call({ op: 'call', conduit: 'bl', target: va, x });
/**
 * SMC or HVC that does not come back when it succeeds, such as SDEI_EVENT_COMPLETE: the activation ends there. When it
 * fails it comes back, with X0 to X7.
 */
export const finalCall = (conduit: 'smc' | 'hvc', ...x: bigint[]): Hosted<readonly bigint[]> =>
  call({ op: 'call', conduit, target: 0n, x, last: true });
/** BRK with a 16-bit immediate. */
export const brk = (immediate: number): Hosted => done({ op: 'brk', immediate });
/** BR to an address, for good: the activation ends. */
export const branch = (va: bigint): Hosted => done({ op: 'branch', va });
/** ERET: the activation ends. */
export const eret = (): Hosted => done({ op: 'eret' });
/**
 * Starts the activation again as another function of the program (or the same), with other arguments and an empty
 * past. An endless loop ends each round so.
 */
export const become = (name: string, ...args: bigint[]): Hosted => done({ op: 'become', name, args });
