/** Snapshots as files: a machine saved, and a new machine made of what was saved. */
import { ARCHITECTURAL_BYTES } from '../../arch/pestate.ts';
import type { PeExtraState } from '../../cpu/pe.ts';
import type { BlockBackend } from '../../devices/virtio/block-store.ts';
import type { NetBackend } from '../../devices/virtio/net.ts';
import { imageFromPlain } from '../../engine/hosted/activation.ts';
import type { HostedProgram } from '../../engine/hosted/program.ts';
import { MachineError } from '../errors.ts';
import { Machine } from '../machine.ts';
import type { MachineOptions } from '../options.ts';
import type { Snapshot } from '../types.ts';
import { stateOfParts } from '../whole.ts';
import { collect } from './collect.ts';
import { decodeStored } from './decode.ts';
import { checkReferred, type DriveRecord, storedBackend } from './drives.ts';
import { encodeStored } from './encode.ts';
import { blockOf } from './registers.ts';
import type { Codec } from './sections.ts';
import type { StoredMachine } from './stored.ts';

/** What a file cannot hold and its reader has to bring. */
export interface LoadOptions {
  /** Opens a disk that the file refers to. */
  readonly openDrive?: (record: DriveRecord) => BlockBackend;
  /** The other end of the cable, when the machine was made with a back end of one's own. */
  readonly net?: NetBackend;
  /** The TypeScript code of a machine that was made with some. */
  readonly hosted?: HostedProgram;
  /** Another engine than that of the machine that was saved; the run is the same. */
  readonly engine?: MachineOptions['engine'];
}

/**
 * A snapshot as the bytes of a file that needs nothing else, but for disks with a name that the guest's writes do not
 * go to: those are referred to by name and hash.
 *
 * What may change is read before the first wait, so that the machine can run on at once.
 *
 * @throws MachineError `E_SNAPSHOT` for a snapshot of another machine, `E_SNAPSHOT_FILE` when a disk cannot be kept
 */
export async function saveSnapshot(machine: Machine, snapshot: Snapshot, codec: Codec): Promise<Uint8Array> {
  return encodeStored(collect(machine, snapshot, codec), codec);
}

function optionsOf(stored: StoredMachine, given: LoadOptions, codec: Codec): MachineOptions {
  const { boot, programs, drives } = stored;
  const { net, hosted, ...options } = stored.options as unknown as MachineOptions;
  const refuse = (message: string): never => {
    throw new MachineError('E_SNAPSHOT_FILE', `snapshot: ${message}`);
  };
  let cable = net;
  if (typeof net === 'object') {
    const { backend } = net as unknown as { backend: string };
    cable = given.net ?? refuse(`the machine has the network back end '${backend}'. Give it as net.`);
  }
  if (hosted && !given.hosted) refuse('the machine runs TypeScript code. Give it as hosted.');
  return {
    ...options,
    engine: given.engine ?? options.engine,
    net: cable,
    hosted: hosted && given.hosted,
    boot,
    programs: programs.length > 0 ? programs : undefined,
    drives: drives.map(({ record, content }, n) => {
      const { name, serial, readOnly } = record;
      if (content) return { backend: storedBackend(content, record), serial };
      const backend = given.openDrive?.(record);
      checkReferred(backend, record, n, codec);
      return { backend: { ...backend!, name, readOnly }, serial };
    }),
  };
}

/**
 * Makes a machine that is exactly the one that was saved.
 *
 * @throws MachineError when its options are impossible here, or `E_SNAPSHOT_FILE` for a part that does not fit
 */
export function machineOf(stored: StoredMachine, given: LoadOptions, codec: Codec): Machine {
  const machine = Machine.create(optionsOf(stored, given, codec));
  const fresh = machine.snapshot();
  const { time, schedule, ended, pes, parts, hosted } = stored;
  let at = '';
  try {
    const blocks = pes.map(({ registers, extra }, n) => {
      at = `section 'pe ${n}'`;
      const base = fresh.pes[n]?.block ?? new Uint8Array(ARCHITECTURAL_BYTES);
      return { block: blockOf(registers, base), extra: extra as unknown as PeExtraState };
    });
    at = 'the state of the devices';
    const saved = { pes: blocks, devices: stateOfParts(parts), time, schedule, ended, hosted: imageFromPlain(hosted) };
    machine.restore(machine.whole.adopt(saved, stored.pages()));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MachineError('E_SNAPSHOT_FILE', `snapshot: ${at} does not fit this version: ${reason}`);
  }
  return machine;
}

/**
 * Makes a new machine from the bytes of a file.
 *
 * @throws MachineError `E_SNAPSHOT_FILE` naming the section that is damaged, missing or unknown, or the disk that
 * changed
 */
export async function loadSnapshot(bytes: Uint8Array, codec: Codec, given: LoadOptions = {}): Promise<Machine> {
  return machineOf(await decodeStored(bytes, codec), given, codec);
}
