/**
 * The board's devices in ACPI's namespace: the same registers and interrupts as in the device tree.
 *
 * Sources: ACPI Specification 6.5, "ACPI-Defined Devices and Device-Specific Objects" (ACPI0007, ACPI0010, ACPI0013,
 * PNP0C0C, PNP0C33), "_OSC (Operating System Capabilities)"; Arm DEN0093, "ACPI for Arm Components" (ARMH ids); QEMU
 * documentation, "QEMU Firmware Configuration (fw_cfg) Device" (QEMU0002); Linux, drivers/virtio/virtio_mmio.c
 * (LNRO0005).
 */
import { GED_EVENT } from '../../devices/ged.ts';
import {
  amlAnd,
  amlDevice,
  amlEisaId,
  amlElse,
  amlEqual,
  amlField,
  amlIf,
  amlInteger,
  amlMemoryRegion,
  amlMethod,
  amlName,
  amlNotify,
  amlOp,
  amlRef,
  amlReturn,
  amlScope,
  amlStore,
  uuidBytes,
} from '../../tables/acpi/aml/build.ts';
import type { AmlNode } from '../../tables/acpi/aml/node.ts';
import { encodeResources, interruptResource, memoryResource } from '../../tables/acpi/aml/resources.ts';
import { ACPI_CLUSTER_UID, ACPI_SOCKET_UID } from './acpi-pptt.ts';
import { type Region, VIRT_INTIDS, VIRT_MEMORY_MAP, VIRTIO_MMIO_SLOTS, virtioMmioSlot } from './virt.ts';

/** Path of the UART, for tables that name it. */
export const ACPI_UART_PATH = '\\_SB.COM0';

/** A number that makes a name unique, as two hexadecimal digits. */
const twoDigits = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

const resources = (region: Region, intid?: number, flags: { readonly edge?: boolean } = {}): AmlNode => {
  const memory = memoryResource(region.basePa, region.sizeBytes);
  const interrupts = intid === undefined ? [] : [interruptResource(intid, flags)];
  return amlName('_CRS', encodeResources([memory, ...interrupts]));
};

/** `_CCA`: memory that the device accesses is coherent with the processors' caches. */
const coherent = (): AmlNode => amlName('_CCA', 1);

/** A processor object for each GICC structure of the MADT, with the same `_UID`, in containers as the PPTT has them. */
function processors(pes: number): AmlNode {
  const cores = Array.from({ length: pes }, (_, pe) =>
    amlDevice(`C0${twoDigits(pe)}`, amlName('_HID', 'ACPI0007'), amlName('_UID', pe)),
  );
  const container = (name: string, uid: number, ...inside: readonly AmlNode[]): AmlNode =>
    amlDevice(name, amlName('_HID', 'ACPI0010'), amlName('_UID', uid), ...inside);
  return container('SKT0', ACPI_SOCKET_UID, container('CLU0', ACPI_CLUSTER_UID, ...cores));
}

function peripherals(): AmlNode[] {
  const { pl011, pl061, fwCfg } = VIRT_MEMORY_MAP;
  return [
    amlDevice('COM0', amlName('_HID', 'ARMH0011'), amlName('_UID', 0), resources(pl011, VIRT_INTIDS.PL011)),
    amlDevice('GPO0', amlName('_HID', 'ARMH0061'), amlName('_UID', 0), resources(pl061, VIRT_INTIDS.PL061)),
    // Present, enabled and working, but nothing for a user to see.
    amlDevice('FWCF', amlName('_HID', 'QEMU0002'), amlName('_STA', 0xb), coherent(), resources(fwCfg)),
  ];
}

function virtio(): AmlNode[] {
  return Array.from({ length: VIRTIO_MMIO_SLOTS }, (_, slot) => {
    const { region, intid } = virtioMmioSlot(slot);
    const ids = [amlName('_HID', 'LNRO0005'), amlName('_UID', slot)];
    return amlDevice(`VR${twoDigits(slot)}`, ...ids, coherent(), resources(region, intid, { edge: true }));
  });
}

/** Value of Notify: S0 power button pressed, or status change of an error device. */
const NOTIFY_STATUS_CHANGE = 0x80;

/** The power button, the error device, and the generic event device that speaks for both. */
function events(): AmlNode[] {
  const { ged } = VIRT_MEMORY_MAP;
  const happened = amlOp('Local0');
  const ifEvent = (bit: number, device: string): AmlNode =>
    amlIf(amlEqual(amlAnd(happened, bit), bit), amlNotify(device, NOTIFY_STATUS_CHANGE));
  const crs = encodeResources([interruptResource(VIRT_INTIDS.ACPI_GED, { edge: true })]);
  return [
    amlDevice('PWRB', amlName('_HID', amlEisaId('PNP0C0C')), amlName('_UID', 0)),
    amlDevice('ERRD', amlName('_HID', amlEisaId('PNP0C33')), amlName('_UID', 0)),
    amlDevice(
      'GED0',
      amlName('_HID', 'ACPI0013'),
      amlName('_UID', 0),
      amlName('_CRS', crs),
      amlMemoryRegion('EREG', ged.basePa, ged.sizeBytes),
      amlField('EREG', { access: 'dword', update: 'zeros' }, [['ESEL', 32]]),
      amlMethod(
        '_EVT',
        { args: 1, serialized: true },
        // Reading clears, so it is read once.
        amlStore(amlRef('ESEL'), happened),
        ifEvent(GED_EVENT.POWER, '\\_SB.PWRB'),
        ifEvent(GED_EVENT.ERROR, '\\_SB.ERRD'),
      ),
    ),
  ];
}

/** UUID of platform-wide capabilities. */
const OSC_PLATFORM = '0811b06e-4a27-44f9-8d60-3cbbc22e7b48';
/** UUID by which Windows and Linux ask for firmware-first errors (WHEA). */
const OSC_WHEA = 'ed855e0c-6c90-47bf-a62a-26de0fc5ad5c';
/** Bits of the first DWord that `_OSC` returns. */
const OSC_STATUS = { unrecognizedUuid: 0x4, capabilitiesMasked: 0x10 } as const;
/** APEI support, of the second DWord. */
const OSC_APEI = 0x10;

/** `\_SB._OSC`: of what an operating system offers, errors that firmware sees first are taken, if there are any. */
function osc(firmwareFirst: boolean): AmlNode {
  const [status, support] = [amlRef('STAT'), amlRef('SUPP')];
  const granted = amlOp('Local0');
  const set = (bit: number): AmlNode => amlOp('Or', status, amlInteger(bit), status);
  const asked = (uuid: string): AmlNode => amlEqual(amlOp('Arg0'), uuidBytes(uuid));
  return amlMethod(
    '_OSC',
    { args: 4, serialized: true },
    amlOp('CreateDWordField', amlOp('Arg3'), amlInteger(0), 'STAT'),
    amlOp('CreateDWordField', amlOp('Arg3'), amlInteger(4), 'SUPP'),
    amlIf(
      asked(OSC_PLATFORM),
      amlOp('And', support, amlInteger(firmwareFirst ? OSC_APEI : 0), granted),
      amlIf(amlOp('LNot', amlEqual(granted, support)), set(OSC_STATUS.capabilitiesMasked)),
      amlStore(granted, support),
    ),
    amlElse(
      // WHEA has nothing to grant; without firmware-first errors it is not known.
      amlIf(firmwareFirst ? amlOp('LNot', asked(OSC_WHEA)) : amlOp('One'), set(OSC_STATUS.unrecognizedUuid)),
    ),
    amlReturn(amlOp('Arg3')),
  );
}

/** What the namespace depends on. */
export interface VirtDsdtOptions {
  /** Number of PEs. */
  readonly pes: number;
  /** There are error sources whose errors firmware sees first. */
  readonly firmwareFirst: boolean;
}

/** The terms of the DSDT. */
export function virtDsdt({ pes, firmwareFirst }: VirtDsdtOptions): AmlNode[] {
  const devices = [processors(pes), ...peripherals(), ...virtio(), ...events()];
  return [amlScope('\\_SB', ...devices, osc(firmwareFirst))];
}
