import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PE_STATE } from '../../src/arch/pestate.ts';
import { WAIT } from '../../src/cpu/waiting.ts';
import { virtDeviceTree } from '../../src/machine/board/virt.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';
import { decodeFdt } from '../../src/tables/fdt/decode.ts';
import { findNode, readStrings } from '../../src/tables/fdt/tree.ts';
import { guestPath, haveGuests } from '../linux/guest.ts';
import { Board } from './rig.ts';

/**
 * Test ideas 3 to 5 of the board, and those on SMCCC and PSCI (numbers with H): calls from guests, over SMC and HVC.
 */

const CPU_ON = 0xc400_0003n;
const CPU_ON32 = 0x8400_0003n;
const AFFINITY_INFO = 0xc400_0004n;
const CPU_SUSPEND = 0xc400_0001n;
const CPU_OFF = 0x8400_0002n;
const PSCI_FEATURES = 0x8400_000an;
const SYSTEM_RESET2 = 0xc400_0012n;
const ENTRY = 0x4000_9000n;

const firmware = (options: MachineOptions = {}): Board => new Board({ firmware: 'typescript', el2: false, ...options });
const signed = (x: readonly bigint[]): bigint => BigInt.asIntN(64, x[0]!);
/** The PE takes its turn, so that it is no longer on its way. */
const turn = (board: Board, pe: number): void => void board.exec('nop', pe);

describe('PSCI method in the device tree', () => {
  const CONFIGURATIONS = [
    ['without EL2 and EL3', { el3: false, el2: false }, 'hvc'],
    ['with EL2 and without EL3', { el3: false, el2: true }, 'smc'],
    ['with EL3', { el3: true, el2: false }, 'smc'],
    ['with EL3 and EL2', { el3: true, el2: true }, 'smc'],
  ] as const;
  for (const [name, els, method] of CONFIGURATIONS) {
    it(`3. is ${method} ${name}, and a call by it is answered`, () => {
      const { machine } = bootStub(els);
      const x0 = machine.readRegister(0, 'X0');
      const tree = decodeFdt(machine.readMemory(x0, 0x4000)).tree!;
      expect(readStrings(findNode(tree, '/psci')?.properties.get('method'))).toEqual([method]);
      machine.writeRegister(0, 'X0', 0x8400_0000n);
      const pc = machine.readRegister(0, 'PC');
      const word = method === 'hvc' ? 0xd400_0002 : 0xd400_0003;
      machine.writeMemory(pc, new Uint8Array(new Uint32Array([word]).buffer));
      machine.run({ steps: 1 });
      expect([machine.readRegister(0, 'X0'), machine.readRegister(0, 'PC')]).toEqual([0x1_0001n, pc + 4n]);
    });
  }

  it('3. is absent when the guest starts in EL3', () => {
    const options = { pes: 1, ramSizeBytes: 2 ** 24, cpu: 'full', psciConduit: null } as const;
    expect(findNode(virtDeviceTree(options), '/psci')).toBeUndefined();
  });
});

/** A machine that starts an Image of 4 KiB: x0 is then the device tree. */
function bootStub(options: MachineOptions): { machine: Machine } {
  const kernel = new Uint8Array(4096);
  const view = new DataView(kernel.buffer);
  view.setUint32(0, 0x1400_0010, true);
  view.setBigUint64(0x10, 4096n, true);
  view.setUint32(0x38, 0x644d_5241, true);
  const machine = Machine.create({ kernel, memoryBytes: 32 * 2 ** 20, ...options });
  for (let n = 0; n < 64 && machine.readRegister(0, 'X0') === 0n; n++) machine.run({ steps: 1 });
  return { machine };
}

describe('CPU_ON', () => {
  it('4. of self returns -4, of an unknown MPIDR -2, and AFFINITY_INFO of an off CPU is 1', () => {
    const board = firmware({ cpus: 2 });
    expect(signed(board.call([CPU_ON, 0n, ENTRY, 0n]))).toBe(-4n);
    for (const mpidr of [2n, 0x100n, 0x8000_0001n, 0x1_0000_0000n]) {
      expect(signed(board.call([CPU_ON, mpidr, ENTRY, 0n])), mpidr.toString(16)).toBe(-2n);
    }
    expect(signed(board.call([AFFINITY_INFO, 1n, 0n]))).toBe(1n);
    expect(signed(board.call([AFFINITY_INFO, 0n, 0n]))).toBe(0n);
    expect(signed(board.call([AFFINITY_INFO, 2n, 0n]))).toBe(-2n);
  });

  for (const [name, els] of [
    ['EL1 over SMC', { el3: true, el2: false }],
    ['EL2 over SMC', { el3: true, el2: true }],
    ['EL1 over HVC', { el3: false, el2: false }],
  ] as const) {
    it(`5. H65. a CPU started at ${name} begins with DAIF = 1111, x0 = context id, MMU off, at the caller's EL`, () => {
      const board = firmware({ cpus: 2, ...els });
      const el = els.el2 ? 2 : 1;
      expect(board.el(0)).toBe(el);
      expect(signed(board.call([CPU_ON, 1n, ENTRY, 0x1234_5678_9abc_def0n]))).toBe(0n);
      expect(board.machine.readRegister(1, 'X0')).toBe(0x1234_5678_9abc_def0n);
      expect(board.machine.readRegister(1, 'PC')).toBe(ENTRY);
      expect(board.machine.readRegister(1, 'PSTATE')).toBe(0x3c1n | BigInt(el << 2));
      expect(board.get(`SCTLR_EL${el}`, 1) & 5).toBe(0);
      expect(board.get('CNTFRQ_EL0', 1)).toBe(62_500_000);
    });
  }

  it('H63. twice before the target runs gives 0 and -5, AFFINITY_INFO 2; after it ran -4 and 0', () => {
    const board = firmware({ cpus: 2 });
    expect(signed(board.call([CPU_ON, 1n, ENTRY, 7n]))).toBe(0n);
    expect(signed(board.call([CPU_ON, 1n, ENTRY + 0x100n, 8n]))).toBe(-5n);
    expect(signed(board.call([AFFINITY_INFO, 1n, 0n]))).toBe(2n);
    expect([board.machine.readRegister(1, 'PC'), board.machine.readRegister(1, 'X0')]).toEqual([ENTRY, 7n]);
    turn(board, 1);
    expect(signed(board.call([CPU_ON, 1n, ENTRY, 0n]))).toBe(-4n);
    expect(signed(board.call([AFFINITY_INFO, 1n, 0n]))).toBe(0n);
  });

  it('H64. with an odd entry gives -9, with a bad MPIDR and an odd entry -2, and the CPU stays off', () => {
    const board = firmware({ cpus: 2 });
    expect(signed(board.call([CPU_ON, 1n, ENTRY + 1n, 0n]))).toBe(-9n);
    expect(signed(board.call([CPU_ON, 1n, 0x10n, 0n]))).toBe(-9n);
    expect(signed(board.call([CPU_ON, 9n, ENTRY + 1n, 0n]))).toBe(-2n);
    expect(signed(board.call([AFFINITY_INFO, 1n, 0n]))).toBe(1n);
  });

  it('H69. the 32-bit form truncates a 64-bit entry', () => {
    const board = firmware({ cpus: 2 });
    expect(signed(board.call([CPU_ON, 1n, ENTRY | (1n << 40n), 0n]))).toBe(-9n);
    expect(signed(board.call([CPU_ON32, 1n | (1n << 40n), ENTRY | (1n << 40n), 5n | (1n << 40n)]))).toBe(0n);
    expect([board.machine.readRegister(1, 'PC'), board.machine.readRegister(1, 'X0')]).toEqual([ENTRY, 5n]);
  });

  it('two CPUs that call it for a third: exactly one gets 0, and its entry point counts', () => {
    for (const first of [0, 1]) {
      const board = firmware({ cpus: 3 });
      board.call([CPU_ON, 1n, ENTRY, 0n]);
      turn(board, 1);
      const order = first === 0 ? [0, 1] : [1, 0];
      const results = order.map((pe) => signed(board.call([CPU_ON, 2n, ENTRY + 0x100n * BigInt(pe), BigInt(pe)], pe)));
      expect(results).toEqual([0n, -5n]);
      expect(board.machine.readRegister(2, 'PC')).toBe(ENTRY + 0x100n * BigInt(first));
      expect(board.machine.readRegister(2, 'X0')).toBe(BigInt(first));
    }
  });
});

describe('CPU_OFF', () => {
  it('turns off the caller, who can be turned on again and again from the start', () => {
    const board = firmware({ cpus: 2 });
    for (let round = 0n; round < 20n; round++) {
      expect(signed(board.call([CPU_ON, 1n, ENTRY, round]))).toBe(0n);
      turn(board, 1);
      expect(signed(board.call([AFFINITY_INFO, 1n, 0n]))).toBe(0n);
      board.msr('VBAR_EL1', 0x4000_8800n, 1);
      board.call([CPU_OFF], 1);
      expect(signed(board.call([AFFINITY_INFO, 1n, 0n]))).toBe(1n);
    }
    board.call([CPU_ON, 1n, ENTRY, 99n]);
    expect([board.machine.readRegister(1, 'X0'), board.mrs('VBAR_EL1', 1)]).toEqual([99n, 0n]);
  });

  it('an interrupt that is pending for a CPU that is off does not start it', () => {
    const board = firmware({ cpus: 2 });
    board.machine.gic.setLine(24, true, 1);
    board.machine.run({ steps: 1000 });
    expect(board.machine.pes[1]!.s.get32(PE_STATE.waitState)).toBe(WAIT.OFF);
  });
});

describe('CPU_SUSPEND', () => {
  it('H66. with reserved bits of power_state gives -2', () => {
    const board = firmware();
    for (let bit = 0; bit < 32; bit++) {
      const reserved = (bit >= 17 && bit <= 23) || bit >= 26;
      if (!reserved) continue;
      expect(signed(board.call([CPU_SUSPEND, 1n << BigInt(bit), ENTRY, 0n])), `bit ${bit}`).toBe(-2n);
      expect(signed(board.call([CPU_SUSPEND, (1n << BigInt(bit)) | 0x1_0000n, ENTRY, 0n])), `bit ${bit}`).toBe(-2n);
    }
  });

  /** PE 0 at EL1 with the virtual timer set to fire 100 counts from now, and its interrupt enabled. */
  const armed = (): Board => {
    const board = firmware();
    board.write('GICD_CTLR', 2);
    board.write('GICR_ISENABLER0', 1 << 27);
    board.msr('ICC_IGRPEN1_EL1', 1);
    board.msr('ICC_PMR_EL1', 0xf0);
    board.msr('CNTV_CVAL_EL0', board.mrs('CNTVCT_EL0') + 100n);
    board.msr('CNTV_CTL_EL0', 1);
    return board;
  };

  it('to standby waits for an interrupt, masked or not, and returns 0 behind the call with everything kept', () => {
    const board = armed();
    const due = board.mrs('CNTV_CVAL_EL0');
    board.machine.writeRegister(0, 'X19', 0x1919n);
    expect(board.call([CPU_SUSPEND, 0n, 0n, 0n])[0]).toBe(0n);
    expect(board.machine.pes[0]!.s.get32(PE_STATE.waitState)).toBe(WAIT.WFI);
    expect(board.mrs('CNTVCT_EL0')).toBe(due);
    expect(board.machine.readRegister(0, 'X19')).toBe(0x1919n);
    expect([board.get('ICC_IGRPEN1_EL1'), board.get('ISR_EL1')]).toEqual([1, 0x80]);
  });

  it('to power-down starts at the entry point with x0 = context id and the CPU interface as at CPU_ON', () => {
    const board = armed();
    board.msr('VBAR_EL1', 0x4000_8800n);
    board.call([CPU_SUSPEND, 0x1_0000n, ENTRY, 0x77n]);
    expect(board.machine.pes[0]!.s.get32(PE_STATE.waitState)).toBe(WAIT.WFI);
    board.machine.writeMemory(ENTRY, new Uint8Array(new Uint32Array([0x1400_0000]).buffer));
    board.machine.run({ steps: 1 });
    expect([board.machine.readRegister(0, 'PC'), board.machine.readRegister(0, 'X0')]).toEqual([ENTRY, 0x77n]);
    expect([board.mrs('VBAR_EL1'), board.get('ICC_IGRPEN1_EL1')]).toEqual([0n, 0]);
  });

  it('to power-down with an interrupt already pending starts at the entry point at once', () => {
    const board = armed();
    board.machine.run({ steps: 10_000 });
    board.exec('msr daifset, #15');
    expect(board.get('ISR_EL1')).toBe(0x80);
    board.call([CPU_SUSPEND, 0x1_0000n, ENTRY, 0x78n]);
    expect([board.machine.readRegister(0, 'PC'), board.machine.readRegister(0, 'X0')]).toEqual([ENTRY, 0x78n]);
  });
});

describe('SMC Calling Convention', () => {
  it('H60. H61. an unknown fast call returns -1 in all of x0 and preserves x4 to x30', () => {
    for (const els of [{ el3: true }, { el3: false }]) {
      const board = firmware(els);
      for (const id of [0x8400_001fn, 0xc400_0000n, 0x8300_0000n, 0x8600_ff01n, 0xbfff_ffffn, 0x8000_0000n]) {
        for (let n = 4; n < 31; n++) board.machine.writeRegister(0, `X${n}`, BigInt(n) << 40n);
        const x = board.call([id, 1n, 2n, 3n]);
        expect(x[0], id.toString(16)).toBe(id === 0x8000_0000n ? 0x1_0002n : 0xffff_ffff_ffff_ffffn);
        for (let n = 4; n < 31; n++) expect(board.machine.readRegister(0, `X${n}`)).toBe(BigInt(n) << 40n);
      }
    }
  });

  it('H62. PSCI_FEATURES(0x80000000) returns 0 and SMCCC_VERSION then at least 0x10001', () => {
    const board = firmware();
    expect(signed(board.call([PSCI_FEATURES, 0x8000_0000n]))).toBe(0n);
    expect(signed(board.call([0x8000_0000n]))).toBeGreaterThanOrEqual(0x1_0001n);
  });

  it('H68. SYSTEM_RESET2 of architectural type 1 gives -2, of type 0 resets', () => {
    const board = firmware();
    expect(signed(board.call([SYSTEM_RESET2, 1n, 0n]))).toBe(-2n);
    board.call([SYSTEM_RESET2, 0n, 0n]);
    expect(board.machine.run({ steps: 1 }).reason).toBe('reset');
  });
});

describe.skipIf(!haveGuests)("on Debian's kernel (needs scripts/guests.mjs to have run)", () => {
  it('H70. a kernel entered with x1 other than 0 prints the boot-protocol error', () => {
    const entered = (x1: bigint): boolean => {
      const machine = Machine.create({ kernel: readFileSync(guestPath('Image')), append: 'earlycon=pl011,0x9000000' });
      let out = '';
      machine.console.onOutput((bytes) => {
        out += new TextDecoder().decode(bytes);
        if (out.includes('Kernel command line')) machine.stop();
      });
      machine.writeRegister(0, 'X1', x1);
      machine.run({ steps: 300_000_000 });
      expect(out).toContain('Kernel command line');
      return out.includes('x1-x3 nonzero in violation of boot protocol');
    };
    expect([entered(0n), entered(1n)]).toEqual([false, true]);
  });
});
