// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"github.com/tiercel/tiercel/agent/capture"
	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/sinsp/container"
)

// captureSettings are all that a capture on alert is made from.
type captureSettings struct {
	config.Capture
	enter bool // enter events are collected
}

func (r *run) captures() captureSettings {
	return captureSettings{r.cfg.Capture, r.sel != nil && !r.sel.Selection.Enter.IsEmpty()}
}

// startCapture makes alerts of the loop start captures, if that is wanted.
func (r *run) startCapture(w *watcher) {
	r.newCapture(w)
	w.engine.Containers().OnChange(func(c *container.Container, removed bool) {
		if i := c.Info(); i != nil {
			w.capture.OnContainer(i, removed)
		}
	})
}

// newCapture puts the settings of the plan in force in the loop.
func (r *run) newCapture(w *watcher) {
	w.captures, w.capture = r.captures(), nil
	if !r.cfg.Capture.Enabled {
		return
	}
	o := capture.FromConfig(&r.cfg.Capture)
	o.EnterEvents, o.Replay, o.Emit = w.captures.enter, w.player != nil, w.internal
	w.capture = capture.New(o, w.engine, w.log)
}
