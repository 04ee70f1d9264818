/** MRC, MCR, MRRC and MCRR: who may, what HYP traps, what a write becomes. */
import { type Cp15Register, cp15ByName, HSR_EC } from './cp15.ts';
import { takeException } from './exceptions.ts';
import type { Verdict32 } from './execute.ts';
import type { Host32 } from './host.ts';
import type { Cpu32 } from './state.ts';

const CONDITION_ALWAYS = 0x1e << 20;

/** Whether the register is there for this processor in this mode. DDI 0406, "Access permissions" of each register. */
export function reachable(cpu: Cpu32, row: Cp15Register, write: boolean): boolean {
  const { features, mode } = cpu;
  if (mode.privilege === 0 || (row.gicv3 && !features.gicv3)) return false;
  if (write ? row.readOnly : row.operation) return false;
  if (row.access === 'secure') return features.el3 && cpu.secure;
  if (row.access === 'pl1') return true;
  return features.el2 && (mode.name === 'HYP' || (mode.name === 'MON' && cpu.scr('NS')));
}

/** HYP traps an access from Non-secure PL1. DDI 0406, "Traps to the hypervisor". */
function trapped(cpu: Cpu32, row: Cp15Register, write: boolean): boolean {
  if (!cpu.el2Enabled || cpu.mode.name === 'HYP') return false;
  const [, n] = row.encoding;
  if (cpu.cp32('HSTR') & (1 << n)) return true;
  return row.virtualMemory && cpu.hcr(write ? 'TVM' : 'TRVM');
}

/** ISS of a trapped access; Rt and Rt2 are 0, as the model has no encodings. DDI 0406, "ISS encoding for ... MCR or MRC". */
function syndrome(row: Cp15Register, write: boolean): { readonly ec: number; readonly iss: number } {
  const direction = write ? 0 : 1;
  if (row.encoding.length === 2) {
    const [opc1, crm] = row.encoding;
    return { ec: HSR_EC.CP15_64, iss: CONDITION_ALWAYS | (opc1 << 16) | (crm << 1) | direction };
  }
  const [opc1, crn, crm, opc2] = row.encoding;
  const iss = CONDITION_ALWAYS | (opc2 << 17) | (opc1 << 14) | (crn << 10) | (crm << 1) | direction;
  return { ec: HSR_EC.CP15, iss };
}

/** Reads (`write` undefined) or writes a System register by name. */
export function accessCp15(host: Host32, cpu: Cpu32, name: string, write: bigint | undefined): Verdict32 {
  const row = cp15ByName(name);
  if (!row) throw new Error(`assertion: there is no System register ${name}`);
  const isWrite = write !== undefined;
  if (!reachable(cpu, row, isWrite)) {
    takeException(cpu, 'undefined');
    return 'away';
  }
  if (trapped(cpu, row, isWrite)) {
    takeException(cpu, 'hypTrap', syndrome(row, isWrite));
    return 'away';
  }
  if (isWrite) {
    writeRegister(host, cpu, name, write);
    return { result: undefined };
  }
  return { result: readRegister(cpu, name) };
}

function writeRegister(host: Host32, cpu: Cpu32, name: string, value: bigint): void {
  if (name === 'ICC_SGI1R') return host.sendInterrupt(Number(value & 0xffffn));
  // In HYP mode registers that have two copies are the Non-secure ones.
  cpu.setCp(name, value);
}

function readRegister(cpu: Cpu32, name: string): bigint {
  const { lines } = cpu.state;
  const acknowledge = (line: 'irq' | 'fiq'): bigint => {
    const raised = lines[line];
    lines[line] = false;
    return raised ? 1n : SPURIOUS;
  };
  if (name === 'ICC_IAR0') return acknowledge('fiq');
  if (name === 'ICC_IAR1') return acknowledge('irq');
  if (name === 'ID_PFR1') return identification(cpu);
  const virtual = cpu.el2Enabled && cpu.mode.name !== 'HYP' && VIRTUAL_ID.get(name);
  return BigInt(cpu.cp(virtual || name));
}

const SPURIOUS = 1023n;
/** What Non-secure PL1 reads instead. DDI 0406, "VPIDR", "VMPIDR". */
const VIRTUAL_ID: ReadonlyMap<string, string> = new Map([
  ['MIDR', 'VPIDR'],
  ['MPIDR', 'VMPIDR'],
]);

/** ID_PFR1: GIC 31:28, timer 19:16, virtualization 15:12, security 7:4, ARMv4 model 3:0. */
function identification({ features: { el2, el3, gicv3 } }: Cpu32): bigint {
  return (gicv3 ? 1n << 28n : 0n) | (1n << 16n) | (el2 ? 1n << 12n : 0n) | (el3 ? 1n << 4n : 0n) | 1n;
}
