import { type ImplementedEls, PROFILES, type Profile, type ProfileName } from '../arch/profiles.ts';
import { FLASH_BLOCK_BYTES } from '../devices/cfi-flash.ts';
import { FW_CFG_FILES_MAX, FW_CFG_NAME_MAX } from '../devices/fw-cfg.ts';
import type { VirtioBlkOptions } from '../devices/virtio/blk.ts';
import { SECTOR_BYTES } from '../devices/virtio/block-store.ts';
import type { NetBackend } from '../devices/virtio/net.ts';
import type { VirtioInterface } from '../devices/virtio/transport.ts';
import type { HostedProgram } from '../engine/hosted/program.ts';
import type { BootPlan } from '../firmware/boot/boot.ts';
import type { GuestImages } from '../firmware/boot/guest.ts';
import { VIRT_MEMORY_MAP, VIRTIO_MMIO_SLOTS } from './board/virt.ts';
import { MachineError } from './errors.ts';
import { type CheckedRas, checkRas, type RasOptions } from './ras.ts';
import { checkSchedule, type Schedule } from './schedule.ts';
import { type CheckedSdei, checkSdei, type SdeiOptions } from './sdei.ts';
import { type CheckedWatchdog, checkWatchdog, type WatchdogOptions } from './watchdog.ts';

/** Who answers at EL3 (or, without EL3, at HVC). */
export type FirmwareChoice =
  /** Firmware in TypeScript, outside guest memory: PSCI and SMCCC. */
  | 'typescript'
  /** Nobody: PE 0 starts at the highest implemented Exception level in the guest's own image. */
  | 'guest';

/** How a kernel learns what the machine is made of. */
export type TablesChoice =
  /** A device tree. */
  | 'dt'
  /** ACPI tables; the device tree only leads to them. */
  | 'acpi'
  /** Both; Linux takes the device tree unless its command line says `acpi=on`. */
  | 'both';

/** A program that is not a kernel: bytes at an address. For bare-metal guests. */
export interface ProgramImage {
  readonly bytes: Uint8Array;
  readonly addrPa: bigint;
  /** Where PE 0 starts; default `addrPa`. */
  readonly entryPa?: bigint;
}

/** How a machine is made. Everything has a default. */
export interface MachineOptions {
  /** An arm64 Image, not compressed. */
  readonly kernel?: Uint8Array;
  readonly initrd?: Uint8Array;
  /** A start that was planned before, as the file of a snapshot has it; it is used instead of `kernel`. */
  readonly boot?: BootPlan;
  /**
   * A boot loader in flash at address 0, where PE 0 starts instead of in a kernel, as with QEMU's `-bios`. It finds the
   * device tree at the start of RAM, and `kernel`, `initrd` and `append` in fw_cfg. Up to 64 MiB.
   */
  readonly bios?: Uint8Array;
  /** Kernel command line. */
  readonly append?: string;
  /** What a hypervisor given as `kernel` is to start; it finds it by multiboot modules in `/chosen`, as Xen does. */
  readonly guest?: GuestImages;
  /** A device tree to use instead of the generated one. */
  readonly dtb?: Uint8Array;
  /** Description of the machine for a kernel; default `dt`. */
  readonly tables?: TablesChoice;
  /** Programs to load; the first one with an entry is where PE 0 starts when there is no kernel. */
  readonly programs?: readonly ProgramImage[];
  /** Code in TypeScript at virtual addresses of its own. */
  readonly hosted?: HostedProgram;
  /** Name of the hosted function with which PE 0 starts, when there is no kernel. */
  readonly entry?: string;
  /** 1 to 8; default 1. */
  readonly cpus?: number;
  /** 16 MiB to 3 GiB, a multiple of 2 MiB; default 512 MiB. */
  readonly memoryBytes?: number;
  /** Default `full`. */
  readonly cpu?: ProfileName;
  /** EL3 and two GIC security states; default true. Without it PSCI is reached by HVC, or by SMC where EL2 is. */
  readonly el3?: boolean;
  /** EL2; default false. */
  readonly el2?: boolean;
  /** Architecture version of the GIC; default 3. With 2 the ICC registers are UNDEFINED. */
  readonly gic?: 2 | 3;
  /** The ITS of a GICv3, and with it LPIs; default true with `gic: 3`, and impossible with 2. */
  readonly its?: boolean;
  /** Bits of interrupt priority of a GICv3: 5 to 8, or 4 without EL3; default 5, as servers have. */
  readonly gicPriorityBits?: number;
  /** Whose turn it is; default round-robin in turns of 20,000 steps. */
  readonly schedule?: Schedule;
  /** Default `typescript`. */
  readonly firmware?: FirmwareChoice;
  /**
   * A generic watchdog (`arm,sbsa-gwdt`); true is one that signals interrupt 44 every 10 s from reset on. Default none.
   */
  readonly watchdog?: boolean | WatchdogOptions;
  /** The Software Delegated Exception Interface of the `typescript` firmware; false for none. Default: on. */
  readonly sdei?: false | SdeiOptions;
  /**
   * Firmware that sees hardware errors first and tells of them by ACPI (HEST, BERT, EINJ, ERST); false for none.
   * Default: on with ACPI tables and the `typescript` firmware.
   */
  readonly ras?: false | RasOptions;
  /** `interpreter`: no compiled regions; slower, the same steps. Default `compiled`. */
  readonly engine?: 'compiled' | 'interpreter';
  /** Seconds since 1970 that the RTC shows at virtual time 0. */
  readonly rtcBaseSeconds?: number;
  /** `/chosen/rng-seed`; null leaves it out. */
  readonly rngSeed?: Uint8Array | null;
  /** `/chosen/kaslr-seed`; null leaves it out. */
  readonly kaslrSeed?: bigint | null;
  /** Disks, virtio-blk each; they take the first virtio-mmio slots in this order, so the first is `vda`. */
  readonly drives?: readonly VirtioBlkOptions[];
  /** A virtio-rng; default false. Its bytes are a function of the seed. */
  readonly virtioRng?: boolean;
  /** Seed of the virtio-rng, 32 bytes; default fixed. */
  readonly virtioRngSeed?: Uint8Array;
  /** A virtio-console; default false. */
  readonly virtioConsole?: boolean;
  /** A virtio-net, and what is at the other end: nobody, a loopback plug, or the given back end. Default none. */
  readonly net?: 'null' | 'loopback' | NetBackend;
  /** What the virtio-mmio slots show: version 2, the default, or version 1 for drivers of before VIRTIO 1.0. */
  readonly virtio?: VirtioInterface;
  /** Files in fw_cfg by name, e.g. `opt/org.example/answer`. */
  readonly fwCfgFiles?: Readonly<Record<string, Uint8Array>>;
}

/** Options with defaults filled in and checked. */
export interface CheckedOptions extends MachineOptions {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly profile: Profile;
  readonly els: ImplementedEls;
  readonly gic: 2 | 3;
  readonly its: boolean;
  readonly tables: TablesChoice;
  readonly schedule: Schedule;
  readonly firmware: FirmwareChoice;
  readonly sdei: false | CheckedSdei;
  readonly ras: false | CheckedRas;
  readonly watchdog: false | CheckedWatchdog;
  /** Flash from which code runs, in erase blocks; undefined without a boot loader. */
  readonly romBytes?: number;
}

const MIB = 2 ** 20;
/** Least RAM. */
export const MEMORY_BYTES_MIN: number = 16 * MIB;
/** Most RAM: as much as the memory map has room for. */
export const MEMORY_BYTES_MAX: number = 3072 * MIB;
/** RAM is a multiple of this. */
export const MEMORY_BYTES_STEP: number = 2 * MIB;
/** Most processing elements. */
export const CPUS_MAX = 8;

/** The processor beside a GICv2: ID_AA64PFR0_EL1.GIC is 0 and there are no ICC registers. */
function withoutGicRegisters(profile: Profile): Profile {
  return { ...profile, features: new Set([...profile.features].filter((name) => name !== 'FEAT_GICv3')) };
}

/** Version of the GIC, after its options were checked. */
function checkGic({ gic = 3, its, gicPriorityBits: bits = 5 }: MachineOptions, els: ImplementedEls): 2 | 3 {
  const wrong = (what: string): never => {
    throw new MachineError('E_GIC', what);
  };
  if (gic !== 2 && gic !== 3) wrong(`GIC version ${gic}: this machine has version 2 or 3. Choose one of them.`);
  if (gic === 2 && its === true) wrong('an ITS with GIC version 2: LPIs came with version 3. Leave one of them out.');
  const [least, most] = gic === 2 ? [5, 5] : [els.el3 ? 5 : 4, 8];
  if (!Number.isInteger(bits) || bits < least || bits > most) {
    wrong(
      `${bits} bits of interrupt priority: this GICv${gic} has ${least} to ${most}. Choose a number in that range.`,
    );
  }
  return gic;
}

/**
 * Fills in defaults.
 *
 * @throws MachineError `E_CPUS`, `E_MEMORY`, `E_CPU`, `E_GIC`, `E_SDEI` when a value is impossible
 */
export function checkOptions(options: MachineOptions): CheckedOptions {
  const cpus = options.cpus ?? 1;
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > CPUS_MAX) {
    throw new MachineError('E_CPUS', `${cpus} CPUs: this machine has 1 to ${CPUS_MAX}. Choose a number in that range.`);
  }
  const memoryBytes = options.memoryBytes ?? 512 * MIB;
  if (
    !Number.isInteger(memoryBytes) ||
    memoryBytes < MEMORY_BYTES_MIN ||
    memoryBytes > MEMORY_BYTES_MAX ||
    memoryBytes % MEMORY_BYTES_STEP
  ) {
    throw new MachineError(
      'E_MEMORY',
      `${memoryBytes} bytes of memory: this machine takes 16 MiB to 3 GiB in multiples of 2 MiB. Choose such a size, for example 512M.`,
    );
  }
  const rtcSeconds = options.rtcBaseSeconds;
  if (rtcSeconds !== undefined && !(Number.isInteger(rtcSeconds) && rtcSeconds >= 0 && rtcSeconds < 2 ** 32)) {
    throw new MachineError('E_OPTION', `rtcBaseSeconds ${rtcSeconds}: give whole seconds since 1970, 0 to 4294967295.`);
  }
  const cpu = options.cpu ?? 'full';
  const known = PROFILES[cpu];
  if (!known)
    throw new MachineError('E_CPU', `CPU '${cpu}': no such profile. Known: ${Object.keys(PROFILES).join(', ')}.`);
  checkDevices(options);
  if (options.entry !== undefined) {
    if (!options.hosted)
      throw new MachineError('E_OPTION', `entry '${options.entry}': there is no hosted program. Give one as hosted.`);
    options.hosted.address(options.entry);
  }
  const els = { el3: options.el3 ?? true, el2: options.el2 ?? false };
  const schedule = checkSchedule(options.schedule ?? { kind: 'round-robin' }, cpus);
  const gic = checkGic(options, els);
  const profile = gic === 3 ? known : withoutGicRegisters(known);
  const firmware = options.firmware ?? 'typescript';
  const sdei = firmware === 'typescript' && options.sdei !== false && checkSdei(options.sdei ?? {});
  return {
    ...options,
    cpus,
    memoryBytes,
    profile,
    els,
    gic,
    its: gic === 3 && options.its !== false,
    tables: checkTables(options),
    schedule,
    firmware,
    sdei,
    ras: checkRasOption(options, sdei, cpus),
    watchdog: checkWatchdog(options.watchdog ?? false),
    romBytes: checkBios(options, memoryBytes),
  };
}

/** Bytes of flash that the boot loader takes. @throws MachineError `E_BIOS` */
function checkBios({ bios, boot, tables = 'dt', guest }: MachineOptions, memoryBytes: number): number | undefined {
  const bytes = bios ?? boot?.segments.find(({ what }) => what === 'bios')?.bytes;
  if (bytes === undefined) return undefined;
  const wrong = (what: string): never => {
    throw new MachineError('E_BIOS', `bios: ${what}`);
  };
  const { sizeBytes } = VIRT_MEMORY_MAP.flash0;
  if (bytes.length === 0 || bytes.length > sizeBytes)
    wrong(`${bytes.length} bytes: the flash has ${sizeBytes}. Give a boot loader that fits.`);
  if (tables !== 'dt') wrong(`with tables '${tables}': a boot loader is handed a device tree. Leave one of them out.`);
  if (guest) wrong('with a guest for a hypervisor: the boot loader decides what is started. Leave one of them out.');
  const romBytes = Math.ceil(bytes.length / FLASH_BLOCK_BYTES) * FLASH_BLOCK_BYTES;
  if (memoryBytes + romBytes > MEMORY_BYTES_MAX)
    wrong(`${romBytes} bytes of flash and ${memoryBytes} of memory are more than 3 GiB. Give the machine less memory.`);
  return romBytes;
}

/** @throws MachineError `E_OPTION`, or `E_RAS` for what is inside */
function checkRasOption(
  { ras, tables = 'dt', firmware = 'typescript' }: MachineOptions,
  sdei: false | CheckedSdei,
  cpus: number,
): false | CheckedRas {
  if (ras === false) return false;
  if (tables !== 'dt' && firmware === 'typescript') return checkRas(ras ?? {}, sdei, cpus);
  if (ras === undefined) return false;
  const missing = tables === 'dt' ? "tables: 'acpi'" : "firmware: 'typescript'";
  throw new MachineError('E_OPTION', `ras: it is told of by ACPI tables of our own firmware. Add ${missing}.`);
}

const TABLES: readonly TablesChoice[] = ['dt', 'acpi', 'both'];

/** @throws MachineError `E_OPTION` */
function checkTables({ tables = 'dt', dtb, kernel, boot }: MachineOptions): TablesChoice {
  const refuse = (message: string): never => {
    throw new MachineError('E_OPTION', message);
  };
  if (!TABLES.includes(tables)) refuse(`tables '${tables}': no such choice. Known: ${TABLES.join(', ')}.`);
  if (tables === 'dt') return tables;
  if (tables === 'acpi' && dtb !== undefined)
    refuse("tables 'acpi': with it the device tree says nothing, but a dtb was given. Choose 'both', or leave it out.");
  if (kernel === undefined && boot === undefined)
    refuse(`tables '${tables}': they are handed to a kernel, and there is none. Give a kernel, or choose 'dt'.`);
  return tables;
}

/** @throws MachineError `E_OPTION` */
function checkDevices(options: MachineOptions): void {
  const { drives = [], virtioRng, virtioRngSeed, virtioConsole, net, fwCfgFiles = {} } = options;
  const refuse = (message: string): never => {
    throw new MachineError('E_OPTION', message);
  };
  const count = drives.length + [virtioRng, virtioConsole, net].filter(Boolean).length;
  if (count > VIRTIO_MMIO_SLOTS)
    refuse(`${count} virtio devices: the board has ${VIRTIO_MMIO_SLOTS} slots. Leave some out.`);
  drives.forEach(({ backend, serial = '' }, n) => {
    const { sizeBytes } = backend;
    if (!(Number.isSafeInteger(sizeBytes) && sizeBytes > 0 && sizeBytes % SECTOR_BYTES === 0))
      refuse(`drive ${n} of ${sizeBytes} bytes: a disk has a multiple of ${SECTOR_BYTES} bytes. Pad it.`);
    if (!/^[\x20-\x7e]{0,20}$/.test(serial)) refuse(`drive ${n}: serial '${serial}' is not up to 20 ASCII characters.`);
  });
  if (virtioRngSeed !== undefined && virtioRngSeed.length !== 32)
    refuse(`virtioRngSeed of ${virtioRngSeed.length} bytes: it has 32. Give as many.`);
  const names = Object.keys(fwCfgFiles);
  if (names.length > FW_CFG_FILES_MAX) refuse(`${names.length} fw_cfg files: up to ${FW_CFG_FILES_MAX} are possible.`);
  for (const name of names) {
    if (!/^[\x21-\x7e]+$/.test(name) || name.length > FW_CFG_NAME_MAX)
      refuse(`fw_cfg file '${name}': a name has 1 to ${FW_CFG_NAME_MAX} ASCII characters without spaces.`);
  }
}
