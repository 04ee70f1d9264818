import { PE_STATE, PE_STRIDE_BYTES } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import type { EngineHost } from '../engine/interpreter.ts';
import type { GuestMemory } from '../engine/memory.ts';
import { CRC32_FUNCTIONS } from '../isa/base/crc32.ts';
import type { FpEnv } from '../isa/fp/index.ts';
import { PURE_FP_HELPERS } from '../isa/fp-helpers.ts';

type Helper = EngineHost['helpers'][string];

/** Binds the helpers that need nothing of a PE, or FPCR and FPSR alone, to those of whichever PE calls. */
export function bindPureHelpers(memory: Pick<GuestMemory, 'i32'>): Record<string, Helper> {
  const env: FpEnv = { fpcr: 0, fpsr: 0 };
  const bound: Record<string, Helper> = {};
  for (const [name, f] of Object.entries(CRC32_FUNCTIONS))
    bound[name] = (_cpu, accumulator, low, high, bytes) =>
      f(Number(accumulator), Number(low), Number(high), Number(bytes));
  for (const [name, f] of Object.entries(PURE_FP_HELPERS)) {
    bound[name] = (cpu, ...args) => {
      const fpsr = (cpu + PE_STATE.FPSR.offset) >> 2;
      env.fpcr = memory.i32[(cpu + PE_STATE.FPCR.offset) >> 2]!;
      env.fpsr = memory.i32[fpsr]!;
      const result = f(env, ...args);
      memory.i32[fpsr] = env.fpsr;
      return result;
    };
  }
  return bound;
}

/** Every call that generated code makes, sent to the PE whose block it names. */
export function bindHelpers(pes: readonly Pe[], memory: GuestMemory): EngineHost['helpers'] {
  const perPe = pes.map((pe) => pe.helpers());
  const bound: Record<string, Helper> = {};
  for (const name of Object.keys(perPe[0]!)) {
    const table = perPe.map((h) => h[name]!);
    bound[name] = (cpu, ...args) => table[cpu / PE_STRIDE_BYTES]!(...args);
  }
  return { ...bound, ...bindPureHelpers(memory) };
}
