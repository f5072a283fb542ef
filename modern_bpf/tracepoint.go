// SPDX-License-Identifier: Apache-2.0

package modernbpf

import "github.com/tiercel/tiercel/scap"

// optionalHooks are the tracepoints that have an event of their own and that a
// kernel may lack, in the order of the hooks from firstOptionalHook on. One
// that cannot be had is told as Degraded and not reported at all.
var optionalHooks = [numHooks - firstOptionalHook]struct {
	sc scap.SC
	tp uint64
}{
	hookSignal - firstOptionalHook:      {scap.SCSignalDeliver, tpSignal},
	hookSwitch - firstOptionalHook:      {scap.SCSchedSwitch, tpSwitch},
	hookFaultUser - firstOptionalHook:   {scap.SCPageFaultUser, tpFaultUser},
	hookFaultKernel - firstOptionalHook: {scap.SCPageFaultKernel, tpFaultKernel},
}

// tracepoints are the bits of plane.TP.
var tracepoints = func() map[scap.SC]uint64 {
	m := map[scap.SC]uint64{scap.SCSchedProcessExit: tpExit}
	for _, o := range optionalHooks {
		m[o.sc] = o.tp
	}
	return m
}()
