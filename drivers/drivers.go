// SPDX-License-Identifier: Apache-2.0

// Package drivers opens the kernel driver that was asked for, or the best one
// that this kernel can run.
package drivers

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tiercel/tiercel/scap"
)

// Kinds of drivers.
const (
	Auto      = "auto"
	ModernBPF = "modern_bpf"
	BPF       = "bpf"
	Kmod      = "kmod"
)

// Options are what all drivers understand.
type Options struct {
	RingBytes       int  // of one ring; 0: the driver's default
	CPUsPerRing     int  // CPUs that share a ring; 0: one ring for all
	DropFailedCalls bool // do not collect calls that failed
	Snaplen         int  // bytes kept of buffers; 0: the driver's default
	// DynamicSnaplen keeps more of what goes over sockets of some ports and
	// protocols; FullCapture is a range of ports of which 16000 bytes are kept
	// (none while the last one is 0), StatsdPort the remote port of StatsD (0:
	// 8125).
	DynamicSnaplen bool
	FullCapture    [2]uint16
	StatsdPort     uint16
	// Fallback are the drivers to try, in this order, when the one that was asked
	// for by name does not run here. They get the same options.
	Fallback []string
	// PassedOver, when not nil, is called by Open for each driver that does not run
	// here, when another one will be tried.
	PassedOver func(kind string, err error)
}

// opener opens one driver.
type opener func(Options) (scap.Driver, error)

// byKind is the table of drivers; autoOrder the order in which auto tries
// them: the one that needs nothing on the host but its kernel first.
var (
	byKind = map[string]opener{
		ModernBPF: openModernBPF,
		BPF:       openBPF,
		Kmod:      openKmod,
	}
	autoOrder = []string{ModernBPF, Kmod, BPF}
)

// Open opens a driver by kind, or what is to be taken in its place; its Name
// says which one it is. Its errors say what is missing and what to do. The
// caller closes the driver.
func Open(kind string, o Options) (scap.Driver, error) {
	if kind == Auto {
		return openFirst(autoOrder, o)
	}
	kinds := []string{kind}
	for _, k := range o.Fallback {
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	for _, k := range kinds {
		if byKind[k] == nil {
			return nil, fmt.Errorf("open driver %q: there is no such driver; use auto, modern_bpf, bpf or kmod", k)
		}
	}
	return openFirst(kinds, o)
}

// openFirst opens the first driver that this kernel runs.
func openFirst(kinds []string, o Options) (scap.Driver, error) {
	var errs []error
	for i, k := range kinds {
		d, err := byKind[k](o)
		if err == nil {
			return d, nil
		}
		errs = append(errs, err)
		if o.PassedOver != nil && i+1 < len(kinds) {
			o.PassedOver(k, err)
		}
	}
	return nil, errors.Join(errs...)
}
