import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FEATURE_NAMES, featureId } from './features.ts';
import {
  idRegister,
  idRegisters,
  implementedFeatures,
  implementedSysregs,
  PROFILE_NAMES,
  PROFILES,
} from './profiles.ts';
import { getField, registerValue, SYSREGS, sysregByKey, sysregKey, sysregKeyOf, sysregName } from './sysregs/index.ts';

const GCC = 'aarch64-linux-gnu-gcc';
const OBJCOPY = 'aarch64-linux-gnu-objcopy';
const QEMU = 'qemu-system-aarch64';
const missing = [GCC, OBJCOPY, QEMU].filter((tool) => spawnSync(tool, ['--version']).status !== 0);

/**
 * A bare-metal program for QEMU's `virt`: reads each register at the reset Exception level, prints key, syndrome
 * (if the read trapped) and value, in hexadecimal on the UART, then powers off by a semihosting call.
 */
function probeSource(keys: readonly number[], el: 1 | 3): string {
  const read = (key: number): string =>
    `mov x21, #${key}\n mov x20, #0\n mov x22, #0\n .inst ${0xd530_0014 + ((key & 0x7fff) << 5)}\n bl out`;
  const cache = (select: number): string =>
    `mov x0, #${select}\n msr csselr_el1, x0\n isb\n mov x21, x0\n mov x22, #0\n mrs x20, ccsidr_el1\n bl out`;
  return `
.globl _start
_start:
  adr x0, vec
  msr vbar_el${el}, x0
  isb
  ldr x27, =0x09000000
  ${keys.map(read).join('\n')}
  ${[0, 1, 2, 3, 4, 5].map(cache).join('\n')}
  mov x0, #0x18
  adr x1, stop
  hlt #0xf000
  b .
.balign 8
stop: .quad 0x20026, 0
out:
  mov x10, x30
  mov x11, x21
  bl hex
  mov x11, x22
  bl hex
  mov x11, x20
  bl hex
  mov w12, #10
  str w12, [x27]
  ret x10
hex: mov x13, #60
2: lsr x12, x11, x13
  and x12, x12, #15
  cmp x12, #10
  add x14, x12, #48
  add x15, x12, #87
  csel x12, x14, x15, lt
  str w12, [x27]
  subs x13, x13, #4
  b.ge 2b
  mov w12, #32
  str w12, [x27]
  ret
.balign 2048
vec:
.rept 16
.balign 128
  mrs x22, esr_el${el}
  mrs x23, elr_el${el}
  add x23, x23, #4
  msr elr_el${el}, x23
  eret
.endr
`;
}

interface Reading {
  /** ESR of the trap, 0 for none. */
  readonly esr: number;
  readonly value: bigint;
}

/** What QEMU's cortex-a57 answers at the highest Exception level; CCSIDR_EL1 values are at the selections 0 to 5. */
function askQemu(keys: readonly number[], els: { el2: boolean; el3: boolean }): Map<number, Reading> {
  const folder = mkdtempSync(join(tmpdir(), 'profiles-'));
  try {
    const path = (name: string) => join(folder, name);
    writeFileSync(path('probe.S'), probeSource(keys, els.el3 ? 3 : 1));
    execFileSync(GCC, ['-nostdlib', '-static', '-Wl,-Ttext=0', '-o', path('probe.elf'), path('probe.S')]);
    execFileSync(OBJCOPY, ['-O', 'binary', path('probe.elf'), path('probe.bin')]);
    const on = (flag: boolean) => (flag ? 'on' : 'off');
    const machine = `virt,gic-version=3,secure=${on(els.el3)},virtualization=${on(els.el2)}`;
    const quiet = [
      '-display',
      'none',
      '-nic',
      'none',
      '-monitor',
      'none',
      '-serial',
      'stdio',
      '-semihosting',
      '-m',
      '128',
    ];
    const args = ['-M', machine, '-cpu', 'cortex-a57', '-bios', path('probe.bin'), ...quiet];
    const text = execFileSync(QEMU, args, { timeout: 30_000, input: '' }).toString();
    const lines = text.split('\n').filter((line) => /^[0-9a-f]{16} /.test(line));
    return new Map(
      lines.map((line) => {
        const [key, esr, value] = line.split(' ');
        return [Number.parseInt(key, 16), { esr: Number.parseInt(esr, 16), value: BigInt(`0x${value}`) }];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const idSpaceKeys = SYSREGS.filter((row) => row.op0 === 3 && row.op1 === 0 && row.CRn === 0 && row.CRm >= 1).map(
  (row) => row.key,
);
const OTHER_ID_REGISTERS = ['MIDR_EL1', 'REVIDR_EL1', 'AIDR_EL1', 'CTR_EL0', 'DCZID_EL0', 'CLIDR_EL1'];

/** Where this `cortex-a57` differs from QEMU's on purpose: what QEMU says, and why we say something else. */
const DIFFERENCES: Readonly<Record<string, readonly [fields: Readonly<Record<string, number>>, reason: string]>> = {
  ID_AA64PFR0_EL1: [{ EL0: 2, EL1: 2, EL2: 2, EL3: 2 }, 'no AArch32 here'],
  ID_AA64MMFR0_EL1: [{ BigEnd: 1 }, 'no big-endian data accesses here'],
};
const AARCH32_ID = /^(ID_(PFR|DFR|AFR|MMFR|ISAR)\d|MVFR\d)_EL1$/;

describe('cortex-a57', () => {
  it.skipIf(missing.length > 0)(
    'says in its ID registers what QEMU’s says, apart from the differences listed with a reason',
    () => {
      const els = { el2: true, el3: true };
      const keys = [...idSpaceKeys, ...OTHER_ID_REGISTERS.map((name) => sysregKeyOf(name) ?? 0)];
      const qemu = askQemu(keys, els);
      const ours = idRegisters(PROFILES['cortex-a57'], els);
      for (const key of keys) {
        const name = sysregName(key);
        if (AARCH32_ID.test(name)) continue;
        let expected = qemu.get(key)?.value ?? -1n;
        for (const [field, value] of Object.entries(DIFFERENCES[name]?.[0] ?? {})) {
          expect(getField(name, field, expected), `${name}.${field}`).toBe(BigInt(value));
          const mine = getField(name, field, ours.get(name) ?? 0n);
          expected += registerValue(name, { [field]: mine }) - registerValue(name, { [field]: value });
        }
        expect(ours.get(name) ?? 0n, name).toBe(expected);
      }
      for (const select of [0, 1, 2, 3, 4, 5]) {
        expect(PROFILES['cortex-a57'].ccsidr.get(select) ?? 0n, `CCSIDR_EL1 ${select}`).toBe(qemu.get(select)?.value);
      }
    },
  );
});

/** Rows whose presence differs from QEMU's cortex-a57, with the reason. */
const PRESENCE_DIFFERENCES: readonly (readonly [RegExp, string])[] = [
  [/^(IFSR32|FPEXC32|DACR32|DBGVCR32)_EL2$|^SDER32_EL3$/, 'UNDEFINED without AArch32 at EL1'],
  [/^PM/, 'no Performance Monitors yet'],
  [
    /^(DBGDTR|DBGDTRRX)_EL0$|^(OSDTRRX|OSDTRTX|OSECCR)_EL1$/,
    'QEMU has no debug communication channel; the architecture does',
  ],
  [/^(DBGPRCR|DBGCLAIMSET|DBGCLAIMCLR|DBGAUTHSTATUS)_EL1$/, 'QEMU lacks these; the architecture requires them'],
  [/^ICC_AP[01]R[123]_EL1$/, 'how many exist is for the GIC to say'],
  [/^ICH_/, 'without EL2: RES0 from EL3 by the architecture, UNDEFINED on QEMU'],
];

/** EC Uncategorized with IL; anything else is a trap that has its own control. */
const UNDEFINED_ESR = 0x0200_0000;

describe('presence of registers', () => {
  it.skipIf(missing.length > 0).each([
    { el2: true, el3: true },
    { el2: false, el3: true },
    { el2: false, el3: false },
  ])(
    'at the highest Exception level with %o is as on QEMU’s cortex-a57, apart from those listed with a reason',
    (els) => {
      const highest = els.el3 ? 3 : 1;
      const readable = implementedSysregs(PROFILES['cortex-a57'], els).filter(({ row }) => row.access !== 'WO');
      const qemu = askQemu(
        readable.map(({ row }) => row.key),
        els,
      );
      const wrong: string[] = [];
      for (const { row, presence } of readable) {
        const undefinedHere = presence === 'undefined' || row.el > highest;
        const { esr, value } = qemu.get(row.key) ?? { esr: 0, value: -1n };
        const undefinedThere = esr === UNDEFINED_ESR;
        if (presence === 'res0' && !undefinedThere) expect(value, row.name).toBe(0n);
        if (undefinedHere !== undefinedThere && !PRESENCE_DIFFERENCES.some(([pattern]) => pattern.test(row.name))) {
          wrong.push(`${row.name}: ${undefinedHere ? 'UNDEFINED' : presence} here`);
        }
      }
      expect(wrong).toEqual([]);
    },
  );
});

describe('profiles', () => {
  const elsList = [
    { el2: false, el3: false },
    { el2: true, el3: false },
    { el2: false, el3: true },
    { el2: true, el3: true },
  ];

  it('announce a feature in its ID register field exactly when they have it', () => {
    for (const name of PROFILE_NAMES) {
      for (const els of elsList) {
        const values = idRegisters(PROFILES[name], els);
        for (const feature of FEATURE_NAMES) {
          const id = featureId(feature);
          if (!id) continue;
          const announced = getField(id.register, id.field, values.get(id.register) ?? 0n) >= BigInt(id.value);
          expect(announced, `${name} ${feature}`).toBe(implementedFeatures(PROFILES[name], els).has(feature));
        }
      }
    }
  });

  it('say AArch64 only at each implemented Exception level and nothing at the others', () => {
    for (const els of elsList) {
      const value = idRegisters(PROFILES.full, els).get('ID_AA64PFR0_EL1') ?? 0n;
      expect(value & 0xffffn).toBe(0x11n | (els.el2 ? 0x100n : 0n) | (els.el3 ? 0x1000n : 0n));
    }
  });

  it('`full` has these ID register values', () => {
    const values = idRegisters(PROFILES.full, { el2: false, el3: true });
    const hex = Object.fromEntries([...values].map(([name, value]) => [name, `0x${value.toString(16)}`]));
    expect(hex).toEqual({
      MIDR_EL1: '0xf0550',
      ID_AA64PFR0_EL1: '0x1100000011001011',
      ID_AA64DFR0_EL1: '0x10305106',
      ID_AA64ISAR0_EL1: '0x10211120',
      ID_AA64ISAR1_EL1: '0x100000',
      ID_AA64MMFR0_EL1: '0x101025',
      ID_AA64MMFR1_EL1: '0x200000',
      ID_AA64MMFR2_EL1: '0x10',
      CTR_EL0: '0xb444c004',
      CLIDR_EL1: '0x2000023',
      DCZID_EL0: '0x4',
      ERRIDR_EL1: '0x1',
      DBGAUTHSTATUS_EL1: '0xaa',
    });
  });

  it('give each row of the table a layout, with the ID values as reset values', () => {
    const table = implementedSysregs(PROFILES.full, { el2: true, el3: true });
    const of = (name: string) => table.find(({ row }) => row.name === name);
    expect(table.length).toBe(SYSREGS.length);
    expect(of('ID_AA64ISAR0_EL1')).toMatchObject({ presence: 'present', writable: 0n, reset: 0x1021_1120n });
    expect(of('VPIDR_EL2')?.reset).toBe(PROFILES.full.midr);
    expect(of('ERRSELR_EL1')?.presence).toBe('present');
    expect(of('CPUECTLR_EL1')?.presence).toBe('undefined');
    const a57 = implementedSysregs(PROFILES['cortex-a57'], { el2: false, el3: false });
    expect(a57.find(({ row }) => row.name === 'ERRSELR_EL1')?.presence).toBe('undefined');
    expect(a57.find(({ row }) => row.name === 'CPUECTLR_EL1')?.presence).toBe('present');
  });

  it('an ID register is built from fields, and an unknown field or a value that does not fit is refused', () => {
    expect(idRegister('ID_AA64ISAR0_EL1', { AES: 2, SHA1: 1 })).toBe(0x120n);
    expect(() => idRegister('ID_AA64ISAR0_EL1', { AES: 16 })).toThrow(/7:4/);
    expect(() => idRegister('ID_AA64ISAR0_EL1', { MD5: 1 })).toThrow(/MD5/);
    expect(sysregByKey(sysregKey(3, 0, 0, 6, 0))?.name).toBe('ID_AA64ISAR0_EL1');
  });
});
