/** How the CPUs of a kernel come up, and what they do when there is nothing to do. */
import {
  become,
  branch,
  eret,
  type Hosted,
  load,
  mrs,
  msr,
  msrImmediate,
  readX,
  store,
  wfi,
  writeX,
} from '../../engine/hosted/effects.ts';
import type { HostedFunction } from '../../engine/hosted/program.ts';
import { chooseMasking, initialPmr, verifyMasking } from '../irqflags/choose.ts';
import type { Kernel } from './kernel.ts';
import { AREA, areaOf, stackTop } from './layout.ts';
import { comeUp, SGI, serveWork } from './smp.ts';

/** HCR_EL2: EL1 is AArch64; IRQ, FIQ and SError are EL2's. DDI 0487, "HCR_EL2". */
const HCR = { RW: 1n << 31n, IMO: 1n << 4n, FMO: 1n << 3n, AMO: 1n << 5n } as const;
/** A host with VHE takes them by TGE: RW, TGE, E2H. */
const HCR_VHE = (1n << 31n) | (1n << 27n) | (1n << 34n);
/** CNTHCTL_EL2: EL1 may use the physical counter and timer. */
const CNTHCTL_EL1PCTEN_EL1PCEN = 3n;
const EL1H_MASKED = 0x3c5n;
/** CPU_SUSPEND for 64-bit callers, and a power_state of a CPU that loses its state. DEN0022, "CPU_SUSPEND". */
const CPU_SUSPEND = 0xc400_0001n;
const POWERDOWN = 0x1_0000n;
/** SMC #0 or HVC #0, and RET. */
const CONDUIT_CODE = { smc: 0xd65f_03c0_d400_0003n, hvc: 0xd65f_03c0_d400_0002n } as const;

/** Functions of the program that are the kit's for starting. */
export function bootFunctions(kernel: Kernel): Record<string, HostedFunction> {
  const { options, words } = kernel;
  const begin = (next: string): HostedFunction =>
    function* ({ pe, x }) {
      const el = (yield* mrs('CurrentEL')) >> 2n;
      if (pe === 0) yield* store(words.bootEl, el);
      if (el === 2n && options.el === 1) yield* dropToEl1(kernel.address(next), x[0]!);
      else yield* become(next, x[0]!);
    };
  return {
    kitBoot: begin('kitBoot1'),
    kitSecondary: begin('kitSecondary1'),
    *kitBoot1() {
      yield* setUp(kernel, 0);
      yield* chooseMasking(kernel);
      yield* startCpu(kernel, 0);
      yield* become('kitBoot2');
    },
    *kitBoot2() {
      const cpu = yield* kernel.here(0, 'thread');
      for (let pe = 1; pe < options.cpus; pe++) {
        const error = yield* cpu.cpuOn(pe);
        if (error !== 0n) yield* cpu.print(`CPU ${pe} did not come up: ${error}\n`);
      }
      for (const init of kernel.initCalls) yield* init(cpu);
      yield* store(words.ready, 1n);
      yield* become('main');
    },
    *kitSecondary1({ pe }) {
      yield* setUp(kernel, pe);
      yield* startCpu(kernel, pe);
      yield* become('kitSecondary2');
    },
    *kitSecondary2({ pe }) {
      const cpu = yield* kernel.here(pe, 'thread');
      if (kernel.has('secondary')) {
        while ((yield* load(words.ready)) === 0n) yield* cpu.relax();
        yield* kernel.runSecondary(cpu);
      }
      yield* become('kitIdle');
    },
    *kitIdle({ pe }) {
      const cpu = yield* kernel.here(pe, 'thread');
      yield* serveWork(cpu, true);
      yield* cpu.irq.disable();
      if ((yield* load(cpu.at(AREA.work))) === 0n) yield* cpu.irq.idle();
      yield* cpu.irq.enable();
      yield* become('kitIdle');
    },
    *kitSuspend({ pe, x, lr }) {
      const area = areaOf(pe);
      yield* store(area + AREA.resumePc, lr);
      yield* store(area + AREA.resumeSp, yield* readX(31));
      yield* writeX(0, CPU_SUSPEND);
      yield* writeX(1, x[0] === 1n ? POWERDOWN : 0n);
      yield* writeX(2, kernel.address('kitResume'));
      yield* writeX(3, BigInt(pe));
      // Machine code calls for it, so that nothing is left behind here by a CPU that comes back through its entry.
      yield* branch(words.conduit);
    },
    kitResume: begin('kitResume1'),
    *kitResume1({ pe }) {
      const area = areaOf(pe);
      yield* setUpRegisters(kernel, pe);
      const { irq } = yield* kernel.here(pe, 'thread');
      const priority = yield* load(words.priorityIrq);
      yield* kernel.gic.initCpu(pe, { priority, pmr: initialPmr(irq) });
      for (const sgi of Object.values(SGI)) yield* kernel.gic.enable(sgi, pe);
      yield* writeX(31, yield* load(area + AREA.resumeSp));
      yield* writeX(0, 0n);
      yield* branch(yield* load(area + AREA.resumePc));
    },
    *kitParked() {
      yield* wfi();
      yield* become('kitParked');
    },
  };
}

function* dropToEl1(entryVa: bigint, x0: bigint): Hosted {
  yield* msr('HCR_EL2', HCR.RW);
  yield* msr('CNTHCTL_EL2', CNTHCTL_EL1PCTEN_EL1PCEN);
  yield* msr('CNTVOFF_EL2', 0n);
  yield* msr('ICC_SRE_EL2', 0xfn);
  yield* writeX(0, x0);
  yield* msr('ELR_EL2', entryVa);
  yield* msr('SPSR_EL2', EL1H_MASKED);
  yield* eret();
}

/** A CPU that starts: everything is masked. */
function* setUp(kernel: Kernel, pe: number): Hosted {
  const area = areaOf(pe);
  yield* setUpRegisters(kernel, pe);
  if (pe === 0) yield* store(kernel.words.conduit, CONDUIT_CODE[kernel.options.conduit]);
  yield* store(area + AREA.pe, BigInt(pe));
  for (const word of [AREA.irqDepth, AREA.nmiDepth, AREA.callFunction, AREA.work, AREA.sdeiNormal, AREA.sdeiCritical])
    yield* store(area + word, 0n);
}
/** Stack, vectors, what CPU this is. */
function* setUpRegisters(kernel: Kernel, pe: number): Hosted {
  const { el, vhe } = kernel.options;
  const area = areaOf(pe);
  yield* writeX(31, stackTop(area, 'thread'));
  yield* msr(`VBAR_EL${el}`, kernel.hosted.vectors('kit'));
  yield* msr(`TPIDR_EL${el}`, area);
  yield* msr('SP_EL0', area + AREA.pe);
  if (el === 2) yield* msr('HCR_EL2', vhe ? HCR_VHE : HCR.RW | HCR.IMO | HCR.FMO | HCR.AMO);
}
/** Interrupt controller, callbacks of the CPU, interrupts in. */
function* startCpu(kernel: Kernel, pe: number): Hosted {
  const priority = yield* load(kernel.words.priorityIrq);
  if (pe === 0) yield* kernel.gic.initDistributor(priority);
  const cpu = yield* kernel.here(pe, 'thread');
  if (pe !== 0) yield* verifyMasking(cpu);
  yield* kernel.gic.initCpu(pe, { priority, pmr: initialPmr(cpu.irq) });
  for (const sgi of Object.values(SGI)) yield* kernel.gic.enable(sgi, pe);
  yield* msrImmediate('DAIFClr', 12);
  yield* cpu.irq.daifRestore(0xc0n);
  yield* cpu.irq.enable();
  yield* comeUp(cpu);
}
