// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/agent/output"
)

// TestAllTroubleAtOnce gives a hub every output that can be in trouble, and one
// that works.
func TestAllTroubleAtOnce(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := unix.Mkfifo(in("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	hanging := newEndpoint(t, plainServer)
	hanging.hang = true
	goroutines, descriptors := runtime.NumGoroutine(), fds(t)
	sinks := []output.Sink{
		NewFile(in("fifo"), true, 0, time.Second),
		NewFile("/dev/full", false, 0, time.Second),
		NewFile(in("no/such/folder"), false, 0, time.Second),
		NewSyslog(in("no-syslog"), time.Second),
		NewJournald(in("no-journal"), time.Second),
		NewUnixStream(in("no-socket"), time.Second),
		NewUnixDatagram(in("no-socket"), time.Second),
		client(t, HTTPOptions{URL: hanging.URL, Timeout: time.Hour}),
		program("exec sleep 1000", true),
		program("exec sleep 1000", false),
		program("exit 1", true),
		program("/nonexistent", true),
		NewFile(in("alerts"), false, 0, time.Second),
	}
	core, logs := observer.New(zapcore.DebugLevel)
	h := output.NewHub(output.HubOptions{Capacity: 5000, Log: zap.New(core), Timeout: 50 * time.Millisecond}, sinks...)
	const n = 4000
	text := []byte(strings.Repeat("x", 500))
	start := time.Now()
	for range n {
		h.Offer(&output.Alert{TimeNS: 1e18, Priority: "Error", Rule: "r", Message: text})
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("offering %d alerts took %v", n, took)
	}
	last := len(sinks) - 1
	until(t, "the output that works", func() bool { return h.Stats(nil)[last].Delivered == n })
	if got := strings.Count(read(t, in("alerts")), "\n"); got != n {
		t.Errorf("%d alerts in the file", got)
	}
	until(t, "the watchdog", func() bool {
		_ = h.Check(time.Now())
		return logs.FilterMessage(`"http" output timeout, all output channels are blocked`).Len() == 1 &&
			logs.FilterMessage(`"program" output timeout, all output channels are blocked`).Len() >= 1
	})
	start = time.Now()
	left := h.Close(nil, 300*time.Millisecond)
	if took := time.Since(start); left == 0 || took > time.Minute {
		t.Errorf("%d left after %v", left, took)
	}
	for i, s := range h.Stats(nil) {
		if i != last && s.Delivered == n {
			t.Errorf("%s (%d) delivered everything", s.Name, i)
		}
	}
	for _, want := range []string{
		"nobody reads this FIFO", "no space left on device", "failed to open output file", "no syslog daemon", "no journal", "connect to",
		"the program ended right after its start", "output channels still blocked, discarding all remaining notifications",
	} {
		if logs.FilterMessageSnippet(want).Len() == 0 {
			t.Errorf("the log does not tell of %q", want)
		}
	}
	if n := logs.Len(); n > 60 {
		t.Errorf("%d lines of log", n)
	}
	hanging.CloseClientConnections()
	until(t, "no goroutine or descriptor is left", func() bool {
		return runtime.NumGoroutine() <= goroutines && fds(t) <= descriptors
	})
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, path := range tasks {
		if b, err := os.ReadFile(path); err == nil && len(strings.TrimSpace(string(b))) > 0 {
			t.Errorf("children are left: %s", b)
		}
	}
}

// tried counts the deliveries of a file.
type tried struct {
	*File
	times atomic.Int64
}

func (s *tried) Deliver(ctx context.Context, entries []*output.Entry) (int, error) {
	s.times.Add(1)
	return s.File.Deliver(ctx, entries)
}

func TestAFullDiskThatGetsRoomLosesNothingThatTheQueueHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	s := &tried{File: NewFile(path, false, 0, time.Second)}
	h := output.NewHub(output.HubOptions{Capacity: 100, Log: zap.NewNop(), Timeout: time.Second}, s)
	for range 10 {
		h.Offer(&output.Alert{TimeNS: 1e18, Priority: "Error", Rule: "r", Message: []byte("x")})
	}
	until(t, "more tries than other outputs make", func() bool {
		h.Reopen() // tries at once
		return s.times.Load() > 20
	})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	until(t, "the alerts", func() bool {
		h.Reopen()
		return h.Stats(nil)[0].Delivered == 10
	})
	h.Close(nil, time.Second)
	if got := strings.Count(read(t, path), "\n"); got != 10 {
		t.Errorf("%d alerts in the file, want 10", got)
	}
}
