// SPDX-License-Identifier: Apache-2.0

// Package modernbpf is the CO-RE driver: BTF tracepoints, a BPF ring buffer
// per CPU, and no headers or compiler on the machine that it runs on. It needs
// Linux 5.8 with BTF and the privilege to load tracing programs.
//
// The kernel side is in bpf/ (a shell around drivers/probe); its compiled form
// is embedded, one object per architecture. One program on the exit of every
// system call rejects what nobody wants from two bitmaps in its own memory and
// hands the rest over to a program per event. Those are loaded when their call
// is selected for the first time.
//
// The entry of calls is hooked only while enter events are wanted, because
// every call of the host pays for it. Calls that name a file or an address in
// memory are told twice where the kernel's object disagrees: see
// drivers/probe/README.md.
package modernbpf

// The compiler is pinned: what it emits decides how much work the verifier has
// with it, and the committed objects must be reproducible.
//
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -target amd64,arm64 -no-global-types -cflags "-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -mcpu=v3" probe bpf/probe.bpf.c -- -Ibpf -I../drivers/probe
//go:generate go run ./internal/slim probe_x86_bpfel.o probe_arm64_bpfel.o
