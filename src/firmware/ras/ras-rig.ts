/** An error firmware on a machine of paper, for tests. */
import type { RasHost, SdeiRaised } from './host.ts';
import { rasLayout } from './layout.ts';
import { RasFirmware } from './ras.ts';
import { type RasRegisterName, rasRegisterAt } from './registers.ts';
import { checkSources, RAS_SOURCES_DEFAULT, type RasSource } from './sources.ts';

/** Where the firmware's memory begins. */
export const RIG_BASE_PA = 0x1_0000n;
/** Where its registers are. */
export const RIG_REGISTERS_PA = 0x900_0000n;
const MEMORY_BYTES = 0x8_0000;

/** Everything the firmware asked for, and the means to answer. */
export class RasRig {
  readonly memory: Uint8Array = new Uint8Array(MEMORY_BYTES);
  /** Writes of memory, address and bytes, in order. */
  readonly writes: (readonly [addrPa: bigint, bytes: Uint8Array])[] = [];
  /** Notifications, reports, resets, in order. */
  readonly log: string[] = [];
  /** What became of errors: `serial what source`. */
  readonly ways: string[] = [];
  /** Answers to SDEI events by PE. */
  sdei: (event: number, pe: number) => SdeiRaised = () => 'accepted';
  el0 = new Set<number>();
  nowNs = 0;
  dueNs: number | undefined;
  storeChanges = 0;
  readonly firmware: RasFirmware;

  constructor(
    sources: readonly RasSource[] = RAS_SOURCES_DEFAULT,
    more: Partial<ConstructorParameters<typeof RasFirmware>[1]> = {},
  ) {
    const checked = checkSources(sources, (message) => {
      throw new Error(message);
    });
    const layout = rasLayout(RIG_BASE_PA, checked.length);
    const config = {
      sources: checked,
      layout,
      registersPa: RIG_REGISTERS_PA,
      bootErrors: [],
      erstRecords: [],
      ...more,
    };
    this.firmware = new RasFirmware(
      this.host(),
      config,
      (what, serial, source) => this.ways.push(`${serial} ${what} ${source?.id ?? '-'}`),
      () => {
        this.storeChanges++;
      },
    );
    this.firmware.reset();
    this.writes.length = 0;
  }

  private host(): RasHost {
    return {
      peCount: 2,
      mpidr: (pe) => 0x8000_0000n | BigInt(pe),
      midr: 0x410f_d070n,
      readMemory: (addrPa, sizeBytes) => this.memory.slice(Number(addrPa), Number(addrPa) + sizeBytes),
      writeMemory: (addrPa, bytes) => {
        this.writes.push([addrPa, bytes.slice()]);
        this.memory.set(bytes, Number(addrPa));
      },
      ramContains: (addrPa) => addrPa >= 0n && addrPa < BigInt(MEMORY_BYTES),
      seconds: () => 1_795_178_096,
      nowNs: () => this.nowNs,
      wakeAt: (timeNs) => {
        this.dueNs = timeNs;
      },
      raiseSdei: (event, pe) => {
        const answer = this.sdei(event, pe);
        this.log.push(`sdei ${event} PE ${pe} ${answer}`);
        return answer;
      },
      raiseGed: () => void this.log.push('ged'),
      atEl0: (pe) => this.el0.has(pe),
      abort: (pe, kind) => void this.log.push(`${kind} PE ${pe}`),
      poison: (addrPa) => void this.log.push(`poison 0x${addrPa.toString(16)}`),
      systemReset: () => void this.log.push('reset'),
      report: (message) => void this.log.push(message),
    };
  }

  /** Lets time pass until the firmware wants to work, as often as it does; at most `times` times. */
  work(times = 1): void {
    for (let n = 0; n < times && this.dueNs !== undefined; n++) {
      this.nowNs = Math.max(this.nowNs, this.dueNs);
      this.dueNs = undefined;
      this.firmware.work();
    }
  }

  /** The block of the source at a place. */
  block(place: number, sizeBytes = 0x1000): Uint8Array {
    const at = Number(this.firmware.config.layout.sources[place]!.blockPa);
    return this.memory.subarray(at, at + sizeBytes);
  }
  status(place: number): number {
    const block = this.block(place, 4);
    return new DataView(block.buffer, block.byteOffset).getUint32(0, true);
  }

  read(name: RasRegisterName, element = 0, half = 0): number {
    return this.firmware.read(rasRegisterAt(name, element) + 4 * half, { sizeBytes: 4, nonSecure: true, pe: 0 });
  }
  read64(name: RasRegisterName): bigint {
    const low = this.read(name);
    return (BigInt(this.read(name, 0, 1)) << 32n) | BigInt(low);
  }
  write(name: RasRegisterName, value: number, element = 0, half = 0): void {
    this.firmware.write(rasRegisterAt(name, element) + 4 * half, value, { sizeBytes: 4, nonSecure: true, pe: 0 });
  }
  /** As an operating system does when it has read a block: status cleared, then the acknowledgement. */
  acknowledge(place: number): void {
    this.block(place, 4).fill(0);
    this.write('RAS_ACK', 0xffff_ffff, place);
  }
}

/** Refuses as a thrown error. */
export function refusing(message: string): never {
  throw new Error(message);
}
