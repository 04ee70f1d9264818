/** Scenarios that are modules: what a file for `unmaskable explore` exports by default. */
import type { Machine } from '../machine/machine.ts';
import type { MachineOptions } from '../machine/options.ts';
import type { ExploreOptions } from './types.ts';

/** How a machine of a scenario is to be made. */
export interface ScenarioHow {
  /** One of the scenario's variants, undefined for what it is without. */
  readonly variant: string | undefined;
  /** To be handed to `Machine.create`. */
  readonly engine: MachineOptions['engine'];
}

/**
 * What a scenario in JavaScript or TypeScript exports by default.
 *
 * @example
 * import { Machine, type ScenarioModule, sdei } from 'unmaskable';
 * export default {
 *   create: ({ engine }) => Machine.create({ kernel, engine }),
 *   prepare: (machine) => void machine.run({ steps: 1_000_000 }),
 *   options: { window: { to: { steps: 1000 } }, events: [sdei(0)] },
 * } satisfies ScenarioModule;
 */
export interface ScenarioModule {
  readonly title?: string;
  /** Names that `--variant` takes, such as designs that are known to be wrong. */
  readonly variants?: readonly string[];
  /** Makes the machine; called again in every worker. */
  readonly create: (how: ScenarioHow) => Machine | Promise<Machine>;
  /** Takes it to the start; default: it is there. */
  readonly prepare?: (machine: Machine) => void;
  readonly options: ExploreOptions | ((machine: Machine, variant: string | undefined) => ExploreOptions);
}
