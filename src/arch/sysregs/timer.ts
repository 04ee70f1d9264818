/**
 * Generic timer registers. DDI 0487, "The Generic Timer in AArch64 state".
 */
import type { FieldMap, SysRegEncoding, SysRegRow } from './row.ts';

const CTL_FIELDS: FieldMap = { ENABLE: [0, 0], IMASK: [1, 1], ISTATUS: [2, 2, 'RO'] };

interface Timer {
  readonly name: string;
  readonly el: 0 | 1 | 2;
  /** op1 and CRm; CRn is 14 and op2 is 0, 1, 2 for TVAL, CTL, CVAL. */
  readonly at: readonly [op1: number, CRm: number];
  readonly suffix: string;
  readonly rest: Partial<SysRegRow>;
  readonly doc: string;
}

const VHE: Partial<SysRegRow> = { needs: 'EL2', feature: 'FEAT_VHE' };
const TIMERS: readonly Timer[] = [
  { name: 'CNTP', el: 0, at: [3, 2], suffix: 'EL0', rest: {}, doc: 'EL1 physical timer' },
  { name: 'CNTV', el: 0, at: [3, 3], suffix: 'EL0', rest: {}, doc: 'EL1 virtual timer' },
  { name: 'CNTHP', el: 2, at: [4, 2], suffix: 'EL2', rest: { needs: 'EL2' }, doc: 'EL2 physical timer' },
  { name: 'CNTHV', el: 2, at: [4, 3], suffix: 'EL2', rest: VHE, doc: 'EL2 virtual timer' },
  { name: 'CNTHVS', el: 2, at: [4, 4], suffix: 'EL2', rest: { feature: 'FEAT_SEL2' }, doc: 'Secure EL2 virtual timer' },
  {
    name: 'CNTHPS',
    el: 2,
    at: [4, 5],
    suffix: 'EL2',
    rest: { feature: 'FEAT_SEL2' },
    doc: 'Secure EL2 physical timer',
  },
  {
    name: 'CNTPS',
    el: 1,
    at: [7, 2],
    suffix: 'EL1',
    rest: { needs: 'EL3' },
    doc: 'Secure physical timer: EL3, and Secure EL1 by SCR_EL3.ST',
  },
];

function timerRows({ name, el, at: [op1, CRm], suffix, rest, doc }: Timer): SysRegRow[] {
  const one = (part: string, op2: number, fields: FieldMap, what: string): SysRegRow => ({
    name: `${name}_${part}_${suffix}`,
    at: [3, op1, 14, CRm, op2],
    access: 'RW',
    el,
    ...rest,
    fields,
    model: 'computed',
    doc: `${doc}: ${what}`,
  });
  return [
    one('TVAL', 0, { TimerValue: [31, 0] }, 'CVAL minus the count, signed 32 bits'),
    one('CTL', 1, CTL_FIELDS, 'control'),
    one('CVAL', 2, { CompareValue: [63, 0] }, 'compare value'),
  ];
}

const counter = (name: string, at: SysRegEncoding, doc: string): SysRegRow => ({
  name,
  at,
  access: 'RO',
  el: 0,
  model: 'computed',
  doc,
});

/** The room of the Generic Timer. */
export const TIMER_REGISTERS: readonly SysRegRow[] = [
  {
    name: 'CNTFRQ_EL0',
    at: [3, 3, 14, 0, 0],
    access: 'RW',
    el: 0,
    writeEl: 'highest',
    fields: { ClockFreq: [31, 0] },
    doc: 'counter frequency in Hz, as firmware announces it; the counter itself does not depend on it',
  },
  counter('CNTPCT_EL0', [3, 3, 14, 0, 1], 'physical count'),
  counter('CNTVCT_EL0', [3, 3, 14, 0, 2], 'virtual count: physical count minus CNTVOFF_EL2'),
  {
    ...counter('CNTPCTSS_EL0', [3, 3, 14, 0, 5], 'physical count, self-synchronized'),
    feature: 'FEAT_ECV',
    model: 'absent',
  },
  {
    ...counter('CNTVCTSS_EL0', [3, 3, 14, 0, 6], 'virtual count, self-synchronized'),
    feature: 'FEAT_ECV',
    model: 'absent',
  },
  {
    name: 'CNTKCTL_EL1',
    at: [3, 0, 14, 1, 0],
    access: 'RW',
    el: 1,
    fields: {
      EL0PCTEN: [0, 0],
      EL0VCTEN: [1, 1],
      EVNTEN: [2, 2],
      EVNTDIR: [3, 3],
      EVNTI: [7, 4],
      EL0VTEN: [8, 8],
      EL0PTEN: [9, 9],
      EVNTIS: [17, 17, 'FEAT_ECV'],
    },
    doc: 'timer access from EL0 and the event stream of the virtual count',
  },
  {
    name: 'CNTHCTL_EL2',
    at: [3, 4, 14, 1, 0],
    access: 'RW',
    el: 2,
    needs: 'EL2',
    fields: {
      EL1PCTEN: [0, 0],
      EL1PCEN: [1, 1],
      EVNTEN: [2, 2],
      EVNTDIR: [3, 3],
      EVNTI: [7, 4],
      ECV: [12, 12, 'FEAT_ECV'],
      EL1TVT: [13, 13, 'FEAT_ECV'],
      EL1TVCT: [14, 14, 'FEAT_ECV'],
      EL1NVPCT: [15, 15, 'FEAT_ECV'],
      EL1NVVCT: [16, 16, 'FEAT_ECV'],
      EVNTIS: [17, 17, 'FEAT_ECV'],
    },
    e2h: {
      EL0PCTEN: [0, 0],
      EL0VCTEN: [1, 1],
      EVNTEN: [2, 2],
      EVNTDIR: [3, 3],
      EVNTI: [7, 4],
      EL0VTEN: [8, 8],
      EL0PTEN: [9, 9],
      EL1PCTEN: [10, 10],
      EL1PTEN: [11, 11],
    },
    // UNKNOWN after reset; access from EL1 allowed is our choice, so that an OS entered at EL1 finds its timer.
    reset: 3n,
    doc: 'timer access from EL1 and the event stream of the physical count',
  },
  { name: 'CNTVOFF_EL2', at: [3, 4, 14, 0, 3], access: 'RW', el: 2, needs: 'EL2', doc: 'offset of the virtual count' },
  {
    name: 'CNTPOFF_EL2',
    at: [3, 4, 14, 0, 6],
    access: 'RW',
    el: 2,
    feature: 'FEAT_ECV',
    model: 'absent',
    doc: 'offset of the physical count',
  },
  ...TIMERS.flatMap(timerRows),
];
