import type { GicCore } from './core.ts';
import { type Bank, type CpuState, NON_SECURE, SECURE } from './cpu-state.ts';
import {
  fromNonSecurePriority,
  G0,
  G1NS,
  G1S,
  type Group,
  INTID_NONE,
  INTID_NONSECURE,
  INTID_SECURE,
  isSpecialIntid,
  toNonSecureRunning,
} from './groups.ts';
import { ICC_REGISTERS, type IccContext, type IccName, isVirtualAccess } from './icc.ts';
import { decodeSgi, type SgiRegister, type SgiWriter, sgiIsForwarded } from './sgi.ts';
import type { VirtualInterface } from './virtual.ts';

/** Fixed bits of ICC_CTLR_EL1 and ICC_CTLR_EL3: A3V, 24-bit INTIDs, number of priority bits less one. */
const CTLR_A3V = 1 << 15;
const CTLR_IDBITS = 1 << 11;
const CTLR_PMHE = 1 << 6;
const SRE_FIXED = 0x7;
const SRE_ENABLE = 0x8;

/** Secure at EL3, and at Secure EL1 and EL2. */
function isSecure(ctx: IccContext): boolean {
  return ctx.el3 && (ctx.el === 3 || !ctx.nonSecure);
}

function bankOf(ctx: IccContext): Bank {
  if (!ctx.el3) return NON_SECURE;
  return (ctx.el === 3 ? ctx.scrNs : ctx.nonSecure) ? NON_SECURE : SECURE;
}

/** Group 0 is not the business of this access: priorities show as Non-secure software sees them. */
function isShiftedView(ctx: IccContext): boolean {
  return ctx.el3 && !isSecure(ctx) && ctx.scrFiq;
}

/**
 * The ICC registers of all PEs. Whether an access is allowed is `iccAccess`'s to say; what arrives here is performed.
 * IHI 0069, "AArch64 System register descriptions".
 */
export class CpuInterfaces {
  readonly #core: GicCore;

  constructor(core: GicCore) {
    this.#core = core;
  }

  /** Reads a register; reading an IAR acknowledges. */
  read(pe: number, name: IccName, ctx: IccContext): number {
    const virtual = this.#virtual(pe, name, ctx);
    if (virtual) return virtual.icvRead(name);
    const cpu = this.#core.cpus[pe];
    switch (name) {
      case 'ICC_IAR0_EL1':
        return this.#acknowledge(pe, 0, ctx);
      case 'ICC_IAR1_EL1':
        return this.#acknowledge(pe, 1, ctx);
      case 'ICC_HPPIR0_EL1':
        return this.#hppir(pe, 0, ctx);
      case 'ICC_HPPIR1_EL1':
        return this.#hppir(pe, 1, ctx);
      case 'ICC_PMR_EL1':
        return isShiftedView(ctx) ? toNonSecureRunning(cpu.pmr) & this.#core.priorityMask : cpu.pmr;
      case 'ICC_RPR_EL1':
        return this.#readRpr(pe, cpu, ctx);
      case 'ICC_BPR0_EL1':
        return cpu.bpr0;
      case 'ICC_BPR1_EL1':
        return this.#readBpr1(cpu, ctx);
      case 'ICC_CTLR_EL1':
        return this.#readCtlrEl1(cpu, bankOf(ctx));
      case 'ICC_CTLR_EL3':
        return this.#readCtlrEl3(cpu);
      case 'ICC_SRE_EL1':
        return SRE_FIXED;
      case 'ICC_SRE_EL2':
        // IHI 0069, "ICC_SRE_EL2": RES0 from EL3 when EL2 is not implemented.
        return ctx.el2 ? SRE_FIXED | (cpu.sreEl2Enable ? SRE_ENABLE : 0) : 0;
      case 'ICC_SRE_EL3':
        return SRE_FIXED | (cpu.sreEl3Enable ? SRE_ENABLE : 0);
      case 'ICC_IGRPEN0_EL1':
        return Number(cpu.igrpen[G0]);
      case 'ICC_IGRPEN1_EL1':
        return Number(cpu.igrpen[bankOf(ctx) === SECURE ? G1S : G1NS]);
      case 'ICC_IGRPEN1_EL3':
        return Number(cpu.igrpen[G1NS]) | (Number(cpu.igrpen[G1S]) << 1);
      default:
        return this.#readApr(cpu, name, ctx);
    }
  }

  /** Writes a register. */
  write(pe: number, name: IccName, value: bigint, ctx: IccContext): void {
    const virtual = this.#virtual(pe, name, ctx);
    if (virtual) {
      virtual.icvWrite(name, Number(value & 0xffff_ffffn));
      return;
    }
    const cpu = this.#core.cpus[pe];
    const low = Number(value & 0xffff_ffffn);
    switch (name) {
      case 'ICC_EOIR0_EL1':
        this.#endOfInterrupt(pe, 0, low & 0xff_ffff, ctx);
        return;
      case 'ICC_EOIR1_EL1':
        this.#endOfInterrupt(pe, 1, low & 0xff_ffff, ctx);
        return;
      case 'ICC_DIR_EL1':
        this.#deactivate(pe, low & 0xff_ffff, ctx);
        return;
      case 'ICC_SGI0R_EL1':
      case 'ICC_SGI1R_EL1':
      case 'ICC_ASGI1R_EL1':
        this.#generateSgi(pe, name, value, ctx);
        return;
      case 'ICC_PMR_EL1':
        this.#writePmr(pe, cpu, low, ctx);
        return;
      case 'ICC_BPR0_EL1':
        cpu.bpr0 = Math.max(low & 7, cpu.bprMin('BPR0'));
        this.#core.signal(pe);
        return;
      case 'ICC_BPR1_EL1':
        this.#writeBpr1(cpu, low & 7, ctx);
        this.#core.signal(pe);
        return;
      case 'ICC_CTLR_EL1':
        this.#writeCtlrEl1(cpu, low, ctx);
        this.#core.updateParticipation(pe);
        return;
      case 'ICC_CTLR_EL3':
        this.#writeCtlrEl3(cpu, low);
        this.#core.updateParticipation(pe);
        return;
      case 'ICC_SRE_EL2':
        if (ctx.el2) cpu.sreEl2Enable = (low & SRE_ENABLE) !== 0;
        return;
      case 'ICC_SRE_EL3':
        cpu.sreEl3Enable = (low & SRE_ENABLE) !== 0;
        return;
      case 'ICC_IGRPEN0_EL1':
        cpu.igrpen[G0] = (low & 1) !== 0;
        this.#core.updateParticipation(pe);
        return;
      case 'ICC_IGRPEN1_EL1':
        cpu.igrpen[bankOf(ctx) === SECURE ? G1S : G1NS] = (low & 1) !== 0;
        this.#core.updateParticipation(pe);
        return;
      case 'ICC_IGRPEN1_EL3':
        cpu.igrpen[G1NS] = (low & 1) !== 0;
        cpu.igrpen[G1S] = (low & 2) !== 0;
        this.#core.updateParticipation(pe);
        return;
      default:
        this.#writeApr(cpu, name, low, ctx);
        this.#core.signal(pe);
        return;
    }
  }

  #readRpr(pe: number, cpu: CpuState, ctx: IccContext): number {
    const running = Math.min(cpu.runningPriority(), this.#core.held[pe]);
    return isShiftedView(ctx) ? toNonSecureRunning(running) : running;
  }

  /** The virtual CPU interface, for an access that HCR_EL2 redirects to it. */
  #virtual(pe: number, name: IccName, ctx: IccContext): VirtualInterface | undefined {
    return isVirtualAccess(name, ctx) ? this.#core.virtual[pe] : undefined;
  }

  /**
   * What HPPIR0 or HPPIR1 shows: the INTID, or a special one when this register and state may not see the group.
   * IHI 0069, "ICC_HPPIR0_EL1" and "ICC_HPPIR1_EL1"; ICC_CTLR_EL3.RM is 0.
   */
  #hppir(pe: number, register: 0 | 1, ctx: IccContext): number {
    const core = this.#core;
    const intid = core.hppiIntid[pe];
    if (intid === INTID_NONE) return INTID_NONE;
    const group = core.hppiGroup[pe] as Group;
    const ofSecure = !core.ds && group !== G1NS;
    const secure = isSecure(ctx);
    if (ofSecure && !secure) return INTID_NONE;
    const atEl3 = ctx.el === 3;
    if (register === 0) {
      if (group === G0) return intid;
      if (!atEl3) return INTID_NONE;
      return ofSecure ? INTID_SECURE : INTID_NONSECURE;
    }
    if (group === G0) return INTID_NONE;
    return !ofSecure && secure && !atEl3 ? INTID_NONE : intid;
  }

  #acknowledge(pe: number, register: 0 | 1, ctx: IccContext): number {
    const core = this.#core;
    if (core.hppiIntid[pe] === INTID_NONE || !core.canSignal(pe)) return INTID_NONE;
    const intid = this.#hppir(pe, register, ctx);
    if (isSpecialIntid(intid)) return intid;
    core.cpus[pe].activate(core.hppiGroup[pe] as Group, core.hppiPriority[pe]);
    core.acknowledge(intid, pe);
    return intid;
  }

  /**
   * Priority drop, and deactivation unless EOImode splits the two. An INTID that is not the one acknowledged last is
   * UNPREDICTABLE: the priority still drops, since the interface remembers priorities and not INTIDs, and the INTID
   * written is deactivated only if this register and state may touch its group.
   */
  #endOfInterrupt(pe: number, register: 0 | 1, intid: number, ctx: IccContext): void {
    const core = this.#core;
    if (isSpecialIntid(intid) || (intid > INTID_NONE && !core.isLpi(intid))) return;
    const cpu = core.cpus[pe];
    const group = cpu.runningGroup();
    if (group === undefined || !this.#ownsGroup(group, register, ctx)) return;
    cpu.drop(group);
    core.observer?.(pe, 'ended', intid);
    const ofIntid = core.groupOfIntid(intid, pe);
    if (!this.#splitsEoi(cpu, ctx) && ofIntid !== undefined && this.#ownsGroup(ofIntid, register, ctx)) {
      core.deactivate(intid, pe);
    }
    core.signal(pe);
  }

  #ownsGroup(group: Group, register: 0 | 1, ctx: IccContext): boolean {
    if ((group === G0) !== (register === 0)) return false;
    const secure = isSecure(ctx);
    if (group === G0) return this.#core.ds || secure;
    if (group === G1S) return secure;
    return ctx.el === 3 || !secure;
  }

  #splitsEoi(cpu: CpuState, ctx: IccContext): boolean {
    return ctx.el === 3 ? cpu.eoiModeEl3 : cpu.eoiMode[bankOf(ctx)];
  }

  /** ICC_DIR_EL1. With EOImode = 0 the write is ignored, one of the choices of IHI 0069. */
  #deactivate(pe: number, intid: number, ctx: IccContext): void {
    const core = this.#core;
    const group = core.groupOfIntid(intid, pe);
    if (group === undefined || !this.#splitsEoi(core.cpus[pe], ctx)) return;
    if (!this.#mayDeactivate(group, ctx)) return;
    core.deactivate(intid, pe);
    core.observer?.(pe, 'deactivated', intid);
  }

  /**
   * IHI 0069, "ICC_DIR_EL1": not a group routed to EL3, nor one of the other state. A group that HCR_EL2 routes to EL2
   * does not come here from EL1: that access is redirected.
   */
  #mayDeactivate(group: Group, ctx: IccContext): boolean {
    if (ctx.el === 3) return true;
    if (ctx.el3 && (group === G0 ? ctx.scrFiq : ctx.scrIrq)) return false;
    return isSecure(ctx) || this.#core.ds || group === G1NS;
  }

  #writePmr(pe: number, cpu: CpuState, value: number, ctx: IccContext): void {
    let stored = value & 0xff;
    if (isShiftedView(ctx)) {
      // A mask that Secure software put into its own half is not Non-secure software's to change.
      if (cpu.pmr < 0x80) return;
      stored = fromNonSecurePriority(stored);
    }
    cpu.pmr = stored & this.#core.priorityMask;
    if (cpu.pmhe) this.#core.updateParticipation(pe);
    else this.#core.signal(pe);
  }

  #readBpr1(cpu: CpuState, ctx: IccContext): number {
    const bank = bankOf(ctx);
    if (!cpu.cbpr[bank] || ctx.el === 3) return cpu.bpr1[bank];
    return bank === SECURE ? cpu.bpr0 : Math.min(cpu.bpr0 + 1, 7);
  }

  #writeBpr1(cpu: CpuState, value: number, ctx: IccContext): void {
    const bank = bankOf(ctx);
    if (!cpu.cbpr[bank] || ctx.el === 3) {
      cpu.bpr1[bank] = Math.max(value, cpu.bprMin(bank === SECURE ? 'BPR1S' : 'BPR1NS'));
    } else if (bank === SECURE) {
      cpu.bpr0 = Math.max(value, cpu.bprMin('BPR0'));
    }
  }

  #ctlrFixed(): number {
    return CTLR_A3V | CTLR_IDBITS | ((this.#core.priorityBits - 1) << 8);
  }

  #readCtlrEl1(cpu: CpuState, bank: Bank): number {
    const modes = Number(cpu.cbpr[bank]) | (Number(cpu.eoiMode[bank]) << 1);
    return this.#ctlrFixed() | modes | (cpu.pmhe ? CTLR_PMHE : 0);
  }

  #writeCtlrEl1(cpu: CpuState, value: number, ctx: IccContext): void {
    const bank = bankOf(ctx);
    cpu.eoiMode[bank] = (value & 2) !== 0;
    // IHI 0069, "ICC_CTLR_EL1": read-only aliases of ICC_CTLR_EL3 while EL3 keeps two security states apart.
    if (ctx.el3 && !this.#core.ds) return;
    cpu.cbpr[bank] = (value & 1) !== 0;
    cpu.pmhe = (value & CTLR_PMHE) !== 0;
  }

  #readCtlrEl3(cpu: CpuState): number {
    const modes =
      Number(cpu.cbpr[SECURE]) |
      (Number(cpu.cbpr[NON_SECURE]) << 1) |
      (Number(cpu.eoiModeEl3) << 2) |
      (Number(cpu.eoiMode[SECURE]) << 3) |
      (Number(cpu.eoiMode[NON_SECURE]) << 4);
    return this.#ctlrFixed() | modes | (cpu.pmhe ? CTLR_PMHE : 0);
  }

  #writeCtlrEl3(cpu: CpuState, value: number): void {
    cpu.cbpr[SECURE] = (value & 1) !== 0;
    cpu.cbpr[NON_SECURE] = (value & 2) !== 0;
    cpu.eoiModeEl3 = (value & 4) !== 0;
    cpu.eoiMode[SECURE] = (value & 8) !== 0;
    cpu.eoiMode[NON_SECURE] = (value & 16) !== 0;
    cpu.pmhe = (value & CTLR_PMHE) !== 0;
  }

  /** The words and element an ICC_APmRn name stands for; undefined for a name that is not one. */
  #apr(cpu: CpuState, name: IccName, ctx: IccContext): { words: Int32Array; n: number; group: Group } | undefined {
    const register: { readonly class: string; readonly apr?: number } = ICC_REGISTERS[name];
    if (register.apr === undefined || register.apr >= cpu.aprWords) return undefined;
    const group1 = bankOf(ctx) === SECURE ? G1S : G1NS;
    const group = register.class === 'group0' ? G0 : group1;
    return { words: cpu.apr[group], n: register.apr, group };
  }

  #readApr(cpu: CpuState, name: IccName, ctx: IccContext): number {
    const apr = this.#apr(cpu, name, ctx);
    return apr === undefined ? 0 : apr.words[apr.n] >>> 0;
  }

  /**
   * Non-secure software cannot claim an active priority in the Secure half, which would hold off Secure interrupts;
   * of its own half it can change every bit.
   */
  #writeApr(cpu: CpuState, name: IccName, value: number, ctx: IccContext): void {
    const apr = this.#apr(cpu, name, ctx);
    if (apr === undefined) return;
    let allowed = cpu.preBits < 5 ? (1 << (1 << cpu.preBits)) - 1 : -1;
    if (apr.group === G1NS && ctx.el3 && ctx.el !== 3 && !this.#core.ds) {
      if (cpu.aprWords === 1) allowed &= -1 << ((1 << cpu.preBits) >> 1);
      else if (apr.n < cpu.aprWords >> 1) allowed = 0;
    }
    apr.words[apr.n] = value & allowed;
  }

  #generateSgi(pe: number, register: SgiRegister, value: bigint, ctx: IccContext): void {
    const core = this.#core;
    const { intid, allButSelf, cluster, targetList } = decodeSgi(value);
    let writer: SgiWriter = isSecure(ctx) ? 'secure' : 'nonSecure';
    if (core.ds) writer = 'single';
    for (let target = 0; target < core.pes; target++) {
      const affinity = core.affinities[target];
      const aff0 = affinity & 0xff;
      const listed = affinity >>> 8 === cluster && aff0 < 16 && ((targetList >>> aff0) & 1) === 1;
      if (allButSelf ? target === pe : !listed) continue;
      const bank = core.privates[target];
      const nsacr = (bank.nsacr[0] >>> (intid * 2)) & 3;
      if (!sgiIsForwarded(register, writer, core.groupOf(bank, 0, 1 << intid), nsacr)) continue;
      bank.latch[0] |= 1 << intid;
      core.observer?.(pe, 'generated', intid, target);
      core.update(target);
    }
  }
}
