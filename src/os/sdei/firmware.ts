/** SDEI calls as the client makes them. DEN0054. */
import { finalCall, type Hosted, hvc, smc } from '../../engine/hosted/effects.ts';
import { SDEI_FUNCTIONS, SDEI_RETURN, type SdeiFunction } from '../../firmware/sdei/functions.ts';
import { ERRNO } from '../kit/errno.ts';
import type { Conduit } from '../kit/psci.ts';

const ERRORS: ReadonlyMap<bigint, bigint> = new Map([
  [SDEI_RETURN.NOT_SUPPORTED, ERRNO.EOPNOTSUPP],
  [SDEI_RETURN.INVALID_PARAMETERS, ERRNO.EINVAL],
  [SDEI_RETURN.DENIED, ERRNO.EPERM],
  [SDEI_RETURN.PENDING, ERRNO.EINPROGRESS],
  [SDEI_RETURN.OUT_OF_RESOURCE, ERRNO.ENOMEM],
]);

/** Calls a function; gives its result, an error as an error number of the OS. */
export function* sdeiCall(conduit: Conduit, name: SdeiFunction, ...args: bigint[]): Hosted<bigint> {
  const result = yield* sdeiRaw(conduit, name, ...args);
  return ERRORS.get(result) ?? result;
}
/** Calls a function; gives X0 as a signed number. */
export function* sdeiRaw(conduit: Conduit, name: SdeiFunction, ...args: bigint[]): Hosted<bigint> {
  const id = BigInt(SDEI_FUNCTIONS[name]);
  const x = conduit === 'smc' ? yield* smc(id, ...args) : yield* hvc(id, ...args);
  return BigInt.asIntN(64, x[0]!);
}
/** Ends a handler: a status up to 1 completes, anything larger is an address to resume at. */
export function* sdeiEnd(conduit: Conduit, exit: bigint): Hosted {
  const name = exit <= 1n ? 'SDEI_EVENT_COMPLETE' : 'SDEI_EVENT_COMPLETE_AND_RESUME';
  yield* finalCall(conduit, BigInt(SDEI_FUNCTIONS[name]), exit);
}
