// SPDX-License-Identifier: Apache-2.0

// Package bpf is the legacy eBPF driver: raw tracepoints and perf buffers,
// compiled for the kernel that it runs on, and no types needed when it is
// loaded. It is compiled against the kernel's headers or, where there are none,
// against a header that is made from its BTF (package btfheaders).
//
// It is the modern probe with another backend: fillers (drivers/probe), the
// programs around them and their loader (package modernbpf) are the same. Only
// how fields are reached, how maps are declared and how an event travels differ:
// see probe/.
package bpf
