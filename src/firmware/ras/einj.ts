/**
 * Error injection for the operating system: what EINJ leads to.
 *
 * Source: ACPI Specification 6.5, "Error Injection", "Error Types", "Set Error Type With Address". The type and the
 * address are looked at when the operation is executed: Linux writes them straight into the parameter block.
 */
import type { PlainData } from '../../devices/device.ts';
import { EINJ_ACTION, encodeTriggerTable } from '../../tables/acpi/einj.ts';
import { INSTRUCTION } from '../../tables/acpi/instructions.ts';
import type { RasError, RasSeverity } from './errors.ts';
import type { RasHost } from './host.ts';
import type { RasLayout } from './layout.ts';
import { actionEntries, EINJ_COMMAND } from './tables.ts';

/** Types of errors that can be injected: kind and severity by bit. */
const TYPES: readonly (readonly ['processor' | 'memory', RasSeverity])[] = [
  ['processor', 'corrected'],
  ['processor', 'recoverable'],
  ['processor', 'fatal'],
  ['memory', 'corrected'],
  ['memory', 'recoverable'],
  ['memory', 'fatal'],
];
/** What EINJ_TYPES shows. */
export const EINJ_TYPES = (1 << TYPES.length) - 1;

/** Command status. ACPI, "Command Status Definition". */
export const EINJ_STATUS = { success: 0, failure: 1, invalidAccess: 2 } as const;

/** Bits of the flags of the parameter block. */
const FLAG = { processorValid: 1, memoryValid: 2 } as const;
const PARAMETER_BYTES = 36;

/** An injection that waits for its trigger. */
type Armed = { readonly [name: string]: PlainData } & {
  readonly bit: number;
  readonly addr: bigint | null;
  readonly pe: number | null;
};

/** The registers of the injection, and what they do. */
export class Einj {
  private readonly host: RasHost;
  private readonly layout: RasLayout;
  private readonly registersPa: bigint;
  private readonly inject: (error: RasError) => void;
  /** EINJ_TYPE. */
  type = 0;
  command = 0;
  status: number = EINJ_STATUS.success;
  private armed: Armed | null = null;

  /** @param inject - makes an error happen; it was checked */
  constructor(host: RasHost, layout: RasLayout, registersPa: bigint, inject: (error: RasError) => void) {
    this.host = host;
    this.layout = layout;
    this.registersPa = registersPa;
    this.inject = inject;
  }

  /** EINJ_COMMAND was written. */
  write(command: number): void {
    this.command = command;
    if (command !== EINJ_COMMAND.execute) return;
    this.armed = null;
    this.status = this.execute();
  }

  private execute(): number {
    const bytes = this.host.readMemory(this.layout.einjParameterPa, PARAMETER_BYTES);
    const parameters = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const given = parameters.getUint32(0, true);
    const flags = given === 0 ? 0 : parameters.getUint32(8, true);
    const type = given === 0 ? this.type : given;
    const bit = Math.log2(type);
    const meant = TYPES[bit];
    if (!Number.isInteger(bit) || !meant) return EINJ_STATUS.invalidAccess;
    const pe = flags & FLAG.processorValid ? parameters.getUint32(12, true) : null;
    if (pe !== null && pe >= this.host.peCount) return EINJ_STATUS.invalidAccess;
    const addr = flags & FLAG.memoryValid ? parameters.getBigUint64(16, true) : null;
    if (addr !== null && !this.host.ramContains(addr)) return EINJ_STATUS.invalidAccess;
    const [kind, severity] = meant;
    // Taken: what is there now does not count the next time.
    this.host.writeMemory(this.layout.einjParameterPa, new Uint8Array(4));
    this.armed = { bit, addr, pe };
    if (kind === 'memory' && severity !== 'corrected' && addr !== null) this.host.poison(addr);
    const entries = actionEntries(this.registersPa, [
      [EINJ_ACTION.TRIGGER_ERROR, INSTRUCTION.WRITE_REGISTER_VALUE, 'EINJ_TRIGGER', 1n],
    ]);
    this.host.writeMemory(this.layout.einjTriggerPa, encodeTriggerTable({ entries }));
    return EINJ_STATUS.success;
  }

  /** EINJ_TRIGGER was written: the error that was armed is found. */
  trigger(): void {
    const { armed } = this;
    if (!armed) return;
    this.armed = null;
    const [kind, severity] = TYPES[armed.bit]!;
    const { addr, pe } = armed;
    this.inject({ kind, severity, ...(pe === null ? {} : { pe }), ...(addr === null ? {} : { addr }) });
  }

  reset(): void {
    this.type = 0;
    this.command = 0;
    this.status = EINJ_STATUS.success;
    this.armed = null;
  }
  /** Everything, as plain data. */
  state(): PlainData {
    const { type, command, status, armed } = this;
    return { type, command, status, armed };
  }
  load(state: PlainData): void {
    Object.assign(this, state);
  }
}
