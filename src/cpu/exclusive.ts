import { PE_STATE } from '../arch/pestate.ts';
import type { MemoryAccess } from './access.ts';
import type { PeState } from './state.ts';

/** log2 of the Exclusives reservation granule, CTR_EL0.ERG = 4: 16 words. */
const GRANULE_BYTES = 64;

/**
 * The local exclusive monitor of one PE; together with `GlobalMonitor` of the machine it decides Store-Exclusives.
 *
 * DDI 0487, "Synchronization and semaphores". A store by the same PE to the marked granule does not clear the monitor
 * (IMPLEMENTATION DEFINED, our choice); stores by others do.
 */
export class ExclusiveMonitor {
  private readonly s: PeState;
  private readonly access: MemoryAccess;

  constructor(s: PeState, access: MemoryAccess) {
    this.s = s;
    this.access = access;
  }

  /** After a Load-Exclusive of `sizeBytes` at a VA that did not fault. */
  mark(va: bigint, sizeBytes: number): void {
    const pa = this.access.probe(va, false);
    if (pa === undefined) return;
    this.s.set32(PE_STATE.exclusiveValid, 1);
    this.s.set32(PE_STATE.exclusiveSizeBytes, sizeBytes);
    this.s.set64(PE_STATE.exclusivePa, BigInt(pa));
    this.s.set64(PE_STATE.exclusiveVa, va);
  }

  /**
   * For a Store-Exclusive: 1 if it may store. The monitor is Open afterwards.
   *
   * The access is checked first, so a Store-Exclusive that would fault does so whether or not it would have stored. A
   * different size or address within the granule fails (CONSTRAINED UNPREDICTABLE, our choice).
   */
  check(va: bigint, sizeBytes: number): 0 | 1 {
    const pa = this.access.probe(va, true, { alignBytes: sizeBytes });
    if (pa === undefined) return 0;
    const { s } = this;
    const passes =
      s.get32(PE_STATE.exclusiveValid) !== 0 &&
      s.get64(PE_STATE.exclusivePa) === BigInt(pa) &&
      s.get32(PE_STATE.exclusiveSizeBytes) === sizeBytes;
    this.clear();
    return passes ? 1 : 0;
  }

  clear(): void {
    this.s.set32(PE_STATE.exclusiveValid, 0);
  }

  /** Another observer wrote this physical address. True if the reservation was lost by it. */
  observeWrite(pa: number): boolean {
    const { s } = this;
    if (!s.get32(PE_STATE.exclusiveValid)) return false;
    const marked = Number(s.get64(PE_STATE.exclusivePa));
    if (Math.floor(marked / GRANULE_BYTES) !== Math.floor(pa / GRANULE_BYTES)) return false;
    this.clear();
    return true;
  }
}
