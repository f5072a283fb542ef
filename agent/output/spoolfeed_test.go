// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/agent/output/spool"
)

// endpoint is a sink with a spool that may be away.
type endpoint struct {
	dir *spool.Dir

	mu     sync.Mutex
	away   bool
	refuse string // the text that is never taken
	got    []string
}

func (e *endpoint) Name() string        { return "endpoint" }
func (e *endpoint) Spool() output.Spool { return e.dir }
func (e *endpoint) Retries() int        { return 1 }
func (e *endpoint) Reopen() error       { return nil }
func (e *endpoint) Close() error        { return nil }

func (e *endpoint) Deliver(_ context.Context, entries []*output.Entry) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return 0, errors.New("away")
	}
	for i, entry := range entries {
		_, text, _ := strings.Cut(string(entry.Text), ": Error ")
		if text == e.refuse {
			return i, &output.Failure{Err: errors.New("no"), Refused: true}
		}
		e.got = append(e.got, text)
	}
	return len(entries), nil
}

func (e *endpoint) set(away bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away = away
}

func (e *endpoint) texts() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.got...)
}

func offer(t *testing.T, h *output.Hub, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		a := output.Alert{TimeNS: 1e18, Priority: "Error", Rule: "r", Message: fmt.Append(nil, i)}
		if !h.OfferWithin(&a, 5*time.Second) {
			t.Fatal("no room")
		}
	}
}

func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 5 s", what)
		}
	}
}

func inOrder(t *testing.T, got []string, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d alerts, want %d", len(got), n)
	}
	for i, text := range got {
		if text != fmt.Sprint(i) {
			t.Fatalf("alert %d is %s", i, text)
		}
	}
}

func TestASpoolHoldsWhatAnEndpointThatIsAwayCannotTakeAcrossARestart(t *testing.T) {
	path := t.TempDir()
	const n = 3000
	away := &endpoint{dir: spool.New(path, 16<<20, nil), away: true}
	h := output.NewHub(output.HubOptions{Capacity: 100}, away)
	offer(t, h, 0, n)
	wait(t, "everything is on disk", func() bool { return h.Stats(nil)[0].Spooled == n })
	start := time.Now()
	if left := h.Close(nil, time.Hour); left != 0 || time.Since(start) > time.Minute {
		t.Errorf("%d left after %v", left, time.Since(start))
	}
	if s := h.Stats(nil)[0]; s.Delivered+s.Failed+s.Dropped != 0 {
		t.Errorf("%+v", s)
	}

	back := &endpoint{dir: spool.New(path, 16<<20, nil), away: true}
	h = output.NewHub(output.HubOptions{}, back)
	offer(t, h, n, n+100)
	wait(t, "the new ones are on disk", func() bool { return h.Stats(nil)[0].Spooled == n+100 })
	back.set(false)
	wait(t, "the spool is empty", func() bool { return h.Stats(nil)[0].Spooled == 0 })
	if left := h.Close(nil, time.Minute); left != 0 {
		t.Errorf("%d left", left)
	}
	inOrder(t, back.texts(), n+100)
}

func TestWhatIsRefusedDoesNotHoldUpASpoolForEver(t *testing.T) {
	e := &endpoint{dir: spool.New(t.TempDir(), 1<<20, nil), refuse: "0"}
	h := output.NewHub(output.HubOptions{}, e)
	offer(t, h, 0, 3)
	wait(t, "those behind it", func() bool { return len(e.texts()) == 2 })
	h.Close(nil, time.Minute)
	if s := h.Stats(nil)[0]; s.Failed != 1 || s.Delivered != 2 || s.Spooled != 0 {
		t.Errorf("%+v", s)
	}
}

func TestASpoolThatAnotherHubStillHoldsIsTakenOver(t *testing.T) {
	path := t.TempDir()
	first := &endpoint{dir: spool.New(path, 1<<20, nil)}
	second := &endpoint{dir: spool.New(path, 1<<20, nil)}
	a := output.NewHub(output.HubOptions{}, first)
	offer(t, a, 0, 1)
	wait(t, "the first alert", func() bool { return len(first.texts()) == 1 })
	b := output.NewHub(output.HubOptions{}, second)
	offer(t, b, 0, 1)
	a.Close(nil, 5*time.Second)
	wait(t, "the second hub", func() bool { return len(second.texts()) == 1 })
	b.Close(nil, 5*time.Second)
}

func TestASpoolThatCannotBeOpenedHoldsUpNothing(t *testing.T) {
	e := &endpoint{dir: spool.New("/proc/nonexistent/spool", 1<<20, nil)}
	h := output.NewHub(output.HubOptions{Capacity: 10}, e)
	for i := range 50 {
		h.Offer(&output.Alert{Priority: "Error", Message: fmt.Append(nil, i)})
	}
	if left := h.Close(nil, 100*time.Millisecond); left != 10 || h.Dropped() != 40 {
		t.Errorf("%d left, %d dropped", left, h.Dropped())
	}
}
