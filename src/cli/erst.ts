/** `--erst FILE`: the error records that survive a machine. */
import type { Command } from 'commander';
import { Machine } from '../machine/machine.ts';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { readInput, systemReason } from './inputs.ts';
import type { MachinePort, MachineRequest } from './machine-port.ts';

/** The option of this file as it was typed. */
export interface ErstFlags {
  readonly erst?: string;
}

/** Adds it to a command. */
export function addErstOption(command: Command): void {
  command.option(
    '--erst <FILE>',
    'file of CPER records behind ERST (with ACPI tables), read at first, written when they change',
  );
}

/**
 * What the option means for the machine; a file that is not there yet is an empty store.
 *
 * @throws UsageError `E_ERST` without ACPI tables, `E_FILE` for a file that cannot be read
 */
export function erstRequest({ erst }: ErstFlags, tables: MachineRequest['tables'], host: Host): MachineRequest['ras'] {
  if (erst === undefined) return undefined;
  if (tables === undefined || tables === 'dt')
    throw new UsageError('E_ERST', `--erst ${erst}: a kernel finds the records by ACPI. Add --tables acpi.`);
  try {
    return { erstRecords: new Uint8Array(host.readFile(erst)) };
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    return { erstRecords: readInput(host, '--erst', erst) };
  }
}

/** Keeps the file as the store is. */
export function keepErst({ erst }: ErstFlags, machine: MachinePort, host: Host): void {
  if (erst === undefined || !(machine instanceof Machine)) return;
  machine.ras.onStoreChanged((records) => {
    try {
      host.replaceFile(erst, records);
    } catch (error) {
      throw new UsageError('E_ERST', `--erst ${erst}: cannot be written: ${systemReason(error)}.`);
    }
  });
}
