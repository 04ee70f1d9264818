import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { NODE_CODEC } from './codec.ts';
import { openDriveFile } from './drive-file.ts';
import type { Host, InputPort } from './host.ts';
import { createMachine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import { replaceFile } from './replace-file.ts';
import { openTextFile } from './text-file.ts';

/** The longest timer Node can set, in ms. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Standard input: a terminal in raw mode, a pipe or a file. */
class NodeInput implements InputPort {
  readonly interactive: boolean;
  readonly #stream: NodeJS.ReadStream | undefined;
  #open = false;

  /** The terminal is in raw mode now. */
  get raw(): boolean {
    return this.#open && this.interactive;
  }

  constructor() {
    this.#stream = standardInput();
    this.interactive = this.#stream?.isTTY === true;
  }

  open(onData: (bytes: Uint8Array) => void, onClose: () => void): void {
    const stream = this.#stream;
    if (stream === undefined) {
      onClose();
      return;
    }
    let closed = false;
    const close = (): void => {
      if (!closed) onClose();
      closed = true;
    };
    if (this.interactive) stream.setRawMode(true);
    this.#open = true;
    stream.on('data', (chunk: Buffer | string) => onData(typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
    stream.on('end', close);
    stream.on('close', close);
    stream.on('error', close);
    stream.resume();
  }

  hold(held: boolean): void {
    if (!this.#open || this.#stream === undefined) return;
    if (held) this.#stream.pause();
    else if (this.#stream.isPaused()) this.#stream.resume();
  }

  close(): void {
    if (!this.#open || this.#stream === undefined) return;
    this.#open = false;
    if (this.interactive) this.#stream.setRawMode(false);
    this.#stream.pause();
  }
}

/** Standard input, or undefined when the process was started without one that can be read. */
function standardInput(): NodeJS.ReadStream | undefined {
  try {
    return process.stdin;
  } catch {
    return undefined;
  }
}

/** The process this command runs in. */
class NodeHost implements Host {
  readonly input = new NodeInput();
  readonly outputIsTerminal = process.stdout.isTTY === true;
  readonly errorIsTerminal = process.stderr.isTTY === true;
  readonly createMachine = createMachine;
  readonly createDemo = async (): Promise<MachinePort> => (await import('./demo.ts')).createDemo();
  readonly openDrive = openDriveFile;
  readonly openText = openTextFile;
  readonly replaceFile = replaceFile;
  readonly codec = NODE_CODEC;
  #wake: (() => void) | undefined;
  #outputClosed = false;
  #outputClosedListener: (() => void) | undefined;

  constructor() {
    // A reader that goes away is the end of the run, not a fault. Other write errors (a full disk) end it as well.
    process.stdout.on('error', () => {
      this.#outputClosed = true;
      this.#outputClosedListener?.();
    });
    process.stderr.on('error', () => undefined);
  }

  async writeOut(bytes: Uint8Array): Promise<void> {
    if (this.#outputClosed) return;
    await new Promise<void>((resolve) => process.stdout.write(bytes, () => resolve()));
  }

  writeErr(text: string): void {
    // A terminal in raw mode does not return the carriage by itself.
    process.stderr.write(this.input.raw ? text.replace(/\r?\n/g, '\r\n') : text);
  }

  onOutputClosed(listener: () => void): void {
    this.#outputClosedListener = listener;
    if (this.#outputClosed) listener();
  }

  onSignal(listener: (name: string) => void): void {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => listener(name));
  }

  readFile(path: string): Uint8Array {
    if (statSync(path).isDirectory()) throw Object.assign(new Error('it is a directory'), { code: 'EISDIR' });
    return readFileSync(path);
  }

  writeFile(path: string, content: string | Uint8Array): void {
    writeFileSync(path, content);
  }

  nowMs(): number {
    return performance.now();
  }

  breathe(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  wait(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      // Without a time: a timer all the same, because a promise alone does not keep the process alive.
      const timer = setTimeout(() => this.wake(), Math.min(ms ?? TIMER_MS_MAX, TIMER_MS_MAX));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** The host that is this Node process. */
export function createNodeHost(): Host {
  return new NodeHost();
}
