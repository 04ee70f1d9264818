// What it costs that every grant of steps ends exactly: the integer programs without a kernel, by the engine as it is
// and by the same engine whose compiled regions do not charge the steps they take. Such regions only leave by their
// own branches, so this works for programs that end by themselves, and for nothing else.

import { RegionEmitter } from '../../dist/engine/region/emit.js';
import { Machine } from '../../dist/index.js';
import { answer, asked } from './linux.mjs';

const { programs, charged } = asked();
const RAM_PA = 0x4000_0000n;

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

if (!charged) withoutCharge();
const found = {};
for (const { name, bytes } of programs) {
  const program = { bytes: Buffer.from(bytes, 'base64'), addrPa: RAM_PA };
  const machine = Machine.create({ programs: [program], cpu: 'cortex-a57', memoryBytes: 64 * 2 ** 20 });
  const began = performance.now();
  const { reason } = machine.run();
  const seconds = (performance.now() - began) / 1000;
  if (reason !== 'poweroff') throw new Error(`${name}: the run ended: ${reason}`);
  if (machine.compiledRegions === 0) throw new Error(`${name}: nothing was compiled`);
  found[name] = { seconds, checksum: machine.readRegister(0, 'X20').toString(16), steps: machine.steps };
}
answer(found);
