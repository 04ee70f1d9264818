/** What rules use of a machine beyond time and console. */
import { type SymbolFile, Symbols } from '../../debug/symbols/symbols.ts';
import { Machine } from '../../machine/machine.ts';
import type { MachinePort } from '../machine-port.ts';

/** A machine from the inside, with names for its code. */
export interface Inside {
  readonly machine: Machine;
  readonly symbols: Symbols;
  /** The bytes of a file that an action names. @throws UsageError `E_FILE` */
  readonly readFile?: ((path: string) => Uint8Array) | undefined;
}

/**
 * A machine from the inside; undefined for a stand-in that has none.
 *
 * @throws MachineError `E_SYMBOLS` for a file of symbols that cannot be used
 */
export function insideOf(
  machine: MachinePort,
  file?: SymbolFile,
  readFile?: (path: string) => Uint8Array,
): Inside | undefined {
  return machine instanceof Machine ? { machine, symbols: new Symbols(machine, file), readFile } : undefined;
}
