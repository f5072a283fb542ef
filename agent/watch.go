// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/agent/capture"
	"github.com/tiercel/tiercel/agent/drops"
	"github.com/tiercel/tiercel/agent/metrics"
	"github.com/tiercel/tiercel/agent/notify"
	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/agent/reload"
	"github.com/tiercel/tiercel/agent/replay"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/state"
)

const (
	// readWait is how long one read waits for events; a signal is noticed
	// after that at the latest.
	readWait = 100 * time.Millisecond
	// tickEvery is the pace of everything that is not an event.
	tickEvery = 100 * time.Millisecond
)

// watcher is the event loop. One goroutine owns it and all that it reaches
// except the queues.
type watcher struct {
	src      scap.Source
	drv      scap.Driver    // nil: no counters
	player   *replay.Player // nil: not a capture
	engine   *state.Engine
	matcher  *rules.Matcher
	maker    *alertMaker
	alerts   *output.Hub
	log      *zap.Logger
	signals  <-chan os.Signal
	posted   chan func() // what others want done between two reads
	files    *reload.Watcher
	reloader *reloader
	service  *notify.Manager
	proof    *proof // nil: events have been seen to flow, or nobody asks

	start     time.Time
	deadline  time.Time // zero: none
	limitNS   uint64    // of event time; 0: none
	firstTS   uint64    // event time of the first and the last event
	lastTS    uint64
	lastTick  time.Time
	lost      drops.Reporter
	dropsSeen uint64 // lost events that the model knows of
	actions   *drops.Actions
	batch     scap.Batch

	events        uint64                    // looked at
	detected      uint64                    // alerts made
	ended         bool                      // a signal came while an alert waited for room
	held          *container.Waiting[early] // alerts that wait for a container's details; nil: none do
	observer      *observer                 // nil: nobody looks
	info          *metrics.Info             // nil: nobody wants samples
	capture       *capture.Capturer         // nil: off
	captures      captureSettings           // of capture
	counts        metrics.EventCounts
	outputStats   []output.OutputStats
	stats         scap.Stats
	what, trouble string    // for the service manager: what runs, and why the last reload failed
	retired       []retired // matches of rules that a reload has taken away, one entry a rule

	timeouts, maxTimeouts uint64 // reads in a row without an event
}

// watchEvents runs the event loop until something ends it.
func (r *run) watchEvents() (bool, error) {
	if err := r.compile(); err != nil {
		return true, err
	}
	w := &watcher{
		matcher: r.matcher, maker: r.maker, alerts: r.alerts, log: r.log.Logger, signals: r.Signals, start: time.Now(), service: r.service,
		posted: make(chan func()), files: r.files, maxTimeouts: uint64(r.cfg.TimeoutsMax),
	}
	if r.opts.MaxSeconds > 0 {
		w.limitNS = uint64(r.opts.MaxSeconds) * uint64(time.Second)
	}
	if r.cfg.Engine.Kind == "replay" {
		return true, r.replay(w)
	}
	o := r.opening
	if !r.wait(o.primed) {
		return true, nil
	}
	if o.primeErr != nil {
		r.log.Warn(fmt.Sprintf("The scan of /proc is not complete: %v; what it missed is looked up when it is needed", o.primeErr))
	}
	r.logDegraded(o.degraded)
	w.src, w.drv, w.engine = o.src, o.drv, o.engine
	r.observe(w)
	w.held = container.NewWaiting[early](r.cfg.Containers.Wait, r.cfg.Containers.MaxWaiting)
	w.lost.Log = w.log
	r.startCapture(w)
	w.actions = drops.NewActions(r.cfg.Drops, w.log, w.internal, w.start)
	if r.opts.MaxSeconds > 0 {
		w.deadline = w.start.Add(time.Duration(r.opts.MaxSeconds) * time.Second)
	}
	r.watch = w
	r.log.Info(fmt.Sprintf("Watching: %d rules, %d system calls, %d threads known, ready after %d ms",
		len(r.matcher.Rules()), len(r.sel.Selection.Exit.Names()), o.engine.NumThreads(), time.Since(o.began).Milliseconds()))
	r.log.Debug(fmt.Sprintf("Start: attached after %d ms, rules loaded after %d ms, model filled after %d ms",
		o.attachedAfter.Milliseconds(), r.rulesReady.Sub(o.began).Milliseconds(), o.primedAfter.Milliseconds()))
	settleMemory(r.cfg.MemoryLimitBytes)
	r.begin()
	if r.files != nil {
		r.reloader = newReloader(r, w)
		w.reloader = r.reloader
		go r.reloader.serve()
	}
	w.describe(r.plan)
	if r.service != nil {
		w.proof = &proof{began: time.Now()}
	}
	return true, w.loop()
}

// loop reads events until the source ends, a signal comes, or time is up.
func (w *watcher) loop() error {
	w.lastTick = time.Now()
	for {
		wait := w.patience()
		err := w.src.Next(&w.batch, wait)
		w.countTimeouts(wait)
		// What came before an error is whole.
		herr := w.handle()
		w.src.Release(&w.batch)
		switch {
		case herr != nil:
			return herr
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", w.reading(), err)
		}
		if w.proof != nil {
			if err := w.prove(time.Now()); err != nil {
				return err
			}
		}
		w.engine.PollContainers()
		w.releaseHeld()
		if end, err := w.tick(); end || err != nil {
			w.drain()
			return err
		}
	}
}

// drainFor bounds how long the end of a run waits for events in the rings.
const drainFor = 500 * time.Millisecond

// drain holds the flow and looks at what still lies in the rings: what was
// collected before the end is not lost to it.
func (w *watcher) drain() {
	if w.drv == nil || w.drv.Stop() != nil {
		return
	}
	for end := time.Now().Add(drainFor); time.Now().Before(end); {
		err := w.src.Next(&w.batch, readWait)
		n := len(w.batch.Events)
		_ = w.handle() // a live source has no events that could be refused
		w.src.Release(&w.batch)
		if err != nil || n == 0 {
			return
		}
	}
}

// handle looks at every event of the batch.
func (w *watcher) handle() error {
	if n := len(w.batch.Events); n > 0 {
		w.lastTS = w.batch.Events[n-1].Timestamp()
		if w.firstTS == 0 {
			w.firstTS = w.batch.Events[0].Timestamp()
		}
	}
	if w.player != nil {
		return w.handleCaptured()
	}
	for i := range w.batch.Events {
		w.look(w.engine.Process(&w.batch.Events[i]))
	}
	return nil
}

// look matches one event against the rules.
func (w *watcher) look(ev *state.Event) {
	w.events++
	w.counts.Count(ev.Event)
	for _, rule := range w.matcher.Match(ev) {
		w.detected++
		w.capture.OnMatch(rule)
		if w.maker.outputs[rule.Index].waits && w.hold(ev, rule) {
			continue
		}
		w.deliver(w.maker.make(ev, rule))
	}
	w.capture.OnEvent(ev) // the last one: it may settle the event
}

// tick does what does not belong to an event; it reports whether to end.
func (w *watcher) tick() (end bool, err error) {
	for done := false; !done; {
		select {
		case s := <-w.signals:
			if w.signal(s) {
				return true, nil
			}
		case do := <-w.posted:
			do()
		default:
			done = true
		}
	}
	if w.ended || w.limitNS > 0 && w.lastTS-w.firstTS > w.limitNS {
		return true, nil
	}
	now := time.Now()
	if !w.deadline.IsZero() && !now.Before(w.deadline) {
		return true, nil
	}
	if now.Sub(w.lastTick) >= tickEvery {
		w.lastTick = now
		return false, w.housekeeping(now)
	}
	return false, nil
}

// signal acts on a signal and reports whether to end.
func (w *watcher) signal(s os.Signal) bool {
	switch s {
	case syscall.SIGUSR1:
		w.log.Info("SIGUSR1 received, reopening outputs...")
		w.alerts.Reopen()
	case syscall.SIGHUP:
		if w.files != nil {
			w.files.Trigger() // says so when the new plan is ready
		}
	}
	if ends(s) {
		w.log.Info(endingText)
		return true
	}
	return false
}

func (w *watcher) housekeeping(now time.Time) error {
	w.service.Beat(now, w.status)
	w.capture.Tick(now)
	if err := w.alerts.Check(now); err != nil {
		return err
	}
	if w.drv == nil {
		w.beat(now)
		return nil
	}
	if w.drv.Stats(&w.stats) != nil {
		return nil
	}
	w.beat(now)
	if n := w.stats.Drops(); n > w.dropsSeen {
		w.engine.Lost(n - w.dropsSeen) // what the model says of anybody may be out of date
		w.dropsSeen = n
	}
	w.lost.Check(now, &w.stats)
	return w.actions.Check(now, &w.stats)
}

// internal offers a message of the agent's own.
func (w *watcher) internal(a *output.Alert) {
	w.alerts.Offer(a)
}

// finalStats reads the counters a last time, before the driver is closed.
func (w *watcher) finalStats() scap.Stats {
	if w.drv != nil {
		if err := w.drv.Stats(&w.stats); err == nil {
			w.lost.Last(time.Now(), &w.stats)
		}
	}
	return w.stats
}
