import { getField } from '../../src/arch/sysregs/index.ts';
import { assemble } from '../../src/isa/text/assemble.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';

const CODE_PA = 0x4010_0000n;

/** An exception as it arrived. */
export interface Taken {
  readonly el: number;
  readonly vectorOffset: number;
  /** ESR_ELx.EC; of an asynchronous exception that has none, what was there before. */
  readonly ec: bigint;
  readonly iss: bigint;
}

/** A machine without firmware whose PE 0 runs a few instructions at any Exception level. */
export class PeRig {
  readonly machine: Machine;
  private taken: Taken | undefined;

  /** All Exception levels unless told otherwise; the guest owns EL3. */
  constructor(options: MachineOptions = {}) {
    const programs = [{ bytes: new Uint8Array(4), addrPa: CODE_PA }];
    const defaults = { el2: true, el3: true, firmware: 'guest', memoryBytes: 16 * 2 ** 20, programs } as const;
    this.machine = Machine.create({ ...defaults, ...options });
    this.machine.on('exception', (_pe, el, vectorOffset) => {
      const esr = this.read(`ESR_EL${el}`);
      this.taken ??= { el, vectorOffset, ec: getField('ESR_EL1', 'EC', esr), iss: getField('ESR_EL1', 'ISS', esr) };
      this.machine.stop();
    });
    const { el2, el3 } = this.machine.options.els;
    if (el3) this.write('SCR_EL3', 0x501n).write('VBAR_EL3', CODE_PA);
    if (el2) this.write('HCR_EL2', 1n << 31n).write('VBAR_EL2', CODE_PA);
    this.write('VBAR_EL1', CODE_PA);
  }

  read(name: string): bigint {
    return this.machine.readRegister(0, name);
  }
  write(name: string, value: bigint): this {
    this.machine.writeRegister(0, name, value);
    return this;
  }

  /**
   * Runs instructions, one line each, at an Exception level with everything masked.
   *
   * @returns the exception that ended them, or undefined when all of them ran
   */
  run(source: string, el: 0 | 1 | 2 | 3 = 1): Taken | undefined {
    const { bytes } = assemble(source, { origin: CODE_PA });
    this.machine.writeMemory(CODE_PA, bytes);
    this.write('PSTATE', BigInt(0x3c0 | (el << 2) | (el > 0 ? 1 : 0)));
    this.write('PC', CODE_PA);
    this.taken = undefined;
    this.machine.run({ steps: bytes.length / 4 });
    return this.taken;
  }
}
