/** Owners of HYP that are not the kernel: what an HVC #0 of a guest comes to. */
import { eret32, type Hosted32, mrc, mrs32, mrsBanked, msr32, msrBanked, setR, stop } from './effects.ts';
import type { Image32Source } from './program.ts';
import { MODE, PSR } from './psr.ts';

/** What a hypervisor does with a call that it does not know. */
export type Unknown32 =
  /** SMCCC: -1 in R0, and R1 to R3 hold nothing. */
  | 'clobbers'
  /** Comes back with everything as it was. */
  | 'preserves'
  /** Ends the guest. */
  | 'kills'
  /** Gives it an Undefined Instruction exception: what Xen does for an immediate that it does not know. */
  | 'injects';

/** Where the other hypervisor lies. */
export const HYPERVISOR_PA = 0x4c00_0000;

/** SPSR_und, LR_und behind the instruction, and the guest's vector: what the hardware would have done. */
function* injectUndefined(): Hosted32 {
  yield* msrBanked('SPSR_und', yield* mrs32('SPSR'));
  yield* msrBanked('LR_und', yield* mrsBanked('ELR_hyp'));
  yield* msr32('SPSR', MODE.UND | PSR.I);
  yield* msrBanked('ELR_hyp', (yield* mrc('VBAR')) + 4);
  yield* eret32();
}

/** A hypervisor with one vector that counts: all that comes from its guest. */
export function otherHypervisor(does: Unknown32): Image32Source {
  return {
    isa: 'A32',
    vectors: { hypervisor: { hypTrap: 'trap' } },
    functions: {
      *trap() {
        if (does === 'kills') return yield* stop('the domain is ended');
        if (does === 'injects') return yield* injectUndefined();
        if (does === 'clobbers') for (let n = 0; n < 4; n++) yield* setR(n, n === 0 ? 0xffff_ffff : 0);
        yield* eret32();
      },
    },
  };
}
