import type { BlockBackend } from '../devices/virtio/block-store.ts';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { systemReason } from './inputs.ts';
import type { MachineRequest } from './machine-port.ts';

/** A disk as `--drive` names it. */
export interface DriveSpec {
  readonly path: string;
  /**
   * `file`: what the guest writes is written to the file. `readonly`: the guest cannot write. `overlay`: the guest can
   * write, the file stays as it is and what was written is gone after the run.
   */
  readonly mode: 'file' | 'readonly' | 'overlay';
}

/** How `--drive` is given, for help and messages. */
export const DRIVE_FORM = 'FILE[,readonly|overlay]';

const SECTOR_BYTES = 512;

/**
 * Reads `FILE[,readonly|overlay]`.
 *
 * @throws UsageError `E_DRIVE` when there is no file or the word after the last comma is neither
 */
export function parseDrive(text: string): DriveSpec {
  const comma = text.lastIndexOf(',');
  const path = comma < 0 ? text : text.slice(0, comma);
  const mode = comma < 0 ? 'file' : text.slice(comma + 1);
  if (path === '') throw new UsageError('E_DRIVE', `--drive '${text}': names no file. Give ${DRIVE_FORM}.`);
  if (comma >= 0 && mode !== 'readonly' && mode !== 'overlay')
    throw new UsageError('E_DRIVE', `--drive '${text}': '${mode}' is no way to open a disk. Give ${DRIVE_FORM}.`);
  return { path, mode: mode as DriveSpec['mode'] };
}

/**
 * Opens the file of a disk.
 *
 * @throws UsageError `E_DRIVE` when it cannot be opened that way or is no disk
 */
export function openDrive(host: Host, { path, mode }: DriveSpec): BlockBackend {
  let file: BlockBackend;
  try {
    file = host.openDrive(path, mode === 'file');
  } catch (error) {
    const how = mode === 'file' ? 'read and written' : 'read';
    const hint =
      mode === 'file' ? ` Check the path, or add ',overlay' to leave the file as it is.` : ' Check the path.';
    throw new UsageError('E_DRIVE', `--drive ${path}: cannot be ${how}: ${systemReason(error)}.${hint}`);
  }
  const { sizeBytes } = file;
  if (sizeBytes === 0 || sizeBytes % SECTOR_BYTES !== 0) {
    throw new UsageError(
      'E_DRIVE',
      `--drive ${path}: has ${sizeBytes} bytes; a raw disk image has a multiple of ${SECTOR_BYTES}. ` +
        `Is it a raw image? If so, pad it: truncate -s %${SECTOR_BYTES} ${path}`,
    );
  }
  return file;
}

/**
 * Opens all disks, in order.
 *
 * @throws UsageError `E_DRIVE`, also when a file that is written is named twice
 */
export function openDrives(host: Host, specs: readonly DriveSpec[]): { backend: BlockBackend }[] {
  specs.forEach(({ path }, n) => {
    const others = specs.filter((spec, m) => m < n && spec.path === path);
    if (others.some((other) => other.mode === 'file') || (others.length > 0 && specs[n]!.mode === 'file'))
      throw new UsageError('E_DRIVE', `--drive ${path}: given twice, and written. Add ',overlay' to both.`);
  });
  return specs.map((spec) => {
    const file = openDrive(host, spec);
    return { backend: { ...file, readOnly: spec.mode === 'readonly' } };
  });
}

/** Devices that `--device` adds. */
const DEVICES: Readonly<Record<string, Pick<MachineRequest, 'virtioRng' | 'net'>>> = {
  'virtio-rng': { virtioRng: true },
  'virtio-net': { net: 'null' },
  'virtio-net,loopback': { net: 'loopback' },
};

/** What `--device` may name, for help and messages. */
export const DEVICE_NAMES: string = Object.keys(DEVICES).join(', ');

/**
 * What the devices named by `--device` mean for the machine.
 *
 * @throws UsageError `E_DEVICE` for one that does not exist
 */
export function parseDevices(names: readonly string[]): Pick<MachineRequest, 'virtioRng' | 'net'> {
  return Object.assign(
    {},
    ...names.map((name) => {
      const found = Object.hasOwn(DEVICES, name) ? DEVICES[name] : undefined;
      if (found === undefined)
        throw new UsageError('E_DEVICE', `--device '${name}': no such device. Known: ${DEVICE_NAMES}.`);
      return found;
    }),
  );
}
