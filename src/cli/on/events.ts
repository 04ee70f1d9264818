/** Triggers that lie in the guest: a PC, an access to a device, a move of a System register, a firmware call. */
import { SYSREGS, sysregByName, sysregName } from '../../arch/sysregs/index.ts';
import { sysregKey } from '../../arch/sysregs/row.ts';
import { PSTATE_IMMEDIATES } from '../../arch/sysregs/sysops.ts';
import { type CodePlace, Symbols } from '../../debug/symbols/symbols.ts';
import { SymbolTable } from '../../debug/symbols/table.ts';
import { callName } from '../../firmware/firmware.ts';
import { PSCI_FUNCTIONS } from '../../firmware/psci/functions.ts';
import { SDEI_FUNCTIONS } from '../../firmware/sdei/functions.ts';
import { ARCH_CALLS } from '../../firmware/smccc.ts';
import { VIRT_MEMORY_MAP } from '../../machine/board/virt.ts';
import { checked, complain, counted, fireAt, HIT_FORM, insideFor, wholeNumber } from './arguments.ts';
import type { ArmedTrigger, OnWord } from './rule.ts';

/** What to write instead of a name that is not known, as the end of a message. */
function similarTo(name: string, names: readonly string[], otherwise: string): string {
  const table = new SymbolTable(names.map((known) => ({ name: known, address: 0n, sizeBytes: 0, kind: 'other' })));
  const similar = table.similar(name);
  return similar.length > 0 ? `Similar: ${similar.join(', ')}.` : otherwise;
}

// --- pc ---

const ADDRESS_OR_NAME = /^(?:0x[0-9a-f]+|\d+|[a-z_.$][\w.$]*)(?:\+(?:0x[0-9a-f]+|\d+))?$/i;

const PC: OnWord<ArmedTrigger> = {
  name: 'pc',
  syntax: `pc:ADDRESS_OR_SYMBOL[+OFF]${HIT_FORM}`,
  doc: 'before the instruction there executes, the first or the HITth time on whatever PE; #*: each time',
  parse: (scan) => {
    const written = counted(scan, 'an address or a symbol');
    const { text, hit } = written;
    if (!ADDRESS_OR_NAME.test(text))
      throw written.fail(
        `'${text}' is neither an address nor NAME or NAME+OFFSET. E.g. pc:0x40080000 or pc:do_idle+4.`,
      );
    const resolve = (symbols: Symbols): readonly CodePlace[] => {
      const places = complain(written, () => symbols.lookup(text));
      if (places.some(({ address }) => address % 4n !== 0n || address >> 64n !== 0n))
        throw written.fail('instructions have addresses of 64 bits, multiples of 4.');
      return places;
    };
    return checked(
      ({ symbols }) => void resolve(symbols),
      (context, fire) => {
        const { machine, symbols } = insideFor(context);
        fireAt(hit, fire, (arrived) => {
          const offs = resolve(symbols).map((place) =>
            machine.breakAt(place.address, ({ pe, pc }) => Symbols.meant(place, pc) && arrived({ pe }), place),
          );
          return () => {
            for (const off of offs) off();
          };
        });
      },
    );
  },
};

// --- mmio ---

const MMIO: OnWord<ArmedTrigger> = {
  name: 'mmio',
  syntax: `mmio:ADDRESS${HIT_FORM}`,
  doc: 'at the boundary after an access to this physical address outside RAM',
  parse: (scan) => {
    const written = counted(scan, 'an address');
    const at = wholeNumber(written.text);
    if (at === undefined) throw written.fail(`'${written.text}' is no physical address. E.g. mmio:0x9000000.`);
    return checked(
      ({ machine }) => {
        const ramPa = Number(VIRT_MEMORY_MAP.ram.basePa);
        if (at >= ramPa && at < ramPa + machine.options.memoryBytes)
          throw written.fail(`0x${at.toString(16)} is RAM; this trigger is for devices.`);
      },
      (context, fire) => {
        const { machine } = insideFor(context);
        fireAt(written.hit, fire, (arrived) =>
          machine.on('mmio', ({ pa, sizeBytes, pe }) => {
            if (pa <= at && at < pa + sizeBytes) arrived({ pe: Math.max(pe, 0) });
          }),
        );
      },
    );
  },
};

// --- sysreg ---

const GENERIC = /^S([23])_([0-7])_C(\d{1,2})_C(\d{1,2})_([0-7])$/i;

const PSTATE_NAMES = PSTATE_IMMEDIATES.map(({ name }) => name);

/** The name under which the machine tells of a register; undefined when there is none. */
function registerName(text: string): string | undefined {
  const generic = GENERIC.exec(text);
  if (generic) {
    const [op0, op1, crn, crm, op2] = generic.slice(1).map(Number) as [number, number, number, number, number];
    return crn < 16 && crm < 16 ? sysregName(sysregKey(op0, op1, crn, crm, op2)) : undefined;
  }
  return PSTATE_NAMES.find((name) => name === text) ?? sysregByName(text)?.name;
}

const SYSREG: OnWord<ArmedTrigger> = {
  name: 'sysreg',
  syntax: `sysreg:NAME${HIT_FORM}`,
  doc: "at the boundary after an MRS or MSR of this register, by Arm's name; MSR (immediate): DAIFSet, ...",
  parse: (scan) => {
    const written = counted(scan, 'the name of a System register');
    const name = registerName(written.text);
    if (name === undefined) {
      const all = [...PSTATE_NAMES, ...SYSREGS.map((row) => row.name)];
      const advice = similarTo(written.text, all, 'Write it as Arm does, e.g. VBAR_EL1 or S3_0_C12_C0_0.');
      throw written.fail(`no System register is called '${written.text}'. ${advice}`);
    }
    return (context, fire) => {
      const { machine } = insideFor(context);
      fireAt(written.hit, fire, (arrived) =>
        machine.on('sysreg', (pe, register) => {
          if (register === name) arrived({ pe });
        }),
      );
    };
  },
};

// --- call ---

/** Names of calls as they may be written, and as the machine tells of them: with 64 where both conventions exist. */
function callNames(): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, ReadonlySet<string>>();
  for (const name of Object.keys(SDEI_FUNCTIONS)) names.set(name, new Set([name]));
  const short = [...Object.keys(PSCI_FUNCTIONS), ...ARCH_CALLS.map(({ name }) => name)];
  for (const name of short) {
    const isPsci = Object.hasOwn(PSCI_FUNCTIONS, name) && !name.startsWith('PSCI_');
    for (const prefix of isPsci ? ['', 'PSCI_'] : ['']) {
      names.set(prefix + name, new Set([name, `${name}64`]));
      names.set(`${prefix}${name}64`, new Set([`${name}64`]));
    }
  }
  return names;
}

const CALL: OnWord<ArmedTrigger> = {
  name: 'call',
  syntax: `call:FUNCTION${HIT_FORM}`,
  doc: 'at the boundary after an SMC or HVC was answered, e.g. PSCI_CPU_ON, SDEI_EVENT_REGISTER, 0x8400000a',
  parse: (scan) => {
    const written = counted(scan, 'the name of a firmware call');
    const { text } = written;
    const number = wholeNumber(text);
    const known = callNames();
    const names = number === undefined ? known.get(text) : new Set([callName(number)]);
    if (names === undefined) {
      const advice = similarTo(text, [...known.keys()], 'Give a name of PSCI, SDEI or SMCCC, or a number.');
      throw written.fail(`no firmware call is named '${text}'. ${advice}`);
    }
    return (context, fire) => {
      const { machine } = insideFor(context);
      fireAt(written.hit, fire, (arrived) =>
        machine.on('call', (pe, name) => {
          if (names.has(name)) arrived({ pe });
        }),
      );
    };
  },
};

/** Triggers that lie in the guest, one row each. */
export const GUEST_TRIGGERS: readonly OnWord<ArmedTrigger>[] = [PC, MMIO, SYSREG, CALL];
