/** What the host's time goes into besides generated code, for profiles. */

/**
 * - `decode`: finding what an instruction means, and handlers of new shapes.
 * - `lift`: choosing hot code and writing it as WebAssembly.
 * - `compile`: the JavaScript engine's compiler, as far as it is waited for.
 * - `access`: loads and stores that generated code cannot make itself: translation, tables, faults.
 * - `devices`: registers of devices.
 */
export const HOST_PHASES = ['decode', 'lift', 'compile', 'access', 'devices'] as const;

/** See `HOST_PHASES`. */
export type HostPhase = (typeof HOST_PHASES)[number];

/** Hears what the host does. Phases nest: time belongs to the innermost. */
export interface HostPhases {
  begin(phase: HostPhase): void;
  end(): void;
}
