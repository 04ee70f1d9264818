/** All experiments, by name. */
import { bprFromFirmware } from './claims/bpr-from-firmware.ts';
import { cbpr } from './claims/cbpr.ts';
import { criticalOverNormal } from './claims/critical-over-normal.ts';
import { entryRegisters } from './claims/entry-registers.ts';
import { eventMasked } from './claims/event-masked.ts';
import { eventPeOff } from './claims/event-pe-off.ts';
import { eventSuspended } from './claims/event-suspended.ts';
import { exclusiveAcrossEvent } from './claims/exclusive-across-event.ts';
import { fiqRouting } from './claims/fiq-routing.ts';
import { hotplugLockCycle } from './claims/hotplug-lock-cycle.ts';
import { hypBootMode } from './claims/hyp-boot-mode.ts';
import { hypBranchToTwo } from './claims/hyp-branch-to-two.ts';
import { hypDumpFromHyp } from './claims/hyp-dump-from-hyp.ts';
import { hypHotplugWindow } from './claims/hyp-hotplug-window.ts';
import { hypIdleWindow } from './claims/hyp-idle-window.ts';
import { hypLostArgument } from './claims/hyp-lost-argument.ts';
import { hypNoStub } from './claims/hyp-no-stub.ts';
import { hypProtected } from './claims/hyp-protected.ts';
import { hypPsciOverHvc } from './claims/hyp-psci-over-hvc.ts';
import { hypResetTwice } from './claims/hyp-reset-twice.ts';
import { hypRestart } from './claims/hyp-restart.ts';
import { hypSetRefused } from './claims/hyp-set-refused.ts';
import { hypSmallIntegers } from './claims/hyp-small-integers.ts';
import { hypStaleEl2 } from './claims/hyp-stale-el2.ts';
import { hypStubOverwritten } from './claims/hyp-stub-overwritten.ts';
import { hypUnload } from './claims/hyp-unload.ts';
import { hypVectorsWindow } from './claims/hyp-vectors-window.ts';
import { hypVheGuestStep } from './claims/hyp-vhe-guest-step.ts';
import { hypVheHandover } from './claims/hyp-vhe-handover.ts';
import { hypVhePerCpu } from './claims/hyp-vhe-per-cpu.ts';
import { hyp32BootMode } from './claims/hyp32-boot-mode.ts';
import { hyp32ClobberedTarget } from './claims/hyp32-clobbered-target.ts';
import { hyp32DumpFromHyp } from './claims/hyp32-dump-from-hyp.ts';
import { hyp32EveryBoundary } from './claims/hyp32-every-boundary.ts';
import { hyp32IdleWindow } from './claims/hyp32-idle-window.ts';
import { hyp32InitWindow } from './claims/hyp32-init-window.ts';
import { hyp32KdumpOverKvm } from './claims/hyp32-kdump-over-kvm.ts';
import { hyp32NoStub } from './claims/hyp32-no-stub.ts';
import { hyp32OverwrittenStub } from './claims/hyp32-overwritten-stub.ts';
import { hyp32ShiftedArgument } from './claims/hyp32-shifted-argument.ts';
import { hyp32SmallIntegers } from './claims/hyp32-small-integers.ts';
import { hyp32ThumbEntry } from './claims/hyp32-thumb-entry.ts';
import { hyp32ThumbPayload } from './claims/hyp32-thumb-payload.ts';
import { hyp32ZimageMove } from './claims/hyp32-zimage-move.ts';
import { largeRecord } from './claims/large-record.ts';
import { lockNesting } from './claims/lock-nesting.ts';
import { nmiAffinity } from './claims/nmi-affinity.ts';
import { nmiByRunningPriority } from './claims/nmi-by-running-priority.ts';
import { nmiLikeDeadlock } from './claims/nmi-like-deadlock.ts';
import { pmrAtHandover } from './claims/pmr-at-handover.ts';
import { pmrWindow } from './claims/pmr-window.ts';
import { probeAddress } from './claims/probe-address.ts';
import { probeBuffer } from './claims/probe-buffer.ts';
import { probePool } from './claims/probe-pool.ts';
import { seaSeiSdei } from './claims/sea-sei-sdei.ts';
import { sharedNmiLine } from './claims/shared-nmi-line.ts';
import { wfiBehindMask } from './claims/wfi-behind-mask.ts';
import type { Experiment } from './experiment.ts';

/** In the order in which they are best read. */
export const EXPERIMENTS: readonly Experiment[] = [
  entryRegisters,
  pmrWindow,
  nmiByRunningPriority,
  pmrAtHandover,
  fiqRouting,
  bprFromFirmware,
  cbpr,
  wfiBehindMask,
  exclusiveAcrossEvent,
  nmiLikeDeadlock,
  seaSeiSdei,
  largeRecord,
  probePool,
  probeAddress,
  probeBuffer,
  criticalOverNormal,
  lockNesting,
  hotplugLockCycle,
  eventPeOff,
  eventSuspended,
  eventMasked,
  sharedNmiLine,
  nmiAffinity,
  hypBranchToTwo,
  hypVectorsWindow,
  hypIdleWindow,
  hypHotplugWindow,
  hypUnload,
  hypRestart,
  hypVheHandover,
  hypLostArgument,
  hypStaleEl2,
  hypSmallIntegers,
  hypResetTwice,
  hypSetRefused,
  hypStubOverwritten,
  hypNoStub,
  hypPsciOverHvc,
  hypBootMode,
  hypDumpFromHyp,
  hypProtected,
  hypVhePerCpu,
  hypVheGuestStep,
  hyp32KdumpOverKvm,
  hyp32InitWindow,
  hyp32IdleWindow,
  hyp32EveryBoundary,
  hyp32SmallIntegers,
  hyp32ClobberedTarget,
  hyp32ThumbPayload,
  hyp32ThumbEntry,
  hyp32ShiftedArgument,
  hyp32NoStub,
  hyp32DumpFromHyp,
  hyp32OverwrittenStub,
  hyp32ZimageMove,
  hyp32BootMode,
];
