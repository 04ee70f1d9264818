import type { Pe } from '../cpu/pe.ts';
import { regimeOf } from '../cpu/vhe.ts';
import type { PlainData } from '../devices/device.ts';
import type { GuestMemory, PoisonKind } from '../engine/memory.ts';
import { VIRT_MEMORY_MAP } from './board/virt.ts';
import { MachineError } from './errors.ts';
import type { StopListener, StopOptions, Stops } from './stops.ts';

const RAM_PA = Number(VIRT_MEMORY_MAP.ram.basePa);

/** DFSC of an asynchronous SError interrupt; AET is 0, uncontainable. */
const SERROR_ASYNC = 0x11;

/** A guest's registers and memory as a debugger sees them: by name and by address, past access rights. */
export abstract class GuestView {
  abstract readonly pes: readonly Pe[];
  protected abstract readonly memory: GuestMemory;
  protected abstract readonly stops: Stops;
  /** Flash at physical address 0 that can be looked at like RAM: the last bytes of `memory`. */
  protected abstract readonly romBytes: number;
  /** State was written from outside: a run that is under way looks again. */
  protected abstract changedFromOutside(): void;
  /** Lets something in from outside. */
  protected abstract entering<T>(kind: string, data: PlainData, action: () => T): T;

  /**
   * A register of a PE by Arm's name: `X0` to `X30`, `W0`.., `SP`, `PC`, `PSTATE`, `V0`.., or a System register.
   *
   * @throws MachineError `E_REGISTER` when the PE has no such register
   */
  readRegister(pe: number, name: string): bigint {
    const p = this.pe(pe);
    const value = readCore(p, name) ?? p.readRegister(name);
    if (value === undefined)
      throw new MachineError('E_REGISTER', `register '${name}': PE ${pe} has none of that name.`);
    return value;
  }
  /** Writes a register; System registers keep their fixed bits. @throws MachineError `E_REGISTER` */
  writeRegister(pe: number, name: string, value: bigint): void {
    this.entering('writeRegister', { pe, name, value }, () => this.putRegister(pe, name, value));
  }
  private putRegister(pe: number, name: string, value: bigint): void {
    const p = this.pe(pe);
    if (!writeCore(p, name, BigInt.asUintN(128, value)) && !p.writeRegister(name, BigInt.asUintN(64, value))) {
      throw new MachineError('E_REGISTER', `register '${name}': PE ${pe} has none of that name that can be written.`);
    }
    p.stateReplaced();
    this.changedFromOutside();
  }
  /**
   * Calls a listener whenever a PE arrives at an instruction, at the boundary before the instruction executes.
   *
   * The run is the same as without; it costs nothing elsewhere. In the listener the machine is at a boundary: it may be
   * stopped, looked into, written to, saved. Going on from there executes the instruction; a PE that is interrupted
   * before it, and comes back, arrives again. An arrival at an instruction that cannot be fetched does not count. What
   * is added or removed in a hook counts from the next boundary on; a restored snapshot leaves listeners as they are.
   *
   * @param addr - a multiple of 4
   * @returns removes it again
   * @throws MachineError `E_ADDRESS` or `E_CPUS` for what no PE can reach
   */
  breakAt(addr: bigint, listener: StopListener, options: StopOptions = {}): () => void {
    return this.stops.add(addr, listener, options);
  }

  /**
   * An SError arrives at a PE, and is taken when it is not masked.
   *
   * @param syndrome - ISS as ESR_ELx will show it, 25 bits; default: an Asynchronous SError interrupt, uncontainable
   * @throws MachineError `E_CPUS`, or `E_OPTION` for a syndrome of more bits
   * @see DDI 0487, "ISS encoding for an exception from an SError interrupt"
   */
  serror(pe: number, syndrome: number = SERROR_ASYNC): void {
    const p = this.pe(pe);
    if (!Number.isInteger(syndrome) || syndrome < 0 || syndrome >= 2 ** 25)
      throw new MachineError('E_OPTION', `SError syndrome ${syndrome}: ISS has 25 bits. Give 0 to 0x1ffffff.`);
    this.entering('serror', { pe, syndrome }, () => {
      p.raiseSError(syndrome);
      this.changedFromOutside();
    });
  }
  /**
   * Poisons a page of RAM: from now on a load from it, or a fetch, raises a synchronous External abort, which firmware
   * that handles errors sees first. Stores do not heal it, a reset does; translation table walks and devices do not
   * notice it.
   *
   * @param options - `raises: 'serror'`: the load goes on, and an SError arrives
   * @throws MachineError `E_ADDRESS` outside RAM
   */
  poison(addrPa: bigint, options: { readonly raises?: PoisonKind } = {}): void {
    const page = Math.floor(this.ramOffset(addrPa, 1) / 4096);
    const { raises = 'sea' } = options;
    this.entering('poison', { addrPa, raises }, () => {
      this.memory.poison(page, raises);
      this.changedFromOutside();
    });
  }
  /** @throws MachineError `E_CPUS` when there is no such PE */
  protected pe(index: number): Pe {
    const pe = this.pes[index];
    if (!pe) throw new MachineError('E_CPUS', `PE ${index}: this machine has PEs 0 to ${this.pes.length - 1}.`);
    return pe;
  }

  private ramOffset(addrPa: bigint, sizeBytes: number): number {
    const offset = addrPa - BigInt(RAM_PA);
    const ramBytes = this.memory.ramBytes - this.romBytes;
    if (addrPa >= 0n && addrPa + BigInt(sizeBytes) <= BigInt(this.romBytes)) return ramBytes + Number(addrPa);
    if (offset < 0n || offset + BigInt(sizeBytes) > BigInt(ramBytes)) {
      const end = (BigInt(RAM_PA) + BigInt(ramBytes) - 1n).toString(16);
      throw new MachineError(
        'E_ADDRESS',
        `${sizeBytes} bytes at physical address 0x${addrPa.toString(16)}: RAM is 0x${RAM_PA.toString(16)} to 0x${end}.`,
      );
    }
    return Number(offset);
  }
  /** Bytes of RAM at a physical address. @throws MachineError `E_ADDRESS` outside RAM */
  readMemory(addrPa: bigint, sizeBytes: number): Uint8Array {
    return this.memory.read(this.ramOffset(addrPa, sizeBytes), sizeBytes);
  }
  /** Writes RAM at a physical address. @throws MachineError `E_ADDRESS` outside RAM */
  writeMemory(addrPa: bigint, bytes: Uint8Array): void {
    const offset = this.ramOffset(addrPa, bytes.length);
    this.entering('writeMemory', { addrPa, bytes }, () => this.memory.write(offset, bytes));
  }
  /**
   * Physical address of a virtual one in the PE's current regime, permissions aside; undefined when there is none.
   */
  translate(pe: number, addrVa: bigint): bigint | undefined {
    const p = this.pe(pe);
    const hi = Number(BigInt.asUintN(64, addrVa) >> 32n);
    const lo = Number(addrVa & 0xffff_ffffn);
    const el = Math.max(p.s.el, regimeOf(p.s, p.s.el));
    const t = p.mmu.translate(hi, lo, { kind: 'read', el, pan: false });
    return t.fault >= 0 ? undefined : BigInt(t.pa);
  }
  /** Bytes at a virtual address of a PE. @throws MachineError `E_ADDRESS` where nothing is mapped */
  readVirtual(pe: number, addrVa: bigint, sizeBytes: number): Uint8Array {
    const out = new Uint8Array(sizeBytes);
    this.overPages(pe, addrVa, sizeBytes, (pa, at, size) => out.set(this.readMemory(pa, size), at));
    return out;
  }
  /**
   * Writes at a virtual address of a PE, permissions aside. @throws MachineError `E_ADDRESS` where nothing is mapped
   */
  writeVirtual(pe: number, addrVa: bigint, bytes: Uint8Array): void {
    this.overPages(pe, addrVa, bytes.length, (pa, at, size) => this.writeMemory(pa, bytes.subarray(at, at + size)));
  }
  private overPages(
    pe: number,
    va: bigint,
    sizeBytes: number,
    f: (pa: bigint, at: number, size: number) => void,
  ): void {
    for (let at = 0; at < sizeBytes; ) {
      const here = va + BigInt(at);
      const size = Math.min(4096 - Number(here & 0xfffn), sizeBytes - at);
      const pa = this.translate(pe, here);
      if (pa === undefined)
        throw new MachineError('E_ADDRESS', `virtual address 0x${here.toString(16)}: not mapped on PE ${pe}.`);
      f(pa, at, size);
      at += size;
    }
  }
}

function readCore(pe: Pe, name: string): bigint | undefined {
  const { s } = pe;
  const m = /^([XWV])(\d{1,2})$/.exec(name);
  if (m) {
    const n = Number(m[2]);
    if (m[1] === 'V')
      return n < 32
        ? s.view.getBigUint64(s.base + 0x200 + n * 16, true) |
            (s.view.getBigUint64(s.base + 0x208 + n * 16, true) << 64n)
        : undefined;
    if (n > 30) return undefined;
    return m[1] === 'X' ? s.x(n) : s.x(n) & 0xffff_ffffn;
  }
  if (name === 'SP') return s.sp;
  if (name === 'PC') return s.pc;
  return name === 'PSTATE' ? BigInt(s.pstate()) : undefined;
}

function writeCore(pe: Pe, name: string, value: bigint): boolean {
  const { s } = pe;
  const m = /^([XWV])(\d{1,2})$/.exec(name);
  const low = BigInt.asUintN(64, value);
  if (m) {
    const n = Number(m[2]);
    if (n > (m[1] === 'V' ? 31 : 30)) return false;
    if (m[1] === 'V') {
      s.view.setBigUint64(s.base + 0x200 + n * 16, low, true);
      s.view.setBigUint64(s.base + 0x208 + n * 16, value >> 64n, true);
    } else s.setX(n, m[1] === 'X' ? low : low & 0xffff_ffffn);
    return true;
  }
  if (name === 'SP') s.sp = low;
  else if (name === 'PC') s.pc = low;
  else if (name === 'PSTATE') pe.setPstate(Number(low & 0xffff_ffffn));
  else return false;
  return true;
}
