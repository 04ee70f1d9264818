/**
 * Lines around reports that tell what became of an error, as a table: kind, pattern, and what its groups are.
 *
 * Formats: Linux mm/memory-failure.c, kernel/panic.c, drivers/edac, drivers/acpi/apei, drivers/pci/pcie/aer.c,
 * arch/arm64/kernel/traps.c, drivers/firmware/arm_sdei.c.
 */
import type { LogField } from './types.ts';

interface EventRow {
  readonly kind: string;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

const row = (kind: string, pattern: RegExp, ...names: string[]): EventRow => ({ kind, pattern, names });

/** The first row that matches a line is what it is. */
const EVENTS: readonly EventRow[] = [
  row('memory failure', /Memory failure: (0x[0-9a-f]+): recovery action for (.+?): (\w+)/, 'pfn', 'page', 'result'),
  row('memory failure', /Memory failure: (0x[0-9a-f]+): Sending SIGBUS to (.+?):(\d+) due to/, 'pfn', 'process', 'pid'),
  row('memory failure', /Memory failure: (0x[0-9a-f]+): (.+)$/, 'pfn', 'text'),
  row('soft offline', /[Ss]oft[_ ]offline: (0x[0-9a-f]+):? ?(.*)$/, 'pfn', 'text'),
  row('panic', /Kernel panic - not syncing: (.+)$/, 'reason'),
  row(
    'EDAC',
    /EDAC MC(\d+): (\d+) (CE|UE) ([^(]*?) ?on ([^(]*?) \((.*)\)$/,
    'controller',
    'count',
    'kind',
    'error',
    'label',
    'location',
  ),
  row('EDAC', /EDAC (\w+): (.*\b(?:[Ee]rror|CE|UE)\b.*)$/, 'driver', 'text'),
  row('BERT', /BERT: Error records from previous boot/),
  row('BERT', /BERT: Total records found: (\d+)/, 'records'),
  row('BERT', /BERT: (?:\[[A-Z][\w ]+\]: )?((?:Truncated|Invalid|table invalid|Skipped|Can).*)$/, 'text'),
  row('memory error in no page', /Invalid address in generic error data: (0x[0-9a-f]+)/, 'address'),
  row('GHES', /ghes_print_estatus: (\d+) callbacks suppressed/, 'suppressed'),
  row('GHES', /GHES: Unhandled processor error type (.+)$/, 'type'),
  row('GHES', /GHES: (.*synchronous unrecoverable error.*)$/, 'text'),
  row('GHES', /GHES: ((?:Truncated|Invalid|Failed|Unsupported|APEI work|Couldn't).*)$/, 'text'),
  row('PCIe AER', /(\S+): (?:PCIe Bus Error|AER): ((?!enabled with).+)$/, 'device', 'text'),
  row('SError', /(?:Asynchronous )?SError Interrupt(?: on (CPU\d+))?(?:, code (0x[0-9a-f]+))?/, 'CPU', 'code'),
  row('external abort', /Internal error: (synchronous external abort.*)$/, 'text'),
  row('SDEI', /sdei: event (\d+) on CPU (\d+) failed with error: (-?\d+)/, 'event', 'CPU', 'error'),
  row('refused record', /\[Firmware (?:Warn|Bug)\]: ((?:error section length|valid bits set).*)$/, 'text'),
];

/** A cheap test that most lines of a log fail. */
const CANDIDATE =
  /ailure:|ffline:|panic|EDAC|BERT|GHES|ghes_|Invalid address|AER|PCIe Bus|SError|external abort|sdei:|Firmware/;

/** What a line tells, or undefined when it has nothing to do with hardware errors. */
export function eventIn(text: string): { kind: string; prefix: string; fields: LogField[]; text: string } | undefined {
  if (!CANDIDATE.test(text)) return undefined;
  for (const { kind, pattern, names } of EVENTS) {
    const found = pattern.exec(text);
    if (found === null) continue;
    const fields = names.flatMap((name, n) => {
      const value = found[n + 1];
      return value === undefined || value === '' ? [] : [{ name, value: value.trim() }];
    });
    return { kind, prefix: text.slice(0, found.index), fields, text: text.slice(found.index).trim() };
  }
  return undefined;
}

/** Lines by which a kernel says that firmware gave it a record that is wrong. */
const REFUSALS =
  /section length is too (?:small|big)|error record is incorrect|Invalid context type|valid bits set for fields beyond|Truncated (?:error )?status block|Invalid error status block|Invalid CPER header|Failed to read error status block|Invalid error record/;

/** True for a line by which the kernel refuses a record or a part of it. */
export const isRefusal = (text: string): boolean => REFUSALS.test(text);
