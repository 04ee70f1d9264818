import { describe, expect, it } from 'vitest';
import { PeRig } from '../../../test/support/pe-rig.ts';
import { registerValue } from '../../arch/sysregs/index.ts';
import { SYSREG_TRAPS } from './traps.ts';

const TRAP = 0x18n;
/** HCR_EL2 and SCR_EL3 as everything else here wants them. */
const BASE: Readonly<Record<string, bigint>> = { HCR_EL2: 1n << 31n, SCR_EL3: 0x501n, CNTHCTL_EL2: 3n };

/** Control, field and the value that traps; instructions; from which levels; to which. Transcribed from DDI 0487. */
const CONTROLS: readonly (readonly [string, string, 0 | 1, readonly string[], readonly (0 | 1 | 2)[], 1 | 2 | 3])[] = [
  ['SCTLR_EL1', 'UCT', 0, ['mrs x3, CTR_EL0'], [0], 1],
  ['SCTLR_EL1', 'UMA', 0, ['mrs x3, DAIF', 'msr DAIF, x3'], [0], 1],
  [
    'HCR_EL2',
    'TVM',
    1,
    ['msr SCTLR_EL1, x3', 'msr TTBR0_EL1, x3', 'msr ESR_EL1, x3', 'msr CONTEXTIDR_EL1, x3'],
    [1],
    2,
  ],
  ['HCR_EL2', 'TRVM', 1, ['mrs x3, SCTLR_EL1', 'mrs x3, TCR_EL1', 'mrs x3, FAR_EL1', 'mrs x3, MAIR_EL1'], [1], 2],
  ['HCR_EL2', 'TID1', 1, ['mrs x3, REVIDR_EL1', 'mrs x3, AIDR_EL1'], [1], 2],
  [
    'HCR_EL2',
    'TID2',
    1,
    ['mrs x3, CCSIDR_EL1', 'mrs x3, CLIDR_EL1', 'mrs x3, CSSELR_EL1', 'msr CSSELR_EL1, x3'],
    [1],
    2,
  ],
  ['HCR_EL2', 'TID3', 1, ['mrs x3, ID_AA64PFR0_EL1', 'mrs x3, ID_AA64MMFR0_EL1', 'mrs x3, MVFR0_EL1'], [1], 2],
  ['HCR_EL2', 'TACR', 1, ['mrs x3, ACTLR_EL1', 'msr ACTLR_EL1, x3'], [1], 2],
  ['CPTR_EL2', 'TCPAC', 1, ['mrs x3, CPACR_EL1', 'msr CPACR_EL1, x3'], [1], 2],
  ['CPTR_EL3', 'TCPAC', 1, ['mrs x3, CPACR_EL1', 'msr CPACR_EL1, x3'], [1], 3],
  ['CPTR_EL3', 'TCPAC', 1, ['mrs x3, CPTR_EL2', 'msr CPTR_EL2, x3'], [2], 3],
  ['CNTHCTL_EL2', 'EL1PCTEN', 0, ['mrs x3, CNTPCT_EL0'], [1], 2],
  ['CNTHCTL_EL2', 'EL1PCEN', 0, ['mrs x3, CNTP_CTL_EL0', 'msr CNTP_CVAL_EL0, x3'], [1], 2],
  ['MDCR_EL2', 'TDA', 1, ['mrs x3, MDSCR_EL1', 'msr DBGBVR0_EL1, x3', 'mrs x3, DBGWCR0_EL1'], [1], 2],
  ['MDCR_EL2', 'TDOSA', 1, ['msr OSLAR_EL1, x3', 'mrs x3, OSLSR_EL1', 'mrs x3, OSDLR_EL1'], [1], 2],
  ['MDCR_EL3', 'TDA', 1, ['mrs x3, MDSCR_EL1', 'msr DBGBCR0_EL1, x3'], [1, 2], 3],
  ['MDCR_EL3', 'TDOSA', 1, ['msr OSLAR_EL1, x3', 'mrs x3, OSLSR_EL1'], [1, 2], 3],
  ['HCR_EL2', 'TERR', 1, ['mrs x3, ERRSELR_EL1', 'msr ERXCTLR_EL1, x3', 'mrs x3, ERXSTATUS_EL1'], [1], 2],
  ['SCR_EL3', 'TERR', 1, ['mrs x3, ERRIDR_EL1', 'msr ERXADDR_EL1, x3'], [1, 2], 3],
];

describe('controls that trap System register accesses (DDI 0487, "Configurable instruction controls")', () => {
  it.each(CONTROLS)('%s.%s = %i: %o from EL%o to EL%i', (control, field, when, sources, from, target) => {
    const mask = registerValue(control, { [field]: 1 });
    for (const el of from) {
      for (const source of sources) {
        const pe = new PeRig();
        for (const [name, value] of Object.entries(BASE)) pe.write(name, value);
        const base = pe.read(control);
        const start = pe.machine.snapshot();
        pe.write(control, when ? base | mask : base & ~mask);
        const taken = pe.run(source, el);
        expect(taken, `${source} at EL${el}`).toMatchObject({ el: target, ec: TRAP });
        // Direction in bit 0, Rt in bits 9:5.
        expect([taken!.iss & 1n, (taken!.iss >> 5n) & 31n]).toEqual([source.startsWith('mrs') ? 1n : 0n, 3n]);
        pe.machine.restore(start);
        pe.write(control, when ? base & ~mask : base | mask);
        expect(pe.run(source, el), `${source} at EL${el}, not trapped`).toBeUndefined();
      }
    }
  });

  it('those of EL2 do nothing in Secure state', () => {
    const pe = new PeRig().write('HCR_EL2', BASE.HCR_EL2! | registerValue('HCR_EL2', { TVM: 1 }));
    expect(pe.run('msr FAR_EL1, x3')).toMatchObject({ el: 2, ec: TRAP });
    pe.write('SCR_EL3', 0x400n);
    expect(pe.run('msr FAR_EL1, x3')).toBeUndefined();
  });

  it('EL1 is asked before EL2, EL2 before EL3', () => {
    const pe = new PeRig().write('CPTR_EL2', 1n << 31n).write('CPTR_EL3', 1n << 31n);
    expect(pe.run('mrs x3, CPACR_EL1')).toMatchObject({ el: 2 });
    pe.write('SCTLR_EL1', 0n).write('HCR_EL2', BASE.HCR_EL2! | registerValue('HCR_EL2', { TID2: 1 }));
    expect(pe.run('mrs x3, CTR_EL0', 0)).toMatchObject({ el: 1 });
    pe.write('SCTLR_EL1', registerValue('SCTLR_EL1', { UCT: 1 }));
    expect(pe.run('mrs x3, CTR_EL0', 0)).toMatchObject({ el: 2 });
  });

  it('a trap to EL1 goes to EL2 with HCR_EL2.TGE', () => {
    const pe = new PeRig()
      .write('SCTLR_EL1', 0n)
      .write('HCR_EL2', BASE.HCR_EL2! | registerValue('HCR_EL2', { TGE: 1 }));
    expect(pe.run('mrs x3, CTR_EL0', 0)).toMatchObject({ el: 2, ec: TRAP });
  });

  it('each row traps to a higher level than it traps from, or from EL0 to EL1', () => {
    for (const t of SYSREG_TRAPS) expect(Math.max(...t.from)).toBeLessThan(t.target);
  });
});
