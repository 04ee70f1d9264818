// Debian's kernel in a machine of this process, for what is measured through the API. Imports the built package.
import { readFileSync } from 'node:fs';
import { Machine } from '../../dist/index.js';
import { APPEND, KERNEL, MEMORY_MIB } from '../tools.mjs';

const PROMPT = '# \x1b[6n';
/** No boot and no command here takes as many steps. */
const STEPS_MAX = 20_000_000_000;

/** What this process was asked to do. */
export const asked = () => JSON.parse(process.argv[2] ?? '{}');
/** Hands the result to `measuredHere`. */
export const answer = (result) => process.stdout.write(`${JSON.stringify(result)}\n`);

/** A machine and somebody at its console. */
export class Linux {
  constructor({ initrd, cpus = 1, memoryMib = MEMORY_MIB, ...options }) {
    this.text = '';
    this.machine = Machine.create({
      kernel: readFileSync(KERNEL),
      initrd: readFileSync(initrd),
      append: APPEND,
      cpu: 'cortex-a57',
      cpus,
      memoryBytes: memoryMib * 2 ** 20,
      ...options,
    });
    this.machine.console.onOutput((bytes) => {
      this.text += String.fromCharCode(...bytes);
      if (this.wanted !== undefined && this.text.includes(this.wanted)) this.machine.stop();
    });
  }
  /** Runs until the console shows a text. */
  until(wanted) {
    this.wanted = wanted;
    if (this.text.includes(wanted)) return this;
    const { reason } = this.machine.run({ steps: STEPS_MAX });
    if (!this.text.includes(wanted))
      throw new Error(`'${wanted}' not seen, the run ended: ${reason}\n${this.text.slice(-500)}`);
    this.wanted = undefined;
    return this;
  }
  boot() {
    return this.until(PROMPT);
  }
  type(line) {
    this.text = '';
    this.machine.console.input(new TextEncoder().encode(`${line}\n`));
    return this;
  }
}
