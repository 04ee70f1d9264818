/** Actions that make hardware errors happen. What is refused is reported with the reason. */
import type { RasError } from '../../firmware/ras/errors.ts';
import { RAS_NOTIFICATIONS } from '../../firmware/ras/sources.ts';
import { isUserError } from '../errors.ts';
import { complain, insideFor, type Written, wholeNumber } from './arguments.ts';
import type { Inside } from './inside.ts';
import type { OnContext, OnWord, ReadyAction, WhereFired } from './rule.ts';
import type { Scanner } from './scan.ts';

/** One `key=value` of an error: how its value is read; undefined when it is none. */
type Read = (text: string) => string | number | bigint | boolean | undefined;

const address: Read = (text) => (/^(?:0x[0-9a-f]{1,16}|\d{1,19})$/i.test(text) ? BigInt(text) : undefined);
const number: Read = wholeNumber;
const anyText: Read = (text) => text;
const oneOf =
  (...names: readonly string[]): Read =>
  (text) =>
    names.find((name) => name === text);
/** Written without a value. */
const flag: Read = (text) => (text === '' ? true : undefined);

const COMMON: Readonly<Record<string, Read>> = {
  severity: oneOf('corrected', 'recoverable', 'fatal', 'informational'),
  notify: oneOf(...RAS_NOTIFICATIONS),
  source: number,
  pe: number,
};
const PART = { fru: anyText, threshold: flag } as const;

/** Keys of each kind of error; their names are those of the library, but for `fru`, `status` and `encoding`. */
const KEYS: Readonly<Record<string, Readonly<Record<string, Read>>>> = {
  memory: {
    ...COMMON,
    ...PART,
    addr: address,
    mask: address,
    type: number,
    status: address,
    node: number,
    card: number,
    module: number,
    bank: number,
    row: number,
    column: number,
  },
  processor: {
    ...COMMON,
    ...PART,
    addr: address,
    va: address,
    type: oneOf('cache', 'tlb', 'bus', 'micro-architectural'),
    operation: number,
    level: number,
    count: number,
    encoding: oneOf('mask', 'index'),
  },
  pcie: { ...COMMON, ...PART, segment: number, bus: number, device: number, function: number, status: number },
  cper: { notify: COMMON.notify!, source: number, pe: number, unchecked: flag },
};

const LIBRARY_NAMES: Readonly<Record<string, string>> = { fru: 'fruText', encoding: 'typeEncoding' };

/** An error as it was written. */
export interface ParsedError {
  readonly error: Readonly<Record<string, string | number | bigint | boolean>>;
  /** The file of `cper=FILE`. */
  readonly file: string | undefined;
}

/** Reads `KIND,key=value,...`. @throws UsageError with the column of the word that is wrong */
export function parseError(scan: Scanner): ParsedError & Written {
  const start = scan.at;
  const text = scan.word('an error');
  const fail: Written['fail'] = (message) => scan.fail(message, start);
  let column = start;
  const error: Record<string, string | number | bigint | boolean> = {};
  let file: string | undefined;
  for (const [n, word] of text.split(',').entries()) {
    const equals = word.indexOf('=');
    const [key, value] = equals < 0 ? [word, ''] : [word.slice(0, equals), word.slice(equals + 1)];
    if (n === 0) {
      if (!Object.hasOwn(KEYS, key))
        throw scan.fail(`no error is called '${key}'. Known: ${Object.keys(KEYS).join(', ')}=FILE.`, column);
      if ((key === 'cper') !== value.length > 0)
        throw scan.fail(`'${word}': write memory, processor, pcie, or cper=FILE.`, column);
      error.kind = key;
      if (key === 'cper') file = value;
    } else {
      const keys = KEYS[error.kind as string]!;
      const read = Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (!read)
        throw scan.fail(`'${key}' says nothing of such an error. Known: ${Object.keys(keys).join(', ')}.`, column);
      const found = read(value);
      if (found === undefined) throw scan.fail(`'${word}': not a value of ${key}.`, column);
      error[key === 'status' && error.kind === 'memory' ? 'errorStatus' : (LIBRARY_NAMES[key] ?? key)] = found;
    }
    column += word.length + 1;
  }
  return { error, file, text, fail };
}

/** The error that was written; what is given fills in the rest. */
export function errorOf(
  { error }: ParsedError,
  { bytes, pe }: { readonly bytes?: Uint8Array | undefined; readonly pe?: number | undefined },
): RasError {
  const target = error.pe ?? pe;
  return {
    ...error,
    ...(target === undefined ? {} : { pe: target }),
    ...(bytes === undefined ? {} : { bytes }),
  } as unknown as RasError;
}

const RAS: OnWord<ReadyAction> = {
  name: 'ras',
  syntax: 'ras:KIND[,KEY=VALUE...]',
  doc:
    'a hardware error, told by ACPI (--tables acpi): memory, processor, pcie, cper=FILE; keys: addr, ' +
    `severity=corrected|recoverable|fatal, notify=${RAS_NOTIFICATIONS.join('|')}, pe, type, ...`,
  parse: (scan) => {
    const { error, file, text, fail } = parseError(scan);
    let bytes: Uint8Array | undefined;
    const whole = (where: WhereFired): RasError => errorOf({ error, file }, { bytes, pe: where.pe });
    const check = ({ machine, readFile }: Inside): void => {
      if (file !== undefined) bytes = readFile?.(file);
      complain({ text, fail }, () => machine.ras.check(whole({})));
    };
    const act = (context: OnContext, rule: string, where: WhereFired): void => {
      const { machine } = insideFor(context);
      try {
        const { outcome, serial } = machine.ras.inject(whole(where));
        if (outcome !== 'queued') return;
        const why = 'the operating system has not acknowledged the one before';
        context.report(`--on '${rule}': at step ${machine.steps}, error ${serial} waits: ${why}`);
      } catch (problem) {
        if (!isUserError(problem)) throw problem;
        context.report(`--on '${rule}': at step ${machine.steps}, refused: ${problem.message}`);
      }
    };
    return Object.assign(act, { check });
  },
};

const POISON: OnWord<ReadyAction> = {
  name: 'poison',
  syntax: 'poison:ADDRESS[,serror]',
  doc: 'poison a page of RAM: a load from it raises a synchronous External abort, or with serror an SError',
  parse: (scan) => {
    const start = scan.at;
    const text = scan.word('a physical address');
    const fail: Written['fail'] = (message) => scan.fail(message, start);
    const [first, way, ...rest] = text.split(',');
    const addr = address(first!) as bigint | undefined;
    if (addr === undefined) throw fail(`'${first}' is no physical address. E.g. poison:0x48001000.`);
    if ((way !== undefined && way !== 'serror') || rest.length > 0)
      throw fail(`after the address comes serror or nothing.`);
    const check = ({ machine }: Inside): void => complain({ text, fail }, () => void machine.readMemory(addr, 1));
    const act = (context: OnContext): void =>
      insideFor(context).machine.poison(addr, { raises: way === undefined ? 'sea' : 'serror' });
    return Object.assign(act, { check });
  },
};

/** Actions that make hardware errors happen, one row each. */
export const RAS_ACTIONS: readonly OnWord<ReadyAction>[] = [RAS, POISON];
