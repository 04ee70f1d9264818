import { FEATURES, type FeatureName } from '../../src/arch/features.ts';

/** Every feature that rows name: tests of single instructions run with all of them. */
export const ALL_FEATURES: ReadonlySet<FeatureName> = new Set(Object.keys(FEATURES) as FeatureName[]);
