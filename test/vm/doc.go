// SPDX-License-Identifier: Apache-2.0

// Vm runs the tests of the drivers in virtual machines with other kernels:
// make vmtest KERNELS="5.10 7" DRIVERS="kmod modern_bpf".
//
// Kernels, their headers and the compilers that build the module come as
// Debian packages into a cache folder; nothing is installed. Each kernel and
// driver is a cell, a QEMU machine of its own, so that a crash costs one cell.
// A machine has no disk: its root is an initramfs with the compiled tests and,
// as process 1, test/vm/guest. It needs QEMU 10 or newer, apt, dpkg-deb and,
// for building modules, root (chroot).
package main
