/** A clause that is not compared with QEMU instruction by instruction, and why. */
export interface Exclusion {
  readonly clause: RegExp;
  readonly reason: string;
}

const PRIVILEGED = 'traps or changes the system at EL0, where user-mode emulation runs; cpu/ tests it with a whole PE';
const EXCEPTION = 'its whole meaning is an exception, which user-mode emulation turns into a call or a signal';
const BOUNDARY = 'does something to the run of a PE, nothing to its registers; cpu/ tests it';

/** Every exclusion. A test checks that each is needed: its clauses call the PE, or need what only a system has. */
export const EXCLUSIONS: readonly Exclusion[] = [
  { clause: /^(SVC|HVC|SMC|BRK|HLT|UDF)$/, reason: EXCEPTION },
  { clause: /^(ERET|SYS|SYSL|DC ZVA)$/, reason: PRIVILEGED },
  { clause: /^(YIELD|WFE|WFI|SEV|ESB)$/, reason: BOUNDARY },
  { clause: /^MSR \(immediate, /, reason: PRIVILEGED },
  { clause: /^(MRS|MSR \(register\))$/, reason: PRIVILEGED },
  { clause: /^(MRS|MSR) \((register, )?(DAIF|CurrentEL|SP_EL0|\w+_EL[123])\)$/, reason: PRIVILEGED },
  { clause: /^MSR \(register, TPIDRRO_EL0\)$/, reason: PRIVILEGED },
  { clause: /^(MRS|MSR) \((register, )?TPIDR_EL0\)$/, reason: 'the guest program keeps its thread there' },
];

/** Why a clause is excluded, or undefined when it is compared. */
export function exclusionOf(name: string): string | undefined {
  return EXCLUSIONS.find((e) => e.clause.test(name))?.reason;
}
