/** An SDEI handler in TypeScript for a guest that has none of its own, such as a stock kernel without GHES. */
import { finalCall, type Hosted, nop } from '../engine/hosted/effects.ts';
import { HostedProgram } from '../engine/hosted/program.ts';
import { SDEI_FUNCTIONS, SDEI_RETURN } from '../firmware/sdei/functions.ts';
import type { Machine } from '../machine/machine.ts';
import { ExploreError } from './errors.ts';

/** Name of the handler among the hosted functions. */
export const HANDLER = 'sdeiHandler';
/** Steps that the handler takes before it completes. */
const HANDLER_STEPS = 4;

function* sdeiHandler(): Hosted {
  for (let n = 0; n < HANDLER_STEPS; n++) yield* nop();
  yield* finalCall('smc', BigInt(SDEI_FUNCTIONS.SDEI_EVENT_COMPLETE), 0n);
}

/** A program with nothing but a handler that completes at once: give it as `hosted` when the machine is made. */
export const HANDLER_PROGRAM: HostedProgram = new HostedProgram({ functions: { [HANDLER]: sdeiHandler } });

/**
 * Registers and enables the handler for an event, on every PE that is on, as a client there would by its calls. PEs
 * that the guest has masked stay masked.
 *
 * @throws ExploreError `E_EVENT` when the dispatcher refuses
 */
export function registerHandler(machine: Machine, event: number): void {
  const { dispatcher } = machine.sdei;
  const program = machine.hosted?.program;
  const refuse = (what: string): never => {
    throw new ExploreError('E_EVENT', `handler for SDEI event ${event}: ${what}`);
  };
  if (!dispatcher) return refuse('this machine has no SDEI dispatcher.');
  if (!program?.functions.has(HANDLER)) return refuse('the machine was made without HANDLER_PROGRAM as hosted.');
  const record = dispatcher.event(event);
  if (!record) return refuse(`there is no such event. Known: ${machine.sdei.events.map((e) => e.number).join(', ')}.`);
  const pes = record.event.type === 'private' ? machine.pes.map((_, pe) => pe) : [0];
  for (const pe of pes) {
    if (!dispatcher.host.isOn(pe)) continue;
    const register = [BigInt(event), program.address(HANDLER), 0n, 0n, 0n];
    for (const [name, args] of [
      ['SDEI_EVENT_REGISTER', register],
      ['SDEI_EVENT_ENABLE', [BigInt(event)]],
    ] as const) {
      const result = BigInt.asIntN(64, dispatcher.call(pe, SDEI_FUNCTIONS[name], args, true) ?? 0n);
      if (result === 0n) continue;
      const code = Object.entries(SDEI_RETURN).find(([, value]) => BigInt(value) === result)?.[0] ?? `${result}`;
      refuse(`${name} on PE ${pe} gives ${code}.`);
    }
  }
}
