/** `unmaskable conformance`: puts the sentences of the suite to an SDEI dispatcher. */
import type { Command } from 'commander';
import { type ConformanceCase, REQUIREMENTS, type Requirement } from '../conformance/case.ts';
import { FIRMWARE_PA, FIRMWARE_PA_END, FIRMWARE_PA_MIN, firmwareUnderTest } from '../conformance/firmware.ts';
import { hypervisorDispatcher } from '../conformance/hypervisor.ts';
import { junit, resultLine, totals, totalsLine } from '../conformance/report.ts';
import { type CaseResult, type Implementation, runCase } from '../conformance/runner.ts';
import { CASES, ownDispatcher } from '../conformance/suite.ts';
import { SDEI_PROFILES, type SdeiProfile } from '../firmware/sdei/choices.ts';
import { SDEI_VERSIONS, type SdeiVersion } from '../firmware/sdei/functions.ts';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { readInput, systemReason } from './inputs.ts';
import { parseRegex } from './values.ts';

interface ConformanceFlags {
  readonly profile: string;
  readonly sdeiVersion: string;
  readonly el2?: boolean;
  readonly el3: string;
  readonly dispatcher: string;
  readonly firmware?: string;
  readonly load?: string;
  readonly entry?: string;
  readonly without: string[];
  readonly filter?: string;
  readonly list?: boolean;
  readonly junit?: string;
  readonly expectedFailures?: string;
}

const HELP = `
Lines are PASS, FAIL, SKIP or XFAIL, a colon, and the sentence; behind it in parentheses why it did not pass.
Without --firmware the dispatcher of this program's firmware is tested, or with --dispatcher hypervisor that which a
hypervisor at EL2 has for its guest, the cases being the guest. With --firmware it is an image in its place: every PE
starts in it at EL3 with the MMU off, X0 being where PE 0 is to go on, Non-secure, at the client's Exception level.

Exit codes:
  0 no FAIL   1 at least one   2 usage or unreadable input`;

/** Whose dispatcher is tested when no image is given. */
const DISPATCHERS = ['firmware', 'hypervisor'] as const;

/** One dispatcher, and what it is called in reports. */
interface Subject {
  readonly label: string;
  readonly implementation: Implementation;
}

function known<T extends string>(option: string, value: string, values: readonly T[]): T {
  const found = values.find((one) => one === value);
  if (found !== undefined) return found;
  throw new UsageError('E_CONFORMANCE', `${option} '${value}': no such value. Known: ${values.join(', ')}.`);
}

function parseAddress(option: string, text: string): bigint {
  const value = /^0x[\da-f]{1,16}$/i.test(text) ? BigInt(text) : -1n;
  if (value >= FIRMWARE_PA_MIN && value < FIRMWARE_PA_END && value % 4n === 0n) return value;
  const [from, to] = [FIRMWARE_PA_MIN, FIRMWARE_PA_END - 4n].map((pa) => `0x${pa.toString(16)}`);
  throw new UsageError('E_CONFORMANCE', `${option} '${text}': give a multiple of 4 from ${from} to ${to}.`);
}

function parseWithout(names: readonly string[]): Requirement[] {
  return names.map((name) => known('--without', name, REQUIREMENTS));
}

/** `{ "sentence": "reason" }`; each sentence must be one of the suite. */
function parseExpectedFailures(path: string, host: Host): Map<string, string> {
  const wrong = (what: string): never => {
    const form = 'Give a JSON object of sentences of the suite and reasons: { "SENTENCE": "REASON" }.';
    throw new UsageError('E_CONFORMANCE', `--expected-failures ${path}: ${what}. ${form}`);
  };
  let data: unknown;
  try {
    data = JSON.parse(new TextDecoder().decode(readInput(host, '--expected-failures', path)));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    wrong('it is not JSON');
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return wrong('it is no object');
  const names = new Set(CASES.map(({ name }) => name));
  for (const [name, reason] of Object.entries(data)) {
    if (!names.has(name)) wrong(`the suite has no sentence '${name}'`);
    if (typeof reason !== 'string') wrong(`the reason of '${name}' is no text`);
  }
  return new Map(Object.entries(data as Record<string, string>));
}

/** The dispatchers that the options ask for. Values first, files second. */
function subjects(flags: ConformanceFlags, host: Host): Subject[] {
  const profile = known('--profile', flags.profile, [...SDEI_PROFILES, 'all']);
  const version = known('--sdei-version', flags.sdeiVersion, Object.keys(SDEI_VERSIONS) as SdeiVersion[]);
  const el3 = known('--el3', flags.el3, ['on', 'off']) === 'on';
  const el2 = flags.el2 === true;
  const without = parseWithout(flags.without);
  const addrPa = flags.load === undefined ? undefined : parseAddress('--load', flags.load);
  const entryPa = flags.entry === undefined ? undefined : parseAddress('--entry', flags.entry);
  const refuse = (what: string): never => {
    throw new UsageError('E_CONFORMANCE', what);
  };
  const inGuest = known('--dispatcher', flags.dispatcher, DISPATCHERS) === 'hypervisor';
  if (inGuest && el2)
    refuse('--dispatcher hypervisor with --el2: its client is a guest, at EL1. Leave out one of them.');
  if (inGuest && flags.firmware !== undefined)
    refuse(
      '--dispatcher hypervisor with --firmware: it is this program that has the hypervisor. Leave out one of them.',
    );
  if (flags.firmware === undefined) {
    if (addrPa !== undefined || entryPa !== undefined || without.length > 0)
      refuse('--load, --entry, --without: they are about an image. Give it with --firmware, or leave them out.');
  } else {
    if (!el3) refuse('--firmware with --el3 off: the image runs at EL3. Leave out one of them.');
    if (profile === 'all')
      refuse("--profile 'all' with --firmware: an image makes its choices once. Give one profile.");
  }
  const expectedFailures =
    flags.expectedFailures === undefined ? undefined : parseExpectedFailures(flags.expectedFailures, host);
  const bytes = flags.firmware === undefined ? undefined : readInput(host, '--firmware', flags.firmware);
  if (bytes && (addrPa ?? FIRMWARE_PA) + BigInt(bytes.length) > FIRMWARE_PA_END)
    refuse(`--firmware ${flags.firmware}: ${bytes.length} bytes do not fit behind its address. Give another --load.`);
  const profiles: readonly SdeiProfile[] = profile === 'all' ? SDEI_PROFILES : [profile];
  return profiles.map((one) => {
    const made = bytes
      ? firmwareUnderTest({ bytes, addrPa, entryPa, profile: one, version, el2, without })
      : inGuest
        ? hypervisorDispatcher({ profile: one, version, el3 })
        : ownDispatcher({ profile: one, version, el2, el3 });
    const { clientEl, conduit } = made.target;
    const own = inGuest ? "hypervisor's dispatcher" : 'own dispatcher';
    const label = `${flags.firmware ?? own}, profile ${one}, version ${version}, client EL${clientEl}`;
    return { label: `${label}, ${conduit.toUpperCase()}`, implementation: { ...made, expectedFailures } };
  });
}

function chosenCases(filter: string | undefined): readonly ConformanceCase[] {
  if (filter === undefined) return CASES;
  const pattern = parseRegex('--filter', filter);
  // `search`, which does not go on from where the last match ended.
  const chosen = CASES.filter(({ group, name }) => `${group}: ${name}`.search(pattern) >= 0);
  if (chosen.length > 0) return chosen;
  throw new UsageError(
    'E_CONFORMANCE',
    `--filter '${filter}': no sentence matches. 'unmaskable conformance --list' shows them as they are matched.`,
  );
}

function writeReport(host: Host, path: string, text: string): void {
  try {
    host.writeFile(path, text);
  } catch (error) {
    const reason = systemReason(error);
    throw new UsageError('E_CONFORMANCE', `--junit ${path}: cannot be written: ${reason}. Give a writable path.`);
  }
}

async function conformanceCommand(flags: ConformanceFlags, host: Host): Promise<number> {
  const write = (text: string): Promise<void> => host.writeOut(new TextEncoder().encode(`${text}\n`));
  const under = subjects(flags, host);
  const cases = chosenCases(flags.filter);
  if (flags.list) {
    for (const { group, name } of cases) await write(`${group}: ${name}`);
    return 0;
  }
  // Before the run, so that its results do not end in a path that cannot be written.
  if (flags.junit !== undefined) writeReport(host, flags.junit, '');
  const all: CaseResult[] = [];
  for (const { label, implementation } of under) {
    await write(`# ${label}`);
    const results: CaseResult[] = [];
    for (const one of cases) {
      const result = runCase(one, implementation);
      results.push(result);
      await write(resultLine(result));
    }
    await write(`# ${totalsLine(results)}`);
    const several = under.length > 1;
    all.push(...results.map((r) => (several ? { ...r, group: `${implementationName(label)}: ${r.group}` } : r)));
  }
  if (flags.junit !== undefined) writeReport(host, flags.junit, junit(all, 'unmaskable conformance'));
  return totals(all).FAIL > 0 ? 1 : 0;
}

const implementationName = (label: string): string => /profile [^,]+/.exec(label)![0];

/** For an option that may be repeated. */
const collect = (value: string, all: string[]): string[] => [...all, value];

/** Adds `conformance` to the command; `done` is called with the exit code. */
export function addConformanceCommand(program: Command, host: Host, done: (exitCode: number) => void): void {
  program
    .command('conformance')
    .description('put the sentences of a conformance suite to an SDEI dispatcher')
    .option('--profile <NAME>', 'where dispatchers differ: spec, tf-a, or all for one after the other', 'spec')
    .option('--sdei-version <VERSION>', 'version it reports: 1.0 or 1.1', '1.0')
    .option('--dispatcher <WHOSE>', "whose dispatcher: firmware, or hypervisor for a guest's", 'firmware')
    .option('--el2', 'the machine has EL2, which then is the client')
    .option('--el3 <ON>', 'EL3 and two security states: on or off', 'on')
    .option('--firmware <FILE>', 'an image of machine code for EL3 instead of the dispatcher of this program')
    .option('--load <ADDRESS>', `where the image lies (default: 0x${FIRMWARE_PA.toString(16)})`)
    .option('--entry <ADDRESS>', 'where every PE starts in it (default: its first byte)')
    .option(
      '--without <WHAT>',
      `what the image does not have, may be repeated: ${REQUIREMENTS.join(', ')}`,
      collect,
      [],
    )
    .option('--filter <REGEX>', 'only sentences that match, each as --list shows it')
    .option('--list', 'print the sentences and run nothing')
    .option('--junit <FILE>', 'write the results as JUnit XML as well')
    .option('--expected-failures <FILE>', 'JSON: sentences known not to hold, with the reason; they become XFAIL')
    .addHelpText('after', HELP)
    .action(async (flags: ConformanceFlags) => done(await conformanceCommand(flags, host)));
}
