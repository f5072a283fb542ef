// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/drops"
	"github.com/tiercel/tiercel/agent/log"
	"github.com/tiercel/tiercel/agent/metrics"
	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/agent/output/sink"
	"github.com/tiercel/tiercel/agent/webserver"
	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/state"
)

// newLoop makes an event loop with the default rules and a batch of quiet
// events: opens that no rule minds.
func newLoop(tb testing.TB) *watcher {
	r := loopRun(tb)
	if err := r.compile(); err != nil {
		tb.Fatal(err)
	}
	q := output.NewHub(output.HubOptions{}, sink.NewStdout(io.Discard))
	tb.Cleanup(func() { q.Close(nil, time.Second) })
	w := &watcher{engine: state.New(state.Options{}), matcher: r.matcher, maker: r.maker, alerts: q, log: r.log.Logger}
	w.batch.Events = []scap.Event{*execCat(), *openFile(100, "/usr/lib/libc.so.6"), *openFile(100, "/etc/ld.so.cache")}
	if err := w.handle(); err != nil {
		tb.Fatal(err)
	}
	w.batch.Events = w.batch.Events[1:]
	return w
}

// loopRun is a run with the default configuration and rules, up to the loop.
func loopRun(tb testing.TB) *run {
	cfg, err := config.Load(config.Source{Search: []string{}})
	if err != nil {
		tb.Fatal(err)
	}
	set, report := rules.Load([]rules.File{{Name: defaultrules.FileName, Content: defaultrules.Content()}}, rules.Options{})
	if err := report.Err(); err != nil {
		tb.Fatal(err)
	}
	return &run{
		System: &System{Env: func(string) (string, bool) { return "", false }}, opts: &cmdline.Options{},
		plan: &plan{cfg: cfg, set: set}, log: log.NewSwitch(),
	}
}

func TestQuietEventsCostNoAllocation(t *testing.T) {
	w := newLoop(t)
	if n := testing.AllocsPerRun(1000, func() { _ = w.handle() }); n != 0 {
		t.Errorf("%v allocations for %d events", n, len(w.batch.Events))
	}
	if w.detected != 0 {
		t.Errorf("%d alerts: the events are not quiet", w.detected)
	}
}

func TestMetricsCostTheLoopNoAllocation(t *testing.T) {
	w := newLoop(t)
	r := loopRun(t)
	r.cfg.Metrics.Enabled, r.matcher = true, w.matcher
	w.drv = scaptest.NewDriver()
	w.observer = &observer{metrics: metrics.New(r.metricsOptions()), health: webserver.NewHealth()}
	t.Cleanup(w.observer.close)
	w.info = r.describeRun(time.Now(), time.Now())
	w.actions = drops.NewActions(r.cfg.Drops, w.log, w.internal, time.Now())
	w.lost.Log = w.log
	now := time.Now()
	tick := func() {
		_ = w.handle()
		if err := w.housekeeping(now); err != nil {
			t.Fatal(err)
		}
	}
	tick() // room for the samples is made once
	if n := testing.AllocsPerRun(1000, tick); n != 0 {
		t.Errorf("%v allocations for a tick with a sample", n)
	}
	var s metrics.Sample
	if !w.observer.metrics.Board().Read(&s) || s.Events == 0 || len(s.Rules) == 0 || !s.HasDriver {
		t.Errorf("the sample is empty: %+v", s)
	}
}

func BenchmarkQuietEvent(b *testing.B) {
	w := newLoop(b)
	b.ReportAllocs()
	for b.Loop() {
		_ = w.handle()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(w.batch.Events)), "ns/event")
}

func BenchmarkAlert(b *testing.B) {
	w := newLoop(b)
	w.batch.Events = []scap.Event{*openFile(100, "/etc/shadow")}
	b.ReportAllocs()
	for b.Loop() {
		_ = w.handle()
	}
	if w.detected == 0 {
		b.Fatal("no alert")
	}
}

func TestCaptureThatWaitsForAnAlertCostsNoAllocation(t *testing.T) {
	w := newLoop(t)
	r := loopRun(t)
	r.cfg.Capture.Enabled, r.cfg.Capture.PathPrefix, r.cfg.Capture.PastMS = true, filepath.Join(t.TempDir(), "c"), 0
	r.newCapture(w)
	t.Cleanup(w.capture.Close)
	if n := testing.AllocsPerRun(1000, func() { _ = w.handle() }); n != 0 {
		t.Errorf("%v allocations for %d events", n, len(w.batch.Events))
	}
}
