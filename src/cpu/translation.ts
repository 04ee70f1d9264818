/** What both stages of translation share: requests, results, and what follows from granule and sizes. */
import type { Profile } from '../arch/profiles.ts';

/** What a translation is asked for. */
export interface TranslationRequest {
  readonly kind: 'read' | 'write' | 'fetch';
  /** Exception level whose regime and permissions count: 0 for unprivileged accesses from EL1. */
  readonly el: number;
  /** PSTATE.PAN as it applies to this access. */
  readonly pan: boolean;
  /** The answer is what stage 1 gives; the walk itself goes through stage 2 all the same. */
  readonly stage1Only?: boolean;
}

/** A translation, or why there is none. */
export interface Translation {
  /**
   * Six bits of fault status, with `STAGE_2` and `ON_WALK` where they apply; or -1 when the translation succeeded.
   */
  fault: number;
  /** Physical address, below 2^52. */
  pa: number;
  /** Device memory: unaligned accesses fault. */
  device: boolean;
  readable: boolean;
  writable: boolean;
  executable: boolean;
  /** Attributes as PAR_EL1.ATTR reports them. */
  attributes: number;
  /** Shareability as PAR_EL1.SH reports it. */
  shareability: number;
}

/** In `Translation.fault`: stage 2 refused; `Mmu.faultIpa` says which address. */
export const STAGE_2 = 0x100;
/** In `Translation.fault`, with `STAGE_2`: it was a descriptor of stage 1 that stage 2 refused; place of ISS.S1PTW. */
export const ON_WALK = 0x80;
/** The six bits of fault status in `Translation.fault`. */
export const FAULT_STATUS = 0x3f;

/** log2 of the granule by TCR_EL1.TG0 and VTCR_EL2.TG0; 0 is reserved. */
export const TG0: readonly [number, number, number, number] = [12, 16, 14, 0];
/** log2 of the granule by TCR_EL1.TG1; 0 is reserved. */
export const TG1: readonly [number, number, number, number] = [0, 14, 12, 16];
/** Physical address bits by TCR.IPS or PS and ID_AA64MMFR0_EL1.PARange. */
export const PA_BITS: readonly number[] = [32, 36, 40, 42, 44, 48, 48, 48];
/** 2^32: what a high half counts. */
export const TWO32 = 0x1_0000_0000;

/** ID_AA64MMFR0_EL1.PARange. */
export function paRange(profile: Profile): 4 | 5 {
  return profile.paBits === 48 ? 5 : 4;
}

/** Where a walk begins and where it may lead. */
export interface Lookups {
  readonly granuleLog2: number;
  /** Bits of the input address. */
  readonly vaBits: number;
  /** Level of the first lookup, how many bits of the address it takes, and to what its table is aligned. */
  readonly firstLevel: number;
  readonly firstBits: number;
  readonly firstBytes: number;
  /** Addresses of tables and pages lie below. */
  readonly outputLimit: number;
}

/** What follows from the granule, the size of the input and the output size in bits. */
export function lookups(granuleLog2: number, vaBits: number, outputBits: number): Lookups {
  const stride = granuleLog2 - 3;
  const firstLevel = 4 - Math.ceil((vaBits - granuleLog2) / stride);
  return lookupsFrom(firstLevel, granuleLog2, vaBits, outputBits);
}
/** The same where the level of the first lookup is given: stage 2, whose first tables may be concatenated. */
export function lookupsFrom(firstLevel: number, granuleLog2: number, vaBits: number, outputBits: number): Lookups {
  const firstBits = vaBits - granuleLog2 - (granuleLog2 - 3) * (3 - firstLevel);
  const firstBytes = Math.max(2 ** (firstBits + 3), 64);
  return { granuleLog2, vaBits, firstLevel, firstBits, firstBytes, outputLimit: 2 ** outputBits };
}

/** `count` bits of an address, given as two halves, from bit `lsb` up. */
export function addressField(hi: number, lo: number, lsb: number, count: number): number {
  const value = lsb >= 32 ? hi >>> (lsb - 32) : lsb === 0 ? lo >>> 0 : (lo >>> lsb) | (hi << (32 - lsb));
  return value & ((1 << count) - 1);
}

/** log2 of the granule that a field asks for; a reserved or unsupported one is 4K: IMPLEMENTATION DEFINED, our choice. */
export function implementedGranule(profile: Profile, log2: number): number {
  const name = { 12: '4K', 14: '16K', 16: '64K' }[log2] as '4K' | '16K' | '64K' | undefined;
  return name && profile.granules.includes(name) ? log2 : 12;
}

/** Whether a block descriptor exists at a level: 4 KiB granule levels 1 and 2, 16 and 64 KiB level 2 (no FEAT_LPA). */
export function blockAllowed(granuleLog2: number, level: number): boolean {
  return granuleLog2 === 12 ? level === 1 || level === 2 : level === 2;
}
