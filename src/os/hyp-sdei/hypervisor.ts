/**
 * A hypervisor at EL2 whose guest at EL1 has the Software Delegated Exception Interface over HVC.
 *
 * The guest owns the machine but for 2 MiB of RAM and what the hypervisor withholds of the interrupt controller.
 * Interrupts come to EL2 and are injected; those of registered events become events instead. DEN0054, "SDEI client".
 */
import { EC } from '../../arch/esr.ts';
import { become, eret, type Hosted, load, mrs, msr, writeX } from '../../engine/hosted/effects.ts';
import { type HostedFunction, HostedProgram, type HostedSource } from '../../engine/hosted/program.ts';
import { CHOICES, type SdeiProfile } from '../../firmware/sdei/choices.ts';
import { checkSdeiEvents, SDEI_EVENTS_DEFAULT, type SdeiEvent } from '../../firmware/sdei/events.ts';
import { AFFINITY_FIELDS, isSdeiFunction, type SdeiVersion } from '../../firmware/sdei/functions.ts';
import { startGuest, startHypervisor, startPe } from './boot.ts';
import { guestInterrupt } from './interrupts.ts';
import { HYP_BYTES, HYP_INTIDS, INTID_END, PES_MAX, RAM_BYTES_MAX, RAM_PA, WORD } from './layout.ts';
import { passOn, psci, psciName } from './power.ts';
import { resumeSaved } from './saved.ts';
import { transact } from './sdei.ts';
import type { GuestConfiguration } from './sdei-host.ts';
import { dataAbort, injectUndefined, instructionAbort, trappedRegister } from './traps.ts';

/** A watchdog of the guest: an edge of an SPI, again and again. */
export interface HypWatchdog {
  readonly intid: number;
  readonly periodNs: bigint;
}

/** What a hypervisor is told; what has no default says what the machine is. */
export interface SdeiHypervisorOptions {
  /** PEs of the machine, 1 to 8. */
  readonly cpus: number;
  /** Bytes of RAM of the machine: a multiple of 2 MiB up to 1 GiB, the last 2 MiB of which are the hypervisor's. */
  readonly memoryBytes: number;
  /** Where the guest starts: an address, or a function of the program. */
  readonly guest: bigint | string;
  readonly version?: SdeiVersion;
  readonly profile?: SdeiProfile;
  readonly events?: readonly SdeiEvent[];
  readonly watchdog?: HypWatchdog;
}

/** SMCCC owners of the calls that are passed on: Arm architecture, and what of Standard Secure is not SDEI. */
const PASSED_ON = [0x00, 0x04];
const NOT_SUPPORTED = (1n << 64n) - 1n;

/**
 * See the head of the file.
 *
 * @example
 * const hypervisor = new SdeiHypervisor({ cpus: 1, memoryBytes: 16 * 2 ** 20, guest: 'main' });
 * const hosted = hypervisor.program({ functions: { *main() { yield* hvc(0xc400_0020n); } } });
 * Machine.create({ hosted, entry: hypervisor.entry, el2: true, memoryBytes: 16 * 2 ** 20 });
 */
export class SdeiHypervisor {
  readonly options: SdeiHypervisorOptions;
  readonly config: GuestConfiguration;
  /** Hosted function with which PE 0 starts. */
  readonly entry: string = 'hypBoot';
  private made: HostedProgram | undefined;

  /** @throws RangeError for a machine that has no room for it, or events that cannot be */
  constructor(options: SdeiHypervisorOptions) {
    const { cpus, memoryBytes, version = '1.0', profile = 'spec', events = SDEI_EVENTS_DEFAULT } = options;
    if (!Number.isInteger(cpus) || cpus < 1 || cpus > PES_MAX)
      throw new RangeError(`hypervisor of ${cpus} PEs: it has room for 1 to ${PES_MAX}. Choose a number of those.`);
    const bytes = BigInt(Math.max(0, Math.trunc(memoryBytes)));
    if (bytes % HYP_BYTES !== 0n || bytes < 2n * HYP_BYTES || bytes > RAM_BYTES_MAX)
      throw new RangeError(`hypervisor in ${memoryBytes} bytes: give a multiple of 2 MiB, 4 MiB to 1 GiB.`);
    const basePa = RAM_PA + bytes - HYP_BYTES;
    const own = new Map<number, string>(Object.values(HYP_INTIDS).map((intid) => [intid, 'the hypervisor']));
    const refuse = (message: string): never => {
      throw new RangeError(`hypervisor: ${message}`);
    };
    this.options = options;
    this.config = {
      cpus,
      basePa,
      version,
      choices: CHOICES[profile],
      events: checkSdeiEvents(events, { intidEnd: INTID_END, taken: own }, refuse),
      affinityOf: (pe) => BigInt(pe) & AFFINITY_FIELDS,
      isGuestRam: (pa) => pa >= RAM_PA && pa < basePa,
    };
  }

  /** The program of hypervisor and guest together, `source` being the guest's part; nothing for one in machine code. */
  program(source: HostedSource = { functions: {} }): HostedProgram {
    const vectors = { lower64: { sync: 'hypSync', irq: 'hypIrq', fiq: 'hypUnexpected', serror: 'hypUnexpected' } };
    const current = { sync: 'hypUnexpected', irq: 'hypUnexpected', fiq: 'hypUnexpected', serror: 'hypUnexpected' };
    this.made = new HostedProgram({
      functions: { ...this.functions(), ...source.functions },
      vectors: { hyp: { ...vectors, currentSp0: current, currentSpx: current }, ...source.vectors },
    });
    return this.made;
  }
  private at(name: string): bigint {
    if (!this.made) throw new Error('hypervisor: its program has not been made yet. Call program() first.');
    return this.made.address(name);
  }
  private get guestVa(): bigint {
    const { guest } = this.options;
    return typeof guest === 'bigint' ? guest : this.at(guest);
  }

  private functions(): Record<string, HostedFunction> {
    const hyp = this;
    const { config } = hyp;
    const vectors = (): bigint => hyp.made!.vectors('hyp');
    const { watchdog } = hyp.options;
    return {
      *hypBoot({ x }) {
        const restoring = yield* startHypervisor(config, watchdog);
        yield* startPe(config, 0, vectors(), watchdog);
        if (restoring) return yield* become('hypSaved');
        yield* startGuest(config, 0, { pc: hyp.guestVa, x0: x[0]! });
      },
      *hypSecondary({ pe }) {
        yield* startPe(config, pe, vectors(), watchdog);
        yield* become((yield* isRestoring(config)) ? 'hypSaved' : 'hypEnter');
      },
      *hypEnter({ pe }) {
        yield* startGuest(config, pe);
      },
      *hypResume({ pe }) {
        yield* startPe(config, pe, vectors(), watchdog);
        yield* transact(config, pe, ({ d }) => d.peRestarted(pe));
        yield* startGuest(config, pe, { virtual: 'kept' });
      },
      *hypSaved({ pe }) {
        yield* resumeSaved(config, pe, hyp.at('hypSecondary'));
      },
      *hypIrq({ pe }) {
        yield* guestInterrupt(config, pe, watchdog);
        yield* eret();
      },
      *hypSync({ pe, x }) {
        yield* hyp.synchronous(pe, x);
        yield* eret();
      },
      *hypUnexpected() {
        const [esr, elr] = [yield* mrs('ESR_EL2'), yield* mrs('ELR_EL2')];
        throw new Error(`hypervisor: unexpected exception, ESR_EL2 0x${esr.toString(16)} from 0x${elr.toString(16)}`);
      },
    };
  }

  private *synchronous(pe: number, x: readonly bigint[]): Hosted {
    const esr = Number(yield* mrs('ESR_EL2'));
    switch (esr >>> 26) {
      case EC.MonitorCall:
        // A trapped SMC is not over yet.
        yield* msr('ELR_EL2', (yield* mrs('ELR_EL2')) + 4n);
        return yield* this.call(pe, x, esr & 0xffff);
      case EC.HypervisorCall:
        return yield* this.call(pe, x, esr & 0xffff);
      case EC.DataAbortLowerEL:
        return yield* dataAbort(this.config, esr);
      case EC.InstructionAbortLowerEL:
        return yield* instructionAbort();
      case EC.SystemRegisterTrap:
        return yield* trappedRegister(esr);
      default:
        return yield* injectUndefined();
    }
  }

  /** An HVC or SMC of the guest with X0 to X7. */
  private *call(pe: number, x: readonly bigint[], immediate: number): Hosted {
    const { config } = this;
    const id = Number(x[0]! & 0xffff_ffffn);
    if (isSdeiFunction(id)) {
      yield* transact(config, pe, (attempt) => {
        const x0 = attempt.d.call(pe, id, x.slice(1, 6), immediate === 0);
        if (x0 !== undefined) attempt.answer(x0);
      });
      return;
    }
    const name = psciName(id);
    if (immediate !== 0 || !PASSED_ON.includes((id >>> 24) & 0x3f)) return yield* writeX(0, NOT_SUPPORTED);
    const entries = { secondary: this.at('hypSecondary'), resume: this.at('hypResume') };
    if (name) yield* psci(config, entries, pe, name, x);
    else yield* passOn(x);
  }
}

function* isRestoring({ basePa }: GuestConfiguration): Hosted<boolean> {
  return (yield* load(basePa + WORD.restoring)) !== 0n;
}
