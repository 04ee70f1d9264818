import { PE_STATE } from '../../src/arch/pestate.ts';
import type { EngineHost } from '../../src/engine/interpreter.ts';

/** Helpers without side effects beyond FPSR. Filled as the groups that need them land. */
export function pureHelpers(_view: DataView): EngineHost['helpers'] {
  void PE_STATE;
  return {};
}
