/** Events of a scenario, written as the actions of `--on`. */
import { Symbols } from '../debug/symbols/symbols.ts';
import { event, type InjectedEvent, irq, sdei, sea, serror, typed } from '../explore/events.ts';
import type { Machine } from '../machine/machine.ts';
import { ConsoleMatcher } from './console-match.ts';
import { UsageError } from './errors.ts';
import { parseRule } from './on/rule.ts';

const NUMBERED = /^(sdei|irq):(0x[0-9a-fA-F]+|\d+)(?:@(\d+))?$/;
const BARE = /^(serror|sea)(?:@(\d+))?$/;
const POISONED = /^poison:\[(X(?:[12]?\d|30)|SP)\](?:@(\d+))?$/;
const TYPED = /^type:("(?:\\.|[^"\\])*")$/;

/**
 * An event by its text.
 *
 * @param where - file and key, for messages
 * @throws UsageError `E_ON` for what is no action
 */
export function eventOf(written: string, where: string): InjectedEvent {
  const numbered = NUMBERED.exec(written);
  if (numbered) {
    const of = numbered[3] === undefined ? {} : { pe: Number(numbered[3]) };
    return numbered[1] === 'sdei' ? sdei(Number(numbered[2]), of) : irq(Number(numbered[2]), of);
  }
  const bare = BARE.exec(written);
  if (bare) return (bare[1] === 'sea' ? sea : serror)(bare[2] === undefined ? {} : { pe: Number(bare[2]) });
  const poisoned = POISONED.exec(written);
  if (poisoned)
    return poisonedPage(written, poisoned[1]!, poisoned[2] === undefined ? {} : { pe: Number(poisoned[2]) });
  const text = TYPED.exec(written);
  if (text) return typed(JSON.parse(text[1]!) as string);
  return actionEvent(written, where);
}

/** The page that a register points to is poisoned: the next load from it raises a synchronous External abort. */
function poisonedPage(name: string, register: string, options: { readonly pe?: number }): InjectedEvent {
  const inject = (machine: Machine, pe: number): string | undefined => {
    const addrVa = machine.readRegister(pe, register);
    const addrPa = machine.translate(pe, addrVa);
    if (addrPa === undefined) return `nothing is mapped at ${register}, 0x${addrVa.toString(16)}`;
    machine.poison(addrPa);
    return undefined;
  };
  return event(name, inject, options);
}

/** Whatever else `--on` can do. */
function actionEvent(written: string, where: string): InjectedEvent {
  let rule: ReturnType<typeof parseRule>;
  try {
    rule = parseRule(`step:0 => ${written}`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const said = error.message.replace(/^--on '[^']*': (column \d+: )?/, '');
    throw new UsageError('E_ON', `${where}: '${written}': ${said}`);
  }
  const console = new ConsoleMatcher();
  const inject = (machine: Machine, pe: number): string | undefined => {
    let refused: string | undefined;
    const context = {
      machine,
      console,
      stop: () => machine.stop(),
      report: (message: string) => {
        refused = message.replace(/^--on '[^']*': /, '');
      },
      save: () => {
        refused = 'save: is no event';
      },
      inside: { machine, symbols: new Symbols(machine) },
    };
    for (const action of rule.actions) action(context, rule.text, { pe });
    return refused;
  };
  const made = event(written, inject);
  return {
    ...made,
    check: (machine) => {
      for (const action of rule.actions) action.check?.({ machine, symbols: new Symbols(machine) });
    },
  };
}
