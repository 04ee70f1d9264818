/** Debug registers that act, and the RAS error records: DDI 0487, "Debug registers" and "RAS Extension". */
import { sysregOffset } from '../state.ts';
import type { ComputedSysreg, ComputedSysregs, SysregContext } from './computed.ts';

const OSLSR_EL1 = sysregOffset('OSLSR_EL1');
const ERRSELR_EL1 = sysregOffset('ERRSELR_EL1');
const OSLK = 2n;

/** State of the debug claim tags of one PE. */
export interface ClaimTags {
  value: bigint;
}

/** OS lock, claim tags and the debug ROM address. `lockChanged` hears of writes to the lock. */
export function debugRegisters(claim: ClaimTags, lockChanged: () => void): ComputedSysregs {
  return {
    OSLAR_EL1: {
      write: (c, value) => {
        c.s.setSys(OSLSR_EL1, (c.s.sys(OSLSR_EL1) & ~OSLK) | (value & 1n ? OSLK : 0n));
        lockChanged();
      },
    },
    DBGCLAIMSET_EL1: {
      read: () => 0xffn,
      write: (_c, value) => {
        claim.value |= value & 0xffn;
      },
    },
    DBGCLAIMCLR_EL1: {
      read: () => claim.value,
      write: (_c, value) => {
        claim.value &= ~value;
      },
    },
    MDRAR_EL1: { read: () => 0n },
  };
}

/** One error record: the registers that ERRSELR_EL1 selects. */
export interface ErrorRecord {
  ctlr: bigint;
  status: bigint;
  addr: bigint;
  misc0: bigint;
  misc1: bigint;
}

/** A record with nothing in it. */
export function emptyRecord(): ErrorRecord {
  return { ctlr: 0n, status: 0n, addr: 0n, misc0: 0n, misc1: 0n };
}

/** ERR<n>FR: errors are reported in the record (ED), nothing else. */
const FEATURES = 1n;
/** ERR<n>CTLR.ED and the interrupt and in-band enables are kept. */
const CTLR_MASK = 0x3dn;
/** Status bits that a write of one clears: AV, V, UE, ER, OF, MV, CE, DE, PN, UET. */
const STATUS_W1C = 0xff_f000_00n;

function selected(c: SysregContext, records: readonly ErrorRecord[]): ErrorRecord | undefined {
  return records[Number(c.s.sys(ERRSELR_EL1) & 0xffffn)];
}

function field(records: readonly ErrorRecord[], name: keyof ErrorRecord, mask: bigint): ComputedSysreg {
  return {
    read: (c) => selected(c, records)?.[name] ?? 0n,
    write: (c, value) => {
      const record = selected(c, records);
      if (record) record[name] = value & mask;
    },
  };
}

/** ERX registers: the record that ERRSELR_EL1 selects, RAZ/WI when there is none. */
export function rasRegisters(records: readonly ErrorRecord[]): ComputedSysregs {
  const all = (1n << 64n) - 1n;
  return {
    ERXFR_EL1: { read: (c) => (selected(c, records) ? FEATURES : 0n) },
    ERXCTLR_EL1: field(records, 'ctlr', CTLR_MASK),
    ERXSTATUS_EL1: {
      read: (c) => selected(c, records)?.status ?? 0n,
      write: (c, value) => {
        const record = selected(c, records);
        if (record) record.status &= ~(value & STATUS_W1C);
      },
    },
    ERXADDR_EL1: field(records, 'addr', all),
    ERXMISC0_EL1: field(records, 'misc0', all),
    ERXMISC1_EL1: field(records, 'misc1', all),
  };
}
