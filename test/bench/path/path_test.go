// SPDX-License-Identifier: Apache-2.0

package path

import (
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"testing"

	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
	"github.com/tiercel/tiercel/scap/ring/ringtest"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/format"
	"github.com/tiercel/tiercel/sinsp/state"
)

const stockRules = "../../../../shared/data/rules/"

// recording returns the recorded events, one slice each.
func recording(tb testing.TB) [][]byte {
	tb.Helper()
	f, err := os.Open("testdata/events.gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	var events [][]byte
	for len(all) > 0 {
		n := binary.LittleEndian.Uint32(all[16:])
		events = append(events, all[:n:n])
		all = all[n:]
	}
	return events
}

// ruleset returns the stock rules where they are present, else our own.
func ruleset(tb testing.TB) (name string, set *rules.Ruleset) {
	tb.Helper()
	var files []rules.File
	for _, f := range []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		if b, err := os.ReadFile(stockRules + f); err == nil {
			files = append(files, rules.File{Name: f, Content: b})
		}
	}
	name = "stock rules"
	if len(files) == 0 {
		name = "default rules"
		files = []rules.File{{Name: defaultrules.FileName, Content: defaultrules.Content()}}
	}
	set, report := rules.Load(files, rules.Options{})
	if set == nil {
		tb.Fatalf("rules do not load: %+v", report)
	}
	return name, set
}

// way is everything that an event passes on its way to a verdict.
type way struct {
	producer *ringtest.Producer
	reader   *ring.Reader
	engine   *state.Engine
	matcher  *rules.Matcher
	batch    scap.Batch
	seen     int
	matched  int
}

func newWay(tb testing.TB) *way {
	tb.Helper()
	_, set := ruleset(tb)
	m, err := set.Compile(rules.MatchFirst)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := ringtest.New(4 << 20)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := p.Ring(0)
	if err != nil {
		tb.Fatal(err)
	}
	// Every event is older than this clock, so nothing waits for a watermark.
	reader, err := ring.NewReader([]*ring.Ring{r}, ring.Config{Clock: func() uint64 { return 1 << 63 }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { reader.Close(); p.Close() })
	return &way{producer: p, reader: reader, engine: state.New(state.Options{}), matcher: m}
}

// take drains what lies in the ring.
func (w *way) take(tb testing.TB) {
	for {
		if err := w.reader.Next(&w.batch, 0); err != nil {
			tb.Fatal(err)
		}
		if len(w.batch.Events) == 0 {
			return
		}
		for i := range w.batch.Events {
			if ev := w.engine.Process(&w.batch.Events[i]); ev != nil {
				w.matched += len(w.matcher.Match(ev))
			}
			w.seen++
		}
		w.reader.Release(&w.batch)
	}
}

// pass sends the events through once.
func (w *way) pass(tb testing.TB, events [][]byte) {
	for _, ev := range events {
		for !w.producer.Write(ev) {
			w.take(tb)
		}
	}
	w.take(tb)
}

// steady leaves out the events that make, replace or end a process: those
// have to allocate what they create.
func steady(events [][]byte) [][]byte {
	var some [][]byte
	for _, b := range events {
		switch scap.EventType(binary.LittleEndian.Uint16(b[20:])) {
		case scap.EvCloneV20X, scap.EvClone3X, scap.EvForkV20X, scap.EvVforkV20X, scap.EvExecveV19X, scap.EvExecveatX,
			scap.EvProcexitV1E:
		default:
			some = append(some, b)
		}
	}
	return some
}

func TestWholePathSeesEveryEvent(t *testing.T) {
	events, w := recording(t), newWay(t)
	w.pass(t, events)
	if w.seen != len(events) {
		t.Errorf("%d of %d events came through", w.seen, len(events))
	}
	if th := w.engine.NumThreads(); th > 64 {
		t.Errorf("%d threads left in the state after all of them ended", th)
	}
}

func TestWholePathDoesNotAllocateInSteadyState(t *testing.T) {
	events, w := recording(t), newWay(t)
	calm := steady(events)
	w.pass(t, calm)
	if n := testing.AllocsPerRun(5, func() { w.pass(t, calm) }); n > 0 {
		t.Errorf("%.0f allocations for %d events that make no process", n, len(calm))
	}
}

func BenchmarkWholePath(b *testing.B) {
	events, w := recording(b), newWay(b)
	w.pass(b, events)
	b.ReportAllocs()
	for b.Loop() {
		w.pass(b, events)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/event")
}

func BenchmarkWholePathSteady(b *testing.B) {
	all, w := recording(b), newWay(b)
	w.pass(b, all)
	events := steady(all)
	b.ReportAllocs()
	for b.Loop() {
		w.pass(b, events)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/event")
}

// BenchmarkStateAndMatch is the share of state and rules alone.
func BenchmarkStateAndMatch(b *testing.B) {
	raw, w := recording(b), newWay(b)
	events := make([]scap.Event, len(raw))
	for i := range raw {
		if err := events[i].Decode(raw[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range events {
			if ev := w.engine.Process(&events[i]); ev != nil {
				w.matcher.Match(ev)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/event")
}

// BenchmarkRenderAllParameters prints every parameter of every event as text,
// flags by name and descriptors with what they are, behind ring and state.
func BenchmarkRenderAllParameters(b *testing.B) {
	raw, w := recording(b), newWay(b)
	f, err := format.Compile(fields.Default(), "*%evt.type %evt.args")
	if err != nil {
		b.Fatal(err)
	}
	events := make([]scap.Event, len(raw))
	for i := range raw {
		if err := events[i].Decode(raw[i]); err != nil {
			b.Fatal(err)
		}
	}
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		for i := range events {
			if ev := w.engine.Process(&events[i]); ev != nil {
				line, _ = f.AppendText(line[:0], ev)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/event")
}
