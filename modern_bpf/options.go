// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"math/bits"
	"os"

	"github.com/cilium/ebpf"
)

// Defaults and limits of Options.
const (
	DefaultRingBytes = 8 << 20
	DefaultSnapLen   = 80
	MaxSnapLen       = 65000
	DefaultStatsd    = 8125
	// OneRing as Options.CPUsPerRing makes a single ring for all CPUs.
	OneRing = -1
)

// Options tune a Driver. The zero value is ready for use.
type Options struct {
	// RingBytes is the size of one ring: a power of two and a multiple of the
	// page size. Its reader maps it twice. Default DefaultRingBytes.
	RingBytes int
	// CPUsPerRing is how many CPUs share a ring. Default 1; OneRing for all.
	CPUsPerRing int
	// SnapLen is how many bytes of a call's data an event carries; more than
	// MaxSnapLen is cut to it. Default DefaultSnapLen.
	SnapLen int
	// DynamicSnapLen carries more data than SnapLen of what goes over sockets
	// where it is worth it: ports in FullCapture (16000 bytes), StatsD, DNS, MySQL,
	// PostgreSQL, MongoDB and HTTP (512 to 2000 bytes).
	DynamicSnapLen bool
	// FullCapture is the first and the last port of that range; none while the
	// last one is 0.
	FullCapture [2]uint16
	// StatsdPort is the remote port of StatsD. Default DefaultStatsd.
	StatsdPort uint16
	// DropFailed leaves out calls with a negative result.
	DropFailed bool
	// ReportSelf includes the events of the calling process, which are left
	// out otherwise: an agent that watches itself feeds itself.
	ReportSelf bool

	// legacy is the object of the legacy probe; nil for the modern one.
	legacy *ebpf.CollectionSpec

	// forceFork attaches the child's side of clone also where the exit of the
	// call shows it (tests).
	forceFork bool
	// online replaces the list of CPUs that run (tests).
	online []int
	// without names programs that are treated as refused by the kernel (tests).
	without []string
}

// name is that of the driver.
func (o *Options) name() string {
	if o.legacy != nil {
		return "bpf"
	}
	return "modern_bpf"
}

func (o Options) withDefaults() (Options, error) {
	if o.RingBytes == 0 {
		o.RingBytes = DefaultRingBytes
	}
	if o.CPUsPerRing == 0 {
		o.CPUsPerRing = 1
	}
	if o.SnapLen == 0 {
		o.SnapLen = DefaultSnapLen
	}
	page := os.Getpagesize()
	if o.RingBytes < page || bits.OnesCount(uint(o.RingBytes)) != 1 {
		return o, fmt.Errorf("ring of %d bytes: the size must be a power of two and at least a page (%d)", o.RingBytes, page)
	}
	if o.CPUsPerRing < OneRing {
		return o, fmt.Errorf("%d CPUs per ring: must be positive, or OneRing (%d)", o.CPUsPerRing, OneRing)
	}
	if o.StatsdPort == 0 {
		o.StatsdPort = DefaultStatsd
	}
	if o.FullCapture[0] > o.FullCapture[1] {
		return o, fmt.Errorf("ports %d to %d: the first must not be above the last", o.FullCapture[0], o.FullCapture[1])
	}
	if o.SnapLen < 0 {
		return o, fmt.Errorf("snaplen of %d bytes: must not be negative", o.SnapLen)
	}
	o.SnapLen = min(o.SnapLen, MaxSnapLen)
	return o, nil
}
