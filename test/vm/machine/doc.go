// SPDX-License-Identifier: Apache-2.0

// Package machine makes virtual machines out of Debian packages: kernels of
// several suites, roots of unpacked packages, an initramfs of any tree, and
// QEMU with a console that tells the outcome. Nothing is installed on the host,
// and no machine outlives the program that started it.
//
// A test needs a cache folder, which survives between runs, and root only where
// it uses chroot:
//
//	k, err := machine.FetchKernel(cache, row)
//	m := machine.Machine{Image: k.Image, Initramfs: []string{base, extra}, MiB: 1024, Console: console}
//	err = m.Run(ctx)
//	said, err := machine.ReadConsole(console)
package machine
