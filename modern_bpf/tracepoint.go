// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/plane"
)

// optionalHooks are the tracepoints that have an event of their own and that a
// kernel may lack, in the order of the hooks from firstOptionalHook on. One
// that cannot be had is told as Degraded and not reported at all.
var optionalHooks = [numHooks - firstOptionalHook]struct {
	sc scap.SC
	tp uint64
}{
	hookSignal - firstOptionalHook:      {scap.SCSignalDeliver, plane.TPSignal},
	hookSwitch - firstOptionalHook:      {scap.SCSchedSwitch, plane.TPSwitch},
	hookFaultUser - firstOptionalHook:   {scap.SCPageFaultUser, plane.TPFaultUser},
	hookFaultKernel - firstOptionalHook: {scap.SCPageFaultKernel, plane.TPFaultKernel},
}
