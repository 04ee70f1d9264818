/**
 * Registers of the virtio MMIO transport. OASIS VIRTIO 1.2, "Virtio Over MMIO": "MMIO Device Register Layout" for
 * version 2, "Legacy interface" for version 1.
 */
import { type RegisterSpec, regmap } from '../regmap.ts';

const LEGACY = 'the legacy interface, version 1, is an option of the machine';
const MODERN = 'not part of the legacy interface, version 1';
const legacyOnly = (at: number, doc: string) => ({ at, access: 'WO', notModelled: LEGACY, doc }) as const;

const shared = {
  MagicValue: { at: 0x000, access: 'RO', reset: 0x7472_6976, doc: '"virt"' },
  Version: { at: 0x004, access: 'RO', doc: '2, or 1 for the legacy interface' },
  DeviceID: { at: 0x008, access: 'RO', doc: 'kind of device; 0 where there is none' },
  VendorID: { at: 0x00c, access: 'RO', reset: 0x554d_4551, doc: 'vendor, "QEMU" as on the board this one follows' },
  DeviceFeatures: { at: 0x010, access: 'RO', doc: 'what the device offers, 32 of 64 bits' },
  DeviceFeaturesSel: { at: 0x014, access: 'WO', doc: 'which 32 bits DeviceFeatures shows' },
  DriverFeatures: { at: 0x020, access: 'WO', doc: 'what the driver accepts, 32 of 64 bits' },
  DriverFeaturesSel: { at: 0x024, access: 'WO', doc: 'which 32 bits DriverFeatures sets' },
  QueueSel: { at: 0x030, access: 'WO', doc: 'queue that the queue registers are about' },
  QueueNumMax: { at: 0x034, access: 'RO', doc: 'most entries of the queue; 0 where there is no queue' },
  QueueNum: { at: 0x038, access: 'WO', doc: 'entries of the queue' },
  QueueNotify: { at: 0x050, access: 'WO', doc: 'the queue of this number has new entries' },
  InterruptStatus: { at: 0x060, access: 'RO', fields: { USED: [0, 0], CONFIG: [1, 1] }, doc: 'why it interrupts' },
  InterruptACK: { at: 0x064, access: 'WO', fields: { USED: [0, 0], CONFIG: [1, 1] }, doc: 'interrupt clear' },
  Status: { at: 0x070, access: 'RW', fields: { Status: [7, 0] }, doc: 'device status; writing 0 resets the device' },
  Config: { at: 0x100, count: 64, access: 'RW', widths: [1, 2, 4], doc: 'configuration space of the device' },
} as const satisfies Record<string, RegisterSpec>;

/** Registers of version 2. */
export const VIRTIO_MMIO_REGS = regmap(
  'virtio-mmio',
  { sizeBytes: 0x200, source: 'VIRTIO 1.2' },
  {
    ...shared,
    GuestPageSize: legacyOnly(0x028, 'unit of QueuePFN'),
    QueueAlign: legacyOnly(0x03c, 'alignment of the used ring'),
    QueuePFN: { at: 0x040, access: 'RW', notModelled: LEGACY, doc: 'page number of the queue' },
    QueueReady: { at: 0x044, access: 'RW', fields: { Ready: [0, 0] }, doc: 'the queue may be used' },
    QueueDescLow: { at: 0x080, access: 'WO', doc: 'address of the descriptor table, low half' },
    QueueDescHigh: { at: 0x084, access: 'WO', doc: 'high half' },
    QueueDriverLow: { at: 0x090, access: 'WO', doc: 'address of the available ring, low half' },
    QueueDriverHigh: { at: 0x094, access: 'WO', doc: 'high half' },
    QueueDeviceLow: { at: 0x0a0, access: 'WO', doc: 'address of the used ring, low half' },
    QueueDeviceHigh: { at: 0x0a4, access: 'WO', doc: 'high half' },
    SHMSel: { at: 0x0ac, access: 'WO', doc: 'shared memory region; there is none' },
    SHMLenLow: { at: 0x0b0, access: 'RO', reset: 0xffff_ffff, doc: 'length of the region; all ones: none' },
    SHMLenHigh: { at: 0x0b4, access: 'RO', reset: 0xffff_ffff, doc: 'high half' },
    SHMBaseLow: { at: 0x0b8, access: 'RO', reset: 0xffff_ffff, doc: 'base of the region; all ones: none' },
    SHMBaseHigh: { at: 0x0bc, access: 'RO', reset: 0xffff_ffff, doc: 'high half' },
    QueueReset: { at: 0x0c0, access: 'RW', notModelled: 'VIRTIO_F_RING_RESET is not offered', doc: 'reset of a queue' },
    ConfigGeneration: { at: 0x0fc, access: 'RO', doc: 'changes with the configuration space: always 0, none changes' },
  },
);

/** Registers of version 1. */
export const VIRTIO_MMIO_LEGACY_REGS = regmap(
  'virtio-mmio (legacy)',
  { sizeBytes: 0x200, source: 'VIRTIO 1.2, legacy interface' },
  {
    ...shared,
    GuestPageSize: { at: 0x028, access: 'WO', doc: 'unit of QueuePFN in bytes, a power of two' },
    QueueAlign: { at: 0x03c, access: 'WO', doc: 'alignment of the used ring in bytes, a power of two' },
    QueuePFN: { at: 0x040, access: 'RW', doc: 'page number of the queue; 0 stops it' },
    QueueReady: { at: 0x044, access: 'RW', notModelled: MODERN, doc: 'the queue may be used' },
    ConfigGeneration: { at: 0x0fc, access: 'RO', notModelled: MODERN, doc: 'configuration changes' },
  },
);

/** Bits of Status ("Device Status Field"). */
export const STATUS = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  DEVICE_NEEDS_RESET: 0x40,
  FAILED: 0x80,
} as const;

/** Bits of InterruptStatus. */
export const INTERRUPT = { USED: 1, CONFIG: 2 } as const;

/** Feature bits that belong to the transport and its queues ("Reserved Feature Bits"). */
export const FEATURE = {
  NOTIFY_ON_EMPTY: 24,
  ANY_LAYOUT: 27,
  RING_INDIRECT_DESC: 28,
  RING_EVENT_IDX: 29,
  VERSION_1: 32,
} as const;

/** Names of all registers of both versions. */
export type VirtioRegister = keyof typeof VIRTIO_MMIO_REGS.registers | keyof typeof VIRTIO_MMIO_LEGACY_REGS.registers;
