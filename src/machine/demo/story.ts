/** The demonstration: a machine, what happens to it, and a text for who has never heard of any of this. */
import { SGI } from '../../os/kit/smp.ts';
import { decodeStatusBlock, describeStatusBlock } from '../../tables/cper/block.ts';
import type { TreeNode } from '../../tables/tree-node.ts';
import { Machine } from '../machine.ts';
import { MEMORY_BYTES_MIN } from '../options.ts';
import { describeSources, isAcknowledged, reportError } from './firmware.ts';
import { DEMO_EVENTS, demoKernel } from './kernel.ts';
import { LaneWatch } from './lanes.ts';

const INTRODUCTION = `An arm64 machine with two CPUs. Firmware answers at EL3; below it, at EL1, a small kernel runs.
Some things cannot wait until a kernel lets interrupts in. Three of them follow.
In the pictures time goes from left to right; # is what runs on the CPU.
`;
const SCENES = {
  corrected: `
1. Memory has corrected an error.
   The firmware finds out first. It writes a record and delivers an event with SDEI, the Software Delegated Exception
   Interface: the kernel's handler runs at once, wherever the kernel is. It copies the record; an ordinary interrupt
   prints it when there is time.

`,
  nested: `
2. Memory has lost data, and while the kernel hears of that, something worse comes.
   Events are normal or critical. A critical one interrupts even the handler of a normal one, on a stack of its own.

`,
  nmi: `
3. CPU 1 has masked interrupts, and CPU 0 wants to know where it is.
   Its question is an interrupt of a better priority than the mask (a pseudo-NMI) and is taken; the timer has to wait.

`,
} as const;
type Scene = keyof typeof SCENES;

/** Steps after the beginning of a scene, and of a handler, at which errors happen. */
const ERROR_AFTER = 120;
const WORSE_AFTER = 90;

/** Tells the story of a machine while it runs. */
export class Story {
  readonly machine: Machine;
  private readonly lanes: LaneWatch;
  private readonly tell: (text: string) => void;
  private line = '';
  private record: Uint8Array | undefined;
  private nested = false;
  private due = 0;

  /** @param tell - hears the text, in whole lines */
  constructor(tell: (text: string) => void) {
    const { kernel, program } = demoKernel();
    this.tell = tell;
    this.machine = Machine.create({ hosted: program, entry: kernel.entry, cpus: 2, memoryBytes: MEMORY_BYTES_MIN });
    const { machine } = this;
    this.lanes = new LaneWatch(machine, SGI.BACKTRACE);
    describeSources(machine, [DEMO_EVENTS.normal, DEMO_EVENTS.critical]);
    machine.console.onOutput((bytes) => {
      for (const byte of bytes) this.character(String.fromCharCode(byte));
    });
    machine.sdei.onMove((_pe, event, operation) => {
      if (operation !== 'DISPATCH' || event !== DEMO_EVENTS.normal || !this.nested) return;
      this.nested = false;
      this.later(WORSE_AFTER, () => this.fail(1, DEMO_EVENTS.critical, 'recoverable', 'DIMM B2'));
    });
    tell(INTRODUCTION);
  }

  private character(c: string): void {
    if (c !== '\n') {
      this.line += c;
      return;
    }
    const { line } = this;
    this.line = '';
    if (line.startsWith('#')) this.cue(line.slice(1).split(' '));
    else this.tell(`${line.startsWith(' ') ? '' : '    kernel: '}${line}\n`);
  }
  private cue([what, ...words]: readonly string[]): void {
    if (what === 'up') this.tell(`The kernel is up and hears of errors from ${words[1]} sources.\n`);
    else if (what === 'end') this.end();
    else if (what === 'answer') this.answer(words[0]!);
    else if (what === 'bye') this.tell('\nEvery run takes the same steps: compare the digest of the next one.\n');
    else this.begin(what as Scene);
  }
  private begin(scene: Scene): void {
    this.tell(SCENES[scene]);
    this.lanes.begin(scene === 'nmi' ? 1 : 0);
    if (scene === 'nmi') return;
    this.nested = scene === 'nested';
    const severity = this.nested ? 'recoverable' : 'corrected';
    this.later(ERROR_AFTER, () => this.fail(0, DEMO_EVENTS.normal, severity, 'DIMM A1'));
  }
  private later(steps: number, action: () => void): void {
    this.due++;
    this.machine.at(this.machine.boundary.step + steps, () => {
      this.due--;
      action();
    });
  }
  /** Nothing is going to be done from outside at a step to come, so the whole future is in the machine. */
  get quiet(): boolean {
    return this.due === 0;
  }
  private fail(source: number, event: number, severity: 'corrected' | 'recoverable', dimm: string): void {
    const addressPa = 0x4080_0000n + BigInt(source) * 0x1000n;
    const record = reportError(this.machine, source, event, 0, { severity, addressPa, dimm });
    if (severity === 'corrected') this.record = record;
    this.tell(`    firmware: a ${severity} error in ${dimm}; event ${event} is raised on CPU 0.\n`);
  }
  private answer(pc: string): void {
    const where = pc === 'none' ? undefined : this.machine.hosted?.describe(BigInt(`0x${pc}`));
    this.tell(where ? `    CPU 0: CPU 1 answers from its masked section.\n` : '    CPU 0: CPU 1 does not answer.\n');
  }
  private end(): void {
    const drawing = this.lanes.end();
    this.tell(`\n${drawing}`);
    if (!this.record) return;
    const taken = isAcknowledged(this.machine, 0) ? ' The kernel has given the space for it back.' : '';
    const { length } = this.record;
    this.tell(`\n    What the firmware wrote, ${length} bytes of Common Platform Error Record.${taken}\n`);
    const { value } = decodeStatusBlock(this.record);
    if (value) this.tell(treeText(describeStatusBlock(value), 0).join(''));
    this.record = undefined;
  }
}

/** A record as lines; what says nothing is left out. */
function treeText(node: TreeNode, depth: number): string[] {
  const value = node.value === undefined ? '' : `: ${node.value}`;
  const children = (node.children ?? []).flatMap((child) => treeText(child, depth + 1));
  return [`      ${'  '.repeat(depth)}${node.name}${value}\n`, ...children];
}
