import { describe, expect, it } from 'vitest';
import {
  AET,
  decodeEsr,
  decodeFsc,
  EC,
  ecName,
  esrOf,
  FP_ACCESS_ISS,
  FSC,
  fsc,
  issForDataAbort,
  issForImm16,
  issForInstructionAbort,
  issForSError,
  issForSoftwareStep,
  issForSysreg,
  issForSysregKey,
  issForWatchpoint,
  WFX_ISS,
} from './esr.ts';
import { sysregKeyOf } from './sysregs/index.ts';

const hex = (value: number): string => `0x${value.toString(16)}`;

describe('ESR_ELx (DDI 0487)', () => {
  it.each([
    ['SVC #0 from EL0', esrOf(EC.SupervisorCall, issForImm16(0)), '0x56000000'],
    ['HVC #0xabcd', esrOf(EC.HypervisorCall, issForImm16(0xabcd)), '0x5a00abcd'],
    ['SMC #0', esrOf(EC.MonitorCall, issForImm16(0)), '0x5e000000'],
    ['BRK #0x800', esrOf(EC.SoftwareBreakpoint, issForImm16(0x800)), '0xf2000800'],
    ['an undefined instruction', esrOf(EC.Uncategorized, 0), '0x2000000'],
    ['a trapped FP instruction', esrOf(EC.AdvSIMDFPAccessTrap, FP_ACCESS_ISS), '0x1fe00000'],
    ['a trapped WFI', esrOf(EC.WFxTrap, WFX_ISS.WFI), '0x7e00000'],
    ['a trapped WFE', esrOf(EC.WFxTrap, WFX_ISS.WFE), '0x7e00001'],
    ['an illegal return', esrOf(EC.IllegalState, 0), '0x3a000000'],
    ['a misaligned PC', esrOf(EC.PCAlignment, 0), '0x8a000000'],
    ['a misaligned SP', esrOf(EC.SPAlignment, 0), '0x9a000000'],
    [
      'an EL1 load, level 1 translation',
      esrOf(EC.DataAbortSameEL, issForDataAbort({ fsc: fsc('Translation', 1) })),
      '0x96000005',
    ],
    [
      'an EL0 store, level 3 permission',
      esrOf(EC.DataAbortLowerEL, issForDataAbort({ fsc: fsc('Permission', 3), wnr: true })),
      '0x9200004f',
    ],
    [
      'a synchronous External abort with FnV',
      esrOf(EC.DataAbortLowerEL, issForDataAbort({ fsc: fsc('SyncExternal'), fnv: true })),
      '0x92000410',
    ],
    [
      'DC CIVAC on nothing',
      esrOf(EC.DataAbortSameEL, issForDataAbort({ fsc: fsc('Translation', 0), cm: true, wnr: true })),
      '0x96000144',
    ],
    [
      'an EL0 fetch, level 3 permission',
      esrOf(EC.InstructionAbortLowerEL, issForInstructionAbort({ fsc: fsc('Permission', 3) })),
      '0x8200000f',
    ],
    ['an aborted walk of stage 2', issForInstructionAbort({ fsc: fsc('Translation', 2), s1ptw: true }), '0x86'],
    [
      'an uncontainable External abort',
      issForInstructionAbort({ fsc: fsc('SyncExternal'), ea: true, set: 2 }),
      '0x1210',
    ],
    ['an uncontainable SError', esrOf(EC.SError, issForSError({ aet: AET.UC })), '0xbe000011'],
    ['a restartable SError', esrOf(EC.SError, issForSError({ aet: AET.UEO, ea: true, iesb: true })), '0xbe002a11'],
    ['a step of a Load-Exclusive', issForSoftwareStep(true, true), '0x1000062'],
    ['a step of something unknown', issForSoftwareStep(false, true), '0x22'],
    ['a watchpoint on a store', issForWatchpoint({ wnr: true, cm: false }), '0x62'],
  ])('%s', (_, value, expected) => expect(hex(value)).toBe(expected));

  it('a stage 2 data abort with a valid syndrome describes the access', () => {
    const instruction = { sas: 2, sse: true, srt: 30, sf: true, ar: true };
    expect(hex(issForDataAbort({ fsc: fsc('Translation', 2), instruction }))).toBe('0x1bec006');
    expect(
      hex(
        issForDataAbort({
          fsc: fsc('Translation', 2),
          instruction: { sas: 0, sse: false, srt: 0, sf: false, ar: false },
        }),
      ),
    ).toBe('0x1000006');
  });

  it('a trapped MRS of ICC_PMR_EL1 into X0 has ISS 0x30100d, as measured on QEMU', () => {
    const access = { op0: 3, op1: 0, CRn: 4, CRm: 6, op2: 0, Rt: 0, read: true };
    expect(hex(issForSysreg(access))).toBe('0x30100d');
    expect(issForSysregKey(sysregKeyOf('ICC_PMR_EL1') ?? 0, 0, true)).toBe(issForSysreg(access));
    expect(issForSysreg({ ...access, read: false, Rt: 31 })).toBe(0x30_100c + (31 << 5));
  });

  it('a value decodes into class, IL and ISS', () => {
    expect(decodeEsr(0x9600_0005)).toEqual({ ec: 0x25, name: 'DataAbortSameEL', il: 1, iss: 5 });
    expect(ecName(0x3f)).toBeUndefined();
    expect(ecName(0x15)).toBe('SupervisorCall');
  });

  it('class numbers are distinct and fit in six bits', () => {
    const values = Object.values(EC);
    expect(new Set(values).size).toBe(values.length);
    expect(Math.max(...values)).toBeLessThan(64);
  });

  it('every fault status code decodes to the name and level that made it, and no other code has a name', () => {
    const made = new Map<number, string>();
    for (const name of Object.keys(FSC) as (keyof typeof FSC)[]) {
      for (const level of [0, 1, 2, 3]) {
        const code = fsc(name, level);
        const decoded = decodeFsc(code);
        expect(decoded?.name).toBe(name);
        if (decoded?.level !== undefined) expect(decoded.level).toBe(level);
        made.set(code, name);
      }
    }
    for (let code = 0; code < 64; code++) expect(decodeFsc(code)?.name).toBe(made.get(code));
  });
});
