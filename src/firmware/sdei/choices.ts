/**
 * Where known dispatchers differ, or DEN0054 leaves a choice: what ours does, by profile.
 *
 * `spec` is the reading of DEN0054 that clients can rely on most; `tf-a` does as Trusted Firmware-A does.
 */

/** Names of the profiles. */
export const SDEI_PROFILES = ['spec', 'tf-a'] as const;
/** One profile. */
export type SdeiProfile = (typeof SDEI_PROFILES)[number];

/** Everything a profile decides. */
export interface Choices {
  /** REGISTER of a private event with RM_PE: whether the affinity it does not need must be that of a PE. */
  readonly affinityOfPrivateEvent: 'ignored' | 'checked';
  /** What REGISTER and COMPLETE_AND_RESUME ask of an address: that it translates to RAM, or that it is not 0. */
  readonly entryPoint: 'translated' | 'non-zero';
  /** Whether COMPLETE_AND_RESUME looks at its address at all. */
  readonly resumeAddress: 'checked' | 'any';
  /** PSTATE at the resume address: as an exception entry leaves it, or nothing but mode and DAIF. */
  readonly resumePstate: 'exception-entry' | 'mode-and-daif';
  /** SIGNAL to a PE that is masked, or where the event is disabled: it stays pending, or the call fails. */
  readonly signalUnready: 'pending' | 'invalid';
  /** Explicit event raised while it cannot be taken at once: it stays pending, or it is refused. */
  readonly explicitUnready: 'pending' | 'refused';
  /** A dynamic event number to which no interrupt is bound: as if there were no such event, or an event. */
  readonly unboundSlot: 'unknown' | 'known';
  /** Which error of BIND wins: no free slot, or the interrupt belongs to somebody else. */
  readonly bindOrder: 'ownership-first' | 'slot-first';
  /** Whether UNREGISTER and the reset calls forget a pending signal of a signalable event. */
  readonly signalAtUnregister: 'cleared' | 'kept';
  /** COMPLETE with EV_FAILED, or a status that does not exist: told to the log or not. */
  readonly failedHandler: 'reported' | 'ignored';
}

/** The table of choices. */
export const CHOICES: Readonly<Record<SdeiProfile, Choices>> = {
  spec: {
    affinityOfPrivateEvent: 'ignored',
    entryPoint: 'translated',
    resumeAddress: 'checked',
    resumePstate: 'exception-entry',
    signalUnready: 'pending',
    explicitUnready: 'pending',
    unboundSlot: 'unknown',
    bindOrder: 'ownership-first',
    signalAtUnregister: 'cleared',
    failedHandler: 'reported',
  },
  'tf-a': {
    affinityOfPrivateEvent: 'checked',
    entryPoint: 'non-zero',
    resumeAddress: 'any',
    resumePstate: 'mode-and-daif',
    signalUnready: 'invalid',
    explicitUnready: 'refused',
    unboundSlot: 'known',
    bindOrder: 'slot-first',
    signalAtUnregister: 'kept',
    failedHandler: 'ignored',
  },
};
