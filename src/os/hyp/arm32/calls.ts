/**
 * The kernel's side of the calls to HYP: wrappers as each version has them, made from its table.
 *
 * Linux, `arch/arm/kernel/hyp-stub.S` (`__hyp_set_vectors`, `__hyp_get_vectors`, `__hyp_soft_restart`,
 * `__hyp_reset_vectors`) and `arch/arm/kvm`.
 */
import { type HypAbi, type HypOperation, layerOf, numberOf } from '../abi.ts';
import { type Hosted32, hvc32, readR, setR } from './effects.ts';
import { mustHave } from './stub.ts';

/** Number of a call of the stub; undefined where a version has none of its own. */
export function stubNumber(abi: HypAbi, operation: HypOperation): number | undefined {
  const found = numberOf(mustHave(abi, 'stub'), operation);
  return found === undefined ? undefined : Number(found);
}
function row(abi: HypAbi, operation: HypOperation) {
  return mustHave(abi, 'stub').calls.find((one) => one.operation === operation);
}

/** Gives R0 as the call left it. 0xffffffff when the wrapper refused and issued nothing. */
export function* hypSetVectors(abi: HypAbi, vectors: number): Hosted32<number> {
  const call = row(abi, 'setVectors');
  if (!call) return yield* readR(0);
  // The check keeps small integers from being taken for an operation: the caller is told nothing.
  if (BigInt(vectors) & (abi.callers.refusesLowBits ?? 0n)) return vectors;
  const register = call.operands.vectors!;
  if (register === 0) return (yield* hvc32(vectors))[0];
  return (yield* hvc32(Number(call.number), vectors))[0];
}

/** The base of the vectors; only versions before 4.12 have this call. */
export function* hypGetVectors(abi: HypAbi): Hosted32<number> {
  return (yield* hvc32(stubNumber(abi, 'getVectors')!))[0];
}

/** RESET_VECTORS: since 4.12. */
export function* hypResetVectors(): Hosted32<number> {
  return (yield* hvc32(2))[0];
}

/**
 * SOFT_RESTART with the MMU off. It comes back only when nobody answered; R0 is then what the version's wrapper makes
 * of it. Other registers stay as the caller left them.
 */
export function* hypSoftRestart(abi: HypAbi, target: number): Hosted32 {
  const call = row(abi, 'softRestart');
  if (!call) throw new Error(`assertion: ${abi.name} has no restart`);
  const register = call.operands.target!;
  if (register === 1) yield* hvc32(Number(call.number), target);
  else {
    yield* setR(register, target);
    yield* hvc32(Number(call.number));
    yield* setR(0, yield* readR(register));
  }
}

/** The version has a restart call at all; without it a kernel jumps in the mode it is in. */
export const hasRestart = (abi: HypAbi): boolean => row(abi, 'softRestart') !== undefined;
/** The version has KVM. */
export const hasKvm = (abi: HypAbi): boolean => layerOf(abi, 'hyp') !== undefined;
