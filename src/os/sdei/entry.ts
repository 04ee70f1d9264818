/** Where the firmware enters the client, and the way out. */
import {
  become,
  type Hosted,
  hint,
  load,
  loadPair,
  mrs,
  msr,
  readX,
  store,
  storePair,
  writeX,
} from '../../engine/hosted/effects.ts';
import type { HostedFunction } from '../../engine/hosted/program.ts';
import type { Cpu } from '../kit/cpu.ts';
import { levelOf } from '../kit/frame.ts';
import type { Kernel } from '../kit/kernel.ts';
import { AREA, areaOf, stackTop } from '../kit/layout.ts';
import { nmiEnter, nmiExit } from '../kit/nesting.ts';
import type { SdeiClient } from './client.ts';
import { sdeiEnd, sdeiRaw } from './firmware.ts';
import { RECORD } from './records.ts';

/** Completion statuses. */
const STATUS = { EV_HANDLED: 0n, EV_FAILED: 1n } as const;
/** Offsets in a vector table: IRQ from the kernel itself, from a lower level in AArch64, in AArch32. */
const VECTOR = { CURRENT_SPX_IRQ: 0x280n, LOWER_64_IRQ: 0x480n, LOWER_32_IRQ: 0x680n } as const;
const PSTATE_NRW = 0x10n;
/** TTBR1_EL1.ASID bit of an address space in which the kernel is not mapped. */
export const USER_ASID: bigint = 1n << 48n;

/** Functions of the program that are the client's. */
export function sdeiFunctions(kernel: Kernel, client: SdeiClient): Record<string, HostedFunction> {
  const { conduit } = kernel.options;
  const handle = (pe: number, record: bigint, pc: bigint, pstate: bigint) =>
    handler(kernel, client, pe, { record, pc, pstate });
  return {
    *sdeiEntry({ pe, x }) {
      yield* store(x[1]! + RECORD.mapped, 1n);
      yield* handle(pe, x[1]!, x[2]!, x[3]!);
    },
    // Mapped in every address space: maps the kernel where it is not. X4 is what it may use.
    *sdeiTrampoline({ pe, x }) {
      const record = x[1]!;
      const ttbr1 = yield* mrs('TTBR1_EL1');
      yield* writeX(4, ttbr1);
      if (ttbr1 & USER_ASID) {
        yield* msr('TTBR1_EL1', ttbr1 & ~USER_ASID);
        yield* hint('isb');
        yield* store(record + RECORD.mapped, 0n);
      } else yield* store(record + RECORD.mapped, 1n);
      yield* handle(pe, record, x[2]!, x[3]!);
    },
    // Called with the exit in X0; comes back to where it was called from, out of the innermost handler.
    *sdeiAbort({ lr }) {
      yield* sdeiEnd(conduit, lr);
    },
    *sdeiStuck() {
      yield* hint('wfi');
      yield* become('sdeiStuck');
    },
  };
}

interface Entry {
  readonly record: bigint;
  readonly pc: bigint;
  readonly pstate: bigint;
}

/** From the firmware's entry to the completion. SP, SP_EL0 and the frame pointer belong to what was interrupted. */
function* handler(kernel: Kernel, client: SdeiClient, pe: number, entry: Entry): Hosted {
  const { record } = entry;
  const area = areaOf(pe);
  yield* store(record + RECORD.pc, entry.pc);
  yield* store(record + RECORD.pstate, entry.pstate);
  for (let n = 4; n < 30; n += 2) yield* storePair(n, record + BigInt(8 * n));
  yield* store(record + 240n, yield* readX(30));
  yield* store(record + RECORD.sp, yield* readX(31));
  const critical = (yield* load(record + RECORD.critical)) !== 0n;
  const active = area + (critical ? AREA.sdeiCritical : AREA.sdeiNormal);
  yield* store(active, record);
  // The kernel's overflow check uses SP as a scratch register, so there may be no stack there.
  const separate = critical && !client.variants.oneStack;
  const top = stackTop(area, separate ? 'sdeiCritical' : 'sdeiNormal');
  yield* writeX(31, top - 0x20n);
  yield* store(top - 0x20n, record);
  yield* store(record + RECORD.spEl0, yield* mrs('SP_EL0'));
  if (!client.variants.trustsSpEl0) yield* msr('SP_EL0', area + AREA.pe);
  // A frame record leads back only where the same Exception level was interrupted.
  const el = (yield* mrs('CurrentEL')) >> 2n;
  if (BigInt(levelOf(entry.pstate)) === el) yield* storePair(29, top - 0x10n);
  else yield* store(top - 0x10n, 0n);

  const cpu = yield* kernel.here(pe, 'nmi');
  yield* inNmiContext(cpu, client, entry, critical);
  if ((yield* load(top - 0x20n)) !== record) yield* cpu.panic('the stack of an SDEI handler was overwritten');

  if ((yield* load(record + RECORD.mapped)) === 0n) yield* msr('TTBR1_EL1', (yield* mrs('TTBR1_EL1')) | USER_ASID);
  yield* msr('SP_EL0', yield* load(record + RECORD.spEl0));
  yield* loadPair(18, record + 144n);
  yield* loadPair(28, record + 224n);
  yield* writeX(30, yield* load(record + 240n));
  yield* writeX(31, yield* load(record + RECORD.sp));
  yield* store(active, 0n);
  yield* sdeiEnd(kernel.options.conduit, yield* load(record + RECORD.exit));
  // The firmware refused: there is nowhere to go back to.
  yield* become('sdeiStuck');
}

function* inNmiContext(cpu: Cpu, client: SdeiClient, { record, pc, pstate }: Entry, critical: boolean): Hosted {
  const { conduit } = cpu.kernel.options;
  if ((yield* mrs('TTBR1_EL1')) & USER_ASID) yield* cpu.panic('an SDEI handler runs without the kernel mapped');
  if ((yield* mrs('SP_EL0')) !== cpu.area) yield* cpu.panic(`an SDEI handler found another task than CPU ${cpu.pe}'s`);
  yield* nmiEnter(cpu);
  const clobbered = client.kpti ? 5 : 4;
  for (let n = 0; n < clobbered; n++)
    yield* store(record + BigInt(8 * n), BigInt.asUintN(64, yield* sdeiRaw(conduit, 'SDEI_EVENT_CONTEXT', BigInt(n))));
  const elr = yield* mrs(cpu.reg('ELR'));
  const callback = client.callback(Number(yield* load(record + RECORD.callback)));
  const event = yield* load(record + RECORD.event);
  const error = yield* callback(cpu, { event, record, critical, argument: yield* load(record + RECORD.argument) });
  if ((yield* mrs(cpu.reg('ELR'))) !== elr)
    yield* cpu.print(`SDEI event ${event}: its handler took an exception; what was interrupted may be lost\n`);
  yield* nmiExit(cpu);
  const kept = (yield* load(record + RECORD.pc)) === pc && (yield* load(record + RECORD.event)) === event;
  if (!kept) yield* cpu.panic('the record of an SDEI handler was overwritten');
  yield* store(record + RECORD.exit, error < 0n ? STATUS.EV_FAILED : yield* exitOf(cpu, client, pstate));
}

/** How a handler that did its work ends: as if an interrupt had come, where one could have. */
function* exitOf(cpu: Cpu, client: SdeiClient, pstate: bigint): Hosted<bigint> {
  const vbar = yield* mrs(cpu.reg('VBAR'));
  if (pstate & PSTATE_NRW) return vbar + VECTOR.LOWER_32_IRQ;
  const el = (yield* mrs('CurrentEL')) >> 2n;
  if ((pstate & 0xfn) !== ((el << 2n) | 1n)) return vbar + VECTOR.LOWER_64_IRQ;
  const pmr = cpu.irq.priorities ? yield* mrs('ICC_PMR_EL1') : 0n;
  if (cpu.irq.wasDisabled(pstate, pmr) && !client.variants.resumesAlways) return STATUS.EV_HANDLED;
  return vbar + VECTOR.CURRENT_SPX_IRQ;
}
