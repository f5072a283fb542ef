// SPDX-License-Identifier: Apache-2.0

package state

// maxCPUs bounds the processors whose switches are followed.
const maxCPUs = 8192

// onSwitch takes the counters of the thread that a processor leaves, and the
// time since that processor came to it.
func onSwitch(e *Engine, ev *Event) {
	cpu := int(ev.CPU)
	if cpu >= maxCPUs {
		return
	}
	if e.switchedLost != e.lost {
		// Switches may be among what was lost.
		clear(e.switched)
		e.switchedLost = e.lost
	}
	for len(e.switched) <= cpu {
		e.switched = append(e.switched, 0)
	}
	former := e.switched[cpu]
	e.switched[cpu] = e.now
	t := ev.Thread
	if t == nil {
		return
	}
	takeMemory(ev, t)
	t.ExecTime = 0
	if former != 0 && e.now > former {
		t.ExecTime = e.now - former
		t.TotExecTime += t.ExecTime
	}
}

// onProcinfo takes the CPU time of a thread so far, in hundredths of a second.
// Such events come once a second.
func onProcinfo(_ *Engine, ev *Event) {
	t := ev.Thread
	user, ok1 := ev.uint(pCPUUser)
	system, ok2 := ev.uint(pCPUSystem)
	if t == nil || !ok1 || !ok2 {
		return
	}
	t.CPUUser, t.CPUSystem = 0, 0
	if t.procinfo {
		t.CPUUser, t.CPUSystem = ticks(t.procTicks[0], user), ticks(t.procTicks[1], system)
	}
	t.procTicks, t.procinfo = [2]uint64{user, system}, true
}

// ticks returns the percentage of a processor between two counts that are a
// second apart.
func ticks(from, to uint64) float64 {
	if to < from {
		return 0
	}
	return float64(min(to-from, 100))
}
