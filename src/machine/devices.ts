/**
 * The board's devices but the interrupt controller: what there is, where it answers, what it is connected to.
 */
import { PE_STATE } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import { CfiFlash } from '../devices/cfi-flash.ts';
import type { Device, Line, PlainData, Report } from '../devices/device.ts';
import { FwCfg, type FwCfgContents } from '../devices/fw-cfg.ts';
import { GED_EVENT, Ged } from '../devices/ged.ts';
import { Pl031, RTC_BASE_DEFAULT_SECONDS } from '../devices/pl031.ts';
import { PL061_POWER_KEY_PIN, Pl061 } from '../devices/pl061.ts';
import { VirtioBlk } from '../devices/virtio/blk.ts';
import { VirtioConsole } from '../devices/virtio/console.ts';
import type { VirtioFunction } from '../devices/virtio/function.ts';
import { WORK_PAUSE_NS } from '../devices/virtio/limits.ts';
import { LOOPBACK_NET, NULL_NET, VirtioNet } from '../devices/virtio/net.ts';
import type { DeviceRam } from '../devices/virtio/ram.ts';
import { VirtioRng } from '../devices/virtio/rng.ts';
import { VirtioMmio } from '../devices/virtio/transport.ts';
import type { Watchdog } from '../devices/watchdog.ts';
import type { GuestMemory, PoisonKind } from '../engine/memory.ts';
import type { BootPlan } from '../firmware/boot/boot.ts';
import type { RasFirmware } from '../firmware/ras/ras.ts';
import { VIRT_INTIDS, VIRT_MEMORY_MAP, VIRTIO_MMIO_SLOTS, VIRTIO_MMIO_STRIDE_BYTES } from './board/virt.ts';
import type { Bus } from './bus.ts';
import { Console } from './console.ts';
import type { CheckedOptions } from './options.ts';
import type { Gate } from './outside.ts';
import { makeWatchdog } from './watchdog.ts';

/** What the devices need of the machine they are in. */
export interface DevicesHost {
  readonly memory: GuestMemory;
  readonly ramBasePa: number;
  /** Bytes of flash from which code runs: the last ones of `memory`. */
  readonly romBytes: number;
  readonly pes: () => readonly Pe[];
  setLine(intid: number, level: boolean): void;
  /** Virtual time, in a step the time at which it began. */
  instantNs(): number;
  /**
   * Runs `action` at the first boundary at or after an instant; replaces what was scheduled under `key`. An instant so
   * late that the machine does not reach it cancels.
   */
  schedule(timeNs: number, key: string, action: () => void): void;
  cancel(key: string): void;
  /** Resets the machine at this boundary. */
  systemReset(): void;
  /** What comes from outside passes here. */
  readonly gate: Gate;
  readonly report: Report;
}

/** The exclusives reservation granule, CTR_EL0.ERG. */
const GRANULE_BYTES = 64;

/** RAM as devices write it: another observer, so reservations in the bytes written are lost. */
export class BusMasterRam implements DeviceRam {
  readonly #host: DevicesHost;

  constructor(host: DevicesHost) {
    this.#host = host;
  }
  contains(addrPa: number, sizeBytes: number): boolean {
    const { ramBasePa, memory, romBytes } = this.#host;
    const offset = addrPa - ramBasePa;
    return offset >= 0 && offset + sizeBytes <= memory.ramBytes - romBytes;
  }
  read(addrPa: number, sizeBytes: number): Uint8Array {
    return this.#host.memory.read(addrPa - this.#host.ramBasePa, sizeBytes);
  }
  write(addrPa: number, bytes: Uint8Array): void {
    const { memory, ramBasePa, pes } = this.#host;
    memory.write(addrPa - ramBasePa, bytes);
    for (const pe of pes()) {
      if (pe.s.get32(PE_STATE.exclusiveValid) === 0) continue;
      const marked = Number(pe.s.get64(PE_STATE.exclusivePa));
      const granule = marked - (marked % GRANULE_BYTES);
      if (granule >= addrPa + bytes.length || granule + GRANULE_BYTES <= addrPa) continue;
      pe.monitor.clear();
      pe.waiting.signal();
    }
  }
}

/** A virtio-console as its user sees it. */
export interface VirtioConsolePort {
  /** Called with the bytes of every buffer the guest transmits. */
  onOutput(listener: (bytes: Uint8Array) => void): void;
  /** Bytes for the guest; returns how many were taken, the rest stays with the caller. */
  input(bytes: Uint8Array): number;
}

/** A virtio-net as its user sees it. */
export interface NetPort {
  /** A frame for the guest; false when it was dropped because too many wait. */
  receive(frame: Uint8Array): boolean;
}

/** See the head of the file. */
export class BoardDevices {
  readonly console: Console;
  readonly rtc: Pl031;
  readonly gpio: Pl061;
  readonly fwCfg: FwCfg;
  /** Both banks of flash, where there is a boot loader in the first. */
  readonly flash: readonly CfiFlash[];
  /** The watchdog, if the options ask for one. */
  readonly watchdog: Watchdog | undefined;
  /** The generic event device, which only ACPI tells of: with `tables: 'dt'` there is none. */
  readonly ged: Ged | undefined;
  /** The registers of the error firmware, and with them all of it. */
  readonly ras: RasFirmware | undefined;
  /** Every slot, with a device or without. */
  readonly virtio: readonly VirtioMmio[];
  /** The virtio-console, if the options ask for one. */
  readonly virtioConsole: VirtioConsolePort | undefined;
  /** The virtio-net, if the options ask for one. */
  readonly net: NetPort | undefined;
  readonly #host: DevicesHost;
  readonly #all: Device[];
  /** When the virtio devices are to be visited next. */
  #visitDueNs: number | undefined;
  #visiting = false;

  constructor(host: DevicesHost, options: CheckedOptions, ras?: RasFirmware, boot?: BootPlan) {
    this.#host = host;
    const { report } = host;
    const ram = new BusMasterRam(host);
    this.console = new Console({ irq: this.#line(VIRT_INTIDS.PL011), gate: host.gate, report });
    this.rtc = this.#makeRtc(options);
    this.gpio = new Pl061({ irq: this.#line(VIRT_INTIDS.PL061), report }, 'pl061@9030000');
    const { cpus, memoryBytes: ramBytes, fwCfgFiles: files } = options;
    const contents = { cpus, ramBytes, files, forBootLoader: forBootLoader(boot) };
    this.fwCfg = new FwCfg({ ram, report }, contents, 'fw-cfg@9020000');
    this.flash = makeFlash(host, boot);
    if (options.tables !== 'dt') this.ged = new Ged({ irq: this.#line(VIRT_INTIDS.ACPI_GED), report }, 'ged@9080000');
    if (options.watchdog) this.watchdog = makeWatchdog(host, options.watchdog);
    const functions: VirtioFunction[] = (options.drives ?? []).map((drive) => new VirtioBlk(drive));
    if (options.virtioRng) functions.push(new VirtioRng(options.virtioRngSeed));
    if (options.virtioConsole) {
      const { device, port } = makeVirtioConsole(host.gate);
      functions.push(device);
      this.virtioConsole = port;
    }
    if (options.net !== undefined) {
      const backends = { null: NULL_NET, loopback: LOOPBACK_NET };
      const net = new VirtioNet(typeof options.net === 'string' ? backends[options.net] : options.net);
      this.net = { receive: (frame) => host.gate.enter('net.receive', frame, () => net.receive(frame)) };
      functions.push(net);
    }
    this.virtio = Array.from({ length: VIRTIO_MMIO_SLOTS }, (_, slot) => {
      const at = (Number(VIRT_MEMORY_MAP.virtioMmio.basePa) + slot * VIRTIO_MMIO_STRIDE_BYTES).toString(16);
      const irq = this.#line(VIRT_INTIDS.VIRTIO_MMIO_0 + slot);
      const needsVisit = (): void => this.#needsVisit();
      const shows = options.virtio ?? 'modern';
      return new VirtioMmio({ irq, ram, needsVisit, report }, functions[slot], shows, `virtio-mmio@${at}`);
    });
    this.#all = [this.console.uart, this.rtc, this.gpio, this.fwCfg, ...this.virtio.filter((slot) => slot.fn)];
    this.#all.push(...this.flash);
    if (this.ged) this.#all.push(this.ged);
    if (this.watchdog) this.#all.push(this.watchdog);
    this.ras = ras;
    if (ras) this.#all.push(ras);
  }

  #line(intid: number): Line {
    return { set: (level) => this.#host.setLine(intid, level) };
  }

  #makeRtc(options: CheckedOptions): Pl031 {
    const host = this.#host;
    const base = options.rtcBaseSeconds ?? RTC_BASE_DEFAULT_SECONDS;
    return new Pl031(
      {
        irq: this.#line(VIRT_INTIDS.PL031),
        seconds: () => base + Math.floor(host.instantNs() / 1e9),
        nextAlarm: (atSeconds) => {
          if (atSeconds === undefined) host.cancel('pl031');
          else host.schedule((atSeconds - base) * 1e9, 'pl031', () => this.rtc.alarm());
        },
        report: host.report,
      },
      'pl031@9010000',
    );
  }

  /** Makes every device answer at its place. */
  mapOn(bus: Bus): void {
    const { pl011, pl031, pl061, fwCfg, ged, ras, watchdogControl, watchdogRefresh, virtioMmio } = VIRT_MEMORY_MAP;
    if (this.watchdog) {
      bus.map(Number(watchdogControl.basePa), this.watchdog);
      bus.map(Number(watchdogRefresh.basePa), this.watchdog.refreshFrame);
    }
    bus.map(Number(pl011.basePa), this.console.uart);
    bus.map(Number(pl031.basePa), this.rtc);
    bus.map(Number(pl061.basePa), this.gpio);
    bus.map(Number(fwCfg.basePa), this.fwCfg);
    for (const [n, bank] of this.flash.entries()) bus.map(n * bank.sizeBytes, bank);
    if (this.ged) bus.map(Number(ged.basePa), this.ged);
    if (this.ras) bus.map(Number(ras.basePa), this.ras);
    this.virtio.forEach((slot, n) => {
      bus.map(Number(virtioMmio.basePa) + n * VIRTIO_MMIO_STRIDE_BYTES, slot);
    });
  }

  /** The power key is held down or let go: a line of the GPIO, and for ACPI an event when it goes down. */
  powerKey(pressed: boolean): void {
    this.gpio.setPin(PL061_POWER_KEY_PIN, pressed);
    if (pressed) this.ged?.raise(GED_EVENT.POWER);
  }

  // --- work of the virtio devices ---

  #needsVisit(): void {
    if (this.#visitDueNs !== undefined || this.#visiting) return;
    this.#scheduleVisit(this.#host.instantNs());
  }
  #scheduleVisit(atNs: number): void {
    this.#visitDueNs = atNs;
    this.#host.schedule(atNs, 'virtio', () => this.#visit());
  }
  /** Slots in order; whatever is left, for whatever reason, has to wait until the guest could take steps. */
  #visit(): void {
    this.#visitDueNs = undefined;
    this.#visiting = true;
    for (const slot of this.virtio) slot.visit();
    this.#visiting = false;
    if (this.virtio.some((slot) => slot.waits)) this.#scheduleVisit(this.#host.instantNs() + WORK_PAUSE_NS);
  }

  // --- state ---

  /** All devices as after power-on; what is outside of them (keys held, content of disks) stays. */
  reset(): void {
    this.#host.memory.healAll();
    for (const device of this.#all) device.reset();
    this.#visitDueNs = undefined;
    this.#host.cancel('virtio');
  }

  /** State of every device by its name, and what lies between them and the machine. */
  state(): PlainData {
    const poison = [...this.#host.memory.poisoned].sort(([a], [b]) => a - b);
    return {
      devices: Object.fromEntries(this.#all.map((device) => [device.name, device.state()])),
      consoleInput: this.console.pending(),
      visitDueNs: this.#visitDueNs ?? null,
      // Hardly ever there; a machine without is to have the state that it always had.
      ...(poison.length > 0 ? { poison } : {}),
    };
  }

  /** To be called when time is that of the state and nothing is scheduled. */
  load(state: PlainData): void {
    const { devices, consoleInput, visitDueNs, poison } = state as {
      readonly devices: { readonly [name: string]: PlainData };
      readonly consoleInput: Uint8Array;
      readonly visitDueNs: number | null;
      readonly poison?: readonly (readonly [page: number, kind: PoisonKind])[];
    };
    const { memory } = this.#host;
    memory.healAll();
    for (const [page, kind] of poison ?? []) memory.poison(page, kind);
    this.console.setPending(consoleInput);
    for (const device of this.#all) device.load(devices[device.name]!);
    this.#visitDueNs = undefined;
    if (visitDueNs !== null) this.#scheduleVisit(visitDueNs);
  }
}

/** What a boot loader finds in fw_cfg. */
function forBootLoader(boot: BootPlan | undefined): FwCfgContents['forBootLoader'] {
  const bytesOf = (what: string): Uint8Array | undefined => boot?.segments.find((s) => s.what === what)?.bytes;
  return {
    kernel: bytesOf('fw_cfg kernel'),
    initrd: bytesOf('fw_cfg initrd'),
    cmdline: bytesOf('fw_cfg cmdline'),
  };
}

/** Two banks, the boot loader at the beginning of the first. */
function makeFlash({ memory, romBytes, report }: DevicesHost, boot: BootPlan | undefined): CfiFlash[] {
  const bios = boot?.segments.find(({ what }) => what === 'bios')?.bytes;
  if (!bios) return [];
  const ramBytes = memory.ramBytes - romBytes;
  const rom = {
    sizeBytes: romBytes,
    read: (offset: number, sizeBytes: number) => memory.read(ramBytes + offset, sizeBytes),
    write: (offset: number, bytes: Uint8Array) => memory.write(ramBytes + offset, bytes),
  };
  const none = { sizeBytes: 0, read: () => new Uint8Array(0), write: () => {} };
  const { flash0, flash1 } = VIRT_MEMORY_MAP;
  const first = new CfiFlash({ store: rom, report }, flash0.sizeBytes, 'flash@0');
  const whole = new Uint8Array(romBytes).fill(0xff);
  whole.set(bios);
  first.manufacture(0, whole);
  return [first, new CfiFlash({ store: none, report }, flash1.sizeBytes, 'flash@4000000')];
}

function makeVirtioConsole(gate: Gate): { device: VirtioConsole; port: VirtioConsolePort } {
  const listeners: ((bytes: Uint8Array) => void)[] = [];
  const device = new VirtioConsole({
    transmit: (bytes) => {
      for (const listener of listeners) listener(bytes);
    },
  });
  const port = {
    onOutput: (listener: (bytes: Uint8Array) => void) => void listeners.push(listener),
    input: (bytes: Uint8Array) => gate.enter('virtioConsole.input', bytes, () => device.receive(bytes)),
  };
  return { device, port };
}
