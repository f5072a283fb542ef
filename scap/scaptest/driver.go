// SPDX-License-Identifier: Apache-2.0

package scaptest

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/tiercel/tiercel/scap"
)

// Driver is a scap.Driver that plays a script. Steps are played in order, one
// for each Next, until the script is at its end; then Next waits for more (or
// returns io.EOF after a step End). It behaves like a driver in the kernel:
// events of calls that are not selected are dropped before anybody sees them,
// and nothing flows while it is stopped.
//
// The zero value is an empty script. All methods may be called from any
// goroutine; the script may grow while it is played.
type Driver struct {
	// Kind is what Name returns; "fake" when empty.
	Kind string
	// FailSelection makes SetInterestingSyscalls fail: the former selection
	// stays in force.
	FailSelection error
	// Degrade is what SetInterestingSyscalls reports for the calls that it
	// selects.
	Degrade map[scap.SC]scap.Degraded

	mu         sync.Mutex
	script     []step
	selection  scap.Selection
	selections []scap.Selection
	stats      scap.Stats
	started    bool
	closed     bool
	held       bool
	calls      []string
	more       chan struct{} // closed when something changed
}

// step is one answer of Next: events, or an error, or both.
type step struct {
	events [][]byte
	stats  func(*scap.Stats)
	err    error
}

var _ scap.Driver = (*Driver)(nil)

// NewDriver returns a driver whose script is one batch of the given events.
func NewDriver(events ...*scap.Event) *Driver {
	d := new(Driver)
	if len(events) > 0 {
		d.Play(events...)
	}
	return d
}

// Play adds a batch of events to the script.
func (d *Driver) Play(events ...*scap.Event) *Driver {
	s := step{}
	for _, e := range events {
		s.events = append(s.events, slices.Clone(e.Raw()))
	}
	return d.add(s)
}

// Drop adds a step that loses n events to a full ring.
func (d *Driver) Drop(n uint64) *Driver {
	return d.Count(func(s *scap.Stats) {
		s.Seen += n
		s.DropsRing += n
		s.DropsByClass[scap.DropOther] += n
	})
}

// Count adds a step that changes the counters as it likes and hands out
// nothing.
func (d *Driver) Count(change func(*scap.Stats)) *Driver { return d.add(step{stats: change}) }

// Fail adds a step in which Next returns err.
func (d *Driver) Fail(err error) *Driver { return d.add(step{err: err}) }

// End adds the end: Next returns io.EOF from then on.
func (d *Driver) End() *Driver { return d.Fail(io.EOF) }

func (d *Driver) add(s step) *Driver {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.script = append(d.script, s)
	d.changed()
	return d
}

// changed wakes a waiting Next; mu is held.
func (d *Driver) changed() {
	if d.more != nil {
		close(d.more)
		d.more = nil
	}
}

// Next plays the next step.
func (d *Driver) Next(b *scap.Batch, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for {
		done, changed, err := d.next(b)
		if done || err != nil {
			return err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (d *Driver) next(b *scap.Batch) (done bool, changed <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b.Events, b.Late = b.Events[:0], 0
	if d.closed {
		return true, nil, io.EOF
	}
	if d.held {
		panic("scaptest: Next before the Release of the former batch")
	}
	if !d.started || len(d.script) == 0 {
		if d.more == nil {
			d.more = make(chan struct{})
		}
		return false, d.more, nil
	}
	s := d.script[0]
	if s.err != io.EOF {
		d.script = d.script[1:]
	}
	if s.stats != nil {
		s.stats(&d.stats)
	}
	for _, raw := range s.events {
		e := Decode(raw)
		if !d.wants(e) {
			continue
		}
		d.stats.Seen++
		d.stats.Delivered++
		b.Events = append(b.Events, *e)
	}
	d.held = len(b.Events) > 0
	return true, nil, s.err
}

// wants is the kernel's verdict: an event that belongs to calls passes when
// one of them is selected on its side, any other event always.
func (d *Driver) wants(e *scap.Event) bool {
	info := e.Info()
	if info == nil {
		return true
	}
	plane := d.selection.Exit
	if info.Dir == scap.Enter && info.Class == scap.ClassSyscall {
		plane = d.selection.Enter
	}
	switch e.Type() {
	case scap.EvGenericE, scap.EvGenericX:
		id, _ := e.Uint(0)
		return plane.Has(scap.SC(id))
	}
	return len(info.Syscalls) == 0 || plane.Intersects(scap.NewSyscallSet(info.Syscalls...))
}

// Release takes the batch back. Its events are wiped, so that a test notices
// whoever kept one.
func (d *Driver) Release(b *scap.Batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = false
	for i := range b.Events {
		clear(b.Events[i].Raw())
	}
	b.Events = b.Events[:0]
}

// Close ends the driver; Next returns io.EOF from then on.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, "Close")
	d.closed = true
	d.changed()
	return nil
}

// Name returns Kind.
func (d *Driver) Name() string {
	if d.Kind == "" {
		return "fake"
	}
	return d.Kind
}

// SetInterestingSyscalls replaces the selection, or fails as FailSelection
// says.
func (d *Driver) SetInterestingSyscalls(s scap.Selection) (scap.Applied, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, "SetInterestingSyscalls")
	d.selections = append(d.selections, s)
	if d.FailSelection != nil {
		return scap.Applied{}, d.FailSelection
	}
	d.selection = s
	var applied scap.Applied
	for sc := range s.Exit.All() {
		if g, ok := d.Degrade[sc]; ok {
			g.Syscall = sc
			applied.Degraded = append(applied.Degraded, g)
		}
	}
	return applied, nil
}

// SetNameCheck only notes that it was called.
func (d *Driver) SetNameCheck(all bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, fmt.Sprintf("SetNameCheck %v", all))
	return nil
}

// Start lets the script go on.
func (d *Driver) Start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, "Start")
	d.started = true
	d.changed()
	return nil
}

// Stop holds the script.
func (d *Driver) Stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, "Stop")
	d.started = false
	return nil
}

// Stats returns the counters; those of one CPU are all.
func (d *Driver) Stats(s *scap.Stats) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	perCPU := s.PerCPU
	*s = d.stats
	s.PerCPU = perCPU
	if len(perCPU) > 0 {
		clear(perCPU)
		perCPU[0] = d.stats.Counters
	}
	return nil
}

// Selections returns every selection that was asked for, also those that
// failed.
func (d *Driver) Selections() []scap.Selection {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.selections)
}

// Calls returns the names of the calls so far, without Next, Release, Stats
// and Name.
func (d *Driver) Calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}
