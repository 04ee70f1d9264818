/** Why a guest cannot be started from what was given. */
export type BootErrorCode =
  /** The kernel is something else than an arm64 Image. */
  | 'E_KERNEL_NOT_IMAGE'
  /** The kernel file ends before the kernel does. */
  | 'E_KERNEL_TRUNCATED'
  | 'E_KERNEL_BIG_ENDIAN'
  /** The kernel was built for a page size that the processor does not have. */
  | 'E_KERNEL_PAGE_SIZE'
  /** The kernel needs more memory than there is. */
  | 'E_KERNEL_TOO_LARGE'
  | 'E_INITRD_TOO_LARGE'
  | 'E_DTB_INVALID'
  /** The device tree is larger than 2 MiB, or there is no room left for it. */
  | 'E_DTB_TOO_LARGE'
  /** There is no room for what a hypervisor is to start. */
  | 'E_GUEST_TOO_LARGE'
  /** There is no room for ACPI tables and what belongs to them. */
  | 'E_ACPI_TOO_LARGE'
  /** The command line contains a character that cannot be handed over. */
  | 'E_APPEND_INVALID';

/** A mistake in what the user gave; the message says what was found and what to do. */
export class BootError extends Error {
  override readonly name = 'BootError';
  readonly code: BootErrorCode;

  constructor(code: BootErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A size for people: in MiB from one MiB on, else in bytes. */
export function sizeText(sizeBytes: number | bigint): string {
  const bytes = Number(sizeBytes);
  if (bytes < 2 ** 20) return `${bytes} bytes`;
  const mib = bytes / 2 ** 20;
  return `${Number.isInteger(mib) ? mib : mib.toFixed(1)} MiB`;
}
