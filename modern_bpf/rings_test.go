// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"testing"

	"github.com/cilium/ebpf"
)

// A ring that no kernel makes is an error, and nothing that has to be freed:
// neither may a process without privilege end in a panic.
func TestWithoutRingsThereIsNoTransport(t *testing.T) {
	for _, legacy := range []*ebpf.CollectionSpec{nil, {}} {
		opts := Options{RingBytes: 12345, CPUsPerRing: 1, online: []int{0}, legacy: legacy}
		if legacy != nil {
			opts.online = []int{1 << 15} // a CPU that is not there
		}
		s, err := newTransport(opts, 1<<16)
		if err == nil || s != nil {
			t.Errorf("%s: %v, %v", opts.name(), s, err)
		}
	}
}
