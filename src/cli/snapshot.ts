/** `unmaskable snapshot info|diff`: what is in the files of snapshots. */
import type { Command } from 'commander';
import type { PlainData } from '../devices/device.ts';
import { decodeStored, snapshotSections } from '../machine/snapshot-file/decode.ts';
import { differenceLine, differences } from '../machine/snapshot-file/diff.ts';
import { sha256 } from '../machine/snapshot-file/sha256.ts';
import type { StoredMachine } from '../machine/snapshot-file/stored.ts';
import type { Host } from './host.ts';
import { readInput } from './inputs.ts';
import { formatTimeNs, grouped } from './report.ts';
import { withPath } from './saves.ts';

/** Differences that are printed. */
const DIFFERENCES_MAX = 1000;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function optionText(value: PlainData): string {
  const plain = JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'bigint' ? hex(inner) : inner instanceof Uint8Array ? `<${inner.length} bytes>` : inner,
  );
  return plain.length > 200 ? `${plain.slice(0, 200)}...` : plain;
}

function stateLines(stored: StoredMachine, host: Host): string[] {
  const { time, ended, pes, boot, programs, drives, options } = stored;
  const hash = (bytes: Uint8Array): string => {
    const own = host.codec.sha256?.();
    own?.update(bytes);
    return own?.finish() ?? sha256(bytes);
  };
  const images = [
    ...(boot?.segments ?? []),
    ...programs.map((program) => ({ what: 'program', addrPa: program.addrPa, bytes: program.bytes })),
  ];
  const end = ended ? `, ended: ${ended}` : '';
  return [
    `  steps ${grouped(time.steps)}, virtual time ${formatTimeNs(BigInt(time.timeNs))}${end}`,
    ...pes.map(({ registers }, n) => {
      const waits = ['', ', in WFI', ', in WFE', ', off', ', starting'][Number(registers.waitState)] ?? '';
      return `  PE ${n}: PC ${hex(registers.PC!)}, EL${registers.EL}${waits}`;
    }),
    ...images.map(
      ({ what, addrPa, bytes }) => `  ${what}: ${bytes.length} bytes at ${hex(addrPa)}, sha256 ${hash(bytes)}`,
    ),
    ...drives.map(({ record }, n) => {
      const { name, sizeBytes, readOnly, sha256: sum } = record;
      const where = sum === '' ? 'content in the file' : `refers to ${name}, sha256 ${sum}`;
      return `  drive ${n}: ${sizeBytes} bytes${readOnly ? ', read-only' : ''}; ${where}`;
    }),
    ...Object.entries(options).map(([name, value]) => `  option ${name}: ${optionText(value)}`),
  ];
}

async function read(host: Host, path: string): Promise<{ bytes: Uint8Array; stored: StoredMachine }> {
  const bytes = readInput(host, 'snapshot', path);
  try {
    return { bytes, stored: await decodeStored(bytes, host.codec) };
  } catch (error) {
    throw withPath(path, error);
  }
}

async function info(paths: readonly string[], host: Host): Promise<number> {
  for (const path of paths) {
    const { bytes, stored } = await read(host, path);
    const sections = snapshotSections(bytes).sections.map(
      ({ name, version, sizeBytes, stored: kept }) =>
        `  section ${name}: version ${version}, ${grouped(sizeBytes)} bytes, ${grouped(kept.length)} in the file`,
    );
    const pages = [...stored.pages()].length;
    const ram = `  RAM: ${grouped(pages)} pages of 4096 bytes are not zero`;
    const lines = [`${path}: ${grouped(bytes.length)} bytes`, ...stateLines(stored, host), ram, ...sections];
    await host.writeOut(new TextEncoder().encode(`${lines.join('\n')}\n`));
  }
  return 0;
}

/** Exit code as that of diff: 0 for the same, 1 for different. */
async function diff(pathA: string, pathB: string, host: Host): Promise<number> {
  const [a, b] = [await read(host, pathA), await read(host, pathB)];
  const lines: string[] = [];
  for (const difference of differences(a.stored, b.stored)) {
    if (lines.length === DIFFERENCES_MAX) {
      lines.push(`more than ${DIFFERENCES_MAX} differences; the rest is left out`);
      break;
    }
    lines.push(differenceLine(difference));
  }
  const text = lines.length === 0 ? 'no differences' : lines.join('\n');
  await host.writeOut(new TextEncoder().encode(`${text}\n`));
  return lines.length === 0 ? 0 : 1;
}

/** Adds the command. */
export function addSnapshotCommand(program: Command, host: Host, done: (exitCode: number) => void): void {
  const command = program.command('snapshot').description('look into the files of snapshots');
  command
    .command('info <FILE...>')
    .description('time, PEs, options, images and sections')
    .action(async (paths: string[]) => done(await info(paths, host)));
  command
    .command('diff <A> <B>')
    .description('where two snapshots differ: registers, devices, RAM; exit code 1 when they do')
    .action(async (a: string, b: string) => done(await diff(a, b, host)));
}
