/** Which description of the machine a kernel is given, and how a user gets to see it. */
import type { Command } from 'commander';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { systemReason } from './inputs.ts';
import type { BootSegment, MachinePort, MachineRequest } from './machine-port.ts';

/** The options of this file as they were typed. */
export interface TablesFlags {
  readonly tables?: string;
  readonly dumpTables?: string;
}

const KNOWN = ['dt', 'acpi', 'both'] as const;

/** Adds them to `unmaskable run`. */
export function addTablesOptions(command: Command): void {
  command
    .option('--tables <KIND>', 'what describes the machine: dt, acpi, or both (the kernel chooses) (default: dt)')
    .option('--dump-tables <DIR>', 'write device tree, ACPI and EFI tables to files in an existing folder');
}

/** @throws UsageError `E_TABLES` */
export function parseTables({ tables, ...flags }: TablesFlags & { readonly dtb?: string }): MachineRequest['tables'] {
  const found = KNOWN.find((name) => name === tables);
  if (tables !== undefined && found === undefined) {
    throw new UsageError('E_TABLES', `--tables '${tables}': no such description. Known: ${KNOWN.join(', ')}.`);
  }
  if (found === 'acpi' && flags.dtb !== undefined) {
    const advice = 'Leave out --dtb, or give both with --tables both.';
    throw new UsageError('E_TABLES', `--tables acpi: the device tree of --dtb would not be used. ${advice}`);
  }
  return found;
}

/** Files by name: ACPI tables as `acpidump -b` calls them, EFI structures, the device tree. */
function files(segments: readonly BootSegment[]): Map<string, Uint8Array> {
  const named = new Map<string, Uint8Array>();
  for (const { what, bytes } of segments) {
    if (what === 'dtb') named.set('device-tree.dtb', bytes);
    if (what.startsWith('efi ')) named.set(`${what.toLowerCase().replaceAll(' ', '-')}.bin`, bytes);
    const base = /^acpi (\w+)$/.exec(what)?.[1]?.toLowerCase();
    if (base === undefined) continue;
    let number = 1;
    const path = (): string => `${base}${number === 1 ? '' : number}.dat`;
    while (named.has(path())) number++;
    named.set(path(), bytes);
  }
  return named;
}

/**
 * Writes what `--dump-tables` asks for.
 *
 * @throws UsageError `E_TABLES` when a file cannot be written
 */
export function dumpTables({ dumpTables: folder }: TablesFlags, machine: MachinePort, host: Host): void {
  if (folder === undefined) return;
  for (const [name, bytes] of files(machine.boot?.segments ?? [])) {
    try {
      host.writeFile(`${folder}/${name}`, bytes);
    } catch (error) {
      const reason = `${folder}/${name} cannot be written: ${systemReason(error)}`;
      throw new UsageError('E_TABLES', `--dump-tables: ${reason}. Give a folder that exists and can be written.`);
    }
  }
}
