import { PE_STATE } from '../../src/arch/pestate.ts';
import type { EngineHost } from '../../src/engine/interpreter.ts';
import { CRC32_FUNCTIONS } from '../../src/isa/base/crc32.ts';
import { PURE_FP_HELPERS } from '../../src/isa/fp-helpers.ts';

function floatingPoint(view: DataView): EngineHost['helpers'] {
  const table: Record<string, EngineHost['helpers'][string]> = {};
  for (const [name, f] of Object.entries({ ...PURE_FP_HELPERS, ...CRC32_FUNCTIONS })) {
    table[name] = (cpu, ...args) => {
      const env = {
        fpcr: view.getInt32(cpu + PE_STATE.FPCR.offset, true),
        fpsr: view.getInt32(cpu + PE_STATE.FPSR.offset, true),
      };
      const result = f(env, ...args);
      view.setInt32(cpu + PE_STATE.FPSR.offset, env.fpsr, true);
      return result;
    };
  }
  return table;
}

/** Helpers without side effects beyond FPSR. Filled as the groups that need them land. */
export function pureHelpers(view: DataView): EngineHost['helpers'] {
  return { ...floatingPoint(view) };
}
