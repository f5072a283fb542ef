// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/log"
	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/format"
)

const (
	dropRule = "Tiercel internal: syscall event drop"
	// dropCheckEvery is the pace of syscall_event_drops, which is defined over
	// seconds.
	dropCheckEvery = time.Second
)

// errDropExit ends a run whose configuration wants that when events are lost.
var errDropExit = messagef("Drop manager internal error")

// dropActions does what syscall_event_drops asks for when the share of lost
// events passes the threshold. It is apart from dropReporter, which reports
// every loss whatever the configuration says.
type dropActions struct {
	conf    config.Drops
	log     *zap.Logger
	emit    func(*output.Alert)
	checked time.Time
	before  scap.Stats
	tokens  float64
	filled  time.Time

	detected, acted uint64
}

func newDropActions(conf config.Drops, log *zap.Logger, emit func(*output.Alert), now time.Time) *dropActions {
	return &dropActions{conf: conf, log: log, emit: emit, checked: now, filled: now, tokens: conf.Burst}
}

// reconfigure puts other settings in force; what was counted stays.
func (d *dropActions) reconfigure(conf config.Drops) {
	if conf.Burst != d.conf.Burst {
		d.tokens = min(d.tokens, conf.Burst)
	}
	d.conf = conf
}

// check looks at the counters once a second. The error ends the run.
func (d *dropActions) check(now time.Time, s *scap.Stats) error {
	if now.Sub(d.checked) < dropCheckEvery {
		return nil
	}
	delta := difference(s, &d.before)
	d.checked, d.before = now, *s
	d.before.PerCPU = nil
	threshold := d.conf.Threshold
	if d.conf.Simulate {
		d.log.Info("Simulating syscall event drop")
		delta.Seen++
		delta.DropsRing++
		threshold = 0
	}
	drops := delta.Drops()
	if drops == 0 || float64(drops) <= threshold*float64(delta.Seen) {
		return nil
	}
	d.detected++
	if !d.take(now) {
		d.log.Debug("Syscall event drop but token bucket depleted, skipping actions")
		return nil
	}
	d.acted++
	return d.act(now, &delta)
}

// take takes a token out of the bucket.
func (d *dropActions) take(now time.Time) bool {
	d.tokens = min(d.conf.Burst, d.tokens+d.conf.Rate*now.Sub(d.filled).Seconds())
	d.filled = now
	if d.tokens < 1 {
		return false
	}
	d.tokens--
	return true
}

// act does the wanted actions in their fixed order.
func (d *dropActions) act(now time.Time, delta *scap.Stats) error {
	msg := fmt.Sprintf("%s. %d system calls dropped in last second.", dropRule, delta.Drops())
	wants := func(action string) bool { return slices.Contains(d.conf.Actions, action) }
	if wants("log") {
		d.log.Debug(msg)
	}
	if wants("alert") {
		a := output.Alert{
			TimeNS: uint64(now.UnixNano()), Priority: "Debug", Rule: dropRule, Source: "internal", Internal: true, Message: []byte(msg),
		}
		a.Fields, a.Detail = dropFields(delta)
		d.emit(&a)
	}
	if wants("exit") {
		d.log.Log(log.Critical, msg)
		d.log.Log(log.Critical, "Exiting.")
		return errDropExit
	}
	return nil
}

// dropFields are the fields of the alert, all of them texts, as JSON and as
// key=value.
func dropFields(s *scap.Stats) (object, detail []byte) {
	class := func(c scap.DropClass) uint64 { return s.DropsByClass[c] }
	object = append(object, '{')
	for _, f := range []struct { // by name
		name string
		n    uint64
	}{
		{"ebpf_enabled", 1},
		{"n_drops", s.Drops()},
		{"n_drops_buffer_clone_fork_exit", class(scap.DropCloneFork)},
		{"n_drops_buffer_close_exit", class(scap.DropClose)},
		{"n_drops_buffer_connect_exit", class(scap.DropConnect)},
		{"n_drops_buffer_dir_file_exit", class(scap.DropDirFile)},
		{"n_drops_buffer_execve_exit", class(scap.DropExecve)},
		{"n_drops_buffer_open_exit", class(scap.DropOpen)},
		{"n_drops_buffer_other_interest_exit", class(scap.DropOther)},
		{"n_drops_buffer_proc_exit", class(scap.DropProcExit)},
		{"n_drops_buffer_total", s.DropsRing},
		{"n_drops_bug", s.DropsRecursion},
		{"n_drops_page_faults", s.DropsPage},
		{"n_drops_scratch_map", s.DropsScratch},
		{"n_evts", s.Seen},
	} {
		if len(object) > 1 {
			object = append(object, ',')
			detail = append(detail, ' ')
		}
		value := strconv.FormatUint(f.n, 10)
		object = append(format.AppendString(object, f.name), ':')
		object = format.AppendString(object, value)
		detail = format.AppendString(append(append(detail, f.name...), '='), value)
	}
	return append(object, '}'), detail
}

// difference returns how much the counters have grown.
func difference(now, before *scap.Stats) scap.Stats {
	d := *now
	d.PerCPU = nil
	d.Seen -= before.Seen
	d.Delivered -= before.Delivered
	d.DropsRing -= before.DropsRing
	d.DropsPage -= before.DropsPage
	d.DropsScratch -= before.DropsScratch
	d.DropsRecursion -= before.DropsRecursion
	for i := range d.DropsByClass {
		d.DropsByClass[i] -= before.DropsByClass[i]
	}
	return d
}

// summary is the report at the end of a run.
func (d *dropActions) summary() string {
	return strings.Join([]string{
		"Syscall event drop monitoring:",
		fmt.Sprintf("   - event drop detected: %d occurrences", d.detected),
		fmt.Sprintf("   - num times actions taken: %d", d.acted),
	}, "\n")
}
