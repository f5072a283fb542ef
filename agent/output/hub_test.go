// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// collector is a sink that keeps what it is given. It waits for gate when there
// is one, and fails as fail says.
type collector struct {
	name string
	gate chan struct{}
	fail func(text string) error

	mu       sync.Mutex
	got      []string
	reopened int
	closed   bool
	writes   int
	changed  chan struct{} // has room for one
}

func newCollector(name string) *collector {
	return &collector{name: name, changed: make(chan struct{}, 1)}
}

func (c *collector) Name() string { return c.name }

func (c *collector) Deliver(ctx context.Context, entries []*Entry) (int, error) {
	if c.gate != nil {
		select {
		case <-c.gate:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.tell()
	c.writes++
	for i, e := range entries {
		if c.fail != nil {
			if err := c.fail(string(e.Text)); err != nil {
				return i, err
			}
		}
		c.got = append(c.got, string(e.Text))
	}
	return len(entries), nil
}

func (c *collector) tell() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *collector) Reopen() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reopened++
	c.tell()
	return nil
}

func (c *collector) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}

func (c *collector) Farewell(text []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, string(text))
	return nil
}

func (c *collector) MayGather() bool { return true }

// until waits until the condition holds for what was collected.
func (c *collector) until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		c.mu.Lock()
		ok := cond()
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-c.changed:
		case <-timeout:
			t.Fatalf("%s: not within a minute; got %q", what, c.got)
		}
	}
}

// alert returns an alert with a message that does not depend on the time.
func alert(format string, args ...any) *Alert {
	return &Alert{TimeNS: 1e18, Priority: "Error", Rule: "r", Source: "syscall", Message: fmt.Appendf(nil, format, args...)}
}

// message takes the time and the priority off a text.
func message(text string) string {
	_, text, _ = strings.Cut(text, ": Error ")
	return text
}

func messages(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = message(text)
	}
	return out
}

func watched() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.DebugLevel)
	return zap.New(core), logs
}

func logged(logs *observer.ObservedLogs, part string) int {
	n := 0
	for _, e := range logs.All() {
		if strings.Contains(e.Message, part) {
			n++
		}
	}
	return n
}

func TestEveryOutputGetsEveryAlertInOrder(t *testing.T) {
	a, b := newCollector("a"), newCollector("b")
	h := NewHub(HubOptions{}, a, b)
	const n = 5000
	for i := range n {
		if !h.OfferWithin(alert("%d", i), 5*time.Second) {
			t.Fatal("no room")
		}
	}
	if left := h.Close(nil, 5*time.Second); left != 0 {
		t.Errorf("%d left", left)
	}
	for _, c := range []*collector{a, b} {
		if len(c.got) != n || !c.closed {
			t.Fatalf("%s: %d alerts, closed %v", c.name, len(c.got), c.closed)
		}
		for i, text := range c.got {
			if message(text) != fmt.Sprint(i) {
				t.Fatalf("%s: alert %d is %q", c.name, i, text)
			}
		}
	}
	for _, s := range h.Stats(nil) {
		if s.Delivered != n || s.Dropped+s.Failed != 0 || s.Queued != 0 {
			t.Errorf("stats: %+v", s)
		}
	}
}

func TestASlowOutputBlocksNoOtherAndItsLossesAreCountedAndTold(t *testing.T) {
	slow, fast := newCollector("slow"), newCollector("fast")
	slow.gate = make(chan struct{})
	log, logs := watched()
	h := NewHub(HubOptions{Capacity: 100, Log: log, Timeout: time.Millisecond}, slow, fast)
	const n = 2000
	refused := 0
	for i := range n {
		a := alert("%d", i)
		for !h.workers[1].q.hasRoom(100) {
			runtime.Gosched()
		}
		if !h.Offer(a) {
			refused++
		}
	}
	fast.until(t, "all alerts at the fast one", func() bool { return len(fast.got) == n })
	for h.workers[1].busyFor(time.Now().Add(time.Hour)) > 0 { // its last delivery has not returned yet
		runtime.Gosched()
	}
	if refused == 0 || h.Dropped() != uint64(refused) {
		t.Errorf("%d refused, %d counted", refused, h.Dropped())
	}
	now := time.Now().Add(time.Second)
	for range 3 {
		if err := h.Check(now); err != nil {
			t.Error(err)
		}
	}
	for part, want := range map[string]int{
		`"slow" output timeout, all output channels are blocked`:          1,
		`Outputs queue out of memory. Drop event and continue on ...`:     1,
		fmt.Sprintf("slow: %d alerts were lost because this ou", refused): 1,
		"fast": 0,
	} {
		if got := logged(logs, part); got != want {
			t.Errorf("%q is logged %d times, want %d: %v", part, got, want, logs.All())
		}
	}
	close(slow.gate)
	h.Close(nil, 5*time.Second)
	if got := len(slow.got) + refused; got != n {
		t.Errorf("%d delivered and %d refused of %d", len(slow.got), refused, n)
	}
}

func TestClosingDoesNotWaitForABlockedSink(t *testing.T) {
	stuck, out := newCollector("stuck"), newCollector("stdout")
	stuck.gate = make(chan struct{})
	log, logs := watched()
	h := NewHub(HubOptions{Log: log}, stuck, out)
	for range 5 {
		h.Offer(alert("x"))
	}
	for h.workers[1].delivered.Load() < 5 { // not by a busy machine
		runtime.Gosched()
	}
	if left := h.Close([]byte("bye"), 10*time.Millisecond); left != 5 {
		t.Errorf("%d left, want 5", left)
	}
	<-h.workers[1].done
	if logged(logs, "output channels still blocked, discarding all remaining notifications") != 1 {
		t.Errorf("log: %v", logs.All())
	}
	if len(out.got) != 6 || out.got[5] != "bye" {
		t.Errorf("standard output has %q", out.got)
	}
	if h.Offer(alert("late")) {
		t.Error("a closed hub took an alert")
	}
}

func TestAtTheEndAnOutputThatFailsGetsOneMoreTryAndNoWait(t *testing.T) {
	c := newCollector("c")
	c.fail = func(string) error { c.tell(); return errors.New("no") }
	log, logs := watched()
	h := NewHub(HubOptions{Log: log}, c)
	for range 1000 {
		h.Offer(alert("x"))
	}
	for !h.workers[0].down.Load() {
		runtime.Gosched()
	}
	start := time.Now()
	if left := h.Close(nil, time.Hour); left != 0 || time.Since(start) > time.Minute {
		t.Errorf("%d left after %v", left, time.Since(start))
	}
	if s := h.Stats(nil)[0]; s.Failed != 1000 || s.Queued != 0 {
		t.Errorf("%+v", s)
	}
	if logged(logs, "c: 1000 alerts could not be delivered") != 1 || logged(logs, "still blocked") != 0 {
		t.Errorf("log: %v", logs.All())
	}
}

func TestTheFarewellGoesToStandardOutputEvenIfThatIsNoOutput(t *testing.T) {
	var out bytes.Buffer
	h := NewHub(HubOptions{Stdout: &out})
	h.Close([]byte("bye\n"), time.Second)
	if out.String() != "bye\n" {
		t.Errorf("got %q", &out)
	}
}

func TestAFailedAlertIsTriedAgainAndThenCounted(t *testing.T) {
	c := newCollector("c")
	trouble := 2
	c.fail = func(text string) error {
		switch {
		case strings.HasSuffix(text, "never"):
			return &Failure{Err: errors.New("refused"), Lost: true}
		case strings.HasSuffix(text, "later") && trouble > 0:
			trouble--
			return errors.New("not yet")
		}
		return nil
	}
	log, logs := watched()
	h := NewHub(HubOptions{Log: log}, c)
	for _, m := range []string{"first", "never", "later", "last"} {
		h.Offer(alert("%s", m))
	}
	c.until(t, "all that can be delivered", func() bool { return len(c.got) == 3 })
	h.Close(nil, time.Second)
	if got := strings.Join(messages(c.got), " "); got != "first later last" {
		t.Errorf("got %s", got)
	}
	s := h.Stats(nil)[0]
	if s.Failed != 1 || s.Delivered != 3 {
		t.Errorf("%+v", s)
	}
	if logged(logs, "c: refused") != 1 || logged(logs, "not yet") != 0 || logged(logs, "c: alerts get through again") != 1 {
		t.Errorf("log: %v", logs.All())
	}
}

func TestAnAlertIsGivenUpAfterItsTries(t *testing.T) {
	c := newCollector("c")
	tried := 0
	c.fail = func(text string) error {
		if strings.HasSuffix(text, "poison") {
			tried++
			return errors.New("no")
		}
		return nil
	}
	h := NewHub(HubOptions{}, c)
	h.Offer(alert("poison"))
	h.Offer(alert("good"))
	c.until(t, "the alert behind it", func() bool { return len(c.got) == 1 })
	h.Close(nil, time.Second)
	if tried != 1+retries || h.Stats(nil)[0].Failed != 1 {
		t.Errorf("tried %d times, %+v", tried, h.Stats(nil))
	}
}

func TestFailuresAreToldOfOnceInAWhile(t *testing.T) {
	log, logs := watched()
	clock := time.Unix(1000, 0)
	r := &reporter{name: "c", log: log, now: func() time.Time { return clock }}
	for range 100 {
		r.failed(errors.New("no"))
	}
	clock = clock.Add(reportEvery)
	r.failed(&Failure{Err: errors.New("whole line"), Bare: true})
	want := []string{"c: no", "whole line (and 99 failures before)"}
	if len(logs.All()) != 2 || logs.All()[0].Message != want[0] || logs.All()[1].Message != want[1] {
		t.Errorf("log: %v", logs.All())
	}
}

func TestWhenNobodyReadsAnyOutputTheHubSaysSo(t *testing.T) {
	gone, other := newCollector("stdout"), newCollector("file")
	gone.fail = func(string) error { return fmt.Errorf("broken pipe: %w", ErrGone) }
	both := NewHub(HubOptions{}, gone, other)
	defer both.Close(nil, time.Second)
	both.Offer(alert("1"))
	other.until(t, "the other output", func() bool { return len(other.got) == 1 })
	for !both.workers[0].gone.Load() {
		runtime.Gosched()
	}
	if err := both.Check(time.Now()); err != nil {
		t.Errorf("there is another output, but: %v", err)
	}
	if !both.Offer(alert("2")) {
		t.Error("an output that is gone refuses alerts")
	}
	alone := NewHub(HubOptions{}, gone)
	defer alone.Close(nil, time.Second)
	alone.Offer(alert("1"))
	for !alone.workers[0].gone.Load() {
		runtime.Gosched()
	}
	if err := alone.Check(time.Now()); !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
}

func TestReopenReachesEveryOutputAtRest(t *testing.T) {
	a, b := newCollector("a"), newCollector("b")
	h := NewHub(HubOptions{}, a, b)
	defer h.Close(nil, time.Second)
	h.Reopen()
	for _, c := range []*collector{a, b} {
		c.until(t, "reopened", func() bool { return c.reopened == 1 })
	}
}

func TestBufferedOutputsGather(t *testing.T) {
	c := newCollector("c")
	h := NewHub(HubOptions{Buffered: true}, c)
	for i := range 100 {
		h.Offer(alert("%d", i))
		runtime.Gosched()
	}
	h.Close(nil, time.Second)
	if len(c.got) != 100 || c.writes > 2 {
		t.Errorf("%d alerts in %d deliveries", len(c.got), c.writes)
	}
}

func TestAlertsAreOfferedFromSeveralGoroutines(t *testing.T) {
	c := newCollector("c")
	h := NewHub(HubOptions{}, c)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				h.Offer(alert("x"))
			}
		})
	}
	wg.Wait()
	h.Close(nil, 5*time.Second)
	if len(c.got) != 2000 {
		t.Errorf("%d alerts", len(c.got))
	}
}

// counter is a sink that only counts.
type counter struct{ n atomic.Uint64 }

func (c *counter) Name() string { return "counter" }
func (c *counter) Deliver(_ context.Context, entries []*Entry) (int, error) {
	c.n.Add(uint64(len(entries)))
	return len(entries), nil
}
func (c *counter) Reopen() error { return nil }
func (c *counter) Close() error  { return nil }

func TestOfferingAllocatesNothing(t *testing.T) {
	sinks := []*counter{{}, {}, {}}
	h := NewHub(HubOptions{}, sinks[0], sinks[1], sinks[2])
	defer h.Close(nil, time.Second)
	sent := uint64(0)
	offer := func() {
		h.Offer(&sample)
		sent++
		for _, s := range sinks { // let them give the memory back
			for s.n.Load() < sent {
				runtime.Gosched()
			}
		}
	}
	for range 100 {
		offer()
	}
	if n := testing.AllocsPerRun(500, offer); n > 0 {
		t.Errorf("%v allocations an alert", n)
	}
}

func BenchmarkOfferToThreeOutputs(b *testing.B) {
	h := NewHub(HubOptions{}, &counter{}, &counter{}, &counter{})
	defer h.Close(nil, time.Second)
	b.ReportAllocs()
	for b.Loop() {
		h.Offer(&sample)
	}
	b.ReportMetric(float64(h.Dropped())/float64(b.N), "dropped/op")
}
