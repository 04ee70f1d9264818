/**
 * `unmaskable/hosted`: guest code in TypeScript.
 *
 * A {@link HostedProgram} places generator functions at virtual addresses of a machine. Each effect they `yield*` is
 * one step of the PE that runs them, interrupted by whatever interrupts an instruction there. A {@link Kernel} is a
 * small operating system made of such functions.
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
export { Ghes, type GhesOptions } from './os/ghes/ghes.ts';
export { HYP_ABIS, type HypAbi, hypAbi } from './os/hyp/abi.ts';
export { everyBoundary, type Window32 } from './os/hyp/arm32/explore.ts';
export { Kernel32, type Kernel32Options } from './os/hyp/arm32/kernel.ts';
export { Handover, type HandoverVariants } from './os/hyp/handover.ts';
export { HypKernel, type HypKernelOptions } from './os/hyp/kernel.ts';
export { Kvm, type KvmVariants } from './os/hyp/kvm.ts';
export { type HypWatchdog, SdeiHypervisor, type SdeiHypervisorOptions } from './os/hyp-sdei/hypervisor.ts';
export { type HypMachine, HypOutside, type SavedGuest } from './os/hyp-sdei/outside.ts';
export { Backtrace } from './os/irqflags/backtrace.ts';
export { DAIF_CONTEXT, type IrqFlags } from './os/irqflags/flags.ts';
export {
  disableNmi,
  enableNmi,
  freeNmi,
  freePercpuNmi,
  IRQF,
  nmisTaken,
  preparePercpuNmi,
  requestNmi,
  requestPercpuNmi,
  teardownPercpuNmi,
} from './os/irqflags/nmi.ts';
export { PMR } from './os/irqflags/pmr.ts';
export type { Cpu, ExecutionContext } from './os/kit/cpu.ts';
export { deadlock } from './os/kit/deadlock.ts';
export { ERRNO } from './os/kit/errno.ts';
export { FRAME, type Frame } from './os/kit/frame.ts';
export {
  type CrossCall,
  type HotplugCallback,
  type InterruptHandler,
  Kernel,
  type KernelFunction,
  type KernelOptions,
  type ReturnToUserHook,
  type SerrorHandler,
  type SyncHandler,
} from './os/kit/kernel.ts';
export { areaOf } from './os/kit/layout.ts';
export { setTimer, stopTimer } from './os/kit/timer.ts';
export { SdeiClient, type SdeiClientOptions, type SdeiEventContext } from './os/sdei/client.ts';
export {
  sdeiFreeze,
  sdeiProbe,
  sdeiReboot,
  sdeiRestore,
  sdeiResume,
  sdeiSuspend,
  sdeiThaw,
} from './os/sdei/lifecycle.ts';
export { RECORD } from './os/sdei/records.ts';
export type { SdeiVariants } from './os/sdei/variants.ts';
