// SPDX-License-Identifier: Apache-2.0

package drops

import (
	"errors"
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
	// Rule is the name of the message.
	Rule = "Tiercel internal: syscall event drop"
	// checkEvery is the pace of syscall_event_drops, which is defined over
	// seconds.
	checkEvery = time.Second
)

// ErrExit ends a run whose configuration wants that when events are lost.
//
//lint:ignore ST1005 the reference's words
var ErrExit = errors.New("Drop manager internal error")

// Actions does what syscall_event_drops asks for when the share of lost
// events passes the threshold. It is apart from Reporter, which reports
// every loss whatever the configuration says.
type Actions struct {
	conf    config.Drops
	log     *zap.Logger
	emit    func(*output.Alert)
	checked time.Time
	before  scap.Stats
	tokens  float64
	filled  time.Time

	detected, acted uint64
}

// NewActions returns actions that hand their messages to emit. Losses count
// from now on.
func NewActions(conf config.Drops, log *zap.Logger, emit func(*output.Alert), now time.Time) *Actions {
	return &Actions{conf: conf, log: log, emit: emit, checked: now, filled: now, tokens: conf.Burst}
}

// Reconfigure puts other settings in force; what was counted stays.
func (d *Actions) Reconfigure(conf config.Drops) {
	if conf.Burst != d.conf.Burst {
		d.tokens = min(d.tokens, conf.Burst)
	}
	d.conf = conf
}

// Check looks at the counters once a second. The error ends the run.
func (d *Actions) Check(now time.Time, s *scap.Stats) error {
	if now.Sub(d.checked) < checkEvery {
		return nil
	}
	delta := difference(s, &d.before)
	d.checked, d.before = now, *s
	d.before.PerCPU, d.before.DropsBySyscall = nil, nil
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
func (d *Actions) take(now time.Time) bool {
	d.tokens = min(d.conf.Burst, d.tokens+d.conf.Rate*now.Sub(d.filled).Seconds())
	d.filled = now
	if d.tokens < 1 {
		return false
	}
	d.tokens--
	return true
}

// act does the wanted actions in their fixed order.
func (d *Actions) act(now time.Time, delta *scap.Stats) error {
	msg := fmt.Sprintf("%s. %d system calls dropped in last second.", Rule, delta.Drops())
	wants := func(action string) bool { return slices.Contains(d.conf.Actions, action) }
	if wants("log") {
		d.log.Debug(msg)
	}
	if wants("alert") {
		a := output.Alert{
			TimeNS: uint64(now.UnixNano()), Priority: "Debug", Rule: Rule, Source: "internal", Internal: true, Message: []byte(msg),
		}
		a.Fields, a.Detail = fields(delta)
		d.emit(&a)
	}
	if wants("exit") {
		d.log.Log(log.Critical, msg)
		d.log.Log(log.Critical, "Exiting.")
		return ErrExit
	}
	return nil
}

// fields are the fields of the alert, all of them texts, as JSON and as
// key=value.
func fields(s *scap.Stats) (object, detail []byte) {
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

// Summary is the report at the end of a run.
func (d *Actions) Summary() string {
	return strings.Join([]string{
		"Syscall event drop monitoring:",
		fmt.Sprintf("   - event drop detected: %d occurrences", d.detected),
		fmt.Sprintf("   - num times actions taken: %d", d.acted),
	}, "\n")
}
