/** Places in a run, and running to them. */
import { Symbols } from '../debug/symbols/symbols.ts';
import { isHosted } from '../engine/hosted/program.ts';
import { MachineError } from '../machine/errors.ts';
import type { Machine, RunReason } from '../machine/machine.ts';
import { ExploreError } from './errors.ts';
import type { Place } from './types.ts';
import type { Watch } from './watch.ts';

/** A range of virtual addresses, [from, to). */
export interface CodeRange {
  readonly from: bigint;
  readonly to: bigint;
}

const RANGE = /^(.+?)\.\.(.+)$/;

/** A place as a text, for messages. */
export function placeText(place: Place): string {
  if ('steps' in place) return `step ${place.steps}`;
  if ('console' in place) return `/${place.console}/ on the console`;
  const { pc, hit = 1, pe } = place;
  return `${pc}${hit === 1 ? '' : `, arrival ${hit}`}${pe === undefined ? '' : `, on PE ${pe}`}`;
}

/**
 * Where a text points to: an address, a symbol, a hosted function.
 *
 * @param where - name of the option, for messages
 * @throws ExploreError `E_WINDOW`
 */
export function lookup(
  machine: Machine,
  symbols: Symbols,
  { text, where }: { readonly text: string; readonly where: string },
): ReturnType<Symbols['lookup']> {
  const program = machine.hosted?.program;
  if (program?.functions.has(text)) return [{ address: program.address(text), space: 'virtual' }];
  try {
    return symbols.lookup(text);
  } catch (error) {
    if (!(error instanceof MachineError)) throw error;
    throw new ExploreError('E_WINDOW', `${where}: ${error.message}`);
  }
}

/**
 * Calls `arrived` at every arrival at an address or symbol, at the boundary; in hosted code when its step begins.
 *
 * @returns ends that
 */
export function onArrival(
  machine: Machine,
  symbols: Symbols,
  { pc, pe, where }: { readonly pc: string; readonly pe?: number; readonly where: string },
  arrived: (at: { readonly pe: number; readonly pc: bigint }) => void,
): () => void {
  if (pe !== undefined && !machine.pes[pe])
    throw new ExploreError('E_WINDOW', `${where}: there is no PE ${pe}; there are 0 to ${machine.pes.length - 1}.`);
  const removers = lookup(machine, symbols, { text: pc, where }).map((place) =>
    isHosted(place.address)
      ? onHosted(machine, place.address, pe, arrived)
      : machine.breakAt(place.address, (at) => void (Symbols.meant(place, at.pc) && arrived(at)), {
          space: place.space,
          ...(pe === undefined ? {} : { pe }),
        }),
  );
  return () => {
    for (const remove of removers) remove();
  };
}

function onHosted(
  machine: Machine,
  address: bigint,
  wanted: number | undefined,
  arrived: (at: { readonly pe: number; readonly pc: bigint }) => void,
): () => void {
  return machine.on('step', (pe, pc) => {
    if (pc === address && (wanted ?? pe) === pe) arrived({ pe, pc });
  });
}

/**
 * Runs to an arrival at an instruction, before it executes.
 *
 * @returns on which PE; undefined when the run ended before, for `reason`
 */
export function runToArrival(
  machine: Machine,
  symbols: Symbols,
  at: { readonly pc: string; readonly pe?: number; readonly hit?: number; readonly where: string },
  stepsMax: number,
): { readonly pe: number | undefined; readonly reason: RunReason } {
  let left = at.hit ?? 1;
  let found: number | undefined;
  const [first] = lookup(machine, symbols, { text: at.pc, where: at.where });
  if (isHosted(first!.address)) {
    const address = first!.address;
    const { reason } = machine.runUntil(
      () => {
        const pe = machine.pes.find(({ s }) => s.pc === address && (at.pe ?? s.index) === s.index)?.s.index;
        if (pe !== undefined && --left === 0) found = pe;
        return found !== undefined;
      },
      { steps: stepsMax },
    );
    return { pe: found, reason };
  }
  const remove = onArrival(machine, symbols, at, ({ pe }) => {
    if (--left !== 0) return;
    found = pe;
    machine.stop();
  });
  const { reason } = machine.run({ steps: stepsMax });
  remove();
  return { pe: found, reason };
}

/** The regular expression of a console place. @throws ExploreError `E_WINDOW` */
export function consolePattern(source: string, where: string): RegExp {
  try {
    return new RegExp(source, 'm');
  } catch (error) {
    throw new ExploreError('E_WINDOW', `${where}: /${source}/ is no regular expression: ${(error as Error).message}`);
  }
}

/**
 * Runs to a place.
 *
 * @param where - name of the option, for messages
 * @throws ExploreError `E_WINDOW` when it is not reached within `stepsMax` steps
 */
export function runTo(
  machine: Machine,
  place: Place,
  around: { readonly symbols: Symbols; readonly watch: Watch; readonly where: string; readonly stepsMax: number },
): void {
  const { symbols, watch, where, stepsMax } = around;
  let reached = false;
  const stop = (): void => {
    reached = true;
    machine.stop();
  };
  let reason: RunReason;
  if ('pc' in place) {
    const arrival = runToArrival(machine, symbols, { ...place, where }, stepsMax);
    reached = arrival.pe !== undefined;
    reason = arrival.reason;
  } else {
    if ('console' in place) watch.expect(consolePattern(place.console, where), '', stop);
    reason = machine.run({ steps: 'steps' in place ? place.steps : stepsMax }).reason;
  }
  if (reached || ('steps' in place && reason === 'limit')) return;
  const how = reason === 'limit' ? `not within ${stepsMax} steps (findStepsMax)` : `the guest ended before: ${reason}`;
  const said = [...watch.known].slice(0, 3).join(' / ');
  const trouble = said === '' ? '' : ` It said: ${said}`;
  throw new ExploreError('E_WINDOW', `${where}: ${placeText(place)} is not reached: ${how}.${trouble}`);
}

/**
 * Ranges of virtual addresses that texts name: `function`, `0x1000..0x2000`, `first..last` up to where `last` begins.
 *
 * @throws ExploreError `E_WINDOW` for a name that nothing has
 */
export function codeRanges(machine: Machine, symbols: Symbols, texts: readonly string[]): readonly CodeRange[] {
  const address = (text: string): bigint => {
    const [place] = lookup(machine, symbols, { text, where: `window.only '${text}'` });
    return virtualOf(symbols, place!);
  };
  return texts.map((text) => {
    const [, from, to] = RANGE.exec(text) ?? [];
    if (from !== undefined && to !== undefined) {
      const range = { from: address(from), to: address(to) };
      if (range.from >= range.to)
        throw new ExploreError('E_WINDOW', `window.only '${text}': it ends before it begins.`);
      return range;
    }
    const start = address(text);
    return { from: start, to: start + BigInt(functionBytes(symbols, start)) };
  });
}

/** Virtual address of a place in the kernel's image, or before the kernel has one the physical. */
function virtualOf(symbols: Symbols, { address, space }: ReturnType<Symbols['lookup']>[number]): bigint {
  const kernel = symbols.kernel();
  const textVa = kernel?.textVa();
  if (space === 'virtual' || kernel?.textPa === undefined || textVa === undefined) return address;
  return BigInt.asUintN(64, address - kernel.textPa + textVa);
}

/** Longest function that is looked through for its end. */
const FUNCTION_BYTES_MAX = 1 << 20;

/** Bytes from the start of a function to the next symbol. */
function functionBytes(symbols: Symbols, start: bigint): number {
  const name = symbols.symbolize(start);
  let bytes = 4;
  while (bytes < FUNCTION_BYTES_MAX && name !== undefined) {
    const here = symbols.symbolize(start + BigInt(bytes));
    if (here === undefined || here.replace(/\+0x[0-9a-f]+$/, '') !== name) break;
    bytes += 4;
  }
  return bytes;
}
