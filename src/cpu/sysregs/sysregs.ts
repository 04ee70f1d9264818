/** MRS and MSR: presence, access rights, traps, then the value. DDI 0487, "The A64 System instruction class". */
import { EC, issForSysregKey } from '../../arch/esr.ts';
import { PE_DERIVED } from '../../arch/pestate.ts';
import { genericName, storedAfterWrite, sysregByName, sysregEncoding } from '../../arch/sysregs/index.ts';
import { type PeSysreg, sysregOffset } from '../state.ts';
import { HCR, isHost, redirect } from '../vhe.ts';
import type { ComputedSysregs, SysregContext } from './computed.ts';
import { isTrapped, type SysregTrap, trapsOf } from './traps.ts';

const SCR_EL3 = sysregOffset('SCR_EL3');
const SCR_ST = 1 << 11;
/** Registers of the floating-point unit: the FP trap applies to them. */
const FP_REGISTERS = new Set(['FPCR', 'FPSR']);

/** What an access becomes before any value moves. */
type Verdict = 'ok' | 'undefined' | 'zero' | { readonly trap: 1 | 2 | 3; readonly fp?: true };

/** Registers for which `special` has a rule. */
const SPECIAL_RULES = /^(IC[CH]_|PM|CNTPS_|SP_EL0$|CNTFRQ_EL0$|FPCR$|FPSR$)/;

/** Registers that the GIC answers for. */
const IS_GIC = /^IC[CH]_/;

/** What has to be looked at before a register is accessed. */
interface Checks {
  readonly special: boolean;
  readonly traps: readonly SysregTrap[];
}

/** What happens after a stored register changed. */
export type Effects = Readonly<Record<string, () => void>>;

/** The System registers of one PE. */
export class Sysregs {
  private readonly c: SysregContext;
  private readonly computed: ComputedSysregs;
  private readonly effects: Effects;
  private readonly checks = new Map<string, Checks>();

  constructor(c: SysregContext, computed: ComputedSysregs, effects: Effects) {
    this.c = c;
    this.computed = computed;
    this.effects = effects;
  }

  /** MRS of a packed encoding; 0 when an exception was taken instead. */
  read(key: number): bigint {
    const { c } = this;
    const reached = redirect(c.s, key);
    const verdict = this.verdict(key, reached, false);
    if (verdict === 'zero') return 0n;
    if (verdict !== 'ok') {
      this.refuse(key, verdict, true);
      return 0n;
    }
    return this.value(c.s.sysregs.get(reached!)!);
  }

  /** MSR of a packed encoding. The caller moves PC on unless an exception was taken. */
  write(key: number, value: bigint): boolean {
    const reached = redirect(this.c.s, key);
    const verdict = this.verdict(key, reached, true);
    if (verdict === 'zero') return true;
    if (verdict !== 'ok') {
      this.refuse(key, verdict, false);
      return false;
    }
    this.assign(this.c.s.sysregs.get(reached!)!, value);
    return true;
  }

  /** The value without access checks: for the debugger, and for firmware. */
  value(r: PeSysreg): bigint {
    const { c } = this;
    const { name, accesses } = r.row;
    if (accesses !== undefined) return this.value(this.named(accesses));
    const behaviour = this.computed[name];
    if (behaviour) return behaviour.read?.(c) ?? 0n;
    if (IS_GIC.test(name)) return c.gic().iccRead(c.s.index, name, c.exceptions.iccContext());
    return r.offset >= 0 ? c.s.sys(r.offset) : r.reset;
  }

  /** Writes without access checks, with all effects. */
  assign(r: PeSysreg, value: bigint): void {
    const { c } = this;
    const { name, accesses } = r.row;
    if (accesses !== undefined) return this.assign(this.named(accesses), value);
    const behaviour = this.computed[name];
    if (behaviour) behaviour.write?.(c, value);
    else if (IS_GIC.test(name)) c.gic().iccWrite(c.s.index, name, value, c.exceptions.iccContext());
    else if (r.offset >= 0) {
      c.s.setSys(r.offset, storedAfterWrite(r, c.s.sys(r.offset), value));
      this.effects[name]?.();
    }
  }

  private named(name: string): PeSysreg {
    return this.c.s.sysregs.get(sysregByName(name)!.key)!;
  }

  // --- access rights ---

  /** @param reached - the encoding that the access goes to, or undefined: see `redirect` */
  private verdict(key: number, reached: number | undefined, write: boolean): Verdict {
    const { el } = this.c.s;
    if (reached === undefined) return 'undefined';
    if (el === 1 && isImplementationDefined(key) && this.c.exceptions.hcr & HCR.TIDCP) return { trap: 2 };
    // EL0 and EL1 are entitled by the name they use, EL2 and EL3 by the register they reach.
    const r = this.c.s.sysregs.get(el < 2 ? key : reached);
    if (!r) return this.unnamed(key, write, el);
    const { row } = r;
    if (row.model === 'absent' || r.presence === 'undefined') return this.unnamed(key, write, el);
    if (write ? row.access === 'RO' : row.access === 'WO') return 'undefined';
    const writeEl = row.writeEl === 'highest' ? this.c.s.highestEl : row.writeEl;
    if (el < (write ? (writeEl ?? row.el) : row.el)) return 'undefined';
    if (r.presence === 'res0') return el === 3 ? 'zero' : 'undefined';
    let checks = this.checks.get(row.name);
    if (!checks) {
      checks = { special: SPECIAL_RULES.test(row.name), traps: trapsOf(row.name) };
      this.checks.set(row.name, checks);
    }
    const special = checks.special ? this.special(row.name, write, el) : undefined;
    return special ?? this.trapped(checks.traps, write) ?? 'ok';
  }

  /** Encodings no row names: the ID space reads as zero, everything else is UNDEFINED. */
  private unnamed(key: number, write: boolean, el: number): Verdict {
    if (!this.reservedId(key, write, el)) return 'undefined';
    return el === 1 && this.c.exceptions.hcr & TID3 ? { trap: 2 } : 'zero';
  }
  private reservedId(key: number, write: boolean, el: number): boolean {
    const [op0, op1, crn, crm] = sysregEncoding(key);
    return !write && el > 0 && op0 === 3 && op1 === 0 && crn === 0 && crm >= 1 && crm <= 7;
  }

  private special(name: string, write: boolean, el: number): Verdict | undefined {
    const { c } = this;
    if (IS_GIC.test(name)) {
      const outcome = c.gic().iccAccess(name, write ? 'write' : 'read', c.exceptions.iccContext(), c.s.index);
      return outcome === 'ok'
        ? undefined
        : outcome === 'undefined'
          ? 'undefined'
          : { trap: outcome === 'trap-el2' ? 2 : 3 };
    }
    if (name.startsWith('PM')) {
      const outcome = c.pmuAccess(name, write);
      if (outcome === 'undefined') return 'undefined';
      if (outcome !== 'ok') return { trap: outcome === 'trap-el1' ? 1 : 2 };
    }
    if (name === 'SP_EL0' && !(c.s.pstate() & 1)) return 'undefined';
    if (FP_REGISTERS.has(name) && c.s.get32(PE_DERIVED.fpTrapped)) {
      return { trap: c.s.get32(PE_DERIVED.fpTrapped) as 1 | 2 | 3, fp: true };
    }
    if (name.startsWith('CNTPS_') && el === 1) {
      if (!c.exceptions.secure) return 'undefined';
      if (!(c.s.sysLow(SCR_EL3) & SCR_ST)) return { trap: 3 };
    }
    if (name.startsWith('CNTPS_') && el === 2) return 'undefined';
    if (name === 'CNTFRQ_EL0' && el === 0 && !(c.s.sysLow(isHost(c.s) ? CNTHCTL_EL2 : CNTKCTL_EL1) & 3))
      return { trap: 1 };
    return undefined;
  }

  private trapped(traps: readonly SysregTrap[], write: boolean): Verdict | undefined {
    const found = traps.length > 0 && traps.find((t) => isTrapped(t, write, this.c));
    return found ? { trap: found.target } : undefined;
  }

  private refuse(key: number, verdict: Exclude<Verdict, 'ok' | 'zero'>, read: boolean): void {
    const { c } = this;
    if (verdict === 'undefined') {
      const row = c.s.sysregs.get(key)?.row;
      if (c.s.el > 0) {
        const why =
          row?.model === 'absent'
            ? 'not implemented by this processor'
            : row
              ? 'not accessible here'
              : 'no such register';
        c.machine.report(
          c.s.index,
          `${read ? 'MRS' : 'MSR'} ${row?.name ?? genericName(key)} at EL${c.s.el}: ${why}, UNDEFINED`,
        );
      }
      c.exceptions.undefined();
      return;
    }
    const lower = verdict.trap === 1 ? c.exceptions.syncTarget() : verdict.trap;
    if (verdict.fp) return c.exceptions.floatingPointTrap(lower);
    c.exceptions.sync(EC.SystemRegisterTrap, issForSysregKey(key, c.transferRegister(), read), { target: lower });
  }
}

const CNTKCTL_EL1 = sysregOffset('CNTKCTL_EL1');
const CNTHCTL_EL2 = sysregOffset('CNTHCTL_EL2');
/** HCR_EL2.TID3. */
const TID3 = 1 << 18;

/** Encodings that are IMPLEMENTATION DEFINED: CRn 11 and 15 with op0 3. */
function isImplementationDefined(key: number): boolean {
  const [op0, , crn] = sysregEncoding(key);
  return op0 === 3 && (crn === 11 || crn === 15);
}
