/** Error numbers as an operating system returns them: negative. Linux, `include/uapi/asm-generic/errno-base.h`. */
export const ERRNO = {
  EPERM: -1n,
  ENOENT: -2n,
  EIO: -5n,
  ENOMEM: -12n,
  EBUSY: -16n,
  EINVAL: -22n,
  EOPNOTSUPP: -95n,
  ENOTCONN: -107n,
  EINPROGRESS: -115n,
} as const;
