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
];
