/** Designs of an SDEI client that were tried, or could be, and are wrong: switches that put each of them back. */

/** Each is off in the client that works. */
export interface SdeiVariants {
  /** Hotplug callbacks take the mutex of the API: a ring with the hotplug lock. */
  readonly hotplugTakesMutex?: boolean;
  /** A CPU that goes down asks the firmware what was enabled, and that is what comes back; not what the OS wants. */
  readonly savesFirmwareState?: boolean;
  /** Normal and critical handlers share a stack. */
  readonly oneStack?: boolean;
  /** All CPUs share one record of a private event. */
  readonly oneRecord?: boolean;
  /** A handler always ends as if an interrupt had come, also over code that had interrupts masked. */
  readonly resumesAlways?: boolean;
  /** An event whose handler still runs is forgotten at UNREGISTER. */
  readonly forgetsPending?: boolean;
  /** A retry of UNREGISTER takes DENIED for a failure, although the first try has unregistered. */
  readonly retryFails?: boolean;
  /** A panic leaves the handlers that run as they are. */
  readonly panicLeavesHandlers?: boolean;
  /** SP_EL0, the current task, is left as the interrupted code had it. */
  readonly trustsSpEl0?: boolean;
  /** With KPTI the handler is entered without a trampoline. */
  readonly noTrampoline?: boolean;
  /** A CPU that goes down leaves its private events registered. */
  readonly downKeepsEvents?: boolean;
  /** DISABLE and UNREGISTER go to the CPUs that are up, without keeping others from coming meanwhile. */
  readonly noHotplugLock?: boolean;
  /** A registration that fails on one CPU stays on the others. */
  readonly noRollback?: boolean;
}
