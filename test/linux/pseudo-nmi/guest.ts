import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Symbols } from '../../../src/debug/symbols/symbols.ts';
import type { MachineOptions } from '../../../src/machine/options.ts';
import { archive, LinuxGuest, type NMI_KERNELS } from '../guest.ts';

const COMPILER = 'aarch64-linux-gnu-gcc';
const SOURCE = fileURLToPath(new URL('sampler.c', import.meta.url));
/** PPI of the Performance Monitors. */
export const PMU = 23;
/** ICC_PMR_EL1 with interrupts in, and where a kernel masks by DAIF alone. */
export const MASK = { on: 0xe0n, unused: 0xf0n } as const;
/** What a kernel sees: ICC_PMR_EL1 with interrupts out, and the running priority in an NMI and in an interrupt. */
export interface Bands {
  readonly off: bigint;
  readonly nmi: bigint;
  readonly irq: bigint;
}
/** Security of the GIC: GICD_CTLR.DS and SCR_EL3.FIQ, and the machine that has it. */
export interface Security {
  readonly ds: 0 | 1;
  readonly fiq: 0 | 1;
  readonly machine: MachineOptions;
}
/**
 * Linux 6.11 made the values the same in every configuration, by other priorities in the distributor. Before, 0xa0 and
 * 0x20 were written there, and where the kernel sees secure values it found them shifted, with a mask of its own.
 */
export function bandsOf(kernel: (typeof NMI_KERNELS)[number], { ds, fiq }: Security): Bands {
  if (kernel === 'Image-nmi-6.12') return { off: 0xc0n, nmi: 0x80n, irq: 0xc0n };
  if (ds === 0 && fiq === 0) return { off: 0xa0n, nmi: 0x90n, irq: 0xd0n };
  return { off: 0x60n, nmi: 0x20n, irq: 0xa0n };
}
/** IRQ from the same Exception level, with its own stack pointer. */
const IRQ_OFFSET = 0x280;
const PSTATE_I = 0x80n;
const LOOK_STEPS = 50_000;

/** The program that samples can be built. */
export const haveCompiler: boolean = spawnSync(COMPILER, ['--version'], { stdio: 'ignore' }).status === 0;

let sampler: Uint8Array | undefined;
function buildSampler(): Uint8Array {
  if (sampler) return sampler;
  const folder = mkdtempSync(join(tmpdir(), 'sampler-'));
  try {
    const path = join(folder, 'sampler');
    const built = spawnSync(COMPILER, ['-static', '-O2', '-Wall', '-Wextra', '-Werror', '-o', path, SOURCE]);
    if (built.status !== 0) throw new Error(`${SOURCE}: ${built.stderr}`);
    sampler = readFileSync(path);
    return sampler;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** An interrupt that came out of the kernel: what was interrupted, and what the controller says once it is acknowledged. */
export interface Taken {
  readonly pe: number;
  readonly intid: number;
  /** Function of the kernel that was interrupted. */
  readonly function: string;
  /** ICC_PMR_EL1 at the interrupted instruction: nothing has written it since. */
  readonly pmr: bigint;
  /** PSTATE.I of the interrupted code. */
  readonly masked: boolean;
  /** ICC_RPR_EL1 after the acknowledge. */
  readonly rpr: bigint;
}

/** How a kernel is booted; without `pseudoNmi` its command line has nothing about it. */
export interface NmiOptions {
  readonly kernel: (typeof NMI_KERNELS)[number];
  readonly cpus?: number;
  readonly pseudoNmi?: boolean;
  readonly machine?: MachineOptions;
}

/** One of the kernels with pseudo-NMIs, the program `/sampler` in its file system. */
export class NmiGuest extends LinuxGuest {
  private readonly symbols: Symbols;

  constructor({ kernel, cpus = 1, pseudoNmi = true, machine = {} }: NmiOptions) {
    const append = `console=ttyAMA0${pseudoNmi ? ' irqchip.gicv3_pseudo_nmi=1' : ''}`;
    super({
      ...{ cpu: 'full', kernel, cpus, machine: { append, ...machine } },
      archives: [archive([{ path: 'sampler', mode: 0o100755, bytes: buildSampler() }])],
    });
    this.symbols = new Symbols(this.machine);
  }

  /** Boots to the shell. @throws Error with what the kernel said last when it does not come to that */
  boot(): this {
    const reason = this.untilPrompt();
    if (reason !== 'stopped') throw new Error(`no shell: ${reason}\n${this.text.slice(-2000)}`);
    return this;
  }

  /** Name of the function of the kernel at an address. */
  functionAt(address: bigint): string {
    return (this.symbols.symbolize(address) ?? 'unknown').replace(/\+0x[0-9a-f]+$/, '');
  }
  /** Functions that the program printed the addresses of. */
  sampled(text: string): string[] {
    return [...text.matchAll(/^sample ([0-9a-f]{16})\r?$/gm)].map(([, address]) =>
      this.functionAt(BigInt(`0x${address}`)),
    );
  }

  /** Interrupts that were taken out of the kernel while something went on. */
  taken(during: () => void): Taken[] {
    const { machine } = this;
    const all: Taken[] = [];
    const interrupted = new Map<number, Pick<Taken, 'function' | 'pmr' | 'masked'>>();
    const read = (pe: number, name: string): bigint => machine.readRegister(pe, name) as bigint;
    const deaf = [
      machine.on('exception', (pe, el, offset) => {
        interrupted.delete(pe);
        if (el !== 1 || offset !== IRQ_OFFSET) return;
        const masked = (read(pe, 'SPSR_EL1') & PSTATE_I) !== 0n;
        interrupted.set(pe, { function: this.functionAt(read(pe, 'ELR_EL1')), pmr: read(pe, 'ICC_PMR_EL1'), masked });
      }),
      machine.on('interrupt', (pe, what, intid) => {
        const before = interrupted.get(pe);
        if (what !== 'acknowledged' || !before) return;
        interrupted.delete(pe);
        all.push({ pe, intid, rpr: read(pe, 'ICC_RPR_EL1'), ...before });
      }),
    ];
    try {
      during();
    } finally {
      for (const stop of deaf) stop();
    }
    return all;
  }

  /** Runs until the console has said something, or so many steps are over; looks now and then. */
  untilText(pattern: RegExp, stepsMax: number): boolean {
    const from = this.text.length;
    const end = this.machine.steps + stepsMax;
    const seen = (): boolean => pattern.test(this.text.slice(from));
    while (!seen() && this.machine.steps < end) {
      const { reason } = this.machine.run({ steps: LOOK_STEPS });
      if (reason !== 'limit' && reason !== 'stopped') break;
    }
    return seen();
  }
  /** Types a line and does not wait. */
  type(line: string): void {
    this.machine.console.input(new TextEncoder().encode(`${line}\n`));
  }
}
