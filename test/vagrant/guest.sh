#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs in a machine of the Vagrantfile, or in any other one, as root: installs
# what building needs, unpacks the sources, builds the agent and the driver,
# and runs the live tests with it. The last line says how it ended.
#
#   SOURCES  a tar of the repository (git archive HEAD)
#   DRIVER   modern_bpf, kmod or bpf
#   GO_URL   where a Go toolchain is had, for distributions whose own is too old
set -eu

DRIVER=${DRIVER:-modern_bpf}
GO_VERSION=${GO_VERSION:-1.26.0}
work=${WORK:-/var/tmp/tiercel}

say() { echo "== $*"; }
fail() {
	echo "== FAILED: $*"
	exit 1
}

# Kernels before 5.8 have no ring buffers and no CAP_BPF, but what a distribution
# has brought back to its own is not known by its version. So it is tried, and
# where a driver does not run there, saying why is all that is asked.
too_old() {
	oldest=$(printf '%s\n' "$(uname -r)" 5.8 | sort -V | head -n 1)
	[ "$oldest" != 5.8 ] || fail "$1"
	say "OK: $DRIVER does not run on $(uname -r), and says so: $1"
	exit 0
}

[ "$(id -u)" = 0 ] || fail "needs root"
[ -r "${SOURCES:?names the tar of the sources}" ] || fail "cannot read $SOURCES"
case $DRIVER in
modern_bpf | kmod | bpf) ;;
*) fail "driver $DRIVER: there are modern_bpf, kmod and bpf" ;;
esac

# Packages by package manager: a compiler, make, and this kernel's headers.
install_packages() {
	release=$(uname -r)
	if command -v apt-get >/dev/null; then
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -q
		apt-get install -q -y --no-install-recommends gcc make ca-certificates curl tar "linux-headers-$release"
		[ "$DRIVER" != bpf ] || apt-get install -q -y --no-install-recommends clang llvm
	elif command -v dnf >/dev/null; then
		dnf install -q -y gcc make curl tar elfutils-libelf-devel "kernel-devel-$release"
		[ "$DRIVER" != bpf ] || dnf install -q -y clang llvm
	elif command -v zypper >/dev/null; then
		zypper --non-interactive install gcc make curl tar kernel-default-devel
		[ "$DRIVER" != bpf ] || zypper --non-interactive install clang llvm
	elif command -v pacman >/dev/null; then
		pacman -Sy --noconfirm --needed gcc make curl tar linux-headers
		[ "$DRIVER" != bpf ] || pacman -S --noconfirm --needed clang llvm
	elif command -v apk >/dev/null; then
		apk add gcc make musl-dev curl tar linux-virt-dev
		[ "$DRIVER" != bpf ] || apk add clang llvm
	else
		fail "no package manager that is known here"
	fi
}

# Go is taken from its makers: distributions' own are often too old.
install_go() {
	if command -v go >/dev/null && go version | grep -q 'go1\.\(2[6-9]\|[3-9][0-9]\)'; then
		return
	fi
	case $(uname -m) in
	x86_64) arch=amd64 ;;
	aarch64) arch=arm64 ;;
	*) fail "architecture $(uname -m)" ;;
	esac
	curl -fsSL "${GO_URL:-https://go.dev/dl/go$GO_VERSION.linux-$arch.tar.gz}" | tar -xz -C /usr/local
	PATH=/usr/local/go/bin:$PATH
	export PATH
}

say "packages"
[ -n "${NO_PACKAGES:-}" ] || install_packages
install_go
say "sources"
mkdir -p "$work"
tar -xf "$SOURCES" -C "$work"
cd "$work"
say "agent"
HOME=${HOME:-/root} make build VERSION=vagrant
bin/tiercel driver doctor || true
if [ "$DRIVER" = kmod ]; then
	say "module"
	bin/tiercel driver build kmod || too_old "the module is not built"
	bin/tiercel driver load kmod
elif [ "$DRIVER" = bpf ]; then
	say "probe"
	bin/tiercel driver build bpf || too_old "the probe is not built"
fi
if ! bin/tiercel --driver "$DRIVER" -M 1 >agent.log 2>&1; then
	cat agent.log
	reason=$(grep '^Error: ' agent.log) || fail "the agent ends without a reason"
	too_old "$reason"
fi
say "tests"
export TIERCEL_LIVE=require TIERCEL_DRIVER="$DRIVER"
# One package after the other: both fill the rings. Their programs are not debugged here.
go test -count=1 -p 1 -vet=off -ldflags='-s -w' -timeout 30m -run Live ./test/fillers ./test/drivers || fail "the tests with $DRIVER on $(uname -r)"
if [ "$DRIVER" = kmod ]; then
	bin/tiercel driver unload kmod || fail "the module cannot be unloaded"
fi
say "OK: $DRIVER on $(uname -r)"
