// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// MaxSampling is the largest ratio of sampling mode.
const MaxSampling = 128

// SetSampling turns sampling mode on with a ratio of 2, 4, ... MaxSampling, and
// off with 1. With a ratio of n, calls that carry no state (the schema says
// which) are reported only in the first n-th of every second, and calls of
// little worth, kernel tracepoints and generic events among them, not at all;
// calls that processes, descriptors and their state depend on always are. A
// drop event, DropE, tells that a silent phase begins, and DropX that it has
// ended; both carry the ratio and are sent by the first selected event of the
// phase. What is left out is counted in Stats.Sampled and is no drop.
//
// It may be called at any time and holds until the next call.
func (d *Driver) SetSampling(ratio int) error {
	if ratio < 1 || ratio > MaxSampling || bits.OnesCount(uint(ratio)) != 1 {
		return fmt.Errorf("%s: sampling ratio %d: must be a power of two from 1 (off) to %d", d.Name(), ratio, MaxSampling)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	atomic.StoreUint32(&d.shared.control.Sampling, uint32(ratio))
	return nil
}
