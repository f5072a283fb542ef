// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/tiercel/tiercel/agent/replay"
	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/sinsp/state"
)

// sessionEvents are the events of the session, each with bytes of its own, and
// its tables.
func sessionEvents(tb testing.TB) ([]*scap.Event, *capture.Tables) {
	tb.Helper()
	r, err := capture.NewReader(bytes.NewReader(unpacked(tb)), capture.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tables := r.Tables()
	var (
		b   scap.Batch
		all []*scap.Event
	)
	for {
		err := r.Next(&b, 0)
		for i := range b.Events {
			all = append(all, b.Events[i].Clone())
		}
		r.Release(&b)
		if errors.Is(err, io.EOF) {
			return all, tables
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// long records n events: the session again and again, time going on.
func long(tb testing.TB, n int) string {
	tb.Helper()
	events, tables := sessionEvents(tb)
	path := filepath.Join(tb.TempDir(), "long.scap")
	out, err := capture.Record(path, capture.RecordOptions{Tables: func() (*capture.Tables, error) { return tables, nil }})
	if err != nil {
		tb.Fatal(err)
	}
	first, last := events[0].Timestamp(), events[len(events)-1].Timestamp()
	var ev scap.Event
	buf := make([]byte, 0, 64<<10)
	for i := range n {
		round, at := i/len(events), events[i%len(events)]
		buf = append(buf[:0], at.Raw()...)
		binary.LittleEndian.PutUint64(buf, at.Timestamp()+uint64(round)*(last-first+1e6))
		if err := ev.Decode(buf); err != nil {
			tb.Fatal(err)
		}
		ev.CPU = at.CPU
		if err := out.Write(&ev); err != nil {
			tb.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

// player is a replay without the agent around it.
type player struct {
	*replay.Player
	engine  *state.Engine
	matcher *rules.Matcher
	events  int
	alerts  int
}

func play(tb testing.TB, path string) *player {
	tb.Helper()
	p, err := replay.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	set, report := rules.Load([]rules.File{{Name: defaultrules.FileName, Content: defaultrules.Content()}}, rules.Options{})
	if err := report.Err(); err != nil {
		tb.Fatal(err)
	}
	m, err := set.Compile(rules.MatchFirst)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.Close() })
	return &player{Player: p, engine: replay.NewEngine(0), matcher: m}
}

// batch plays one batch; false at the end.
func (p *player) batch(tb testing.TB, b *scap.Batch) bool {
	err := p.Next(b, 0)
	p.Sync(p.engine)
	for i := range b.Events {
		ev := p.engine.Process(&b.Events[i])
		if p.Shows(&b.Events[i]) {
			p.alerts += len(p.matcher.Match(ev))
		}
	}
	p.events += len(b.Events)
	p.Release(b)
	if err != nil && !errors.Is(err, io.EOF) {
		tb.Fatal(err)
	}
	return err == nil
}

// TestReplayAllocatesWithProcessesOnly holds that an event costs no allocation
// once everything is warm. Making a process does: of 403 events of the session
// seven make one and replace its program.
func TestReplayAllocatesWithProcessesOnly(t *testing.T) {
	const rounds = 40
	events, tables := sessionEvents(t)
	quiet := slices.DeleteFunc(slices.Clone(events), func(ev *scap.Event) bool {
		switch ev.Info().Name {
		case "clone", "vfork", "execve", "procexit":
			return true
		}
		return ev.TID() != events[0].TID() // of the shell, which lives throughout
	})
	engine := replay.NewEngine(0)
	engine.PrimeFrom(tables)
	once := func() {
		for _, ev := range quiet {
			engine.Process(ev)
		}
	}
	once()
	if n := testing.AllocsPerRun(rounds, once); n > 0 {
		t.Errorf("%v allocations for %d events", n, len(quiet))
	}

	p := play(t, long(t, 2*rounds*len(events)))
	var b scap.Batch
	for p.events < rounds*len(events) {
		p.batch(t, &b)
	}
	var before, after runtime.MemStats
	from := p.events
	runtime.ReadMemStats(&before)
	for p.batch(t, &b) {
	}
	runtime.ReadMemStats(&after)
	perEvent := float64(after.Mallocs-before.Mallocs) / float64(p.events-from)
	t.Logf("%.3f allocations an event, %d events", perEvent, p.events-from)
	if perEvent > 0.25 {
		t.Errorf("%.3f allocations an event", perEvent)
	}
}

// BenchmarkReplay plays a capture of a million events through the default
// rules; BenchmarkRead only reads it.
func BenchmarkReplay(b *testing.B) {
	path := long(b, 1_000_000)
	var batch scap.Batch
	events, allocs := 0, uint64(0)
	var before, after runtime.MemStats
	for b.Loop() {
		p := play(b, path)
		runtime.ReadMemStats(&before)
		for p.batch(b, &batch) {
		}
		runtime.ReadMemStats(&after)
		events += p.events
		allocs += after.Mallocs - before.Mallocs
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(allocs)/float64(events), "allocs/event")
}

func BenchmarkRead(b *testing.B) {
	path := long(b, 1_000_000)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	var batch scap.Batch
	events := 0
	for b.Loop() {
		r, err := capture.Open(path, capture.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			err = r.Next(&batch, 0)
			events += len(batch.Events)
			r.Release(&batch)
		}
		r.Close()
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkRecord writes a million events to disk.
func BenchmarkRecord(b *testing.B) {
	const n = 1_000_000
	start := time.Now()
	rounds := 0
	for b.Loop() {
		long(b, n)
		rounds++
	}
	b.ReportMetric(float64(rounds*n)/time.Since(start).Seconds(), "events/s")
}
