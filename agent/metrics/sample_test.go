// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

func TestBoardHandsOutCopies(t *testing.T) {
	b := NewBoard()
	var got Sample
	if b.Read(&got) {
		t.Error("read before anything was published")
	}
	publish := func(n uint64) {
		s := b.Begin()
		if s == nil {
			t.Fatal("the board is held by nobody")
		}
		s.Info, s.Events = &Info{Version: "1"}, n
		s.SetRules(2)[1].Matches = n
		s.Outputs = append(s.Outputs[:0], OutputCount{Name: "stdout", Written: n})
		s.Driver.PerCPU[0].Seen = n
		b.Commit()
	}
	publish(1)
	if !b.Read(&got) {
		t.Fatal("nothing to read")
	}
	publish(2)
	if got.Events != 1 || got.Rules[1].Matches != 1 || got.Outputs[0].Written != 1 || got.Driver.PerCPU[0].Seen != 1 {
		t.Errorf("the copy changed: %+v", got)
	}
}

func TestTheWriterNeverWaitsForAReader(t *testing.T) {
	b := NewBoard()
	b.mu.Lock() // a reader that takes its time
	if b.Begin() != nil {
		t.Error("the writer got a board that is being read")
	}
	b.mu.Unlock()
	if b.Begin() == nil {
		t.Error("the writer did not get a free board")
	}
	b.Commit()
}

func TestReadersAndWriterTogether(t *testing.T) {
	b := NewBoard()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			var s Sample
			for {
				select {
				case <-stop:
					return
				default:
				}
				if b.Read(&s) && (s.Events != s.Alerts || s.Events != s.Driver.Seen) {
					t.Errorf("torn: %d %d %d", s.Events, s.Alerts, s.Driver.Seen)
					return
				}
			}
		})
	}
	for n := uint64(1); n < 5000; n++ {
		if s := b.Begin(); s != nil {
			s.Events, s.Alerts, s.Driver.Seen = n, n, n
			b.Commit()
		}
	}
	close(stop)
	wg.Wait()
}

func TestPublishingAllocatesNothing(t *testing.T) {
	b, info := NewBoard(), &Info{}
	stats := scap.Stats{PerCPU: make([]scap.Counters, 64), DropsBySyscall: make([]uint64, 512)}
	ev := scaptest.Named(scap.EvCloseX, 1, 1, scaptest.P{"res": 0, "fd": 3})
	var counts EventCounts
	n := testing.AllocsPerRun(100, func() {
		counts.Count(ev)
		s := b.Begin()
		s.Time, s.Info, s.EventCounts = time.Time{}, info, counts
		s.SetDriver(&stats)
		s.SetRules(100)[99].Matches++
		s.Outputs = append(s.Outputs[:0], OutputCount{Name: "stdout"})
		b.Commit()
	})
	if n > 0.1 { // the first run makes room
		t.Errorf("%v allocations", n)
	}
}

func TestEventsAreCountedUnderTheNamesOfRules(t *testing.T) {
	var c EventCounts
	for _, ev := range []*scap.Event{
		scaptest.Named(scap.EvCloseX, 1, 1, scaptest.P{"res": 0, "fd": 3}),
		scaptest.Named(scap.EvCloseE, 1, 1, scaptest.P{"fd": 3}),
		scaptest.Named(scap.EvOpenatV2X, 1, 1, scaptest.P{"fd": 3}),
		scaptest.Named(scap.EvGenericX, 1, 1, scaptest.P{"ID": uint16(scap.SCGetppid)}),
	} {
		c.Count(ev)
	}
	got := map[string]uint64{}
	for name, n := range c.Names {
		got[name] += n
	}
	want := map[string]uint64{"close": 2, "openat": 1, "getppid": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestEventsInTheMakingAreNotTold(t *testing.T) {
	for _, c := range []struct {
		name                  string
		seen, delivered, want uint64
	}{
		{"all are told", 100, 90, 100},
		{"one is being made", 101, 90, 100},
		{"one was delivered between the reads", 100, 91, 101},
		{"too many to be in the making", 200, 90, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, got := NewBoard(), Sample{}
			s := b.Begin()
			s.HasDriver = true
			s.Driver.Counters = scap.Counters{Seen: c.seen, Delivered: c.delivered, DropsRing: 10}
			s.Driver.PerCPU[0] = s.Driver.Counters
			b.Commit()
			b.Read(&got)
			if got.Driver.Seen != c.want || got.Driver.PerCPU[0].Seen != c.want {
				t.Errorf("seen %d, on the CPU %d, want %d", got.Driver.Seen, got.Driver.PerCPU[0].Seen, c.want)
			}
		})
	}
}

func BenchmarkCount(b *testing.B) {
	var c EventCounts
	ev := scaptest.Named(scap.EvCloseX, 1, 1, scaptest.P{"res": 0, "fd": 3})
	b.ReportAllocs()
	for b.Loop() {
		c.Count(ev)
	}
}
