#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The drivers in virtual machines with the oldest and the newest kernel, for CI:
#
#     test/vm/ci.sh                 # KERNELS and DRIVERS take others
#
# On a Debian 12 machine with Go it installs what is missing, QEMU from
# bookworm-backports among it. Kernels and compilers are kept in CACHE. It exits
# with 0 when all is well, 1 when a test failed, and 3 when the machine, the
# network or Debian's archive did not give what is needed, which it names.
set -euo pipefail
cd "$(dirname "$0")/../.."

CACHE=${CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tiercel-vm}
KERNELS=${KERNELS-5.10 7}
DRIVERS=${DRIVERS-}
# All of it, downloads on a slow network included.
LIMIT=${LIMIT:-15m}
missing=3

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

skip() {
	echo "vmtest SKIPPED: $*"
	exit "$missing"
}

as_root true 2>/dev/null || skip "needs root (modules are built in a chroot)"
command -v apt-get >/dev/null || skip "kernels come as Debian packages, and there is no apt-get"

apt_log=$(mktemp)
work=$(mktemp -d)
trap 'rm -rf "$apt_log" "$work"' EXIT

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >"$apt_log" 2>&1; }

qemu_major() { "$1" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p'; }

# The backports are one file of ours, which is there only while apt runs.
install_qemu() { # PACKAGE PROGRAM
	local version codename list=/etc/apt/sources.list.d/tiercel-backports.list rc=0
	version=$(qemu_major "$2")
	[ "${version:-0}" -lt 10 ] || return 0
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	echo "installing: $1"
	if [ "$codename" = bookworm ]; then
		echo "deb http://deb.debian.org/debian bookworm-backports main" | as_root tee "$list" >/dev/null
		{ apt update && apt install --no-install-recommends -t bookworm-backports "$1"; } || rc=$?
		as_root rm -f "$list"
	else
		{ apt update && apt install --no-install-recommends "$1"; } || rc=$?
	fi
	version=$(qemu_major "$2")
	if [ "$rc" != 0 ] || [ "${version:-0}" -lt 10 ]; then
		skip "$1 in version 10 or newer cannot be installed: $(tail -n 3 "$apt_log" | tr '\n' ' ')"
	fi
}

install_qemu qemu-system-x86 qemu-system-x86_64
case " $KERNELS " in *arm64*) install_qemu qemu-system-arm qemu-system-aarch64 ;; esac
if ! command -v clang-19 >/dev/null || ! command -v llc-19 >/dev/null; then
	echo "installing: clang-19 llvm-19"
	{ apt update && apt install --no-install-recommends clang-19 llvm-19; } ||
		skip "clang-19 and llvm-19 cannot be installed: $(tail -n 3 "$apt_log" | tr '\n' ' ')"
fi

go build -o "$work/vmtest" ./test/vm
# The matrix stops its machines itself; should it hang, so does timeout, and the
# kernel ends the machines with it.
rc=0
as_root env "PATH=$PATH" "HOME=${HOME:-/root}" timeout --foreground --kill-after=30 20m \
	"$work/vmtest" -cache "$CACHE" -kernels "$KERNELS" -drivers "$DRIVERS" -timeout "$LIMIT" || rc=$?
[ "$rc" != "$missing" ] || skip "see the last line above"
exit "$rc"
