/**
 * All calls the firmware answers, together.
 */
import { PSCI_CALLS } from './psci/calls.ts';
import { PSCI_FUNCTIONS } from './psci/functions.ts';
import { sdeiFunctionName } from './sdei/functions.ts';
import { ARCH_CALLS, type CallHandler, callHandler, SMC64_BIT } from './smccc.ts';

/**
 * Handles an SMC or HVC: SMCCC architecture calls and PSCI.
 *
 * @returns x0 to x17 as the caller finds them, or undefined when the call does not return to it
 * @see DEN0028 and DEN0022
 */
export const handleCall: CallHandler = callHandler([...ARCH_CALLS, ...PSCI_CALLS]);

/**
 * Name of a function identifier for logs and traces, with `64` behind it in the 64-bit form, e.g. `CPU_ON64`; a number
 * that no table names is written as hexadecimal.
 */
export function callName(id: number): string {
  const sdei = sdeiFunctionName(id);
  if (sdei) return sdei;
  const short = (id & ~SMC64_BIT) >>> 0;
  const psci = Object.entries(PSCI_FUNCTIONS).find(([, found]) => found.id === short)?.[0];
  const name = ARCH_CALLS.find((call) => call.id === short)?.name ?? psci;
  if (name === undefined) return `0x${id.toString(16).padStart(8, '0')}`;
  return (id & SMC64_BIT) !== 0 ? `${name}64` : name;
}
