import { gunzipSync } from 'node:zlib';
import { messageOf, UsageError } from './errors.ts';
import type { Host } from './host.ts';

/** The largest kernel that a compressed image may unpack to; a guard against archives made to exhaust memory. */
export const KERNEL_BYTES_MAX = 2 ** 30;

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'reading it is not permitted',
  EISDIR: 'it is a directory, not a file',
  ENOTDIR: 'a part of its path is not a directory',
  ENOSPC: 'no space is left on its device',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than 2 GiB',
};

/** Says in words why the system refused a file. */
export function systemReason(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return (typeof code === 'string' && SYSTEM_REASONS[code]) || messageOf(error);
}

/**
 * Reads a file named by an option.
 *
 * @throws UsageError `E_FILE` when it cannot be read or is empty
 */
export function readInput(host: Host, option: string, path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = host.readFile(path);
  } catch (error) {
    throw new UsageError('E_FILE', `${option} ${path}: cannot be read: ${systemReason(error)}. Check the path.`);
  }
  if (bytes.length === 0) {
    throw new UsageError('E_FILE', `${option} ${path}: the file is empty. Was its download or build complete?`);
  }
  return bytes;
}

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

function gunzip(what: string, bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: KERNEL_BYTES_MAX });
  } catch (error) {
    const reason = systemReason(error);
    throw new UsageError('E_GZIP', `${what}: looks gzip-compressed but does not unpack: ${reason}. Is it complete?`);
  }
}

/**
 * The compressed payload of an EFI zboot image, or undefined when `bytes` is something else.
 *
 * Linux drivers/firmware/efi/libstub/zboot-header.S: "MZ", "zimg" at 4, payload offset and size at 8 and 12,
 * the name of the compression at 24.
 *
 * @throws UsageError `E_ZBOOT` when the payload lies outside the file or is not gzip
 */
function zbootPayload(what: string, bytes: Uint8Array): Uint8Array | undefined {
  const text = (at: number, length: number): string => String.fromCharCode(...bytes.subarray(at, at + length));
  if (bytes.length < 64 || text(0, 2) !== 'MZ' || text(4, 4) !== 'zimg') return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = view.getUint32(8, true);
  const end = at + view.getUint32(12, true);
  const compression = text(24, 32).replace(/\0.*$/s, '');
  if (compression !== 'gzip') {
    throw new UsageError(
      'E_ZBOOT',
      `${what}: an EFI zboot image compressed with '${compression}'; only gzip is unpacked here. ` +
        'Give the uncompressed Image (arch/arm64/boot/Image of the kernel build).',
    );
  }
  if (end > bytes.length) {
    throw new UsageError(
      'E_ZBOOT',
      `${what}: an EFI zboot image whose payload ends at byte ${end}, but the file has ${bytes.length}. Is it complete?`,
    );
  }
  return bytes.subarray(at, end);
}

/**
 * Unpacks a kernel that is gzip-compressed, alone or inside an EFI zboot image; returns anything else as it is.
 *
 * @param what - option and path, for messages
 * @throws UsageError `E_GZIP`, `E_ZBOOT`
 */
export function unpackKernel(what: string, bytes: Uint8Array): Uint8Array {
  const payload = zbootPayload(what, bytes) ?? bytes;
  return isGzip(payload) ? gunzip(what, payload) : payload;
}
