import { describe, expect, it } from 'vitest';
import { PeRig } from '../../../test/support/pe-rig.ts';
import { emptyRecord } from './debug-ras.ts';

describe('debug registers that act', () => {
  it('OSLAR_EL1 locks and unlocks, OSLSR_EL1 shows it', () => {
    const pe = new PeRig();
    pe.run('mov x0, #1\n msr OSLAR_EL1, x0\n mrs x1, OSLSR_EL1\n msr OSLAR_EL1, xzr\n mrs x2, OSLSR_EL1');
    expect([pe.read('X1') & 2n, pe.read('X2') & 2n]).toEqual([2n, 0n]);
    // OSLM: the OS lock is implemented.
    expect(pe.read('X1') & 9n).toBe(8n);
  });

  it('claim tags are set and cleared bit by bit', () => {
    const pe = new PeRig();
    pe.run(
      'mov x0, #0xff\n msr DBGCLAIMSET_EL1, x0\n mov x0, #0x0f\n msr DBGCLAIMCLR_EL1, x0\n mrs x1, DBGCLAIMCLR_EL1\n mrs x2, DBGCLAIMSET_EL1',
    );
    expect([pe.read('X1'), pe.read('X2')]).toEqual([0xf0n, 0xffn]);
  });
});

describe('error records (DDI 0487, "RAS Extension")', () => {
  it('ERRSELR_EL1 selects which record the ERX registers reach', () => {
    const pe = new PeRig();
    const records = pe.read('ERRIDR_EL1');
    expect(records).toBeGreaterThan(0n);
    pe.run(`msr ERRSELR_EL1, xzr
      mov x0, #0x111
      msr ERXADDR_EL1, x0
      mrs x1, ERXADDR_EL1
      mrs x2, ERXFR_EL1`);
    expect([pe.read('X1'), pe.read('X2')]).toEqual([0x111n, 1n]);
    const beyond = pe.write('X3', records);
    beyond.run(
      'msr ERRSELR_EL1, x3\n msr ERXADDR_EL1, x3\n mrs x1, ERXADDR_EL1\n mrs x2, ERXFR_EL1\n mrs x4, ERXSTATUS_EL1',
    );
    expect(['X1', 'X2', 'X4'].map((n) => pe.read(n))).toEqual([0n, 0n, 0n]);
  });

  it('bits of ERXSTATUS_EL1 are cleared by writing ones', () => {
    const pe = new PeRig();
    const [p] = pe.machine.pes;
    const state = p!.state();
    p!.load({ ...state, records: state.records.map((r) => ({ ...r, status: 0xc000_0000n })) });
    pe.run('mov x0, #0x40000000\n msr ERXSTATUS_EL1, x0\n mrs x1, ERXSTATUS_EL1');
    expect(pe.read('X1')).toBe(0x8000_0000n);
  });

  it('are not there without FEAT_RAS', () => {
    expect(new PeRig({ cpu: 'cortex-a57' }).run('mrs x0, ERRIDR_EL1')).toMatchObject({ ec: 0n });
  });

  it('an empty record holds nothing', () => {
    expect(Object.values(emptyRecord()).every((v) => v === 0n)).toBe(true);
  });
});
