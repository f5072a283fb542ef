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

stage=pkgtest
# shellcheck source=test/needs.sh
. test/needs.sh

need_debian "roots of other systems are made"
need debootstrap debootstrap e2fsprogs mke2fs rpm rpm gcc gcc make make clang-19 clang-19 llvm-19 llc-19
need_qemu qemu-system-x86 qemu-system-x86_64
need_modules . ./test/pkg/... ./packaging/build ./agent/cmd/tiercel
need_modules packaging/tools tool

go build -o "$work/pkgtest" ./test/pkg
rc=0
as_root env "PATH=$PATH" "HOME=${HOME:-/root}" timeout --foreground --kill-after=30 45m \
	"$work/pkgtest" -cache "$CACHE" -only "$STORIES" || rc=$?
[ "$rc" != "$missing" ] || skip "see the last line above"
exit "$rc"
