/** `unmaskable decode`: tables, records, device trees and kernel logs as trees anyone can read. */
import type { Command } from 'commander';
import type { DescribeOptions } from '../tables/cper/sections.ts';
import { DECODE_KINDS, type DecodeKind } from './decode-kinds.ts';
import { type DecodedFile, filesJson, findingText, harmless, partText } from './decode-print.ts';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { readInput } from './inputs.ts';

/** What is read of standard input at most. */
const STDIN_BYTES_MAX = 2 ** 28;

const EXIT_MALFORMED = 1;
const EXIT_UNREADABLE = 2;

interface DecodeFlags {
  readonly as?: string;
  readonly armErrorTypes: string;
  readonly json?: boolean;
}

const KIND_NAMES = DECODE_KINDS.map(({ name }) => name).join(', ');

const HELP = `
FILE is - for standard input. What a file is, is found out from its first bytes; --as says it.

Exit codes:
  0 all well formed   1 something is malformed: see standard error   2 unreadable or not recognised`;

function parseKind(name: string | undefined): DecodeKind | undefined {
  const kind = DECODE_KINDS.find((one) => one.name === name);
  if (name === undefined || kind !== undefined) return kind;
  throw new UsageError('E_KIND', `--as '${name}': no such kind. Known: ${KIND_NAMES}.`);
}

function parseArmErrorTypes(types: string): DescribeOptions {
  if (types === 'mask' || types === 'index') return { armErrorTypes: types };
  throw new UsageError('E_ARM_ERROR_TYPES', `--arm-error-types '${types}': no such encoding. Known: mask, index.`);
}

/** All of standard input. */
function readStandardInput(host: Host): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    let sizeBytes = 0;
    host.input.open(
      (piece) => {
        sizeBytes += piece.length;
        if (sizeBytes <= STDIN_BYTES_MAX) pieces.push(piece);
        else {
          host.input.close();
          const limit = STDIN_BYTES_MAX / 2 ** 20;
          reject(new UsageError('E_FILE', `-: standard input has more than ${limit} MiB. Give it as a file.`));
        }
      },
      () => {
        if (sizeBytes === 0) reject(new UsageError('E_FILE', '-: standard input is empty.'));
        resolve(Buffer.concat(pieces));
      },
    );
  });
}

/** The kind of these bytes. @throws UsageError `E_UNRECOGNISED`, which says what was tried */
function recognise(file: string, bytes: Uint8Array): DecodeKind {
  const kind = DECODE_KINDS.find((one) => one.recognise(bytes));
  if (kind !== undefined) return kind;
  const start = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const tried = DECODE_KINDS.map(({ sign }) => sign).join('; ');
  throw new UsageError(
    'E_UNRECOGNISED',
    `${file}: not recognised: ${bytes.length} bytes that begin ${start}. Tried: ${tried}. ` +
      `If it is one of them, say so: --as ${DECODE_KINDS.map(({ name }) => name).join('|')}.`,
  );
}

/** Reads and decodes one file; a mistake of the user becomes the file's error. */
async function decodeFile(
  file: string,
  forced: DecodeKind | undefined,
  options: DescribeOptions,
  host: Host,
): Promise<DecodedFile> {
  try {
    const bytes = file === '-' ? await readStandardInput(host) : readInput(host, 'decode', file);
    const kind = forced ?? recognise(file, bytes);
    return { file, parts: kind.decode(bytes, options) };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { file, parts: [], error: error.message };
  }
}

async function decodeCommand(files: readonly string[], flags: DecodeFlags, host: Host): Promise<number> {
  const forced = parseKind(flags.as);
  const options = parseArmErrorTypes(flags.armErrorTypes);
  if (files.filter((file) => file === '-').length > 1) {
    throw new UsageError('E_FILE', "'-' is given twice; there is one standard input. Leave out one.");
  }
  const write = (text: string): Promise<void> => host.writeOut(new TextEncoder().encode(text));
  const decoded: DecodedFile[] = [];
  let exitCode = 0;
  for (const file of files) {
    const found = await decodeFile(file, forced, options, host);
    if (flags.json) decoded.push(found);
    if (found.error !== undefined) {
      host.writeErr(`unmaskable: ${harmless(found.error)}\n`);
      exitCode = EXIT_UNREADABLE;
    }
    for (const part of found.parts) {
      if (!flags.json) await write(partText(file, part));
      for (const finding of part.findings) host.writeErr(`${findingText(file, finding)}\n`);
      if (part.findings.length > 0 || part.tree === undefined) exitCode = Math.max(exitCode, EXIT_MALFORMED);
    }
  }
  if (flags.json) await write(filesJson(decoded));
  return exitCode;
}

/** Adds `decode` to the command; `done` is called with the exit code. */
export function addDecodeCommand(program: Command, host: Host, done: (exitCode: number) => void): void {
  program
    .command('decode')
    .description('print ACPI tables, CPER records, error status blocks, device trees, hardware errors of kernel logs')
    .argument('<FILE...>', 'files to decode, - for standard input')
    .option('--as <KIND>', `do not guess what the files are: ${KIND_NAMES}`)
    .option('--arm-error-types <HOW>', 'type of ARM processor errors: mask (UEFI 2.9A and later) or index', 'mask')
    .option('--json', 'print everything as one JSON document')
    .addHelpText('after', HELP)
    .action(async (files: string[], flags: DecodeFlags) => done(await decodeCommand(files, flags, host)));
}
