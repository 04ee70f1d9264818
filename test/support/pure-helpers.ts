import type { EngineHost } from '../../src/engine/interpreter.ts';
import { bindPureHelpers } from '../../src/machine/helpers.ts';

/** Helpers that need nothing of a processing element but FPCR and FPSR. */
export function pureHelpers(view: DataView): EngineHost['helpers'] {
  return bindPureHelpers({ i32: new Int32Array(view.buffer) });
}
