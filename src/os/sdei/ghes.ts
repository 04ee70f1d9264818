/** Hardware errors that arrive as SDEI events, by way of the client: the handler of sources on top of it. */
import { type Hosted, load } from '../../engine/hosted/effects.ts';
import { Ghes, type GhesOptions } from '../ghes/ghes.ts';
import { SOURCE } from '../ghes/layout.ts';
import { notifySdei } from '../ghes/notify.ts';
import type { GhesSdei } from '../ghes/sdei.ts';
import type { Kernel } from '../kit/kernel.ts';
import type { SdeiClient } from './client.ts';

/** As `Ghes`, whose sources have their events from an SDEI client; probe the client before `init`. */
export class GhesOverSdei extends Ghes {
  override readonly sdei: GhesSdei;

  constructor(kernel: Kernel, options: GhesOptions, client: SdeiClient) {
    super(kernel, options);
    client.onEvent('ghes.normal', (cpu, { argument }) => notifySdei(this, cpu, argument, 'SDEI_NORMAL'));
    client.onEvent('ghes.critical', (cpu, { argument }) => notifySdei(this, cpu, argument, 'SDEI_CRITICAL'));
    const eventOf = (source: bigint): Hosted<bigint> => load(source + SOURCE.vector);
    this.sdei = {
      *register(cpu, source) {
        const callbacks = { normal: 'ghes.normal', critical: 'ghes.critical' };
        return yield* client.registerGhes(cpu, yield* eventOf(source), callbacks, source);
      },
      *unregister(cpu, source) {
        return yield* client.unregisterGhes(cpu, yield* eventOf(source));
      },
    };
  }
}
