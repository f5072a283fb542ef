// SPDX-License-Identifier: Apache-2.0

package drivers

import (
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
	d, err := modernbpf.Open(m)
	if err != nil {
		return nil, err // a typed nil would not be nil in the interface
	}
	return d, nil
}

// openBPF loads the legacy probe that was built for this kernel.
func openBPF(o Options) (scap.Driver, error) {
	d, err := bpf.Open(bpfOptions(o))
	if err != nil {
		return nil, err
	}
	return d, nil
}
