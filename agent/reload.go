// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/metrics"
	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
)

const (
	reloadRule = "Tiercel internal: hot restart failure"
	// shortWait is how long a read waits while something is about to happen
	// between two reads: a new plan, or details of a container.
	shortWait = 5 * time.Millisecond
	// rereads bounds how often a reload begins anew because files go on changing.
	rereads = 10
)

var errLoopEnded = errors.New("the event loop has ended")

// reloader replaces the plan of a run while it runs. One goroutine does it, off
// the event loop, and owns the run's plan until it has ended; the loop only
// takes over what is ready.
type reloader struct {
	run  *run
	loop *watcher
	busy atomic.Bool // a reload is under way
	quit chan struct{}
	done chan struct{}

	polling           bool // it was said that files are polled
	reloads, failures atomic.Uint64
}

func newReloader(r *run, w *watcher) *reloader {
	return &reloader{run: r, loop: w, quit: make(chan struct{}), done: make(chan struct{})}
}

// serve reloads whenever the files have changed.
func (l *reloader) serve() {
	defer close(l.done)
	for {
		l.tellPolling()
		select {
		case <-l.quit:
			return
		case <-l.run.files.Changed():
			l.busy.Store(true)
			l.reload()
			l.busy.Store(false)
		}
	}
}

// tellPolling says once that changes of files are noticed late.
func (l *reloader) tellPolling() {
	why := l.run.files.Polling()
	if why != nil && !l.polling {
		l.run.log.Warn(fmt.Sprintf("Files cannot be watched by inotify: %v. They are looked at every %d ms instead; a higher fs.inotify.max_user_watches or max_user_instances may help",
			why, l.run.cfg.WatchIntervalMS))
	}
	l.polling = why != nil
}

// close ends the reloader; it is called when the event loop has ended.
func (l *reloader) close() {
	close(l.quit)
	<-l.done
}

// reload makes the new plan and puts it in force; when that fails the old one
// stays, and it is said why.
func (l *reloader) reload() {
	began := time.Now()
	l.run.service.Reloading()
	next, err := l.make()
	if errors.Is(err, errLoopEnded) {
		return
	}
	if err == nil {
		err = l.replace(next, began)
	}
	switch {
	case err == nil:
		l.reloaded("")
	case !errors.Is(err, errLoopEnded):
		l.failed(err)
		l.reloaded("the last reload failed, what was in force before stays: " + oneLine(err.Error()))
	}
	go debug.FreeOSMemory() // the garbage of loading, and the old plan
}

// make makes the next plan. Files that change meanwhile are waited for: the
// plan would be of two ages.
func (l *reloader) make() (*run, error) {
	for range rereads {
		next, err := l.run.next()
		if !l.run.files.Dirty() {
			return next, err
		}
		select {
		case <-l.run.files.Changed():
		case <-l.quit:
			return nil, errLoopEnded
		}
	}
	return l.run.next()
}

// replace puts a plan in force. Calls that are new flow before the swap, those
// that are no longer wanted until after it: no rule, old or new, misses any.
func (l *reloader) replace(next *run, began time.Time) error {
	r := l.run
	drv := l.loop.drv
	old := r.plan
	if drv != nil {
		both := scap.Selection{
			Exit:  old.sel.Selection.Exit.Union(next.sel.Selection.Exit),
			Enter: old.sel.Selection.Enter.Union(next.sel.Selection.Enter),
		}
		applied, err := drv.SetInterestingSyscalls(both)
		if err != nil {
			return fmt.Errorf("select system calls: %w", err)
		}
		next.logDegraded(applied)
	}
	r.log.Info("SIGHUP received, restarting...")
	built := time.Since(began)
	next.begin()
	next.alerts = r.outputsFor(next)
	var info *metrics.Info
	if next.observed() {
		info = next.describeRun(l.loop.start, time.Now())
	}
	if !l.post(func() { l.loop.take(next, info) }) {
		next.plan.end()
		if next.alerts != r.alerts {
			next.alerts.Close(nil, 0)
		}
		return errLoopEnded
	}
	took := time.Since(began)
	old.end()
	r.plan = next.plan
	if former := r.alerts; former != next.alerts {
		r.alerts = next.alerts
		r.closing.Go(func() { former.Close(nil, outputTimeout(old.cfg)) })
	}
	l.reloads.Add(1)
	l.apply(old.cfg)
	r.log.Info(fmt.Sprintf("Reloaded: %s; read and compiled in %d ms, in force after %d ms", r.plan, built.Milliseconds(), took.Milliseconds()))
	if keys := needRestart(r.changed); len(keys) > 0 {
		r.log.Warn("Changed, but not before a restart: " + strings.Join(keys, ", "))
	}
	if drv != nil {
		if _, err := drv.SetInterestingSyscalls(r.sel.Selection); err != nil {
			r.log.Warn(fmt.Sprintf("Reload: system calls that are no longer wanted are still collected: %v", err))
		}
	}
	return nil
}

// post has the event loop do something between two reads and waits until it is
// done; it reports false when the loop has ended before.
func (l *reloader) post(do func()) bool {
	done := make(chan struct{})
	select {
	case l.loop.posted <- func() { do(); close(done) }:
	case <-l.quit:
		return false
	}
	select {
	case <-done:
		return true
	case <-l.quit: // the loop has ended, perhaps after it did this
	}
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// failed reports a reload that left everything as it was.
func (l *reloader) failed(err error) {
	l.failures.Add(1)
	l.run.log.Error("Reload failed, the rules and the configuration that are in force stay: " + err.Error())
	text := oneLine(err.Error())
	l.post(func() {
		l.loop.internal(&output.Alert{
			TimeNS: uint64(time.Now().UnixNano()), Priority: "Critical", Rule: reloadRule, Source: "internal", Internal: true,
			Message: []byte(reloadRule + ": " + text),
		})
	})
}

// oneLine joins the lines of a text.
func oneLine(text string) string {
	var parts []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, " ")
}

// apply puts in force what of the configuration is neither rules nor outputs.
func (l *reloader) apply(old *config.Config) {
	r := l.run
	r.setLog()
	if drv := l.loop.drv; drv != nil {
		if err := errors.Join(r.sample(drv, max(old.Engine.SamplingRatio, 1)), r.checkNames(drv, old.Engine.CheckNames)); err != nil {
			r.log.Error("Reload: " + err.Error())
		}
	}
	if r.cfg.MemoryLimitBytes != old.MemoryLimitBytes {
		limitMemory(r.cfg.MemoryLimitBytes)
	}
	if r.observer == nil {
		return
	}
	if r.cfg.Metrics != old.Metrics || r.cfg.Webserver.Prometheus != old.Webserver.Prometheus {
		r.observer.metrics.Reconfigure(r.metricsOptions())
	}
	r.observer.health.Witness(r.witnesses())
	if r.cfg.Webserver != old.Webserver {
		r.observer.stopServer()
		if err := r.startServer(); err != nil {
			r.log.Error(fmt.Sprintf("Reload: there is no web server any more: %v", err))
		}
	}
}

// take puts a plan in force in the event loop: one event is judged by the old
// rules, the next one by the new ones.
func (w *watcher) take(next *run, info *metrics.Info) {
	p := next.plan
	p.matcher.Adopt(w.matcher)
	w.retire(w.matcher, p.matcher)
	w.matcher, w.maker, w.info = p.matcher, p.maker, info
	if next.captures() != w.captures {
		former := w.capture
		next.newCapture(w)
		if former != nil {
			next.closing.Go(former.Close)
		}
	}
	w.describe(p)
	w.alerts = next.alerts
	w.alerts.SetForm(next.form())
	w.maxTimeouts = uint64(p.cfg.TimeoutsMax)
	if w.actions != nil {
		w.actions.Reconfigure(p.cfg.Drops)
	}
}

// retired is a rule that is no longer there and how often it matched.
type retired struct {
	name     string
	priority rules.Priority
	matches  uint64
}

// retire keeps the counts of rules that the new matcher does not have, for the
// report of the run.
func (w *watcher) retire(old, next *rules.Matcher) {
	there := map[string]bool{}
	for _, rule := range next.Rules() {
		there[rule.Name] = true
	}
	for rule, n := range old.Matches {
		if n > 0 && !there[rule.Name] {
			w.retired = addRetired(w.retired, retired{rule.Name, rule.Priority, n})
		}
	}
}

// addRetired adds to the entry of the same rule: a file that comes and goes does
// not make the list longer.
func addRetired(list []retired, r retired) []retired {
	for i := range list {
		if list[i].name == r.name && list[i].priority == r.priority {
			list[i].matches += r.matches
			return list
		}
	}
	return append(list, r)
}

// patience is how long the next read may wait for events.
func (w *watcher) patience() time.Duration {
	switch {
	case w.files != nil && w.files.Dirty(), w.reloader != nil && w.reloader.busy.Load(), w.held != nil && w.held.Len() > 0:
		return shortWait
	}
	return readWait
}
