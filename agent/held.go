// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"time"

	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/sinsp/state"
)

// hold keeps an alert back until the runtime of its container has answered, or
// the wait is over; false when there is nothing to wait for.
func (w *watcher) hold(ev *state.Event, rule *rules.Rule) bool {
	if w.held == nil || ev.Thread == nil {
		return false
	}
	c := ev.Thread.Container()
	return w.held.Wants(c) && w.held.Add(w.maker.makeEarly(ev, rule), c, time.Now())
}

// releaseHeld sends the alerts that need not wait any longer, in their order.
func (w *watcher) releaseHeld() {
	if w.held == nil || w.held.Len() == 0 {
		return
	}
	now := time.Now()
	for {
		e, ok := w.held.Next(now)
		if !ok {
			return
		}
		w.deliver(w.maker.complete(&e))
	}
}

// dropHeld sends all of them as they are: the run is over.
func (w *watcher) dropHeld() {
	if w.held == nil {
		return
	}
	for {
		e, ok := w.held.Drop()
		if !ok {
			return
		}
		w.deliver(w.maker.complete(&e))
	}
}
