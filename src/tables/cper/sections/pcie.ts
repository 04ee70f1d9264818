/**
 * PCI Express errors.
 *
 * Source: UEFI Specification, appendix N.2.7, "PCI Express Error Section"; PCI Express Base Specification, "Advanced
 * Error Reporting Extended Capability", for the bits of the capability.
 */
import { flags, hex, hexOf, layout, named, raw, reserved, showBytes, uint, uint64, type ValueOf } from '../layout.ts';

const PORT_TYPES = {
  0: 'PCI Express end point',
  1: 'legacy PCI end point device',
  4: 'root port',
  5: 'upstream switch port',
  6: 'downstream switch port',
  7: 'PCI Express to PCI/PCI-X bridge',
  8: 'PCI/PCI-X to PCI Express bridge',
  9: 'root complex integrated endpoint device',
  10: 'root complex event collector',
};

const UNCORRECTABLE: Readonly<Record<number, string>> = {
  4: 'data link protocol',
  5: 'surprise down',
  12: 'poisoned TLP received',
  13: 'flow control protocol',
  14: 'completion timeout',
  15: 'completer abort',
  16: 'unexpected completion',
  17: 'receiver overflow',
  18: 'malformed TLP',
  19: 'ECRC',
  20: 'unsupported request',
  21: 'ACS violation',
  22: 'uncorrectable internal',
  23: 'MC blocked TLP',
  24: 'AtomicOp egress blocked',
  25: 'TLP prefix blocked',
  26: 'poisoned TLP egress blocked',
};

const CORRECTABLE: Readonly<Record<number, string>> = {
  0: 'receiver',
  6: 'bad TLP',
  7: 'bad DLLP',
  8: 'REPLAY_NUM rollover',
  12: 'replay timer timeout',
  13: 'advisory non-fatal',
  14: 'corrected internal',
  15: 'header log overflow',
};

/** Registers of the capability by their offset in it. */
const AER_REGISTERS: readonly (readonly [at: number, name: string, show: (value: number) => string])[] = [
  [4, 'Uncorrectable Error Status', flags(UNCORRECTABLE, 4)],
  [8, 'Uncorrectable Error Mask', flags(UNCORRECTABLE, 4)],
  [12, 'Uncorrectable Error Severity', flags(UNCORRECTABLE, 4)],
  [16, 'Correctable Error Status', flags(CORRECTABLE, 4)],
  [20, 'Correctable Error Mask', flags(CORRECTABLE, 4)],
  [24, 'Capabilities and Control', hexOf(4)],
  [28, 'Header Log 0', hexOf(4)],
  [32, 'Header Log 1', hexOf(4)],
  [36, 'Header Log 2', hexOf(4)],
  [40, 'Header Log 3', hexOf(4)],
];

function showAer(bytes: Uint8Array): { name: string; value: string }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return AER_REGISTERS.filter(([at]) => at + 4 <= bytes.length).map(([at, name, show]) => ({
    name,
    value: show(view.getUint32(at, true)),
  }));
}

const hex16 = hexOf(2);

/** PCI Express Error Section. */
export const PCIE = layout(
  'PCI Express Error Section',
  208,
  {
    validationBits: uint64(0, 'Validation Bits'),
    portType: uint(8, 4, 'Port Type', { valid: 0, show: named(PORT_TYPES) }),
    versionMinor: uint(12, 1, 'Version, minor', { valid: 1 }),
    versionMajor: uint(13, 1, 'Version, major', { valid: 1 }),
    reservedVersion: reserved(14, 2),
    command: uint(16, 2, 'Command', { valid: 2, show: hex16 }),
    status: uint(18, 2, 'Status', { valid: 2, show: hex16 }),
    reserved: reserved(20, 4),
    vendorId: uint(24, 2, 'Vendor ID', { valid: 3, show: hex16 }),
    deviceId: uint(26, 2, 'Device ID', { valid: 3, show: hex16 }),
    classCode: uint(28, 3, 'Class Code', { valid: 3, show: hexOf(3) }),
    function: uint(31, 1, 'Function Number', { valid: 3 }),
    device: uint(32, 1, 'Device Number', { valid: 3, show: hexOf(1) }),
    segment: uint(33, 2, 'Segment Number', { valid: 3, show: hex16 }),
    primaryBus: uint(35, 1, 'Primary or Device Bus Number', { valid: 3, show: hexOf(1) }),
    secondaryBus: uint(36, 1, 'Secondary Bus Number', { valid: 3, show: hexOf(1) }),
    slot: uint(37, 2, 'Slot Number', { valid: 3, show: (value) => `${value >> 3} (${hex(value, 2)})` }),
    reservedDevice: reserved(39, 1),
    serialNumber: uint64(40, 'Device Serial Number', { valid: 4 }),
    bridgeSecondaryStatus: uint(48, 2, 'Bridge Secondary Status', { valid: 5, show: hex16 }),
    bridgeControl: uint(50, 2, 'Bridge Control', { valid: 5, show: hex16 }),
    capability: raw(52, 60, 'Capability Structure', { valid: 6 }),
    aer: raw(112, 96, 'AER Info', { valid: 7, show: (value) => showBytes(value.subarray(0, 4)), parts: showAer }),
  },
  'validationBits',
);

/** The fields of a PCI Express error. */
export type PcieError = ValueOf<(typeof PCIE)['fields']>;
