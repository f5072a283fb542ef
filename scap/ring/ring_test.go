// SPDX-License-Identifier: Apache-2.0

package ring_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
	"github.com/tiercel/tiercel/scap/ring/ringtest"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// host is a reader over synthetic rings with a clock that the test sets.
type host struct {
	t     testing.TB
	now   uint64
	cpus  []*ringtest.Producer
	rd    *ring.Reader
	batch scap.Batch
}

func newHost(t testing.TB, rings int, cfg ring.Config) *host {
	t.Helper()
	h := &host{t: t, now: 1_000_000_000}
	var rs []*ring.Ring
	for i := range rings {
		p, err := ringtest.New(os.Getpagesize())
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Ring(uint16(i))
		if err != nil {
			t.Fatal(err)
		}
		h.cpus, rs = append(h.cpus, p), append(rs, r)
		t.Cleanup(func() { _ = p.Close() })
	}
	if cfg.Clock == nil {
		cfg.Clock = func() uint64 { return h.now }
	}
	if cfg.Slack == 0 {
		cfg.Slack = 1
	}
	rd, err := ring.NewReader(rs, cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.rd = rd
	t.Cleanup(func() { _ = rd.Close() })
	return h
}

// event is the wire form of a close event: small, and with a result that
// tells the events of a test apart.
func event(ts uint64, tid, mark int64) []byte {
	return scaptest.NamedBytes(scap.EvCloseX, ts, tid, scaptest.P{"res": mark})
}

func (h *host) put(cpu int, ts uint64, tid, mark int64) {
	h.t.Helper()
	if !h.cpus[cpu].Write(event(ts, tid, mark)) {
		h.t.Fatal("ring full")
	}
}

// read returns the marks of the next batch.
func (h *host) read() []int64 {
	h.t.Helper()
	if err := h.rd.Next(&h.batch, 0); err != nil {
		h.t.Fatal(err)
	}
	marks := []int64{}
	for i := range h.batch.Events {
		m, _ := h.batch.Events[i].Int(0)
		marks = append(marks, m)
	}
	h.rd.Release(&h.batch)
	return marks
}

func (h *host) expect(want ...int64) {
	h.t.Helper()
	if got := h.read(); !slices.Equal(got, want) {
		h.t.Fatalf("got events %v, want %v", got, want)
	}
}

func TestEventsOfManyRingsComeInTheOrderOfTime(t *testing.T) {
	h := newHost(t, 3, ring.Config{})
	h.put(0, 10, 1, 1)
	h.put(0, 40, 1, 4)
	h.put(1, 20, 2, 2)
	h.put(1, 50, 2, 5)
	h.put(2, 30, 3, 3)
	h.put(2, 60, 3, 6)
	h.expect(1, 2, 3, 4, 5, 6)
	h.expect()
}

func TestAnEventNamesTheRingItCameFrom(t *testing.T) {
	h := newHost(t, 2, ring.Config{})
	h.put(1, 10, 1, 1)
	if err := h.rd.Next(&h.batch, 0); err != nil {
		t.Fatal(err)
	}
	if cpu := h.batch.Events[0].CPU; cpu != 1 {
		t.Errorf("CPU %d", cpu)
	}
}

func TestEventsNewerThanTheWatermarkWait(t *testing.T) {
	h := newHost(t, 2, ring.Config{Slack: 100})
	h.put(0, h.now-200, 1, 1)
	h.put(0, h.now-100, 1, 2) // exactly at the watermark: not older
	h.put(1, h.now-150, 2, 3)
	h.expect(1, 3)
	h.expect()
	h.now++
	h.expect(2)
}

func TestARingNeedNotBeSorted(t *testing.T) {
	h := newHost(t, 2, ring.Config{})
	for _, ts := range []uint64{30, 10, 20, 60, 40, 50} {
		h.put(0, ts, 1, int64(ts))
	}
	h.put(1, 35, 2, 35)
	h.expect(10, 20, 30, 35, 40, 50, 60)
	if late := h.rd.Counters().Late; late != 0 {
		t.Errorf("%d late", late)
	}
}

func TestAWhollyReversedRingIsSorted(t *testing.T) {
	h := newHost(t, 1, ring.Config{MaxEvents: 100})
	var want []int64
	for i := range 60 {
		h.put(0, uint64(1000-i), 1, int64(1000-i))
		want = append([]int64{int64(1000 - i)}, want...)
	}
	h.expect(want...)
}

func TestEqualTimesKeepTheOrderOfTheRing(t *testing.T) {
	h := newHost(t, 1, ring.Config{})
	h.put(0, 20, 1, 1)
	h.put(0, 10, 1, 2)
	h.put(0, 10, 1, 3)
	h.put(0, 20, 1, 4)
	h.expect(2, 3, 1, 4)
}

func TestLateEventsAreDeliveredAndCounted(t *testing.T) {
	h := newHost(t, 2, ring.Config{})
	h.put(0, 100, 1, 1)
	h.expect(1)
	h.put(1, 50, 2, 2)
	h.put(1, 150, 2, 3)
	h.expect(2, 3)
	if h.batch.Late != 1 || h.rd.Counters().Late != 1 {
		t.Errorf("late: batch %d, reader %d; want 1, 1", h.batch.Late, h.rd.Counters().Late)
	}
}

func TestBatchesAreBoundedAndARoundGoesOn(t *testing.T) {
	h := newHost(t, 2, ring.Config{MaxEvents: 3})
	for i := range 8 {
		h.put(i%2, uint64(10+i), int64(i%2), int64(i))
	}
	h.expect(0, 1, 2)
	// Not older than the round's clock reading: has to wait for the next one.
	h.put(0, h.now+5, 9, 99)
	h.now += 10
	h.expect(3, 4, 5)
	h.expect(6, 7)
	h.expect(99)
	if r := h.rd.Counters().Rounds; r != 2 {
		t.Errorf("%d rounds, want 2", r)
	}
}

func TestDiscardedRecordsAreSkipped(t *testing.T) {
	h := newHost(t, 1, ring.Config{})
	h.put(0, 10, 1, 1)
	r, _ := h.cpus[0].Reserve(64)
	r.Discard()
	h.put(0, 20, 1, 2)
	h.expect(1, 2)
	h.expect()
	if c := h.rd.Counters(); c.Truncated != 0 || c.Delivered != 2 {
		t.Errorf("counters %+v", c)
	}
	h.drained()
}

// drained checks that the producers got everything back.
func (h *host) drained() {
	h.t.Helper()
	for i, p := range h.cpus {
		if c, pr := p.Positions(); c != pr {
			h.t.Errorf("ring %d: consumer at %d, producer at %d", i, c, pr)
		}
	}
}

func TestABusyRecordHoldsItsRingUp(t *testing.T) {
	h := newHost(t, 1, ring.Config{})
	h.put(0, 10, 1, 1)
	b := event(20, 1, 2)
	r, _ := h.cpus[0].Reserve(len(b))
	h.put(0, 30, 1, 3)
	h.expect(1)
	h.expect()
	copy(r.Data, b)
	r.Submit()
	h.expect(2, 3)
	h.drained()
}

// Thread 7 made event 2 behind somebody's busy record and then, on another
// CPU, event 3: the thread's order must hold although the other ring is free.
func TestWhatABusyRecordHidesHoldsTheOtherRingsUp(t *testing.T) {
	h := newHost(t, 2, ring.Config{})
	b := event(15, 1, 1)
	r, _ := h.cpus[0].Reserve(len(b))
	h.put(0, 20, 7, 2)
	h.put(1, 10, 2, 0)
	h.put(1, 30, 7, 3)
	h.expect(0)
	h.expect()
	if held := h.rd.Counters().Held; held == 0 {
		t.Error("no round counted as held")
	}
	copy(r.Data, b)
	r.Submit()
	h.expect(1, 2, 3)
}

func TestARecordThatStaysBusyDoesNotStopTheOtherRings(t *testing.T) {
	h := newHost(t, 2, ring.Config{})
	_, _ = h.cpus[0].Reserve(40)
	h.put(0, 20, 7, 2)
	h.put(1, 30, 7, 3)
	h.expect()
	h.now += uint64(time.Second)
	h.expect(3)
}

func TestRecordsThatCrossTheEndAreWhole(t *testing.T) {
	h := newHost(t, 1, ring.Config{MaxEvents: 7})
	var want, got []int64
	for i := range int64(2000) {
		h.put(0, uint64(100+i), 1, i)
		want = append(want, i)
		if i%5 == 0 {
			got = append(got, h.read()...)
		}
	}
	for m := h.read(); len(m) > 0; m = h.read() {
		got = append(got, m...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d events, want %d in order", len(got), len(want))
	}
}

func TestARingMayStartLateInItsLife(t *testing.T) {
	p, err := ringtest.New(os.Getpagesize())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	const start = 1<<32 - 64 // the low half of the positions wraps at once
	p.SetPositions(start, start)
	r, err := p.Ring(0)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, now: 1 << 40, cpus: []*ringtest.Producer{p}}
	h.rd, err = ring.NewReader([]*ring.Ring{r}, ring.Config{Clock: func() uint64 { return h.now }, Slack: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer h.rd.Close()
	h.put(0, 10, 1, 1)
	h.put(0, 30, 1, 3)
	h.put(0, 20, 1, 2)
	h.expect(1, 2, 3)
	h.drained()
}

func TestMemoryIsGivenBackOnlyAtRelease(t *testing.T) {
	h := newHost(t, 1, ring.Config{})
	h.put(0, 10, 1, 1)
	before, _ := h.cpus[0].Positions()
	if err := h.rd.Next(&h.batch, 0); err != nil {
		t.Fatal(err)
	}
	if c, _ := h.cpus[0].Positions(); c != before {
		t.Error("given back while borrowed")
	}
	if err := h.rd.Next(&scap.Batch{}, 0); err == nil {
		t.Error("a second batch was handed out before the release of the first")
	}
	h.rd.Release(&h.batch)
	h.drained()
}

// In an unsorted ring a delivered record may lie behind one that waits, and
// the next one that is due may do so too.
func TestAWaitingRecordIsNotGivenBackWithItsSuccessors(t *testing.T) {
	h := newHost(t, 1, ring.Config{MaxEvents: 1})
	h.put(0, 30, 1, 3)
	h.put(0, 10, 1, 1)
	h.put(0, 20, 1, 2)
	before, _ := h.cpus[0].Positions()
	for _, m := range []int64{1, 2} {
		h.expect(m)
		if c, _ := h.cpus[0].Positions(); c != before {
			t.Errorf("the waiting record was given back with event %d", m)
		}
	}
	h.expect(3)
	h.drained()
}

func TestCloseEndsAWaitAndIsFinal(t *testing.T) {
	h := newHost(t, 1, ring.Config{MinPause: time.Hour, MaxPause: time.Hour})
	done := make(chan error)
	go func() {
		var b scap.Batch
		done <- h.rd.Next(&b, time.Hour)
	}()
	runtime.Gosched() // to let it wait; when it does not yet, the test holds as well
	if err := h.rd.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Errorf("Next returned %v", err)
	}
	if err := h.rd.Next(&h.batch, 0); !errors.Is(err, io.EOF) {
		t.Errorf("Next after Close returned %v", err)
	}
	if err := h.rd.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestCloseLeavesABorrowedBatchReadable(t *testing.T) {
	h := newHost(t, 1, ring.Config{})
	h.put(0, 10, 1, 77)
	if err := h.rd.Next(&h.batch, 0); err != nil {
		t.Fatal(err)
	}
	if err := h.rd.Close(); err != nil {
		t.Fatal(err)
	}
	if m, _ := h.batch.Events[0].Int(0); m != 77 {
		t.Errorf("event changed: %d", m)
	}
	h.rd.Release(&h.batch)
}

func TestNextWaitsNoLongerThanAsked(t *testing.T) {
	h := newHost(t, 1, ring.Config{})
	start := time.Now()
	if err := h.rd.Next(&h.batch, 30*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if len(h.batch.Events) != 0 {
		t.Error("events out of nothing")
	}
	if d := time.Since(start); d < 20*time.Millisecond {
		t.Errorf("came back after %v", d)
	}
	// An idle reader must not spin: 30 ms are 1, 2, 4, 8 and 15 ms of pauses.
	if n := h.rd.Counters().Rounds; n > 12 {
		t.Errorf("%d rounds in 30 ms of nothing", n)
	}
}

func TestPausesGrowWhileLittleComesAndMoreWhileNothingDoes(t *testing.T) {
	const pause = 2 * time.Millisecond
	rounds := func(trickle bool) uint64 {
		h := newHost(t, 1, ring.Config{MinPause: pause, MaxPause: pause, IdlePause: 16 * pause})
		for end := time.Now().Add(80 * time.Millisecond); time.Now().Before(end); {
			if trickle {
				h.put(0, 10, 1, 1)
			}
			if err := h.rd.Next(&h.batch, 40*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			h.rd.Release(&h.batch)
		}
		return h.rd.Counters().Rounds
	}
	// On a busy machine all pauses are long: then they are counted once more.
	for end := time.Now().Add(time.Minute); ; {
		few, many := rounds(false), rounds(true)
		if few <= 12 && many >= 2*few {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d rounds while nothing came, %d while little came", few, many)
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	h := newHost(t, 4, ring.Config{})
	events := make([][]byte, 16)
	run := func() {
		for i := range events {
			h.now += 10
			events[i] = events[i][:0]
			b := wire[:]
			putTime(b, h.now)
			h.cpus[i%4].Write(b)
		}
		h.now += 10
		if err := h.rd.Next(&h.batch, 0); err != nil {
			t.Fatal(err)
		}
		if len(h.batch.Events) != len(events) {
			t.Fatalf("%d events", len(h.batch.Events))
		}
		h.rd.Release(&h.batch)
	}
	run()
	if n := testing.AllocsPerRun(200, run); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

func TestBootClockTellsTheTimeOfDay(t *testing.T) {
	d := time.Duration(int64(ring.BootClock(ring.BootOffset())()) - time.Now().UnixNano())
	if d.Abs() > time.Second {
		t.Errorf("off by %v", d)
	}
}

func ExampleReader() {
	p, _ := ringtest.New(os.Getpagesize())
	defer p.Close()
	p.Write(scaptest.Bytes(scap.EvCloseX, 1000, 42, 0, 3))
	r, _ := p.Ring(0)
	rd, _ := ring.NewReader([]*ring.Ring{r}, ring.Config{Clock: func() uint64 { return 1 << 60 }})
	defer rd.Close()
	var b scap.Batch
	_ = rd.Next(&b, time.Second)
	for i := range b.Events {
		fmt.Println(b.Events[i].TID(), b.Events[i].Type())
	}
	rd.Release(&b)
	// Output: 42 close
}
