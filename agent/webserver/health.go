// SPDX-License-Identifier: Apache-2.0

package webserver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// staleAfter is when an event loop that does not come round counts as
	// stuck. It comes round ten times a second; a start can take a while.
	staleAfter = 5 * time.Second
	// deafAfter is when events that the driver saw should have arrived.
	deafAfter = 5 * time.Second
	// canaryWait is how long the events of a local client may be under way.
	// Probes give up after a second by default.
	canaryWait = 600 * time.Millisecond
)

// Health knows whether events flow. The event loop writes it, requests read
// it; nobody waits for anybody.
type Health struct {
	now func() time.Time

	beat   atomic.Int64  // when the loop came round last, Unix nanoseconds; 0: never
	events atomic.Uint64 // looked at
	last   atomic.Int64  // when an event last came; 0: never
	flow   atomic.Int64  // when nothing was wrong last: events came, or there were none
	seen   atomic.Uint64 // by the driver
	atFlow atomic.Uint64 // seen when events last came
	// witness: calls that every client makes are collected, so that a client
	// on this host is an event itself.
	witness atomic.Bool
	reason  atomic.Pointer[string] // set: not healthy, whatever else
}

// NewHealth returns the health of an agent that is being started.
func NewHealth() *Health {
	h := &Health{now: time.Now}
	h.flow.Store(h.now().UnixNano())
	return h
}

// Beat is called by the event loop at every tick: events is how many it has
// looked at, seen how many the driver has, both since the start. Seen is 0
// without a driver, and leaves out what the kernel skipped by itself
// (Stats.Seen - Stats.DropsRecursion): that may be calls nobody asked for.
func (h *Health) Beat(now time.Time, events, seen uint64) {
	ns := now.UnixNano()
	came := events != h.events.Load()
	if came {
		h.events.Store(events)
		h.last.Store(ns)
	}
	if came || seen == h.atFlow.Load() {
		h.flow.Store(ns)
		h.atFlow.Store(seen)
	}
	h.seen.Store(seen)
	h.beat.Store(ns)
}

// Witness tells whether a client on this host must show up among the events:
// socket or connect is collected from a live driver, and nothing is sampled
// out.
func (h *Health) Witness(is bool) { h.witness.Store(is) }

// Fail makes the agent unhealthy for a reason; "" takes it back.
func (h *Health) Fail(reason string) {
	if reason == "" {
		h.reason.Store(nil)
		return
	}
	h.reason.Store(&reason)
}

// Check returns why events do not flow, or nil. An idle host is healthy.
func (h *Health) Check() error {
	if r := h.reason.Load(); r != nil {
		return errors.New(*r)
	}
	beat := h.beat.Load()
	if beat == 0 {
		return errors.New("the event loop has not begun")
	}
	now := h.now().UnixNano()
	if age := time.Duration(now - beat); age > staleAfter {
		return fmt.Errorf("the event loop is stuck: it has not come round for %d s", int(age.Seconds()))
	}
	if silent := time.Duration(now - h.flow.Load()); silent > deafAfter {
		return fmt.Errorf("no event arrives: the driver saw %d in the last %d s, and all were lost or are stuck",
			h.seen.Load()-h.atFlow.Load(), int(silent.Seconds()))
	}
	return nil
}

// Heard is Check for a client that connected from this host at a time: the
// calls that it made for that must have become events. It waits a moment for
// them, as long as ctx lives.
func (h *Health) Heard(ctx context.Context, connected time.Time) error {
	const (
		pause = 20 * time.Millisecond
		// The calls come before the connection is accepted, and are known to
		// have come at the next tick.
		before = 300 * time.Millisecond
	)
	since := connected.Add(-before).UnixNano()
	for waited := time.Duration(0); ; waited += pause {
		if err := h.Check(); err != nil || !h.witness.Load() || h.last.Load() >= since {
			return err
		}
		if waited >= canaryWait {
			return errors.New("no event arrives: a client on this host has just connected, and none of its calls was seen")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
