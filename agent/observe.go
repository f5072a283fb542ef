// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/agent/metrics"
	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/agent/webserver"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
)

// observer is what others see of a run: metrics, and the web server that hands
// them out and answers for the agent's health.
type observer struct {
	metrics *metrics.Service
	health  *webserver.Health
	server  *webserver.Server // nil: off
}

// serve starts metrics, and the web server of a live run.
func (r *run) serve() (bool, error) {
	r.observer = &observer{metrics: metrics.New(r.metricsOptions()), health: webserver.NewHealth()}
	return false, r.startServer()
}

func (r *run) startServer() error {
	if !r.cfg.Webserver.Enabled || r.cfg.Engine.Kind == "replay" {
		return nil
	}
	o := r.observer
	var err error
	o.server, err = webserver.Start(webserver.Options{
		Config: r.cfg.Webserver, Versions: versionJSON(), Metrics: o.metrics, Health: o.health, Log: r.log.Logger,
	})
	return err
}

func (o *observer) stopServer() {
	if o.server != nil {
		o.server.Close()
		o.server = nil
	}
}

func (o *observer) close() {
	o.stopServer()
	o.metrics.Close()
}

func (r *run) metricsOptions() metrics.Options {
	o := metrics.Options{
		Config: r.cfg.Metrics, Prometheus: r.cfg.Webserver.Prometheus, HostRoot: r.HostRoot, Log: r.log.Logger, Env: r.Env,
	}
	if r.opening != nil && r.opening.drv != nil {
		if p, ok := r.opening.drv.(programs); ok {
			o.Programs = p.Programs
		}
	}
	return o
}

// programs is a driver that tells what its programs cost.
type programs interface {
	Programs(yield func(name string, runs, ns uint64)) error
}

// observed reports whether anybody looks at the samples of a plan.
func (p *plan) observed() bool { return p.cfg.Metrics.Enabled || p.cfg.Webserver.Enabled }

// observe makes the loop tell the observer of the plan.
func (r *run) observe(w *watcher) {
	w.observer = r.observer
	w.stats.PerCPU, w.stats.DropsBySyscall = make([]scap.Counters, runtime.NumCPU()), make([]uint64, len(scap.Syscalls))
	if r.observed() {
		w.info = r.describeRun(w.start, w.start)
	}
	r.observer.health.Witness(r.witnesses())
}

// describeRun is what metrics tell of a plan besides numbers.
func (r *run) describeRun(began, reloaded time.Time) *metrics.Info {
	i := &metrics.Info{
		Version: Version, Hostname: r.hostname(), Source: SourceSyscall, KernelRelease: kernelRelease(), Engine: r.engineName(),
		Start: began, Boot: time.Unix(0, int64(scap.BootTime())), Reload: reloaded, NumCPUs: runtime.NumCPU(), RulesFiles: r.sums,
	}
	for _, f := range r.cfg.Reports {
		i.ConfigFiles = append(i.ConfigFiles, metrics.FileSum{Name: fileName(f.Path), SHA256: f.SHA256})
	}
	for _, rule := range r.matcher.Rules() {
		i.Rules = append(i.Rules, metrics.RuleInfo{Name: rule.Name, Priority: int(rule.Priority), Source: rule.Source, Tags: rule.Tags})
	}
	if r.sel != nil {
		i.Selected, i.SelectedEnter = r.sel.Selection.Exit.Len(), r.sel.Selection.Enter.Len()
		i.NeverFire, i.PartBlind = r.sel.NeverFire, r.sel.PartBlind
	}
	return i
}

// engineName is the driver's name, as metrics call it.
func (r *run) engineName() string {
	switch {
	case r.opening == nil:
		return ""
	case r.opening.drv == nil:
		return "nodriver"
	}
	return r.opening.drv.Name()
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// witnesses reports whether a client of the web server that runs on this host
// must show up among the events.
func (r *run) witnesses() bool {
	return r.opening != nil && r.opening.drv != nil && r.cfg.Engine.SamplingRatio <= 1 &&
		r.sel.Selection.Exit.Intersects(scap.NewSyscallSet(scap.SCConnect, scap.SCSocket))
}

// beat tells the observer that the loop comes round, and what it knows. The
// driver's counters are those of the same tick.
func (w *watcher) beat(now time.Time) {
	if w.observer == nil {
		return
	}
	w.observer.health.Beat(now, w.events, w.stats.Seen-w.stats.DropsRecursion)
	if w.info == nil {
		return
	}
	if s := w.observer.metrics.Board().Begin(); s != nil {
		w.sample(s, now)
		w.observer.metrics.Board().Commit()
	}
	select {
	case a := <-w.observer.metrics.Alerts():
		w.internal(a)
	default:
	}
}

// sample fills s with the numbers of the loop.
func (w *watcher) sample(s *metrics.Sample, now time.Time) {
	s.Time, s.Info, s.Events, s.Alerts = now, w.info, w.events, w.detected
	s.HasDriver = w.drv != nil
	if w.drv != nil {
		s.SetDriver(&w.stats)
	}
	s.EventCounts = w.counts
	s.State, s.HasState = w.engine.Counters(), true
	counts := s.SetRules(len(w.info.Rules))
	i := 0
	w.matcher.Publish()
	s.FindingNanoseconds = w.matcher.Totals().Finding
	w.matcher.Costs(func(c rules.Cost) bool {
		counts[i] = metrics.RuleCount{Matches: c.Matches, Evaluations: c.Evaluations, Nanoseconds: c.Nanoseconds}
		i++
		return i < len(counts)
	})
	w.outputStats = w.alerts.Stats(w.outputStats[:0])
	s.Outputs = s.Outputs[:0]
	for _, o := range w.outputStats {
		s.Outputs = append(s.Outputs, outputCount(&o))
	}
	s.QueueDrops, s.Suppressed = w.alerts.Dropped(), w.alerts.Suppressed()
	c := w.engine.Containers().Stats()
	s.Containers = metrics.ContainerCounts{
		Known: uint64(c.Containers), Lookups: c.Asked, Failures: c.Missing + c.Unanswered + c.AskRefused, Pending: uint64(c.Pending), Evicted: c.Evicted,
	}
	if w.held != nil {
		s.Containers.Held, s.Containers.TimedOut = w.held.Held, w.held.TimedOut
	}
	if w.reloader != nil {
		s.Reloads, s.ReloadFailures = w.reloader.reloads.Load(), w.reloader.failures.Load()
	}
}

func outputCount(o *output.OutputStats) metrics.OutputCount {
	return metrics.OutputCount{
		Name: o.Name, Queued: uint64(o.Queued), Capacity: uint64(o.Capacity), Written: o.Delivered, Dropped: o.Dropped, Failed: o.Failed,
		Down: o.Down, Spooled: uint64(o.Spooled), SpoolBytes: uint64(o.SpoolSize),
	}
}
