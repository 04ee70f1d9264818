/** Snapshots and recordings as files of the command. */
import { Machine } from '../machine/machine.ts';
import { Recorder, type RecorderOptions } from '../machine/record/recorder.ts';
import { type LoadOptions, loadSnapshot, saveSnapshot } from '../machine/snapshot-file/files.ts';
import { openDrive } from './devices.ts';
import { UsageError } from './errors.ts';
import type { Host, TextFile } from './host.ts';
import { readInput, systemReason } from './inputs.ts';
import type { MachinePort } from './machine-port.ts';

/** The machine behind a port. @throws Error for a stand-in, which has no state to be saved */
export function machineBehind(port: MachinePort): Machine {
  if (port instanceof Machine) return port;
  throw new Error('assertion: this machine is a stand-in and cannot be saved');
}

function unwritable(what: string, path: string, error: unknown): UsageError {
  return new UsageError('E_SAVE', `${what} ${path}: cannot be written: ${systemReason(error)}. Give a writable path.`);
}

/** Snapshots that rules ask for: each is taken at once, and written while the run goes on. */
export class Saves {
  readonly #host: Host;
  readonly #machine: Machine;
  #writing: Promise<void>[] = [];
  #failed: unknown;

  constructor(machine: Machine, host: Host) {
    this.#machine = machine;
    this.#host = host;
  }

  /** Takes a snapshot now, at a boundary. @throws MachineError when a disk cannot be kept */
  save(path: string, rule: string): void {
    const bytes = saveSnapshot(this.#machine, this.#machine.snapshot(), this.#host.codec);
    const written = bytes.then((content) => {
      try {
        this.#host.replaceFile(path, content);
      } catch (error) {
        throw unwritable(`--on '${rule}':`, path, error);
      }
    });
    // Told by `settled`; it must not end the process before.
    this.#writing.push(written.catch((error: unknown) => void (this.#failed ??= error)));
  }

  /** Waits until all is written. @throws UsageError `E_SAVE` when something could not be, MachineError as `save` */
  async settled(): Promise<void> {
    const writing = this.#writing;
    this.#writing = [];
    await Promise.all(writing);
    if (this.#failed === undefined) return;
    const failed = this.#failed;
    this.#failed = undefined;
    throw failed;
  }
}

/** What a file does not hold and the command opens again: disks, by the path they had. */
export function loadOptions(host: Host, engine: LoadOptions['engine']): LoadOptions {
  return {
    engine,
    openDrive: ({ name, readOnly }) => openDrive(host, { path: name, mode: readOnly ? 'readonly' : 'overlay' }),
  };
}

/**
 * Makes a machine from the file of a snapshot.
 *
 * @throws UsageError `E_FILE` when it cannot be read, MachineError `E_SNAPSHOT_FILE` with the path when it is damaged
 */
export async function restoreMachine(host: Host, path: string, engine: LoadOptions['engine']): Promise<Machine> {
  const bytes = readInput(host, '--restore', path);
  try {
    return await loadSnapshot(bytes, host.codec, loadOptions(host, engine));
  } catch (error) {
    throw withPath(`--restore ${path}`, error);
  }
}

/** The same error, with the option and path before its message. */
export function withPath(what: string, error: unknown): unknown {
  if (error instanceof Error && 'code' in error && error.name === 'MachineError')
    return new UsageError(String(error.code), `${what}: ${error.message}`);
  return error;
}

/** A recording that is being written. */
export class RecordingFile {
  readonly #recorder: Recorder;
  readonly #file: RecordedFile;

  private constructor(recorder: Recorder, file: RecordedFile) {
    this.#recorder = recorder;
    this.#file = file;
  }

  /** @throws UsageError `E_SAVE` for a path that cannot be written, MachineError when a disk cannot be kept */
  static async begin(
    machine: Machine,
    host: Host,
    path: string,
    how: Pick<RecorderOptions, 'everySteps' | 'steps'>,
  ): Promise<RecordingFile> {
    const file = new RecordedFile(host, path);
    const write = (bytes: Uint8Array): void => file.write(bytes);
    return new RecordingFile(await Recorder.begin(machine, { ...how, codec: host.codec, write }), file);
  }

  /** Writes what has entered since the last time. @throws UsageError `E_SAVE` */
  flush(): void {
    this.#recorder.flush();
  }
  /** Writes the end, unless writing has failed before. @throws UsageError `E_SAVE` */
  end(): void {
    if (this.#file.failed) return;
    this.#recorder.end();
    this.#file.close();
  }
}

/** The file of a recording. All methods throw UsageError `E_SAVE`. */
class RecordedFile {
  /** It could not be written, which was said. */
  failed = false;
  readonly #path: string;
  readonly #file: TextFile;

  constructor(host: Host, path: string) {
    this.#path = path;
    this.#file = this.#guarded(() => host.openText(path));
  }
  #guarded<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      this.failed = true;
      throw unwritable('--record', this.#path, error);
    }
  }
  write(bytes: Uint8Array): void {
    this.#guarded(() => this.#file.write(bytes));
  }
  close(): void {
    this.#guarded(() => this.#file.close());
  }
}
