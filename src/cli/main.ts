import { Command, CommanderError } from 'commander';
import { DEVICE_NAMES, DRIVE_FORM, openDrives, parseDevices, parseDrive } from './devices.ts';
import { isUserError, messageOf, UsageError } from './errors.ts';
import { addErstOption, type ErstFlags, erstRequest, keepErst } from './erst.ts';
import { addGuestOptions, type GuestFlags, guestRequest } from './guest-options.ts';
import type { Host } from './host.ts';
import { readInput, systemReason, unpackKernel } from './inputs.ts';
import { KEY_HELP } from './keyboard.ts';
import type { MachineRequest } from './machine-port.ts';
import { insideOf } from './on/inside.ts';
import { checkRules, describeGrammar, parseRule } from './on/rule.ts';
import { ProfileOption } from './profile.ts';
import { EXIT_CODES, EXIT_USAGE, outcomeJson, summaryLine } from './report.ts';
import { Session, type SessionOptions } from './session.ts';
import { addSourceOptions, checkSource, engineOf, Keeping, openSource, type SourceFlags } from './sources.ts';
import { addTablesOptions, dumpTables, parseTables, type TablesFlags } from './tables.ts';
import { addTraceOptions, parseTrace, type TraceFlags, Traces } from './trace.ts';
import { parseCount, parseCpu, parseCpus, parseRegex, parseSize } from './values.ts';

/** Memory of a machine when `--memory` is not given. */
export const DEFAULT_MEMORY = '512M';

/** Adds a command; `done` is called with the exit code. */
type AddCommand = (program: Command, host: Host, done: (exitCode: number) => void) => void;

/** The other commands. What they need is loaded when they are, so that a run begins without. */
const OTHER_COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  conformance: async () => (await import('./conformance.ts')).addConformanceCommand,
  decode: async () => (await import('./decode.ts')).addDecodeCommand,
  experiment: async () => (await import('./experiment.ts')).addExperimentCommand,
  ras: async () => (await import('./ras.ts')).addRasCommand,
  snapshot: async () => (await import('./snapshot.ts')).addSnapshotCommand,
  explore: async () => (await import('./explore.ts')).addExploreCommand,
  replay: async () => (await import('./replay-report.ts')).addReplayCommand,
};

/** @throws UsageError `E_COMMAND` when the first word is no command */
function checkCommand([first]: readonly string[]): void {
  const known = ['run', ...Object.keys(OTHER_COMMANDS), 'help'];
  if (first === undefined || first.startsWith('-') || known.includes(first)) return;
  throw new UsageError('E_COMMAND', `'${first}': no such command. Known: ${known.join(', ')}.`);
}

/** The other commands that a command line can be about: all of them when it asks for help or is wrong. */
function commandsFor([first]: readonly string[]): readonly (() => Promise<AddCommand>)[] {
  if (first === undefined || first === 'run') return [];
  return Object.hasOwn(OTHER_COMMANDS, first) ? [OTHER_COMMANDS[first]!] : Object.values(OTHER_COMMANDS);
}

/** The options of `unmaskable run` as they were typed. */
interface RunFlags extends SourceFlags, TraceFlags, TablesFlags, ErstFlags, GuestFlags {
  readonly initrd?: string;
  readonly append?: string;
  readonly dtb?: string;
  readonly cpus: string;
  readonly memory: string;
  readonly cpu: string;
  readonly el2?: string;
  readonly gic?: string;
  readonly sdei?: string;
  readonly sdeiVersion?: string;
  readonly sdeiProfile?: string;
  readonly until?: string;
  readonly failOn?: string;
  readonly maxSteps?: string;
  readonly watchdog?: true | string;
  readonly on: string[];
  readonly symbols?: string;
  readonly drive: string[];
  readonly device: string[];
  readonly digest?: boolean;
  readonly json?: string;
  readonly profile?: string;
  readonly quiet?: boolean;
}

const EXIT_HELP = `
Exit codes:
  0 powered off, or --until seen   1 --fail-on seen             2 usage or unreadable input
  3 --max-steps reached            4 nothing can happen more    5 a replay differs
  6 a file cannot be written       70 a fault of unmaskable itself`;

/** Text after the options in the help of `run`. */
function helpAfter(): string {
  const keys = KEY_HELP.map((line) => `  ${line}`).join('\n');
  return `\n${describeGrammar()}\n\nKeys, when standard input is a terminal:\n${keys}\n${EXIT_HELP}`;
}

function sessionOptions(flags: RunFlags): SessionOptions {
  return {
    until: flags.until === undefined ? undefined : parseRegex('--until', flags.until),
    failOn: flags.failOn === undefined ? undefined : parseRegex('--fail-on', flags.failOn),
    maxSteps: flags.maxSteps === undefined ? undefined : parseCount('--max-steps', flags.maxSteps),
    rules: flags.on.map(parseRule),
    digest: flags.digest === true,
    quiet: flags.quiet === true,
  };
}

function parseGic(version: string): 2 | 3 {
  if (version === '2' || version === '3') return version === '2' ? 2 : 3;
  throw new UsageError('E_GIC', `--gic '${version}': no such interrupt controller. Known: 2, 3.`);
}

function parseEl2(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text === 'on' || text === 'off') return text === 'on';
  throw new UsageError('E_EL2', `--el2 '${text}': no such value. Known: on, off.`);
}

/** One of the known values of an option, or undefined where it was not given. */
function oneOf<T extends string>(option: string, value: string | undefined, known: readonly T[]): T | undefined {
  const found = known.find((name) => name === value);
  if (value === undefined || found !== undefined) return found;
  throw new UsageError('E_SDEI', `${option} '${value}': no such value. Known: ${known.join(', ')}.`);
}

function parseWatchdog(text: true | string | undefined): MachineRequest['watchdog'] {
  if (text === undefined || text === true) return text;
  if (text === 'reset') return { second: 'reset' };
  throw new UsageError('E_WATCHDOG', `--watchdog '${text}': no such form. Write --watchdog, or --watchdog reset.`);
}

function parseSdei(flags: RunFlags): MachineRequest['sdei'] {
  const onOff = oneOf('--sdei', flags.sdei, ['on', 'off']);
  const version = oneOf('--sdei-version', flags.sdeiVersion, ['1.0', '1.1']);
  const profile = oneOf('--sdei-profile', flags.sdeiProfile, ['spec', 'tf-a']);
  if (onOff !== 'off') return version || profile ? { version, profile } : undefined;
  if (version === undefined && profile === undefined) return false;
  throw new UsageError(
    'E_SDEI',
    '--sdei off: with it there is neither --sdei-version nor --sdei-profile. Leave out one.',
  );
}

/** Looked at only when all options are known, so that a slip in one of them is what is said first. */
function withKernel(flags: RunFlags): RunFlags {
  if ((flags.kernel ?? flags.bios ?? flags.restore ?? flags.replay) !== undefined) return flags;
  const advice = 'Give the arm64 Image to boot, or a snapshot with --restore. See: unmaskable run --help';
  throw new UsageError('E_KERNEL', `required option '--kernel <FILE>' not specified. ${advice}`);
}

/** Values first, files second, so that a slip in the command is found before anything is read. */
function machineRequest(flags: RunFlags, host: Host): MachineRequest {
  const values = {
    append: flags.append,
    cpus: parseCpus(flags.cpus),
    memoryBytes: parseSize('--memory', flags.memory),
    cpu: parseCpu(flags.cpu),
    el2: parseEl2(flags.el2),
    gic: flags.gic === undefined ? undefined : parseGic(flags.gic),
    sdei: parseSdei(flags),
    watchdog: parseWatchdog(flags.watchdog),
    tables: parseTables(flags),
  };
  const ras = erstRequest(flags, values.tables, host);
  const drives = flags.drive.map(parseDrive);
  const devices = parseDevices(flags.device);
  const path = flags.kernel;
  const kernel = path === undefined ? undefined : unpackKernel(`--kernel ${path}`, readInput(host, '--kernel', path));
  return {
    ...values,
    ras,
    engine: engineOf(flags),
    kernel,
    initrd: flags.initrd === undefined ? undefined : readInput(host, '--initrd', flags.initrd),
    dtb: flags.dtb === undefined ? undefined : readInput(host, '--dtb', flags.dtb),
    ...guestRequest(flags, host),
    ...devices,
    drives: drives.length === 0 ? undefined : openDrives(host, drives),
  };
}

function symbolFile(path: string, host: Host): { what: string; bytes: Uint8Array } {
  return { what: `--symbols ${path}`, bytes: readInput(host, '--symbols', path) };
}

function writeJson(host: Host, path: string, text: string): void {
  try {
    host.writeFile(path, text);
  } catch (error) {
    throw new UsageError('E_JSON', `--json ${path}: cannot be written: ${systemReason(error)}. Give a writable path.`);
  }
}

async function runCommand(flags: RunFlags, host: Host, command: Command): Promise<number> {
  checkSource(flags, command);
  const options = sessionOptions(flags);
  const traced = parseTrace(flags);
  const symbols = flags.symbols === undefined ? undefined : symbolFile(flags.symbols, host);
  const { machine, port, replay } = await openSource(flags, host, () =>
    host.createMachine(machineRequest(flags, host)),
  );
  const inside = insideOf(machine, symbols, (path) => readInput(host, '--on', path));
  checkRules(options.rules, inside);
  dumpTables(flags, machine, host);
  keepErst(flags, machine, host);
  // Before the run: an hour of it must not end in a path that cannot be written.
  if (flags.json !== undefined) writeJson(host, flags.json, '');
  const traces = traced && new Traces(traced, host, inside && ((address) => inside.symbols.symbolize(address)));
  traces?.attach(machine);
  const profile = flags.profile !== undefined && inside ? new ProfileOption(flags.profile, host, inside) : undefined;
  const keeping = await Keeping.begin(flags, host, machine);
  const ended = await new Session(port, host, {
    ...options,
    ...replay?.session,
    inside,
    save: keeping.save,
    afterSlice: () => {
      traces?.flush();
      return keeping.settled();
    },
  }).run();
  keeping.end();
  const outcome = { ...ended, traceRecords: traces?.end().records };
  if (flags.json !== undefined) writeJson(host, flags.json, outcomeJson(outcome));
  if (outcome.digest !== null) host.writeErr(`digest ${outcome.digest}\n`);
  profile?.end();
  host.writeErr(`${summaryLine(outcome)}\n`);
  const name = inside && ((address: bigint) => inside.symbols.symbolize(address));
  for (const line of (await replay?.explain(name)) ?? []) host.writeErr(`unmaskable: ${line}\n`);
  return outcome.exitCode;
}

/** Runs the embedded demonstration: what `unmaskable` without arguments does. */
async function demoCommand(host: Host): Promise<number> {
  const options: SessionOptions = { rules: [], digest: true, quiet: false };
  const outcome = await new Session(await host.createDemo(), host, options).run();
  if (outcome.digest !== null) host.writeErr(`digest ${outcome.digest}\n`);
  host.writeErr(`${summaryLine(outcome)}\n`);
  return outcome.exitCode;
}

/** For an option that may be repeated. */
const collect = (value: string, all: string[]): string[] => [...all, value];

function buildProgram(
  host: Host,
  version: string,
  others: readonly AddCommand[],
  done: (exitCode: number) => void,
): Command {
  const program = new Command('unmaskable');
  program
    .description('A deterministic arm64 machine. Without arguments: the embedded demonstration.')
    .version(version)
    .showHelpAfterError(false)
    .helpCommand(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void host.writeOut(new TextEncoder().encode(text)),
      writeErr: () => undefined,
      outputError: () => undefined,
    })
    .action(async () => done(await demoCommand(host)));
  program
    .command('run')
    .description('boot a kernel; console on standard output, keyboard from the terminal or a pipe')
    .option('--kernel <FILE>', 'arm64 Image, raw or gzip-compressed; must be given, but with --restore or --replay')
    .option('--initrd <FILE>', 'initial RAM disk, handed over as it is')
    .option('--append <TEXT>', 'kernel command line')
    .option('--dtb <FILE>', 'device tree instead of the generated one')
    .option('--cpus <N>', 'number of CPUs', '1')
    .option('--memory <SIZE>', 'RAM, e.g. 512M or 2G', DEFAULT_MEMORY)
    .option('--cpu <NAME>', 'full or cortex-a57', 'full')
    .option('--el2 <ON>', 'EL2, where the kernel is entered then: on or off (default: off)')
    .option('--gic <VERSION>', 'interrupt controller GICv2 or GICv3: 2 or 3 (default: 3)')
    .option('--sdei <ON>', "the firmware's Software Delegated Exception Interface: on or off (default: on)")
    .option('--sdei-version <VERSION>', 'version it reports: 1.0 or 1.1 (default: 1.0)')
    .option('--sdei-profile <NAME>', 'where dispatchers differ: spec or tf-a (default: spec)')
    .option('--until <REGEX>', 'end with exit code 0 when the console shows this')
    .option('--fail-on <REGEX>', 'end with exit code 1 when the console shows this')
    .option('--max-steps <N>', 'end with exit code 3 after N steps, e.g. 5G')
    .option('--drive <SPEC>', `${DRIVE_FORM}: raw image as virtio-blk, may be repeated`, collect, [])
    .option('--device <NAME>', `another device: ${DEVICE_NAMES}`, collect, [])
    .option('--watchdog [reset]', 'a watchdog that signals INTID 44 every 10 s; reset: with a second stage that resets')
    .option('--on <RULE>', "'TRIGGER => ACTION[, ACTION]', may be repeated", collect, [])
    .option('--symbols <FILE>', 'ELF file with symbols for pc: and traces, besides those of a Linux kernel itself')
    .option('--profile <FILE>', 'where steps and host time go: for speedscope.app, or for DevTools as FILE.cpuprofile')
    .option('--digest', 'print the digest of the whole machine at the end')
    .option('--json <FILE>', 'write how the run ended as data')
    .option('--quiet', 'do not print the console')
    .addHelpText('after', helpAfter)
    .action(async (flags: RunFlags, command: Command) => done(await runCommand(withKernel(flags), host, command)));
  for (const add of others) add(program, host, done);
  addSourceOptions(program.commands.find((command) => command.name() === 'run')!);
  addGuestOptions(program.commands.find((command) => command.name() === 'run')!);
  addErstOption(program.commands.find((command) => command.name() === 'run')!);
  addTablesOptions(program.commands.find((command) => command.name() === 'run')!);
  addTraceOptions(program.commands.find((command) => command.name() === 'run')!);
  return program;
}

/**
 * The `unmaskable` command.
 *
 * @param args - what follows the command's name
 * @param version - of the package
 * @returns the exit code; every error has become one, with its message on standard error
 */
export async function main(args: readonly string[], host: Host, version: string): Promise<number> {
  let exitCode: number = EXIT_USAGE;
  const others = await Promise.all(commandsFor(args).map((load) => load()));
  const program = buildProgram(host, version, others, (code) => {
    exitCode = code;
  });
  try {
    checkCommand(args);
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
      const command = program.commands.find((one) => one.name() === args[0])?.name() ?? 'run';
      host.writeErr(`unmaskable: ${message}. See: unmaskable ${command} --help\n`);
      return EXIT_USAGE;
    }
    if (isUserError(error)) {
      host.writeErr(`unmaskable: ${error.message}\n`);
      return EXIT_USAGE;
    }
    const detail = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
    host.writeErr(`unmaskable: internal error before step 0; please report it with the command line:\n${detail}\n`);
    return EXIT_CODES['internal-error'];
  }
}
