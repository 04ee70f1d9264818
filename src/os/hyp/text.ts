/**
 * The little machine code there is: vectors and entries in RAM that lead to hosted code.
 *
 * Hosted functions cannot be overwritten and are not translated. What leads to them can and is, so that an owner of EL2
 * dies with its text, and answers only where its text is mapped.
 */
import { type Hosted, hint, store, sys } from '../../engine/hosted/effects.ts';

/** `b .` */
const SPIN = 0x1400_0000n;
/** `ldr x17, #8; br x17`, then the address. X17 is what any call to EL2 may lose. */
const TO_ADDRESS = 0xd61f_0220_5800_0051n;
const SLOTS = 16n;
const SLOT_BYTES = 0x80n;

/** Writes code that goes to an address; X17 is lost. */
export function* writeVeneer(pa: bigint, target: bigint): Hosted {
  yield* store(pa, TO_ADDRESS);
  yield* store(pa + 8n, target);
}

/** Writes a vector table at a multiple of 2 KiB: slots that lead somewhere, by offset, and endless loops. */
export function* writeVectors(pa: bigint, live: ReadonlyMap<number, bigint>): Hosted {
  for (let slot = 0n; slot < SLOTS; slot++) {
    const at = slot * SLOT_BYTES;
    const target = live.get(Number(at));
    if (target === undefined) yield* store(pa + at, SPIN, 4);
    else yield* writeVeneer(pa + at, target);
  }
}

/** Makes written code what will be executed. DDI 0487, "Concurrent modification and execution of instructions". */
export function* synchronizeText(): Hosted {
  yield* hint('dsb');
  yield* sys('IC IALLU');
  yield* hint('dsb');
  yield* hint('isb');
}
