/** What the guest's PE implements, as far as PSTATE at the entry of a handler depends on it: from its ID registers. */
import { type FeatureName, featureId } from '../../arch/features.ts';
import { getField } from '../../arch/sysregs/index.ts';
import { type Hosted, mrs } from '../../engine/hosted/effects.ts';

const WANTED: readonly FeatureName[] = ['FEAT_PAN', 'FEAT_UAO', 'FEAT_BTI', 'FEAT_SSBS', 'FEAT_MTE', 'FEAT_NMI'];

/** Reads the ID registers that say so. */
export function* guestFeatures(): Hosted<ReadonlySet<FeatureName>> {
  const values = new Map<string, bigint>();
  const found = new Set<FeatureName>();
  for (const name of WANTED) {
    const id = featureId(name);
    if (!id) continue;
    if (!values.has(id.register)) values.set(id.register, yield* mrs(id.register));
    if (getField(id.register, id.field, values.get(id.register)!) >= BigInt(id.value)) found.add(name);
  }
  return found;
}
