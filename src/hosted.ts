/**
 * `unmaskable/hosted`: guest code in TypeScript.
 *
 * A {@link HostedProgram} places generator functions at virtual addresses of a machine. Each effect they `yield*` is
 * one step of the PE that runs them, interrupted by whatever interrupts an instruction there.
 */
export {
  type AccessBytes,
  type AtomicOperation,
  atomic,
  become,
  branch,
  brk,
  callAt,
  compareAndSwap,
  type Effect,
  type EffectResult,
  eret,
  finalCall,
  type HintName,
  type Hosted,
  hint,
  hvc,
  load,
  loadExclusive,
  loadPair,
  lock,
  mrs,
  msr,
  msrImmediate,
  nop,
  readX,
  smc,
  store,
  storeExclusive,
  storePair,
  svc,
  sys,
  unlock,
  wfe,
  wfi,
  writeX,
} from './engine/hosted/effects.ts';
export { HostedError, type HostedErrorCode } from './engine/hosted/errors.ts';
export {
  HOSTED_BASE,
  HOSTED_END,
  type HostedEntry,
  type HostedFunction,
  HostedProgram,
  type HostedSource,
  type HostedVectors,
  type VectorGroup,
} from './engine/hosted/program.ts';
