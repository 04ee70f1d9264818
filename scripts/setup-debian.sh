#!/bin/bash
# Installs from Debian what the tests compare with (QEMU, GNU binutils, gcc, gdb, dtc, iasl, mke2fs) and fetches the guests:
# Debian's arm64 kernel and static busybox. Builds small kernels with what Debian's have not. Idempotent. Needs root or
# sudo.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  qemu-user qemu-system-arm binutils-aarch64-linux-gnu gcc-aarch64-linux-gnu libc6-dev-arm64-cross
  gdb-multiarch device-tree-compiler acpica-tools e2fsprogs qemu-efi-aarch64
  make gcc libc6-dev flex bison bc xz-utils
)

if ! command -v apt-get >/dev/null; then
  echo "setup-debian.sh: there is no apt-get here; install the equivalents of: ${packages[*]}" >&2
  exit 3
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup-debian.sh: needs root (or sudo) to install packages" >&2
    exit 3
  fi
  as_root=(sudo)
fi

missing=()
for package in "${packages[@]}"; do
  if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then missing+=("$package"); fi
done

updated=no
if ! dpkg --print-foreign-architectures | grep -qx arm64 && [ "$(dpkg --print-architecture)" != arm64 ]; then
  "${as_root[@]}" dpkg --add-architecture arm64
  "${as_root[@]}" apt-get update -qq
  updated=yes
fi

if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$updated" = no ]; then "${as_root[@]}" apt-get update -qq; fi
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

node scripts/guests.mjs
# Xen, U-Boot and EDK2: 3 MB.
node scripts/other-guests.mjs
# The ACPI tables of QEMU with UEFI: two boots of it, a minute or two.
node scripts/qemu-tables.mjs
# Kernels with pseudo-NMIs: some minutes when they are not there yet. Last, because their sources are in bookworm alone.
node scripts/kernels.mjs
