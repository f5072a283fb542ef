# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the stages of CI in test/*/ci.sh have in common: they say what the machine,
# the network or Debian's archive did not give, and then end with 3. The file is
# sourced by them, in the root of the repository; stage is the stage's name.
missing=3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

skip() {
	echo "${stage:?} SKIPPED: $*"
	exit "$missing"
}

# need_debian WHY: apt-get, and the right to use it.
need_debian() {
	as_root true 2>/dev/null || skip "needs root ($1)"
	command -v apt-get >/dev/null || skip "what runs in its machines comes as Debian packages, and there is no apt-get"
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >"$work/apt" 2>&1; }

cannot_install() { skip "$* cannot be installed: $(tail -n 3 "$work/apt" | tr '\n' ' ')"; }

# need PACKAGE PROGRAM...: installs what lacks its program.
need() {
	local packages=()
	while [ $# -gt 0 ]; do
		command -v "$2" >/dev/null || packages+=("$1")
		shift 2
	done
	[ ${#packages[@]} -gt 0 ] || return 0
	echo "installing: ${packages[*]}"
	{ apt update && apt install --no-install-recommends "${packages[@]}"; } || cannot_install "${packages[@]}"
}

qemu_major() { "$1" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p'; }

# need_qemu PACKAGE PROGRAM: version 10. In bookworm it is one of the backports,
# which are a file of ours that is there only while apt runs.
need_qemu() {
	local version codename list=/etc/apt/sources.list.d/tiercel-backports.list from=() rc=0
	version=$(qemu_major "$2")
	[ "${version:-0}" -lt 10 ] || return 0
	echo "installing: $1"
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	if [ "$codename" = bookworm ]; then
		echo "deb http://deb.debian.org/debian bookworm-backports main" | as_root tee "$list" >/dev/null
		from=(-t bookworm-backports)
	fi
	{ apt update && apt install --no-install-recommends "${from[@]}" "$1"; } || rc=$?
	as_root rm -f "$list"
	version=$(qemu_major "$2")
	if [ "$rc" != 0 ] || [ "${version:-0}" -lt 10 ]; then cannot_install "$1 (version 10 or newer)"; fi
}

# need_modules FOLDER PACKAGE...: what they import, from Go's cache or its proxy.
# What cannot be had for another reason than the network is a failure.
need_modules() {
	local dir=$1
	shift
	command -v go >/dev/null || skip "needs Go (see go.mod)"
	go list -C "$dir" -deps -test "$@" >/dev/null 2>"$work/go" && return
	tail -n 3 "$work/go"
	grep -qE 'dial tcp|lookup |i/o timeout|module lookup disabled|TLS handshake|connection re|50[0-9] |toolchain not available' "$work/go" || exit 1
	skip "the modules of $dir/go.mod are neither in $(go env GOMODCACHE) nor to be had from $(go env GOPROXY)"
}
