// SPDX-License-Identifier: Apache-2.0

package modernbpf

import "embed"

// Shell is the C around the fillers as far as it does not depend on how a probe
// meets the kernel: the legacy probe (package bpf) is made of it, too. A probe
// adds backend.h, maps.h and send.h.
//
//go:embed bpf/dispatch.h bpf/enter.h bpf/mmsg.h bpf/probe.bpf.c bpf/sampling.h bpf/slot.h bpf/state.h bpf/tracepoints.h
var Shell embed.FS
