// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"time"

	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/agent/replay"
)

// replay runs a capture through the rules: all that it holds, whatever calls
// the rules ask for, to its end.
func (r *run) replay(w *watcher) error {
	player, err := replay.Open(r.cfg.Engine.CaptureFile)
	if err != nil {
		return err
	}
	defer player.Close()
	w.src, w.player = player, player
	w.engine = replay.NewEngine(int(r.cfg.ThreadTableSize))
	r.observe(w)
	r.startCapture(w)
	r.watch = w
	r.log.Info("Replaying events from the capture file: " + player.Path)
	if r.names != nil {
		r.log.Info("Host names are not looked up while a capture is replayed (resolve_host_names)")
	}
	settleMemory(r.cfg.MemoryLimitBytes)
	w.start = time.Now()
	return w.loop()
}

// handleCaptured looks at the events of a batch out of a capture.
func (w *watcher) handleCaptured() error {
	w.player.Sync(w.engine)
	for i := range w.batch.Events {
		in := &w.batch.Events[i]
		ev := w.engine.Process(in)
		if !w.player.Shows(in) {
			continue
		}
		if err := replay.CheckSource(in); err != nil {
			return err
		}
		w.look(ev)
		if w.ended {
			return nil
		}
	}
	return nil
}

// deliver hands an alert to the output. The events of a host do not wait, those
// of a capture do: there the alert waits for room, and a signal for the alert.
func (w *watcher) deliver(a *output.Alert) {
	if w.player == nil {
		w.alerts.Offer(a) // what finds no room is counted and told of by Check
		return
	}
	for !w.alerts.OfferWithin(a, readWait) {
		select {
		case s := <-w.signals:
			w.ended = w.signal(s)
		default:
		}
		if w.ended {
			return
		}
	}
}

// reading says what is read, for errors.
func (w *watcher) reading() string {
	if w.player != nil {
		return fmt.Sprintf("read %s", w.player.Path)
	}
	return "read events"
}
