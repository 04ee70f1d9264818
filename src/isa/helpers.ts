import type { HelperEffect, HelperSignature, Ty } from '../ir/types.ts';

function helper(name: string, params: readonly Ty[], result: Ty, effect: HelperEffect): HelperSignature {
  return { name, params, result, effect };
}

/**
 * Calls from instructions into TypeScript that belong to the processing element (implemented in `cpu/`).
 *
 * System register and system instruction numbers are packed as op0:op1:CRn:CRm:op2 in 16 bits.
 */
export const HELPERS = {
  /** Takes the exception for an encoding that is UNDEFINED at this place; the word is for the log. */
  undefinedInstruction: helper('undefinedInstruction', ['i32'], 'none', 'leave'),
  /** FP or SIMD instruction while CPACR_EL1, CPTR_EL2 or CPTR_EL3 trap it. */
  fpAccessTrap: helper('fpAccessTrap', [], 'none', 'leave'),
  /** SVC, HVC and SMC with their immediate. */
  supervisorCall: helper('supervisorCall', ['i32'], 'none', 'leave'),
  hypervisorCall: helper('hypervisorCall', ['i32'], 'none', 'leave'),
  secureMonitorCall: helper('secureMonitorCall', ['i32'], 'none', 'leave'),
  /** BRK and HLT with their immediate. */
  breakpoint: helper('breakpoint', ['i32'], 'none', 'leave'),
  halt: helper('halt', ['i32'], 'none', 'leave'),
  exceptionReturn: helper('exceptionReturn', [], 'none', 'leave'),
  /** MRS: packed register number to its value. */
  readSysreg: helper('readSysreg', ['i32'], 'i64', 'may-divert'),
  /** MSR (register): always leaves, because what it changes may change what runs next. Packed number, value. */
  writeSysreg: helper('writeSysreg', ['i32', 'i64'], 'none', 'leave'),
  /** MSR (immediate): op1:op2 packed as op1 << 3 | op2, and the immediate. */
  writePstate: helper('writePstate', ['i32', 'i32'], 'none', 'leave'),
  /** SYS: packed number, Xt. IC, DC, AT, TLBI. */
  systemInstruction: helper('systemInstruction', ['i32', 'i64'], 'none', 'leave'),
  /** SYSL: packed number. */
  systemInstructionRead: helper('systemInstructionRead', ['i32'], 'i64', 'may-divert'),
  /** DC ZVA of the block at an address. */
  zeroBlock: helper('zeroBlock', ['i64'], 'none', 'may-divert'),
  waitForInterrupt: helper('waitForInterrupt', [], 'none', 'leave'),
  waitForEvent: helper('waitForEvent', [], 'none', 'leave'),
  /** YIELD: ends the turn. */
  yieldTurn: helper('yieldTurn', [], 'none', 'leave'),
  sendEvent: helper('sendEvent', [], 'none', 'leave'),
  sendEventLocal: helper('sendEventLocal', [], 'none', 'leave'),
  /** ISB: fetches again in the current context. */
  instructionBarrier: helper('instructionBarrier', [], 'none', 'leave'),
  /** ESB: defers or takes a pending SError. */
  errorBarrier: helper('errorBarrier', [], 'none', 'leave'),
  /** Marks the exclusive monitors after the load-exclusive of `size` bytes at a VA succeeded. */
  markExclusive: helper('markExclusive', ['i64', 'i32'], 'none', 'may-divert'),
  /** Checks and clears the monitors for a store-exclusive at VA of size bytes: 1 if it may store. May fault instead. */
  checkExclusive: helper('checkExclusive', ['i64', 'i32'], 'i32', 'may-divert'),
  clearExclusive: helper('clearExclusive', [], 'none', 'leave'),
  /** Before an instruction at which somebody wants to be asked: diverts when the grant ends here. */
  stop: helper('stop', [], 'none', 'may-divert'),
  /** Faults with the SP alignment exception if SP is misaligned and the check is on. */
  spAlignmentFault: helper('spAlignmentFault', [], 'none', 'leave'),
} as const;
