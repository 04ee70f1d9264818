import type { BusPort, BusRead } from '../cpu/ports.ts';
import type { Device } from '../devices/device.ts';
import type { HostPhases } from '../engine/phases.ts';

/** A device and where it answers. */
export interface Mapping {
  readonly basePa: number;
  readonly sizeBytes: number;
  readonly device: Device;
}

/** Called for every access to a device. */
export type MmioHook = (access: {
  device: string;
  pa: number;
  sizeBytes: number;
  value: number | 'abort';
  write: boolean;
  pe: number;
}) => void;

/** Routes accesses outside RAM to devices; where none answers the access is an external abort. */
export class Bus implements BusPort {
  private readonly mappings: Mapping[] = [];
  private last: Mapping | undefined;
  /** Set while somebody listens. */
  hook: MmioHook | undefined;
  /** Hears when devices are at work; set while somebody listens. */
  phases: HostPhases | undefined;

  /** @throws Error when the range overlaps another: the board is our own. */
  map(basePa: number, device: Device, sizeBytes = device.sizeBytes): void {
    const clash = this.mappings.find((m) => basePa < m.basePa + m.sizeBytes && m.basePa < basePa + sizeBytes);
    if (clash) throw new Error(`bus: ${device.name} overlaps ${clash.device.name}`);
    this.mappings.push({ basePa, sizeBytes, device });
  }

  /** What is mapped, in the order of mapping. */
  get devices(): readonly Mapping[] {
    return this.mappings;
  }

  private find(pa: number, sizeBytes: number): Mapping | undefined {
    const { last } = this;
    if (last && pa >= last.basePa && pa + sizeBytes <= last.basePa + last.sizeBytes) return last;
    const found = this.mappings.find((m) => pa >= m.basePa && pa + sizeBytes <= m.basePa + m.sizeBytes);
    if (found) this.last = found;
    return found;
  }

  read(pa: number, sizeBytes: 1 | 2 | 4, pe: number, nonSecure: boolean): BusRead {
    const m = this.find(pa, sizeBytes);
    this.phases?.begin('devices');
    const value = m ? m.device.read(pa - m.basePa, { sizeBytes, nonSecure, pe }) : 'abort';
    this.phases?.end();
    this.hook?.({ device: m?.device.name ?? '-', pa, sizeBytes, value, write: false, pe });
    return value;
  }

  write(pa: number, sizeBytes: 1 | 2 | 4, value: number, pe: number, nonSecure: boolean): undefined | 'abort' {
    const m = this.find(pa, sizeBytes);
    this.hook?.({ device: m?.device.name ?? '-', pa, sizeBytes, value, write: true, pe });
    this.phases?.begin('devices');
    const answer = m ? m.device.write(pa - m.basePa, value, { sizeBytes, nonSecure, pe }) : 'abort';
    this.phases?.end();
    return answer;
  }
}
