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
# All of it, downloads on a slow network included: 6 to 10 minutes where two
# processors have nothing else to do.
LIMIT=${LIMIT:-45m}

stage=vmtest
# shellcheck source=test/needs.sh
. test/needs.sh

need_debian "modules are built in a chroot"
need_qemu qemu-system-x86 qemu-system-x86_64
case " $KERNELS " in *arm64*) need_qemu qemu-system-arm qemu-system-aarch64 ;; esac
need clang-19 clang-19 llvm-19 llc-19
need_modules . ./test/vm ./test/vm/guest ./agent/cmd/tiercel ./test/fillers ./test/drivers ./kmod

go build -o "$work/vmtest" ./test/vm
# The matrix stops its machines itself; should it hang, so does timeout, and the
# kernel ends the machines with it.
rc=0
as_root env "PATH=$PATH" "HOME=${HOME:-/root}" timeout --foreground --kill-after=30 50m \
	"$work/vmtest" -cache "$CACHE" -kernels "$KERNELS" -drivers "$DRIVERS" -timeout "$LIMIT" -second || rc=$?
[ "$rc" != "$missing" ] || skip "see the last line above"
exit "$rc"
