// What it costs that every grant of steps ends exactly: the integer programs without a kernel, by the engine as it is
// and by the same engine whose compiled regions do not charge the steps they take. Such regions only leave by their
// own branches, so this works for programs that end by themselves, and for nothing else.

import { importTypeScript } from '../../scripts/transpile.mjs';
import { answer, asked } from './linux.mjs';

// Both sides are run from the sources as modules, because a class of the engine cannot be had from the package.
const { Machine } = await importTypeScript('src/index.ts');
const { RegionEmitter } = await importTypeScript('src/engine/region/emit.ts');

const { programs, charged } = asked();
const RAM_PA = 0x4000_0000n;
const RUNS = 4;
/** Pause before a measured run, for V8's compiler in the background. */
const COMPILE_MS = 100;

/** Takes what is written into it and keeps nothing. */
const nothing = new Proxy(
  {},
  {
    get: (_, name) => (name === Symbol.toPrimitive ? () => 0 : () => nothing),
  },
);

/** What `RegionEmitter.block` writes before a block's first instruction is the charge: it goes nowhere. */
function withoutCharge() {
  const { block, instruction } = RegionEmitter.prototype;
  if (typeof block !== 'function' || typeof instruction !== 'function')
    throw new Error('RegionEmitter has no block and instruction: bench/ours/exactness.mjs has to follow the engine');
  const codes = new WeakMap();
  RegionEmitter.prototype.block = function (...args) {
    codes.set(this, this.code);
    this.code = nothing;
    block.apply(this, args);
  };
  RegionEmitter.prototype.instruction = function (...args) {
    const code = codes.get(this);
    if (code) this.code = code;
    instruction.apply(this, args);
  };
}

/** One run from the start to the end: seconds. */
function run(machine, base, name) {
  machine.restore(base);
  const began = performance.now();
  const { reason } = machine.run();
  if (reason !== 'poweroff') throw new Error(`${name}: the run ended: ${reason}`);
  return (performance.now() - began) / 1000;
}

if (!charged) withoutCharge();
const found = {};
for (const { name, bytes } of programs) {
  const program = { bytes: Buffer.from(bytes, 'base64'), addrPa: RAM_PA };
  const machine = Machine.create({ programs: [program], cpu: 'cortex-a57', memoryBytes: 64 * 2 ** 20 });
  const base = machine.snapshot();
  // V8 replaces its first code by its best only where a function is entered anew, and a region that does not charge is
  // entered once: so all runs but the measured ones are there to have the best code compiled.
  run(machine, base, name);
  if (machine.compiledRegions === 0) throw new Error(`${name}: nothing was compiled`);
  const times = [];
  for (let n = 0; n < RUNS; n++) {
    await new Promise((resolve) => setTimeout(resolve, COMPILE_MS));
    times.push(run(machine, base, name));
  }
  const checksum = machine.readRegister(0, 'X20').toString(16);
  found[name] = { seconds: Math.min(...times), checksum, steps: machine.steps };
}
answer(found);
