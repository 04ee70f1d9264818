/** PSCI as a kernel calls it. DEN0022. */
import { finalCall, type Hosted, hvc, smc } from '../../engine/hosted/effects.ts';
import { PSCI_FUNCTIONS, type PsciName } from '../../firmware/psci/functions.ts';

/** Instruction that reaches the firmware. */
export type Conduit = 'smc' | 'hvc';

const SMC64 = 0x4000_0000;

/** Calls a function in its 64-bit form, where it has one; gives a signed number. */
export function* psci(conduit: Conduit, name: PsciName, ...args: bigint[]): Hosted<bigint> {
  const row: { readonly id: number; readonly smc64?: boolean } = PSCI_FUNCTIONS[name];
  const id = BigInt(row.id + (row.smc64 ? SMC64 : 0));
  const x = conduit === 'smc' ? yield* smc(id, ...args) : yield* hvc(id, ...args);
  return BigInt.asIntN(32, x[0]!);
}
/** CPU_OFF, SYSTEM_OFF or SYSTEM_RESET, which do not come back: the activation ends. */
export function* psciFinal(conduit: Conduit, name: 'CPU_OFF' | 'SYSTEM_OFF' | 'SYSTEM_RESET'): Hosted {
  yield* finalCall(conduit, BigInt(PSCI_FUNCTIONS[name].id));
}
