/**
 * A guest that is kept and goes on elsewhere: every PE writes its registers down in the hypervisor's memory, one of
 * them those of the interrupt controller. What else there is of the guest is in RAM.
 */
import {
  callAt,
  eret,
  finalCall,
  type Hosted,
  hint,
  load,
  lock,
  mrs,
  msr,
  readX,
  smc,
  store,
  sys,
  unlock,
  writeX,
} from '../../engine/hosted/effects.ts';
import { PSCI_FUNCTIONS } from '../../firmware/psci/functions.ts';
import { assemble } from '../../isa/text/index.ts';
import { BITS, GIC_PA, OTHERS, redistributor, SPI_FIRST, sendSgi } from './gic.ts';
import { keepVirtual, takeVirtual } from './inject.ts';
import { areaAt, CODE_AT, HYP_INTIDS, INTID_END, SAVED, WORD } from './layout.ts';
import type { GuestConfiguration } from './sdei-host.ts';

/** System registers of a guest at EL1 and EL0, in the order in which they are written back. */
const REGISTERS = (
  'SCTLR_EL1 CPACR_EL1 TTBR0_EL1 TTBR1_EL1 TCR_EL1 MAIR_EL1 AMAIR_EL1 CONTEXTIDR_EL1 VBAR_EL1 ESR_EL1 FAR_EL1 AFSR0_EL1 ' +
  'AFSR1_EL1 ELR_EL1 SPSR_EL1 SP_EL0 SP_EL1 TPIDR_EL0 TPIDRRO_EL0 TPIDR_EL1 PAR_EL1 CSSELR_EL1 ACTLR_EL1 MDSCR_EL1 ' +
  'CNTKCTL_EL1 CNTV_CVAL_EL0 CNTV_CTL_EL0 CNTP_CVAL_EL0 CNTP_CTL_EL0 FPCR FPSR ELR_EL2 SPSR_EL2'
).split(' ');
/** Offsets in the area of a PE that is saved: X0 to X30, the registers above, V0 to V31, its private interrupts. */
const AT = { x: 0n, registers: 0x100n, simd: 0x400n, privates: 0x800n } as const;
const X_COUNT = 31;

/** What is kept of the interrupts of a frame: first those that are set as they were, then those whose ones act. */
const PLAIN = [
  { at: BITS.IGROUPR, bits: 1 },
  { at: OTHERS.IPRIORITYR, bits: 8 },
  { at: OTHERS.ICFGR, bits: 2 },
] as const;
const ACTING = [
  [BITS.ISENABLER, BITS.ICENABLER],
  [BITS.ISPENDR, BITS.ICPENDR],
  [BITS.ISACTIVER, BITS.ICACTIVER],
] as const;

const PAIRS = [...Array(16).keys()].map((n) => 2 * n);
const CODE = assemble(`
keep: ${PAIRS.map((n) => `stp q${n}, q${n + 1}, [x0, #${16 * n}]\n`).join('')} ret
take: ${PAIRS.map((n) => `ldp q${n}, q${n + 1}, [x0, #${16 * n}]\n`).join('')} ret
`);

/** Puts the machine code that moves V0 to V31 into the hypervisor's memory. */
export function* writeCode(basePa: bigint): Hosted {
  const { bytes } = CODE;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 4)
    yield* store(basePa + CODE_AT + BigInt(at), BigInt(view.getUint32(at, true)), 4);
  yield* sys('IC IALLU');
  yield* hint('isb');
}
function* moveSimd(basePa: bigint, name: 'keep' | 'take', areaPa: bigint): Hosted {
  yield* callAt(basePa + CODE_AT + CODE.symbols.get(name)!, areaPa + AT.simd);
}

const savedAt = (basePa: bigint, pe: number): bigint => basePa + SAVED.at + BigInt(pe) * SAVED.bytes;

/** The interrupts of a frame from `first` on, moved to memory or back; gives the address behind. */
function* moveInterrupts(frame: bigint, first: number, end: number, at: bigint, back: boolean): Hosted<bigint> {
  let to = at;
  const words = function* (register: bigint, bits: number, use: (pa: bigint) => Hosted): Hosted {
    for (let n = (first * bits) / 32; n < (end * bits) / 32; n++, to += 8n)
      yield* use(frame + register + BigInt(4 * n));
  };
  for (const { at: register, bits } of PLAIN)
    yield* words(register, bits, function* (pa) {
      if (back) yield* store(pa, yield* load(to), 4);
      else yield* store(to, yield* load(pa, 4));
    });
  for (const [set, clear] of ACTING)
    yield* words(set, 1, function* (pa) {
      if (!back) return yield* store(to, yield* load(pa, 4));
      yield* store(pa + clear - set, 0xffff_ffffn, 4);
      yield* store(pa, yield* load(to), 4);
    });
  return to;
}
function* moveDistributor(basePa: bigint, back: boolean): Hosted {
  const to = yield* moveInterrupts(GIC_PA.gicd, SPI_FIRST, INTID_END, basePa + SAVED.gicAt, back);
  for (let intid = SPI_FIRST; intid < INTID_END; intid++) {
    const [pa, at] = [GIC_PA.gicd + OTHERS.IROUTER + BigInt(8 * intid), to + BigInt(8 * intid)];
    if (back) yield* store(pa, yield* load(at));
    else yield* store(at, yield* load(pa));
  }
}
const SGI_FRAME = 0x1_0000n;

/** Every PE of the guest saves itself, this one too; it goes on when somebody outside has cleared `WORD.saving`. */
export function* saveAll(config: GuestConfiguration, pe: number): Hosted {
  const { basePa, cpus } = config;
  const power = yield* load(basePa + WORD.power);
  yield* store(basePa + WORD.saved, 0n);
  yield* store(basePa + WORD.savedAt, yield* mrs('CNTPCT_EL0'));
  yield* store(basePa + WORD.saving, power);
  for (let other = 0; other < cpus; other++)
    if (other !== pe && (power >> BigInt(other)) & 1n) yield* sendSgi(HYP_INTIDS.doorbell, config.affinityOf(other));
  yield* saveThis(config, pe, true);
}
/** This PE saves itself. */
export function* saveThis(config: GuestConfiguration, pe: number, distributor = false): Hosted {
  const { basePa } = config;
  const area = savedAt(basePa, pe);
  for (let n = 0; n < X_COUNT; n++) yield* store(area + AT.x + BigInt(8 * n), yield* readX(n));
  for (const [n, name] of REGISTERS.entries()) yield* store(area + AT.registers + BigInt(8 * n), yield* mrs(name));
  yield* moveSimd(basePa, 'keep', area);
  yield* keepVirtual(basePa + areaAt(pe));
  yield* moveInterrupts(redistributor(pe) + SGI_FRAME, 0, SPI_FIRST, area + AT.privates, false);
  if (distributor) yield* moveDistributor(basePa, false);
  yield* lock(basePa + WORD.lock, BigInt(pe + 1));
  yield* store(basePa + WORD.saved, (yield* load(basePa + WORD.saved)) | (1n << BigInt(pe)));
  yield* unlock(basePa + WORD.lock);
  while ((yield* load(basePa + WORD.saving)) !== 0n) yield* hint('yield');
  for (let n = 0; n < X_COUNT; n++) yield* writeX(n, yield* load(area + AT.x + BigInt(8 * n)));
}

/** This PE goes on as it was saved; the first one brings the interrupt controller and the others back. */
export function* resumeSaved(config: GuestConfiguration, pe: number, secondaryVa: bigint): Hosted {
  const { basePa, cpus } = config;
  const power = yield* load(basePa + WORD.power);
  if (pe === 0) {
    yield* moveDistributor(basePa, true);
    for (let other = 1; other < cpus; other++)
      if ((power >> BigInt(other)) & 1n)
        yield* smc(
          BigInt(PSCI_FUNCTIONS.CPU_ON.id | 0x4000_0000),
          config.affinityOf(other),
          secondaryVa,
          BigInt(other),
        );
  }
  yield* lock(basePa + WORD.lock, BigInt(pe + 1));
  const back = (yield* load(basePa + WORD.saved)) | (1n << BigInt(pe));
  yield* store(basePa + WORD.saved, back);
  if ((back & power) === power) yield* store(basePa + WORD.restoring, 0n);
  yield* unlock(basePa + WORD.lock);
  if (!((power >> BigInt(pe)) & 1n)) {
    yield* finalCall('smc', BigInt(PSCI_FUNCTIONS.CPU_OFF.id));
    return;
  }
  const area = savedAt(basePa, pe);
  yield* moveInterrupts(redistributor(pe) + SGI_FRAME, 0, SPI_FIRST, area + AT.privates, true);
  yield* takeVirtual(basePa + areaAt(pe));
  yield* moveSimd(basePa, 'take', area);
  for (const [n, name] of REGISTERS.entries()) yield* msr(name, yield* load(area + AT.registers + BigInt(8 * n)));
  for (let n = 0; n < X_COUNT; n++) yield* writeX(n, yield* load(area + AT.x + BigInt(8 * n)));
  // Whatever became due meanwhile is looked for.
  yield* sendSgi(HYP_INTIDS.doorbell, config.affinityOf(pe));
  yield* eret();
}
