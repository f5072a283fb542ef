// SPDX-License-Identifier: Apache-2.0

// Package kmod is the driver with the kernel module: it carries the module's
// sources, builds, loads and unloads it, and reads what it collects.
//
// The module shares all of its fillers with the eBPF drivers (package
// drivers/probe). Its rings look like BPF ring buffers to their reader, so the
// reader is the same, too. See module/abi.h for the interface.
package kmod
