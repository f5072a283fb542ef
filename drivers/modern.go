// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	modernbpf "github.com/tiercel/tiercel/modern_bpf"
	"github.com/tiercel/tiercel/scap"
)

func openModernBPF(o Options) (scap.Driver, error) {
	m := modernbpf.Options{
		RingBytes: o.RingBytes, CPUsPerRing: o.CPUsPerRing, SnapLen: o.Snaplen, DropFailed: o.DropFailedCalls,
		DynamicSnapLen: o.DynamicSnaplen, FullCapture: o.FullCapture, StatsdPort: o.StatsdPort,
	}
	if o.CPUsPerRing == 0 {
		m.CPUsPerRing = modernbpf.OneRing
	}
	d, err := modernbpf.Open(m)
	if err != nil {
		return nil, err // a typed nil would not be nil in the interface
	}
	return d, nil
}
