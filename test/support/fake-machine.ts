import type { Host, TextFile } from '../../src/cli/host.ts';
import type { MachinePort, MachineRequest, RunLimits, RunReason } from '../../src/cli/machine-port.ts';
import type { BlockBackend } from '../../src/devices/virtio/block-store.ts';
import { CODEC } from './codec.ts';

/** What the fake guest does at a step: nothing, or something that ends the run, or waiting. */
export type FakeStep = undefined | 'poweroff' | 'reset' | 'idle' | { waitNs: bigint };

/** A guest without a processor: a function that is called for each step. */
export type FakeGuest = (machine: FakeMachine, step: number) => FakeStep;

/** A machine whose guest is a TypeScript function, for testing the command without a processor. */
export class FakeMachine implements MachinePort {
  steps = 0;
  timeNs = 0n;
  resets = 0;
  inputPossible = false;
  /** What the guest has been given and has not read. */
  received = '';
  /** Step and text of every input. */
  readonly inputs: { step: number; timeNs: bigint; text: string }[] = [];
  readonly console: MachinePort['console'] & { acceptsInput: boolean };
  readonly log: MachinePort['log'];
  report: (message: string) => void = () => undefined;
  readonly #guest: FakeGuest;
  readonly #at: { step: number; action: () => void }[] = [];
  readonly #atTime: { timeNs: bigint; action: () => void }[] = [];
  #emit: (bytes: Uint8Array) => void = () => undefined;
  #stopped = false;
  #wakeNs: bigint | undefined;

  constructor(guest: FakeGuest) {
    this.#guest = guest;
    this.console = {
      acceptsInput: true,
      onOutput: (listener) => {
        this.#emit = listener;
      },
      input: (bytes) => {
        const text = new TextDecoder().decode(bytes);
        this.received += text;
        this.inputs.push({ step: this.steps, timeNs: this.timeNs, text });
        this.#wakeNs = undefined;
      },
    };
    this.log = {
      onReport: (listener) => {
        this.report = listener;
      },
    };
  }

  /** The guest writes to its console, in pieces of `pieceBytes`. */
  print(text: string, pieceBytes = 1): void {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; at += pieceBytes) this.#emit(bytes.slice(at, at + pieceBytes));
  }

  run(limits: RunLimits): { reason: RunReason } {
    const end = this.steps + (limits.steps ?? Number.POSITIVE_INFINITY);
    for (;;) {
      this.#fireDue();
      if (this.#stopped) {
        this.#stopped = false;
        return { reason: 'stopped' };
      }
      if (this.#wakeNs !== undefined) {
        if (limits.idleUntilNs !== undefined && this.#wakeNs > limits.idleUntilNs) {
          if (limits.idleUntilNs > this.timeNs) this.timeNs = limits.idleUntilNs;
          return { reason: 'waiting-for-time' };
        }
        if (this.#wakeNs > this.timeNs) this.timeNs = this.#wakeNs;
        this.#wakeNs = undefined;
      }
      if (this.steps >= end) return { reason: 'limit' };
      const result = this.#guest(this, this.steps);
      if (result === 'idle') return { reason: this.inputPossible ? 'waiting-for-input' : 'idle' };
      this.steps++;
      this.timeNs++;
      if (typeof result === 'object') this.#wakeNs = this.timeNs + result.waitNs;
      else if (result !== undefined) return { reason: result };
    }
  }

  digest(): string {
    return `d1ge57-${this.steps}`;
  }

  reset(): void {
    this.resets++;
  }

  at(step: number, action: () => void): void {
    this.#at.push({ step, action });
  }

  atTimeNs(timeNs: bigint, action: () => void): void {
    this.#atTime.push({ timeNs, action });
  }

  stop(): void {
    this.#stopped = true;
  }

  nextDueNs(): bigint | undefined {
    return this.#wakeNs;
  }

  #fireDue(): void {
    const isDue = (entry: { step: number }): boolean => entry.step <= this.steps;
    for (const due of this.#atTime.filter((entry) => entry.timeNs <= this.timeNs)) {
      this.#atTime.splice(this.#atTime.indexOf(due), 1);
      due.action();
    }
    for (let due = this.#at.find(isDue); due; due = this.#at.find(isDue)) {
      this.#at.splice(this.#at.indexOf(due), 1);
      due.action();
    }
  }
}

/** A process that exists only in memory: collects what the command writes and feeds it what a test types. */
export class FakeHost implements Host {
  out = '';
  err = '';
  /** Wall time, moved only by `wait`. */
  clockMs = 0;
  readonly files = new Map<string, Uint8Array | { code: string }>();
  readonly written = new Map<string, string>();
  readonly requests: MachineRequest[] = [];
  readonly waits: (number | undefined)[] = [];
  readonly machine: FakeMachine;
  readonly input: Host['input'] & { interactive: boolean };
  /** Called at each pause between slices, with its number from 0. */
  atPause: (pause: number) => void = () => undefined;
  /** Called when the command waits; must cause a wake or the test ends as stuck. */
  atWait: (ms: number | undefined) => void = (ms) => {
    if (ms === undefined) throw new Error('the command waits for ever');
    this.clockMs += ms;
  };
  createMachine: Host['createMachine'];
  rawMode = false;
  outputIsTerminal = false;
  type: (text: string) => void = () => undefined;
  closeInput: () => void = () => undefined;
  closeOutput: () => void = () => undefined;
  signal: (name: string) => void = () => undefined;
  #pauses = 0;

  constructor(guest: FakeGuest, interactive = false) {
    this.machine = new FakeMachine(guest);
    this.files.set('Image', new Uint8Array([0x4d, 0x5a, 0, 0]));
    this.createMachine = (request) => {
      this.requests.push(request);
      return this.machine;
    };
    this.input = {
      interactive,
      open: (onData, onClose) => {
        this.rawMode = interactive;
        this.type = (text) => onData(new TextEncoder().encode(text));
        this.closeInput = onClose;
        if (!interactive) onClose();
      },
      hold: () => undefined,
      close: () => {
        this.rawMode = false;
      },
    };
  }

  createDemo = (): MachinePort => this.machine;

  async writeOut(bytes: Uint8Array): Promise<void> {
    this.out += new TextDecoder().decode(bytes);
  }

  writeErr(text: string): void {
    this.err += text;
  }

  onOutputClosed(listener: () => void): void {
    this.closeOutput = listener;
  }

  onSignal(listener: (name: string) => void): void {
    this.signal = listener;
  }

  readFile(path: string): Uint8Array {
    const file = this.files.get(path) ?? { code: 'ENOENT' };
    if (file instanceof Uint8Array) return file;
    throw Object.assign(new Error(`${file.code}: refused`), file);
  }

  openDrive(path: string, writable: boolean): BlockBackend {
    const bytes = this.readFile(path);
    const read = (offset: number, sizeBytes: number): Uint8Array => bytes.slice(offset, offset + sizeBytes);
    const file = { sizeBytes: bytes.length, readOnly: !writable, read };
    return writable ? { ...file, write: (offset, part) => bytes.set(part, offset) } : file;
  }

  writeFile(path: string, text: string): void {
    if (path.startsWith('/nowhere/')) throw Object.assign(new Error('refused'), { code: 'ENOENT' });
    this.written.set(path, text);
  }

  readonly codec = CODEC;

  replaceFile(path: string, bytes: Uint8Array): void {
    this.files.set(path, bytes);
  }

  openText(path: string): TextFile {
    this.writeFile(path, '');
    return {
      write: (text) => this.writeFile(path, `${this.written.get(path) ?? ''}${String(text)}`),
      close: () => undefined,
    };
  }

  nowMs(): number {
    return this.clockMs;
  }

  async breathe(): Promise<void> {
    this.atPause(this.#pauses++);
  }

  async wait(ms: number | undefined): Promise<void> {
    this.waits.push(ms);
    this.atWait(ms);
  }

  wake(): void {}
}
