/**
 * The handler state of an event and what each call does to it.
 *
 * Source: DEN0054, "Event handler states".
 */

/** Operations that depend on the handler state. C_A_RESUME counts as COMPLETE. */
export const OPERATIONS = [
  'REGISTER',
  'RELEASE',
  'ENABLE',
  'DISABLE',
  'UNREGISTER',
  'ROUTING_SET',
  'CONTEXT',
  'COMPLETE',
  'DISPATCH',
] as const;
/** One operation. */
export type Operation = (typeof OPERATIONS)[number];

/**
 * Handler states, by the value SDEI_EVENT_STATUS gives: 0 unregistered, 1 registered, 3 registered and enabled,
 * 4 running and unregistered (gone at completion), 5 registered and running, 7 registered, enabled and running.
 */
export const HANDLER_STATES = [0, 1, 3, 4, 5, 7] as const;
/** One handler state. */
export type HandlerState = (typeof HANDLER_STATES)[number];

/*
 * | cell  | the operation                                        |
 * |-------|------------------------------------------------------|
 * | n     | succeeds, and n is the new state                     |
 * | =     | succeeds and changes nothing                         |
 * | -     | is refused: DENIED, nothing changes                  |
 * | n!    | gives PENDING, and n is the new state                |
 * | ,     | cannot come: CONTEXT and COMPLETE are about the innermost running event, DISPATCH about an eligible one |
 */
const TABLE: Readonly<Record<Operation, string>> = {
  //            0  1  3  4  5  7
  REGISTER: '   1  -  -  -  -  -  ',
  RELEASE: '    =  -  -  -  -  -  ',
  ENABLE: '     -  3  =  -  7  =  ',
  DISABLE: '    -  =  1  -  =  5  ',
  UNREGISTER: ' -  0  0  4! 4! 4! ',
  ROUTING_SET: '-  =  -  -  -  -  ',
  CONTEXT: '    ,  ,  ,  =  =  =  ',
  COMPLETE: '   ,  ,  ,  0  1  3  ',
  DISPATCH: '   ,  ,  7  ,  ,  ,  ',
};

/** What an operation does in a state. */
export interface Transition {
  readonly result: 'SUCCESS' | 'DENIED' | 'PENDING';
  readonly next: HandlerState;
}

function parse(cell: string, state: HandlerState): Transition | undefined {
  if (cell === ',') return undefined;
  if (cell === '-') return { result: 'DENIED', next: state };
  if (cell === '=') return { result: 'SUCCESS', next: state };
  return { result: cell.endsWith('!') ? 'PENDING' : 'SUCCESS', next: Number.parseInt(cell, 10) as HandlerState };
}

const TRANSITIONS: ReadonlyMap<string, Transition | undefined> = new Map(
  OPERATIONS.flatMap((operation) => {
    const cells = TABLE[operation].trim().split(/ +/);
    return HANDLER_STATES.map((state, n) => [`${operation} ${state}`, parse(cells[n]!, state)] as const);
  }),
);

/** What an operation does in a state. @throws Error (assertion) where it cannot come */
export function transition(operation: Operation, state: HandlerState): Transition {
  const found = TRANSITIONS.get(`${operation} ${state}`);
  if (!found) throw new Error(`assertion: SDEI ${operation} of an event in state ${state}`);
  return found;
}
