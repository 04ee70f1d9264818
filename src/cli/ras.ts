/** `unmaskable ras`: boots a kernel, makes a hardware error happen when its shell is up, and tells what became of it. */
import type { Command } from 'commander';
import type { RasError } from '../firmware/ras/errors.ts';
import { VIRT_MEMORY_MAP } from '../machine/board/virt.ts';
import type { Machine } from '../machine/machine.ts';
import { UsageError } from './errors.ts';
import { addErstOption, type ErstFlags, erstRequest, keepErst } from './erst.ts';
import type { Host } from './host.ts';
import { readInput, unpackKernel } from './inputs.ts';
import type { MachineRequest } from './machine-port.ts';
import { type Inside, insideOf } from './on/inside.ts';
import { errorOf, parseError } from './on/ras.ts';
import type { OnRule } from './on/rule.ts';
import { Scanner } from './on/scan.ts';
import { rasStory, type Seen } from './ras-story.ts';
import { EXIT_CODES, summaryLine } from './report.ts';
import { Session } from './session.ts';
import { parseCount, parseCpu, parseCpus, parseRegex, parseSize, parseTimeNs } from './values.ts';

/** The options as they were typed. */
interface RasFlags extends ErstFlags {
  readonly kernel: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly cpus: string;
  readonly memory: string;
  readonly cpu: string;
  readonly error: string[];
  readonly when: string;
  readonly for: string;
  readonly maxSteps: string;
  readonly quiet?: boolean;
}

/** What a shell writes when it waits. */
const PROMPT = '[#$] $';
const ERROR_DEFAULT = 'memory,severity=recoverable';
/** A fatal error makes Linux panic; with this it resets then, and tells of the error. */
const PANIC = 'panic=1';

const HELP = `
ERROR is KIND[,KEY=VALUE...] as in ras: of run --on; a memory error without addr is in a page of its own choice.

Exit codes:
  0 each error was acknowledged, or found again after a reset   1 one was not   2 usage or unreadable input
  3 --max-steps reached before                                  70 a fault of unmaskable itself`;

/** A page that a small guest does not use: three quarters into RAM. */
const addressDefault = (memoryBytes: number): bigint =>
  VIRT_MEMORY_MAP.ram.basePa + (((BigInt(memoryBytes) * 3n) / 4n) & ~0xfffn);

/** The errors that are asked for. @throws UsageError with the column of what is wrong */
function parseErrors(
  texts: readonly string[],
  memoryBytes: number,
  readFile: (path: string) => Uint8Array,
): RasError[] {
  return (texts.length === 0 ? [ERROR_DEFAULT] : texts).map((text) => {
    const scan = new Scanner(text, '--error');
    const parsed = parseError(scan);
    scan.expectEnd();
    const bytes = parsed.file === undefined ? undefined : readFile(parsed.file);
    const error = errorOf(parsed, { bytes });
    return error.kind === 'memory' && error.addr === undefined
      ? { ...error, addr: addressDefault(memoryBytes) }
      : error;
  });
}

/** Writes down what becomes of errors in a machine. */
function watch(machine: Machine, seen: Seen[]): void {
  const now = (): { step: number; timeNs: bigint } => machine.boundary;
  machine.ras.on((what, serial, source, pe) => seen.push({ ...now(), kind: 'way', what, serial, source, pe }));
  machine.sdei.onMove((pe, event, operation) => seen.push({ ...now(), kind: 'sdei', event, pe, operation }));
  machine.on('reset', () => seen.push({ ...now(), kind: 'reset' }));
  let line = '';
  machine.console.onOutput((bytes) => {
    for (const byte of bytes) {
      if (byte !== 0x0a) line += String.fromCharCode(byte);
      else {
        seen.push({ ...now(), kind: 'line', text: line.replaceAll('\r', '') });
        line = '';
      }
    }
  });
}

/** Makes the errors happen when the shell is up, and ends the run some time later; after a reset, when it is up again. */
function rulesFor(flags: RasFlags, errors: readonly RasError[], inside: Inside, seen: Seen[]): OnRule[] {
  const { machine } = inside;
  const waitNs = parseTimeNs('--for', flags.for);
  const regex = parseRegex('--when', flags.when);
  let pending = true;
  let resets = 0;
  machine.on('reset', () => {
    resets++;
  });
  const trigger: OnRule['trigger'] = (context, fire) => context.console.watch(regex, true, () => fire());
  const act: OnRule['actions'][number] = (context) => {
    if (!pending) return;
    pending = false;
    const [{ step, timeNs }, before] = [machine.boundary, resets];
    seen.splice(0);
    for (const error of errors) seen.push({ step, timeNs, kind: 'error', injected: machine.ras.inject(error) });
    const end = (): void => {
      // A kernel that is starting again is heard to the end.
      if (resets === before) context.stop('the story is told');
    };
    context.machine.atTimeNs(timeNs + waitNs, end);
  };
  const after: OnRule['actions'][number] = (context) => {
    if (resets === 0) return;
    context.machine.atTimeNs(machine.timeNs + waitNs / 10n, () => context.stop('the story is told'));
  };
  return [{ text: `console:/${flags.when}/ => ras`, trigger, actions: [act, after] }];
}

/** Each error was acknowledged, or a reset followed and nothing was lost. */
function isComplete(seen: readonly Seen[]): boolean {
  const ways = seen.filter((one) => one.kind === 'way');
  const errors = seen.filter((one) => one.kind === 'error');
  const has = (serial: number, what: string): boolean => ways.some((one) => one.serial === serial && one.what === what);
  return (
    errors.length > 0 && errors.every(({ injected: { serial } }) => has(serial, 'acknowledged') || has(serial, 'kept'))
  );
}

async function rasCommand(flags: RasFlags, host: Host): Promise<number> {
  const memoryBytes = parseSize('--memory', flags.memory);
  const values = { memoryBytes, cpus: parseCpus(flags.cpus), cpu: parseCpu(flags.cpu) };
  const maxSteps = parseCount('--max-steps', flags.maxSteps);
  parseRegex('--when', flags.when);
  parseTimeNs('--for', flags.for);
  const errors = parseErrors(flags.error, memoryBytes, (path) => readInput(host, '--error', path));
  const fatal = errors.some((error) => error.severity === 'fatal' || error.kind === 'cper');
  const append = fatal && !/\bpanic=/.test(flags.append ?? '') ? `${flags.append ?? ''} ${PANIC}`.trim() : flags.append;
  const request: MachineRequest = {
    ...values,
    append,
    tables: 'acpi',
    ras: erstRequest(flags, 'acpi', host),
    kernel: unpackKernel(`--kernel ${flags.kernel}`, readInput(host, '--kernel', flags.kernel)),
    initrd: flags.initrd === undefined ? undefined : readInput(host, '--initrd', flags.initrd),
  };
  const port = host.createMachine(request);
  const inside = insideOf(port);
  if (!inside) throw new UsageError('E_RAS', 'ras: this machine cannot be looked into.');
  for (const error of errors) inside.machine.ras.check(error);
  keepErst(flags, port, host);
  const seen: Seen[] = [];
  watch(inside.machine, seen);
  const rules = rulesFor(flags, errors, inside, seen);
  const options = { rules, inside, maxSteps, digest: false, quiet: flags.quiet === true, noInput: true };
  const outcome = await new Session(port, host, options).run();
  await host.writeOut(new TextEncoder().encode(rasStory(seen)));
  host.writeErr(`${summaryLine(outcome)}\n`);
  if (outcome.exitCode !== 0) return outcome.exitCode;
  return isComplete(seen) ? 0 : EXIT_CODES['fail-on'];
}

/** Adds `ras` to the command; `done` is called with the exit code. */
export function addRasCommand(program: Command, host: Host, done: (exitCode: number) => void): void {
  const collect = (value: string, all: string[]): string[] => [...all, value];
  const command = program.command('ras');
  addErstOption(command);
  command
    .description('boot a kernel with ACPI, make a hardware error happen, and tell what became of it')
    .requiredOption('--kernel <FILE>', 'arm64 Image, raw or gzip-compressed')
    .option('--initrd <FILE>', 'initial RAM disk with a shell')
    .option('--append <TEXT>', `kernel command line; with a fatal error ${PANIC} is added`)
    .option('--cpus <N>', 'number of CPUs', '1')
    .option('--memory <SIZE>', 'RAM', '512M')
    .option('--cpu <NAME>', 'full or cortex-a57', 'full')
    .option('--error <ERROR>', `what happens, may be repeated (default: ${ERROR_DEFAULT})`, collect, [])
    .option('--when <REGEX>', 'the console shows this when it is to happen', PROMPT)
    .option('--for <TIME>', 'virtual time for which is watched what becomes of it', '5s')
    .option('--max-steps <N>', 'give up after N steps', '20G')
    .option('--quiet', 'do not print the console')
    .addHelpText('after', HELP)
    .action(async (flags: RasFlags) => done(await rasCommand(flags, host)));
}
