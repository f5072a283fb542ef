// SPDX-License-Identifier: Apache-2.0

// Package bpf is the legacy eBPF driver, for kernels that tell nothing of their
// own types: raw tracepoints and perf buffers, compiled against the headers of
// the kernel that it runs on.
//
// It is the modern probe with another backend: fillers (drivers/probe), the
// programs around them and their loader (package modernbpf) are the same. Only
// how fields are reached, how maps are declared and how an event travels differ:
// see probe/.
package bpf
