/** SYS instructions: cache maintenance, TLB maintenance, address translation. DDI 0487, "A64 System instructions". */
import { EC, FSC, issForSysregKey } from '../arch/esr.ts';
import { PE_STATE } from '../arch/pestate.ts';
import { genericName } from '../arch/sysregs/index.ts';
import { SYS_OPS, type SysOp, sysOpPresent } from '../arch/sysregs/sysops.ts';
import type { Mmu } from './mmu.ts';
import { el2Enabled } from './routing.ts';
import { sysregOffset } from './state.ts';
import type { SysregContext } from './sysregs/computed.ts';
import { FAULT_STATUS, ON_WALK, STAGE_2 } from './translation.ts';
import { HCR, isHost, sctlrOf } from './vhe.ts';

const BY_KEY = new Map(SYS_OPS.map((op) => [op.key, op]));
const PAR_EL1 = sysregOffset('PAR_EL1');
/** Fields of PAR_EL1 after a fault: it failed, on a walk of stage 1, at stage 2. */
const PAR = { F: 1n, PTW: 1n << 8n, S: 1n << 9n } as const;
const UCI = 1 << 26;
const DZE = 1 << 14;

/** HCR_EL2 bits that trap maintenance from EL1, by the operation's prefix. */
const HCR_TRAPS: readonly (readonly [RegExp, number])[] = [
  [/^TLBI/, 25],
  [/^DC (ISW|CSW|CISW)$/, 22],
  [/^DC (IVAC|CIVAC|CVAC)$/, 23],
  [/^(IC|DC CVAU)/, 24],
  [/^DC ZVA$/, 28],
];

/** The bits of `HCR_TRAPS` for each operation. */
const TRAP_BITS = new Map(
  SYS_OPS.map((op) => [
    op,
    HCR_TRAPS.reduce((bits, [name, bit]) => (name.test(op.name) ? bits | (1 << bit) : bits), 0),
  ]),
);
/** Operations that do more than to check whether they may. */
const ACTS = new Map<SysOp, 'translate' | 'maintain'>();
for (const op of SYS_OPS) {
  if (op.name.startsWith('AT ')) ACTS.set(op, 'translate');
  else if ((op.name.startsWith('DC ') && !/SW$/.test(op.name)) || op.name === 'IC IVAU') ACTS.set(op, 'maintain');
}

/** Executes SYS. Caches do not exist and translations are never stale, so most operations only check and translate. */
export class SystemInstructions {
  private readonly c: SysregContext;
  private readonly mmu: Mmu;

  constructor(c: SysregContext, mmu: Mmu) {
    this.c = c;
    this.mmu = mmu;
  }

  /** True when the instruction completed; false when an exception was taken. */
  execute(key: number, xt: bigint): boolean {
    const { c } = this;
    const op = BY_KEY.get(key);
    const crn = (key >> 7) & 15;
    if (c.s.el === 1 && (crn === 11 || crn === 15) && c.exceptions.hcr & HCR.TIDCP) return !this.trap(key, 2);
    const impl = { features: c.s.profile.features, ...c.s.els };
    if (!op || !sysOpPresent(op, impl) || c.s.el < op.el) return this.undefined(key);
    if (this.trappedAtEl0(op) || this.trappedToEl2(op)) return false;
    const act = ACTS.get(op);
    if (act === 'translate') return this.translate(op, xt);
    return act === 'maintain' ? this.maintain(op, xt) : true;
  }

  /** Takes the trap of an operation, if one applies here: for those that are not executed by `execute`. */
  traps(key: number): boolean {
    const op = BY_KEY.get(key)!;
    return this.trappedAtEl0(op) || this.trappedToEl2(op);
  }

  /** DC ZVA does not trap at the current Exception level. */
  get zeroesFreely(): boolean {
    const { s, exceptions } = this.c;
    if (s.el === 0 && !(sctlrOf(s, 0) & DZE)) return false;
    return s.el > 1 || !(exceptions.hcr & HCR.TDZ);
  }

  /** SYSL: no row returns a value, so all of it is UNDEFINED. */
  read(key: number): bigint {
    this.undefined(key);
    return 0n;
  }

  private undefined(key: number): false {
    const { c } = this;
    if (c.s.el > 0)
      c.machine.report(c.s.index, `SYS ${BY_KEY.get(key)?.name ?? genericName(key)} at EL${c.s.el}: UNDEFINED`);
    c.exceptions.undefined();
    return false;
  }

  private trap(key: number, target: 1 | 2): true {
    const { c } = this;
    const to = target === 1 ? c.exceptions.syncTarget() : target;
    c.exceptions.sync(EC.SystemRegisterTrap, issForSysregKey(key, c.transferRegister(), false), { target: to });
    return true;
  }
  private trappedAtEl0(op: SysOp): boolean {
    const { s } = this.c;
    if (s.el !== 0) return false;
    const enable = op.name === 'DC ZVA' ? DZE : UCI;
    return sctlrOf(s, 0) & enable ? false : this.trap(op.key, 1);
  }
  private trappedToEl2(op: SysOp): boolean {
    const { c } = this;
    return c.s.el <= 1 && c.exceptions.hcr & TRAP_BITS.get(op)! ? this.trap(op.key, 2) : false;
  }

  /** Maintenance by VA: translated, so that it faults as the architecture says. DC IVAC needs write permission. */
  private maintain(op: SysOp, va: bigint): boolean {
    const write = op.name === 'DC IVAC' && this.c.s.el > 0;
    return this.c.access.probe(va, write, { cacheMaintenance: true }) !== undefined;
  }

  /**
   * AT: PAR_EL1 gets the physical address or the fault, but an External abort on the walk is taken, and so is what
   * stage 2 refuses of EL1's own walk. DDI 0487, "Address translation instructions".
   */
  private translate({ key, name: full }: SysOp, va: bigint): boolean {
    const { c } = this;
    const { s } = c;
    const name = full.slice(3);
    const m = /^S(1|12)E([0-3])([RW])P?$/.exec(name)!;
    const stage1Only = m[1] === '1';
    const named = Number(m[2]);
    if (named === 2 && !el2Enabled({ el2: s.els.el2, secure: c.exceptions.secureBelowEl3 })) return this.undefined(key);
    const hi = Number(va >> 32n);
    const lo = Number(va & 0xffff_ffffn);
    const t = this.mmu.translate(hi, lo, {
      kind: m[3] === 'W' ? 'write' : 'read',
      el: named === 1 && stage1Only && isHost(s) ? 2 : named,
      pan: name.endsWith('P') && s.get32(PE_STATE.PAN) !== 0,
      stage1Only,
    });
    const code = t.fault & FAULT_STATUS;
    const external = t.fault >= 0 && (code & ~3) === FSC.SyncExternalOnWalk;
    if (external || (t.fault >= 0 && t.fault & ON_WALK && s.el === 1)) {
      c.access.aborts.data(hi, lo, t.fault, { write: true, maintenance: true });
      return false;
    }
    const success =
      (BigInt(t.attributes) << 56n) |
      (BigInt(Math.floor(t.pa / 4096)) << 12n) |
      (1n << 11n) |
      (BigInt(t.shareability) << 7n);
    const stage = (t.fault & STAGE_2 ? PAR.S : 0n) | (t.fault & ON_WALK ? PAR.PTW : 0n);
    s.setSys(PAR_EL1, t.fault >= 0 ? (1n << 11n) | stage | BigInt(code << 1) | PAR.F : success);
    return true;
  }
}
