import type { SdeiProfile } from '../../src/firmware/sdei/choices.ts';

/** One deliberate mistake in the dispatcher, and the sentence that must not hold with it. */
export interface Mutant {
  /** File in `src/firmware/sdei`, without its ending. */
  readonly file: 'calls' | 'dispatcher' | 'states' | 'pstate' | 'functions';
  /** Text that is there once. */
  readonly find: string;
  readonly replace: string;
  /** Name of the case, or how it begins. */
  readonly fails: string;
  /** Where only one profile shows it; default `spec`. */
  readonly profile?: SdeiProfile;
}

const calls = (find: string, replace: string, fails: string, profile?: SdeiProfile): Mutant => ({
  ...{ file: 'calls', find, replace, fails },
  ...(profile && { profile }),
});
const dispatcher = (find: string, replace: string, fails: string, profile?: SdeiProfile): Mutant => ({
  ...calls(find, replace, fails, profile),
  file: 'dispatcher',
});
const other = (file: Mutant['file'], find: string, replace: string, fails: string): Mutant => ({
  ...calls(find, replace, fails),
  file,
});

/** See `Mutant`. */
export const MUTANTS: readonly Mutant[] = [
  // --- the calls ---
  calls(
    'if (entryVa === 0n || !memory) return INVALID_PARAMETERS;',
    'if (!memory) return INVALID_PARAMETERS;',
    'SDEI_EVENT_REGISTER with entry point 0 gives',
    'tf-a',
  ),
  calls(
    'if (flags !== ROUTING.RM_ANY && flags !== ROUTING.RM_PE) return INVALID_PARAMETERS;',
    '',
    'SDEI_EVENT_REGISTER with the reserved flag 0x4 gives',
  ),
  calls(
    'if (handler.state !== 0) return DENIED;',
    'if (handler.state & 1) return DENIED;',
    'SDEI_EVENT_REGISTER while the unregistration is pending',
  ),
  calls(' || interrupts.active(record.intid, pe)', '', 'SDEI_EVENT_REGISTER while the interrupt is active'),
  calls(
    'if (!interrupts.nonSecure(record.intid, pe)) return DENIED;',
    '',
    'SDEI_EVENT_REGISTER of an interrupt that became Secure',
  ),
  calls(
    'handler.argument = argument!;',
    'handler.argument = argument! & 0xffff_ffffn;',
    'a signalled event runs its handler with its number in X0',
  ),
  calls('low(id!) >= CONTEXT_REGISTERS', 'low(id!) > CONTEXT_REGISTERS', 'SDEI_EVENT_CONTEXT gives X0 to X17'),
  calls(
    'd.running(pe)?.x[low(id!)]',
    'd.pes[pe]!.stack[0]?.x[low(id!)]',
    'a critical event nests in the handler of a normal one',
  ),
  calls('Number(BigInt.asUintN(32, value))', 'Number(value)', 'an event argument counts with its low 32 bits only'),
  calls(
    'if (state & STATUS.REGISTERED) d.giveInterrupt(record, pe);',
    '',
    'unregistering gives the interrupt back: Non-secure, disabled, not pending (SPI)',
  ),
  calls('return signalable ? 0n : 1n', 'return signalable ? 1n : 0n', 'event 0 is private, of normal priority'),
  calls(
    "'SUCCESS') return SDEI_RETURN[result];\n  const handler = d.handlerOf(record, pe);\n  handler.affinity = mode",
    "'SUCCESS') return SDEI_RETURN[result];\n  const handler = d.handlerOf(record, pe);\n  handler.affinity = !mode",
    'SDEI_EVENT_ROUTING_SET moves an event to another PE',
  ),
  calls('return before ? 0n : 1n;', 'return before ? 1n : 0n;', 'SDEI_PE_MASK twice gives 1, then 0'),
  calls('d.pes[pe]!.masked = false;', '', 'SDEI_PE_UNMASK gives 0, and SDEI_PE_MASK behind it gives 1'),
  calls(
    "bound.event.interrupt === 'dynamic' ? BigInt(bound.event.number) : INVALID_PARAMETERS",
    'BigInt(bound.event.number)',
    'an event that has its interrupt for good keeps it',
  ),
  calls(
    "intid < SPI_FIRST ? 'private' : 'shared'",
    "'shared'",
    'SDEI_INTERRUPT_BIND of a PPI gives the positive number of a private event',
  ),
  calls("=== 'ownership-first'", "!== 'ownership-first'", 'with every slot taken SDEI_INTERRUPT_BIND'),
  calls(
    'record.handlers.some(({ state }) => state !== 0)',
    'd.handlerOf(record, pe).state !== 0',
    'SDEI_INTERRUPT_RELEASE of a PPI that another PE registered gives DENIED',
  ),
  calls(
    'if (record.intid !== null && d.host.interrupts.active(record.intid, pe)) return DENIED;',
    '',
    'SDEI_INTERRUPT_RELEASE while the interrupt is active gives DENIED',
  ),
  calls(
    'd.raise(record, target)',
    'd.raise(record, _pe)',
    'SDEI_EVENT_SIGNAL runs the handler on the PE that it names and nowhere else',
  ),
  calls(
    "(slots('shared') << 16n) | slots('private')",
    "(slots('private') << 16n) | slots('shared')",
    'as many PPIs can be bound as SDEI_FEATURES says',
  ),
  calls(
    'if (unregister(d, record, pe) === PENDING) result = DENIED;',
    'if (unregister(d, record, pe) === PENDING) return DENIED;',
    'SDEI_PRIVATE_RESET in a private handler gives DENIED and unregisters the others',
  ),
  calls(
    "if (unregisterAll(d, 'shared', pe) !== SUCCESS) return DENIED;",
    "unregisterAll(d, 'shared', pe);",
    'SDEI_SHARED_RESET in a shared handler gives DENIED and releases nothing',
  ),
  // --- dispatch and completion ---
  dispatcher(
    'if (level && handler.edge) handler.latch = true;',
    'if (level) handler.latch = true;',
    'a level that drops before SDEI_PE_UNMASK runs nothing',
  ),
  dispatcher(
    'if (masked || !this.host.isOn(pe)) return false;',
    'if (!this.host.isOn(pe)) return false;',
    'a signal to a masked PE is kept until SDEI_PE_UNMASK',
  ),
  dispatcher(
    'if (masked || !this.host.isOn(pe)) return false;',
    'if (masked) return false;',
    'with RM_ANY an interrupt does not wait for a PE that is off',
  ),
  dispatcher(
    'return stack.length === 0;',
    'return stack.length < 2;',
    'a normal event during the handler of a critical one waits for its COMPLETE',
  ),
  dispatcher(
    "return !stack.some((frame) => this.event(frame.event)!.event.priority === 'critical');",
    'return true;',
    'a second critical event during the handler of a critical one waits',
  ),
  dispatcher(
    'if (affinity === null || this.host.affinityOf(pe) === affinity) yield pe;',
    'yield pe;',
    'with RM_PE an interrupt waits for its PE and never runs on another',
  ),
  dispatcher(
    'handler.latch || (handler.line && !handler.edge)',
    'handler.latch',
    'a level that stays asserted runs the handler again and again',
  ),
  dispatcher('rank(a) - rank(b) || ', '', 'of a critical and a normal event that wait for SDEI_PE_UNMASK'),
  dispatcher(
    "this.apply('DISPATCH', record, pe);\n    handler.latch = false;",
    "this.apply('DISPATCH', record, pe);",
    'a bound interrupt runs its handler once for each edge (SPI)',
  ),
  dispatcher(
    '...context.x.slice(4)]',
    '...context.x.slice(4).fill(0n)]',
    'X4 to X17 of the handler are those of the interrupted code',
  ),
  dispatcher(
    'this.holdInterrupts(pe);\n    this.host.resume(pe, {',
    'this.host.resume(pe, {',
    'a handler that clears PSTATE.I takes no interrupt',
  ),
  dispatcher(
    'this.host.setExceptionReturn(pe, frame.pc, frame.pstate);',
    '',
    'COMPLETE_AND_RESUME goes on at its address as behind an exception',
  ),
  dispatcher(
    'this.host.setExceptionReturn(pe, frame.pc, frame.pstate);',
    'this.host.setExceptionReturn(pe, resumeVa, frame.pstate);',
    'the interrupted PC in X2 is where execution goes on',
  ),
  dispatcher("if (!(handler.state & 1)) return 'refused';", '', 'SDEI_EVENT_SIGNAL to a PE where the event is not'),
  dispatcher(
    "signalUnready === 'invalid' && (this.pes[pe]!.masked || !(handler.state & 2))",
    "signalUnready === 'invalid' && !(handler.state & 2)",
    'a signal to a masked PE is kept until SDEI_PE_UNMASK, or refused',
    'tf-a',
  ),
  dispatcher(
    "signalAtUnregister === 'cleared'",
    "signalAtUnregister !== 'cleared'",
    'a signal that waits at SDEI_EVENT_UNREGISTER',
  ),
  dispatcher(
    'this.host.interrupts.giveBack(record.intid, pe, handler.line);',
    '',
    'unregistering gives the interrupt back: Non-secure, disabled, not pending (PPI)',
  ),
  dispatcher('record.handlers[pe] = freshHandler();', '', 'a PE that was turned off and on is masked'),
  dispatcher('this.pes[pe] = freshPe();\n    this.evaluate();', '', 'a PE that was turned off and on is masked'),
  dispatcher('this.pes[pe]!.masked = true;', '', 'a power-down suspend comes back masked, with registrations kept'),
  dispatcher(
    "if (record.event.interrupt === 'dynamic') record.intid = null;",
    '',
    'PSCI SYSTEM_RESET ends registrations and bindings',
  ),
  dispatcher(
    'if (record.intid !== null) this.host.interrupts.activate(record.intid, pe, false);',
    '',
    'an interrupt whose event ends its registration in the handler stays active until COMPLETE',
  ),
  // --- the state table ---
  other(
    'states',
    "UNREGISTER: ' -  0  0  4! 4! 4! '",
    "UNREGISTER: ' -  0  0  -  4! 4! '",
    'SDEI_EVENT_UNREGISTER a second time in the handler gives PENDING again',
  ),
  other(
    'states',
    "UNREGISTER: ' -  0  0  4! 4! 4! '",
    "UNREGISTER: ' -  0  0  4! 4  4  '",
    'SDEI_EVENT_UNREGISTER in the handler gives PENDING and leaves status 4',
  ),
  other('states', ',  0  1  3 ', ',  0  1  1 ', 'the status in the handler is 7'),
  other('states', "'     -  3  =  -  7  =  '", "'     -  3  -  -  7  =  '", 'SDEI_EVENT_ENABLE makes status 3'),
  other(
    'states',
    "'    -  =  1  -  =  5  '",
    "'    -  =  1  -  =  =  '",
    'an event disabled in its handler has status 5',
  ),
  other(
    'states',
    "'-  =  -  -  -  -  '",
    "'-  =  =  -  -  -  '",
    'SDEI_EVENT_ROUTING_SET of an enabled event gives DENIED',
  ),
  // --- PSTATE and constants ---
  other('pstate', "assign('FEAT_UAO', SPSR.UAO, false);", '', 'PSTATE.UAO is 0 in the handler'),
  other('pstate', ' | SPSR.IL)', ')', 'an event at any boundary of an illegal exception return'),
  other(
    'pstate',
    '!(sctlr & SCTLR.SPAN)',
    '(sctlr & SCTLR.SPAN)',
    'PAN of the handler follows SCTLR_ELx.SPAN, which is 0',
  ),
  other('pstate', 'return SPSR.DAIF | (', 'return (', 'the handler runs with DAIF set, on SP_ELx'),
  other('functions', 'CONTEXT_REGISTERS = 18', 'CONTEXT_REGISTERS = 17', 'SDEI_EVENT_CONTEXT gives X0 to X17'),
  other(
    'functions',
    'OUT_OF_RESOURCE: -10n',
    'OUT_OF_RESOURCE: -4n',
    'as many SPIs can be bound as SDEI_FEATURES says',
  ),
];
