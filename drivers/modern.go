// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"fmt"

	"github.com/tiercel/tiercel/bpf"
	modernbpf "github.com/tiercel/tiercel/modern_bpf"
	"github.com/tiercel/tiercel/scap"
)

func bpfOptions(o Options) modernbpf.Options {
	return modernbpf.Options{
		RingBytes: o.RingBytes, CPUsPerRing: o.CPUsPerRing, SnapLen: o.Snaplen, DropFailed: o.DropFailedCalls,
		DynamicSnapLen: o.DynamicSnaplen, FullCapture: o.FullCapture, StatsdPort: o.StatsdPort,
	}
}

func openModernBPF(o Options) (scap.Driver, error) {
	m := bpfOptions(o)
	if o.CPUsPerRing == 0 {
		m.CPUsPerRing = modernbpf.OneRing
	}
	if err := readable(&host{}); err != nil {
		return nil, fmt.Errorf("open modern_bpf: %w", err)
	}
	d, err := modernbpf.Open(m)
	if err != nil {
		return nil, err // a typed nil would not be nil in the interface
	}
	return d, nil
}

// readable refuses a kernel of which eBPF programs may see nothing: they would
// be refused one by one, later and without a reason, and auto would not try the
// module, which may be signed.
func readable(h *host) error {
	if f := h.lockdown(); f.Status == Missing {
		return fmt.Errorf("lockdown is %s; %s, or load a signed module (kmod)", f.Detail, f.Advice)
	}
	return nil
}

// openBPF loads the legacy probe that was built for this kernel.
func openBPF(o Options) (scap.Driver, error) {
	if err := readable(&host{}); err != nil {
		return nil, fmt.Errorf("open bpf: %w", err)
	}
	d, err := bpf.Open(bpfOptions(o))
	if err != nil {
		return nil, err
	}
	return d, nil
}
