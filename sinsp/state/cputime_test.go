// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

func TestCPUTimeOfSwitches(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0)
	away := func(tid int64, cpu uint16, after uint64) *Thread {
		h.ts += after
		ev := scaptest.Named(scap.EvSchedswitchV6E, h.ts, tid, p{"next": 1, "pgft_maj": 7})
		ev.CPU = cpu
		return h.e.Process(ev).Thread
	}
	equal(t, "without a former switch", away(100, 0, 5e6).ExecTime, 0)
	th := away(200, 0, 5e6)
	equal(t, "slice", th.ExecTime, 5e6)
	equal(t, "faults", th.PfMajor, 7)
	equal(t, "other processor", away(200, 3, 5e6).ExecTime, 0)
	th = away(200, 0, 5e6)
	equal(t, "slice since the switch on the same processor", th.ExecTime, 10e6)
	equal(t, "sum", th.TotExecTime, 15e6)
	h.e.Lost(1)
	equal(t, "after a loss", away(200, 0, 5e6).ExecTime, 0)
	equal(t, "sum after a loss", h.thread(200).TotExecTime, 15e6)
}

func TestCPUTimeOfProcinfo(t *testing.T) {
	h := newHost(t)
	usage := func(user, system uint64) [2]float64 {
		th := h.play(scap.EvProcinfoE, 100, p{"cpu_usr": user, "cpu_sys": system}).Thread
		return [2]float64{th.CPUUser, th.CPUSystem}
	}
	equal(t, "first", usage(10, 20), [2]float64{})
	equal(t, "second", usage(60, 45), [2]float64{50, 25})
	equal(t, "more than there is", usage(1000, 45), [2]float64{100, 0})
	equal(t, "less than before", usage(0, 0), [2]float64{})
}
