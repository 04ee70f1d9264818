/** A kernel of the kit that was entered at EL2, or was not: its stub, its boot mode, its way down to EL1 or up to VHE. */
import {
  become,
  eret,
  type Hosted,
  hint,
  hvc,
  load,
  mrs,
  msr,
  readX,
  store,
  writeX,
} from '../../engine/hosted/effects.ts';
import type { HostedFunction, HostedProgram } from '../../engine/hosted/program.ts';
import { Kernel, type KernelFunction } from '../kit/kernel.ts';
import {
  type HypAbi,
  type HypLayer,
  type HypLayerAbi,
  type HypOperand,
  type HypOperation,
  hypAbi,
  layerOf,
} from './abi.ts';
import { BOOT_MODE_PA, hypVa, IMAGE_PA, TEXT } from './layout.ts';
import { HCR_HOST_VHE, hypPanic, kvmOwner, type OwnerHost, owner } from './owners.ts';
import { synchronizeText, writeVectors, writeVeneer } from './text.ts';
import { kernelMmuOn, SCTLR_OFF, writeHypTables, writeKernelTables } from './translation.ts';

/** What a CPU leaves in the boot-mode words. Linux, `asm/virt.h`. */
export const BOOT_CPU_MODE = { EL1: 0xe11n, EL2: 0xe12n } as const;
const HCR_RW = 1n << 31n;
const CNTHCTL_EL1PCTEN_EL1PCEN = 3n;
/** The same bits where E2H moves them. */
const CNTHCTL_E2H = CNTHCTL_EL1PCTEN_EL1PCEN << 10n;
const CPTR_NO_TRAPS = 0x33ffn;
const ICC_SRE = 0xfn;
const EL1H_MASKED = 0x3c5n;
/** `ret` */
const RET = 0xd65f_03c0n;
/**
 * Hypercalls of KVM that are modelled: fast, 64-bit, of a vendor's hypervisor. Their numbers differ from version to
 * version. DEN0028, "Vendor Specific Hypervisor Service Calls".
 */
export const HYPERCALL = { getMdcr: 0xc600_0001n, protFinalize: 0xc600_0002n } as const;
/** Offset in TEXT.functions of KVM's reset function; a `ret` is before it. */
const RESET_FUNCTION = 0x10n;

/** What a kernel is made as. */
export interface HypKernelOptions {
  /** Version, or its name. */
  readonly abi: HypAbi | string;
  readonly cpus?: number;
  /** The kernel stays at EL2 (or goes back to it) with VHE; default false, as with `kvm-arm.mode=nvhe`. */
  readonly vhe?: boolean;
  readonly pseudoNmi?: boolean;
  /** Conduit of PSCI; a kernel that owns EL2 is to be told `smc`, the default. */
  readonly conduit?: 'smc' | 'hvc';
}

/** The kernel. Its parts are those of the kit; KVM and hand-over are added by `kvm.ts` and `handover.ts`. */
export class HypKernel {
  readonly kernel: Kernel;
  readonly abi: HypAbi;
  readonly vhe: boolean;
  /** Hosted function with which PE 0 starts. */
  readonly entry: string;
  /** Word: 1 once KVM's protected mode is final. */
  readonly protectedPa: bigint;
  private readonly owners: OwnerHost;

  /** @throws RangeError for a version there is none of, or of the other architecture */
  constructor({ abi, cpus = 1, vhe = false, pseudoNmi = false, conduit = 'smc' }: HypKernelOptions) {
    this.abi = typeof abi === 'string' ? hypAbi(abi) : abi;
    if (this.abi.arch !== 'arm64')
      throw new RangeError(`hyp ABI '${this.abi.name}': its code is not A64. Choose one of arm64.`);
    this.vhe = vhe;
    this.kernel = new Kernel({ cpus, pseudoNmi, conduit, ...(vhe ? { el: 2, vhe } : {}) });
    this.entry = this.kernel.entry;
    this.protectedPa = this.kernel.variable('hyp.protected');
    const { protectedPa } = this;
    this.owners = {
      noVhe: !vhe,
      *isProtected() {
        return (yield* load(hypVa(protectedPa))) !== 0n;
      },
      *hypercall(id) {
        if (id === HYPERCALL.getMdcr) return yield* mrs('MDCR_EL2');
        if (id !== HYPERCALL.protFinalize) return undefined;
        yield* store(hypVa(protectedPa), 1n);
        return 0n;
      },
    };
    this.addBoot();
    this.addOwners();
  }

  /** The owner's table. @throws Error when the version has none: a mistake of the caller's */
  layer(layer: HypLayer): HypLayerAbi {
    const found = layerOf(this.abi, layer);
    if (!found) throw new Error(`assertion: ${this.abi.name} has no ${layer}`);
    return found;
  }
  /** The program; see `Kernel.program`. */
  program(functions: { readonly main: KernelFunction } & Readonly<Record<string, KernelFunction>>): HostedProgram {
    return this.kernel.program(functions);
  }

  // --- calls ---

  /** Registers of a stub call as this version's wrapper puts them; undefined where the stub has no such call. */
  stubCall(operation: HypOperation, operands: Partial<Record<HypOperand, bigint>> = {}): bigint[] | undefined {
    const rows = this.layer('stub').calls.filter((one) => one.operation === operation);
    const row = operation === 'nothing' ? rows.find(({ name }) => name === 'HVC_RESET_VECTORS') : rows[0];
    if (!row) return undefined;
    const x: bigint[] = typeof row.number === 'bigint' ? [row.number] : [];
    for (const [name, n] of Object.entries(row.operands)) x[n] = operands[name as HypOperand] ?? 0n;
    return Array.from(x, (value) => value ?? 0n);
  }
  /** Issues one, as the wrappers do. @returns X0, or undefined where there is no such call */
  *callStub(operation: HypOperation, operands: Partial<Record<HypOperand, bigint>> = {}): Hosted<bigint | undefined> {
    const x = this.stubCall(operation, operands);
    if (!x) return undefined;
    // The stub of some versions writes X30.
    const lr = yield* readX(30);
    const [result] = yield* hvc(...x);
    yield* writeX(30, lr);
    return result;
  }
  /** RESET_VECTORS, where the version has it. */
  *resetVectors(): Hosted<bigint | undefined> {
    return yield* this.callStub('nothing');
  }
  /** All CPUs that arrived did so at EL2. */
  *hypModeAvailable(): Hosted<boolean> {
    const [first, second] = [yield* load(BOOT_MODE_PA), yield* load(BOOT_MODE_PA + 8n)];
    return first === BOOT_CPU_MODE.EL2 && second === BOOT_CPU_MODE.EL2;
  }
  /** They did not all arrive at the same level. */
  *hypModeMismatched(): Hosted<boolean> {
    return (yield* load(BOOT_MODE_PA)) !== (yield* load(BOOT_MODE_PA + 8n));
  }

  // --- text ---

  /** The image of this kernel in memory: vectors, entries, tables. */
  private *writeImage(): Hosted {
    const { kernel } = this;
    const at = (offset: bigint): bigint => IMAGE_PA + offset;
    const slots = (layer: HypLayer, name: string, others?: string): ReadonlyMap<number, bigint> =>
      new Map(
        this.layer(layer).slots.map((slot) => {
          const sync = slot === 0x400 || (slot === 0x200 && !others);
          return [slot, kernel.address(sync ? name : (others ?? name))];
        }),
      );
    yield* writeVectors(at(TEXT.stub), slots('stub', 'hypStub'));
    yield* writeVectors(at(TEXT.init), slots('init', 'hypInit'));
    yield* writeVectors(at(TEXT.hyp), slots('hyp', 'hypKvm', 'hypUnexpected'));
    yield* writeVeneer(at(TEXT.panic), kernel.address('hypPanicked'));
    yield* store(at(TEXT.functions), RET, 4);
    yield* writeVeneer(at(TEXT.functions + RESET_FUNCTION), kernel.address('hypReset'));
    yield* store(BOOT_MODE_PA, BOOT_CPU_MODE.EL2);
    yield* store(BOOT_MODE_PA + 8n, BOOT_CPU_MODE.EL1);
    yield* writeKernelTables();
    yield* writeHypTables();
    yield* synchronizeText();
  }
  /** Physical address of KVM's reset function. */
  get resetFunctionPa(): bigint {
    return IMAGE_PA + TEXT.functions + RESET_FUNCTION;
  }

  // --- functions ---

  private addOwners(): void {
    const { kernel, owners } = this;
    kernel.addFunction('hypStub', owner(owners, this.layer('stub')));
    kernel.addFunction('hypInit', owner(owners, this.layer('init')));
    kernel.addFunction('hypKvm', kvmOwner(owners, this.layer('hyp'), layerOf(this.abi, 'pkvm')));
    const copy = layerOf(this.abi, 'copy');
    if (copy) kernel.addFunction('hypCopy', owner(owners, copy));
    kernel.addFunction('hypUnexpected', function* () {
      yield* hypPanic();
    });
    kernel.addFunction('hypPanicked', function* ({ pe, x }) {
      const cpu = yield* kernel.here(pe, 'nmi');
      yield* cpu.panic(`HYP panic: ESR 0x${x[0]!.toString(16)} at 0x${x[1]!.toString(16)}`);
    });
    // It goes back by ERET, not to who called it: nothing that was mapped is mapped any more.
    kernel.addFunction('hypReset', function* () {
      yield* msr('SCTLR_EL2', SCTLR_OFF.EL2);
      yield* hint('isb');
      yield* msr('VBAR_EL2', IMAGE_PA + TEXT.stub);
      yield* eret();
    });
  }

  private addBoot(): void {
    const { kernel } = this;
    const arrive = (next: string): HostedFunction => {
      const self = this;
      return function* ({ pe, x }) {
        const el = (yield* mrs('CurrentEL')) >> 2n;
        if (pe === 0 && next === 'hypBoot') {
          yield* store(kernel.words.bootEl, el);
          yield* self.writeImage();
        }
        // The second word is for CPUs at EL2, the first for those that are not.
        if (el === 2n) yield* store(BOOT_MODE_PA + 8n, BOOT_CPU_MODE.EL2);
        else yield* store(BOOT_MODE_PA, BOOT_CPU_MODE.EL1);
        if (el === 2n) yield* self.initEl2(kernel.address(next), x[0]!);
        else yield* become(next, x[0]!);
      };
    };
    const atEl1 = (next: string): HostedFunction => {
      const self = this;
      return function* ({ x }) {
        const el = (yield* mrs('CurrentEL')) >> 2n;
        if (el === 1n) {
          yield* kernelMmuOn();
          if (self.vhe) yield* self.callStub('finaliseEl2');
        }
        yield* become(next, x[0]!);
      };
    };
    for (const [own, kit] of [
      ['Boot', 'kitBoot1'],
      ['Secondary', 'kitSecondary1'],
      ['Resume', 'kitResume1'],
    ] as const) {
      kernel.addFunction(`kit${own}`, arrive(`hyp${own}`));
      // Under a second name, for a boot loader that does something before.
      kernel.addFunction(`hypArrive${own}`, arrive(`hyp${own}`));
      kernel.addFunction(`hyp${own}`, atEl1(kit));
    }
  }

  /** What a kernel does at EL2 before it leaves it. Linux, `init_kernel_el`, `init_el2_state`, before 5.12 `el2_setup`. */
  private *initEl2(next: bigint, x0: bigint): Hosted {
    const direct = this.vhe && this.layer('stub').calls.every(({ operation }) => operation !== 'finaliseEl2');
    yield* msr('SCTLR_EL2', SCTLR_OFF.EL2);
    yield* msr('HCR_EL2', direct ? HCR_HOST_VHE : HCR_RW);
    yield* hint('isb');
    yield* msr('CNTHCTL_EL2', direct ? CNTHCTL_E2H : CNTHCTL_EL1PCTEN_EL1PCEN);
    yield* msr('CNTVOFF_EL2', 0n);
    yield* msr('MDCR_EL2', ((yield* mrs('PMCR_EL0')) >> 11n) & 0x1fn);
    yield* msr('VTTBR_EL2', 0n);
    yield* msr('ICC_SRE_EL2', ICC_SRE);
    yield* hint('isb');
    if ((yield* mrs('ICC_SRE_EL2')) & 1n) yield* msr('ICH_HCR_EL2', 0n);
    yield* msr('HSTR_EL2', 0n);
    yield* msr('VPIDR_EL2', yield* mrs('MIDR_EL1'));
    yield* msr('VMPIDR_EL2', yield* mrs('MPIDR_EL1'));
    if (direct) {
      yield* writeX(0, x0);
      yield* become(this.kernel.hosted.at(next)!, x0);
    }
    yield* msr('CPTR_EL2', CPTR_NO_TRAPS);
    yield* msr('VBAR_EL2', IMAGE_PA + TEXT.stub);
    yield* msr('SCTLR_EL1', SCTLR_OFF.EL1);
    yield* msr('CPACR_EL1', 0n);
    yield* writeX(0, x0);
    yield* msr('ELR_EL2', next);
    yield* msr('SPSR_EL2', EL1H_MASKED);
    yield* eret();
  }
}
