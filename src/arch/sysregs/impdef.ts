/**
 * IMPLEMENTATION DEFINED registers of Cortex-A57 that firmware and hypervisors touch by number.
 *
 * DDI 0488, "AArch64 implementation defined registers". They are kept and have no effect: there is no cache to control.
 */
import type { SysRegEncoding, SysRegRow } from './row.ts';

const a57 = (name: string, at: SysRegEncoding, doc: string, rest: Partial<SysRegRow> = {}): SysRegRow => ({
  name,
  at,
  access: 'RW',
  el: 1,
  feature: 'IMPDEF_CortexA57',
  ...rest,
  doc,
});

/** The room of the IMPLEMENTATION DEFINED registers. */
export const IMPDEF_REGISTERS: readonly SysRegRow[] = [
  a57('L2CTLR_EL1', [3, 1, 11, 0, 2], 'L2 control; Cores is the number of cores minus one, which the machine sets', {
    fields: { DataRAMLatency: [2, 0], TagRAMLatency: [8, 6], Cores: [25, 24, 'RO'] },
  }),
  a57('L2ECTLR_EL1', [3, 1, 11, 0, 3], 'L2 extended control'),
  a57('L2ACTLR_EL1', [3, 1, 15, 0, 0], 'L2 auxiliary control'),
  a57('CPUACTLR_EL1', [3, 1, 15, 2, 0], 'CPU auxiliary control'),
  a57('CPUECTLR_EL1', [3, 1, 15, 2, 1], 'CPU extended control'),
  a57('CPUMERRSR_EL1', [3, 1, 15, 2, 2], 'CPU memory error syndrome: none occur'),
  a57('L2MERRSR_EL1', [3, 1, 15, 2, 3], 'L2 memory error syndrome: none occur'),
  a57('CBAR_EL1', [3, 1, 15, 3, 0], 'base of the memory-mapped GIC CPU interface: there is none', { access: 'RO' }),
];
