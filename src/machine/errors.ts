/** Codes of what a user can get wrong when making or using a machine. */
export type MachineErrorCode =
  | 'E_CPUS'
  | 'E_MEMORY'
  | 'E_CPU'
  | 'E_GIC'
  | 'E_BIOS'
  | 'E_KERNEL'
  | 'E_STEPS'
  | 'E_REGISTER'
  | 'E_ADDRESS'
  | 'E_SNAPSHOT'
  | 'E_SNAPSHOT_FILE'
  | 'E_RECORD'
  | 'E_DIVERGED'
  | 'E_SDEI'
  | 'E_RAS'
  | 'E_SYMBOLS'
  | 'E_OPTION';

/** A mistake of the machine's user: what was asked, what was found, what to do. */
export class MachineError extends Error {
  override readonly name = 'MachineError';
  readonly code: MachineErrorCode;

  constructor(code: MachineErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
