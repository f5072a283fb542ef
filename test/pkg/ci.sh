#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The packages in virtual machines with systemd, and the rpm in a root of its
# own, for CI:
#
#     test/pkg/ci.sh                # STORIES="life trouble" takes some of them
#
# On a Debian 12 machine with Go it installs what is missing, QEMU from
# bookworm-backports among it. Kernel and roots are kept in CACHE. It exits with
# 0 when all is well, 1 when a step failed, and 3 when the machine, the network
# or Debian's archive did not give what is needed, which it names.
set -euo pipefail
cd "$(dirname "$0")/../.."

CACHE=${CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tiercel-vm}
STORIES=${STORIES-}
missing=3

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

skip() {
	echo "pkgtest SKIPPED: $*"
	exit "$missing"
}

as_root true 2>/dev/null || skip "needs root (roots of other systems are made)"
command -v apt-get >/dev/null || skip "the machines come out of Debian packages, and there is no apt-get"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >"$work/apt" 2>&1; }

cannot() { skip "$* cannot be installed: $(tail -n 3 "$work/apt" | tr '\n' ' ')"; }

need=()
while read -r package program; do
	command -v "$program" >/dev/null || need+=("$package")
done <<-END
	debootstrap debootstrap
	e2fsprogs mke2fs
	rpm rpm
	gcc gcc
	make make
	clang-19 clang-19
	llvm-19 llc-19
END
if [ ${#need[@]} -gt 0 ]; then
	echo "installing: ${need[*]}"
	{ apt update && apt install --no-install-recommends "${need[@]}"; } || cannot "${need[@]}"
fi

qemu_major() { qemu-system-x86_64 --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p'; }

version=$(qemu_major)
if [ "${version:-0}" -lt 10 ]; then
	echo "installing: qemu-system-x86"
	# The backports are one file of ours, which is there only while apt runs.
	list=/etc/apt/sources.list.d/tiercel-backports.list
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	from=()
	if [ "$codename" = bookworm ]; then
		echo "deb http://deb.debian.org/debian bookworm-backports main" | as_root tee "$list" >/dev/null
		from=(-t bookworm-backports)
	fi
	rc=0
	{ apt update && apt install --no-install-recommends "${from[@]}" qemu-system-x86; } || rc=$?
	as_root rm -f "$list"
	version=$(qemu_major)
	if [ "$rc" != 0 ] || [ "${version:-0}" -lt 10 ]; then cannot "qemu-system-x86 (version 10 or newer)"; fi
fi

go build -o "$work/pkgtest" ./test/pkg
rc=0
as_root env "PATH=$PATH" "HOME=${HOME:-/root}" timeout --foreground --kill-after=30 25m \
	"$work/pkgtest" -cache "$CACHE" -only "$STORIES" || rc=$?
[ "$rc" != "$missing" ] || skip "see the last line above"
exit "$rc"
