/** The dispatcher that a hypervisor has for its guest, with the cases as that guest. */
import { CHOICES, type SdeiProfile } from '../firmware/sdei/choices.ts';
import { SDEI_EVENTS_DEFAULT } from '../firmware/sdei/events.ts';
import { SDEI_VERSIONS, type SdeiVersion } from '../firmware/sdei/functions.ts';
import { SdeiHypervisor } from '../os/hyp-sdei/hypervisor.ts';
import { HypOutside } from '../os/hyp-sdei/outside.ts';
import type { HostedDispatcher, Implementation } from './runner.ts';
import { FREE_INTERRUPTS, STATIC_EVENTS } from './suite.ts';

/** How the machine with the hypervisor is set up. */
export interface HypervisorDispatcher {
  readonly profile: SdeiProfile;
  readonly version?: SdeiVersion;
  /** EL3 and two security states; default true. */
  readonly el3?: boolean;
}

const MEMORY_BYTES = 16 * 2 ** 20;
/** The hypervisor takes some hundred steps for a call. */
const STEPS_MAX = 2_000_000;

/** The dispatcher of `src/os/hyp-sdei`: the client is its guest at EL1, the conduit is HVC. */
export function hypervisorDispatcher({ profile, version = '1.0', el3 = true }: HypervisorDispatcher): Implementation {
  const events = [...SDEI_EVENTS_DEFAULT, ...STATIC_EVENTS];
  const hosted = (cpus: number): HostedDispatcher => {
    const hypervisor = new SdeiHypervisor({ cpus, memoryBytes: MEMORY_BYTES, guest: 'boot', version, profile, events });
    return {
      entry: hypervisor.entry,
      program: (source) => hypervisor.program(source),
      raise: (machine, event, pe) => new HypOutside(machine, hypervisor.config).raise(event, pe),
      withhold: (machine, intid) => new HypOutside(machine, hypervisor.config).withhold(intid),
    };
  };
  return {
    target: {
      clientEl: 1,
      conduit: 'hvc',
      version: SDEI_VERSIONS[version],
      policy: CHOICES[profile],
      events: { privateNormal: 3000, privateCritical: 3001, sharedNormal: 3002, sharedCritical: 3003 },
      staticEvents: { private: { event: 4000, intid: 22 }, shared: { event: 4001, intid: 120 } },
      ...FREE_INTERRUPTS,
    },
    lacks: { EL2: 'the client is EL1 on this machine', AArch32: 'this machine has no AArch32' },
    machine: { el2: true, el3, sdei: false, memoryBytes: MEMORY_BYTES },
    hosted,
    stepsMax: STEPS_MAX,
  };
}
