/** The conformance suite for dispatchers of the Software Delegated Exception Interface. */
import { CHOICES, type SdeiProfile } from '../firmware/sdei/choices.ts';
import { SDEI_EVENTS_DEFAULT, type SdeiEvent } from '../firmware/sdei/events.ts';
import { SDEI_VERSIONS, type SdeiVersion } from '../firmware/sdei/functions.ts';
import type { ConformanceCase } from './case.ts';
import { BINDING } from './cases/binding.ts';
import { COMPLETION } from './cases/completion.ts';
import { DELIVERY } from './cases/delivery.ts';
import { DISPATCH } from './cases/dispatch.ts';
import { FRESH, INTERFACE, MASK } from './cases/interface.ts';
import { INTERRUPTING } from './cases/interrupting.ts';
import { POWER } from './cases/power.ts';
import { INTERRUPT_PRIORITY } from './cases/priority.ts';
import { INFO, REGISTER } from './cases/register.ts';
import { RESET } from './cases/reset.ts';
import { ROBUSTNESS } from './cases/robustness.ts';
import { PRIORITY, UNREGISTER } from './cases/running.ts';
import { SIGNAL } from './cases/signal.ts';
import type { Implementation } from './runner.ts';

/** Every case, in the order of the report. Names are unique. */
export const CASES: readonly ConformanceCase[] = [
  INTERFACE,
  FRESH,
  MASK,
  REGISTER,
  INFO,
  BINDING,
  DISPATCH,
  INTERRUPTING,
  SIGNAL,
  COMPLETION,
  UNREGISTER,
  PRIORITY,
  INTERRUPT_PRIORITY,
  DELIVERY,
  RESET,
  POWER,
  ROBUSTNESS,
].flatMap(({ cases }) => cases);

/** INTIDs of the board that nobody uses, some of each kind. */
export const FREE_INTERRUPTS = {
  freePpis: [16, 17, 18, 19, 20, 21],
  freeSpis: [100, 101, 102, 103, 104, 105, 106, 107, 108, 109],
} as const;

/** Events of the suite with interrupts of their own, which the default dispatcher does not have. */
export const STATIC_EVENTS: readonly SdeiEvent[] = [
  { number: 4000, type: 'private', priority: 'critical', interrupt: 22 },
  { number: 4001, type: 'shared', priority: 'critical', interrupt: 120 },
];

/** How the machine with this firmware's own dispatcher is set up. */
export interface OwnDispatcher {
  readonly profile: SdeiProfile;
  readonly version?: SdeiVersion;
  /** The client is EL2; default EL1. */
  readonly el2?: boolean;
  /** Without EL3 the conduit is HVC and the interrupt controller has one security state; default true. */
  readonly el3?: boolean;
}

/** The dispatcher of this firmware, on the default board. */
export function ownDispatcher({ profile, version = '1.0', el2 = false, el3 = true }: OwnDispatcher): Implementation {
  return {
    target: {
      clientEl: el2 ? 2 : 1,
      conduit: el3 || el2 ? 'smc' : 'hvc',
      version: SDEI_VERSIONS[version],
      policy: CHOICES[profile],
      events: { privateNormal: 3000, privateCritical: 3001, sharedNormal: 3002, sharedCritical: 3003 },
      staticEvents: { private: { event: 4000, intid: 22 }, shared: { event: 4001, intid: 120 } },
      ...FREE_INTERRUPTS,
    },
    lacks: {
      ...(el2 ? {} : { EL2: 'the client is EL1 on this machine' }),
      AArch32: 'this machine has no AArch32',
      ...(el3 ? {} : { 'a Secure interrupt': 'this machine has one security state' }),
    },
    machine: { el2, el3, sdei: { profile, version, events: [...SDEI_EVENTS_DEFAULT, ...STATIC_EVENTS] } },
  };
}
