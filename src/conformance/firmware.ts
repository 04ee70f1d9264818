/** A dispatcher in machine code at EL3 in the place of this firmware's own. */
import { PE_STATE } from '../arch/pestate.ts';
import { WAIT } from '../cpu/waiting.ts';
import { CHOICES, type SdeiProfile } from '../firmware/sdei/choices.ts';
import { SDEI_VERSIONS, type SdeiVersion } from '../firmware/sdei/functions.ts';
import type { Machine } from '../machine/machine.ts';
import type { Requirement } from './case.ts';
import type { Implementation } from './runner.ts';
import { FREE_INTERRUPTS } from './suite.ts';

/** Cases keep their own memory below this address: an image lies here or above. */
export const FIRMWARE_PA_MIN = 0x4010_0000n;
/** Where an image lies when nothing else is said. */
export const FIRMWARE_PA = 0x4080_0000n;
/** First address behind the RAM of the machine. */
export const FIRMWARE_PA_END = 0x4100_0000n;

/** An image and what is known of it. */
export interface FirmwareImage {
  readonly bytes: Uint8Array;
  /** Where it lies; default `FIRMWARE_PA`. */
  readonly addrPa?: bigint;
  /** Where every PE starts; default `addrPa`. */
  readonly entryPa?: bigint;
  /** The choices it makes where implementations differ; default `spec`. */
  readonly profile?: SdeiProfile;
  /** What its SDEI_VERSION is to report; default 1.0. */
  readonly version?: SdeiVersion;
  /** The machine has EL2, which then is the client; default false. */
  readonly el2?: boolean;
  /** What it does not have. */
  readonly without?: readonly Requirement[];
}

/**
 * An image as the implementation under test.
 *
 * Every PE starts in it at EL3 with the MMU off, X0 being the address to which PE 0 must go, Non-secure and at the
 * client's Exception level, with everything masked. Other PEs go where PSCI CPU_ON sends them.
 */
export function firmwareUnderTest(image: FirmwareImage): Implementation {
  const { bytes, addrPa = FIRMWARE_PA, profile = 'spec', version = '1.0', el2 = false, without = [] } = image;
  const entryPa = image.entryPa ?? addrPa;
  const lacks: Partial<Record<Requirement, string>> = {
    AArch32: 'this machine has no AArch32',
    'explicit events': 'nobody can have the image raise its explicit events',
    'static events': 'which events of the image have interrupts is not known',
    ...(el2 ? {} : { EL2: 'the client is EL1 on this machine' }),
  };
  for (const need of without) lacks[need] = 'the image is said not to have that';
  return {
    target: {
      clientEl: el2 ? 2 : 1,
      conduit: 'smc',
      version: SDEI_VERSIONS[version],
      policy: CHOICES[profile],
      events: {},
      ...FREE_INTERRUPTS,
    },
    lacks,
    machine: { el2, firmware: 'guest', programs: [{ bytes, addrPa, entryPa }] },
    install: (machine, entry) => start(machine, entryPa, entry),
  };
}

/** Every PE comes out of reset at the entry, as on a board whose firmware keeps the others waiting. */
function start(machine: Machine, entryPa: bigint, entry: bigint): void {
  for (const { s } of machine.pes) {
    machine.writeRegister(s.index, 'PC', entryPa);
    machine.writeRegister(s.index, 'X0', entry);
    s.set32(PE_STATE.waitState, WAIT.RUNNING);
  }
}
