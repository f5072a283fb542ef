// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/agent/replay"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/state"
)

const (
	base = uint64(1_700_000_000_000_000_000)
	ms   = uint64(1_000_000)
)

// host is an event loop: a model, a capturer, and the rules that match.
type host struct {
	t       *testing.T
	dir     string
	engine  *state.Engine
	c       *Capturer
	logs    *observer.ObservedLogs
	emitted []output.Alert
}

func init() { closeWithin = time.Minute } // a busy machine is no blocked disk

func newHost(t *testing.T, o Options) *host {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	h := &host{t: t, dir: t.TempDir(), engine: state.New(state.Options{}), logs: logs}
	if o.Prefix == "" {
		o.Prefix = filepath.Join(h.dir, "cap")
	}
	if o.PastBytes == 0 {
		o.PastBytes = 1 << 20
	}
	o.Emit = func(a *output.Alert) {
		b := *a
		b.Message, b.Fields, b.Detail = append([]byte(nil), a.Message...), append([]byte(nil), a.Fields...), append([]byte(nil), a.Detail...)
		h.emitted = append(h.emitted, b)
	}
	h.c = New(o, h.engine, zap.New(core))
	return h
}

// see lets the loop look at an event that the given rules match.
func (h *host) see(ev *scap.Event, matches ...*rules.Rule) {
	sev := h.engine.Process(ev)
	for _, r := range matches {
		h.c.OnMatch(r)
	}
	h.c.OnEvent(sev)
}

func exec(at uint64, tid int64, name string) *scap.Event {
	return scaptest.Named(scap.EvExecveV19X, base+at*ms, tid, scaptest.P{
		"res": 0, "exe": "/bin/" + name, "args": []string{"-x"}, "tid": tid, "pid": tid, "ptid": 1, "comm": name, "cwd": "/root",
	})
}

func openAt(at uint64, tid, fd int64, name string) *scap.Event {
	return scaptest.Named(scap.EvOpenatV2X, base+at*ms, tid, scaptest.P{"fd": fd, "dirfd": -100, "name": name, "flags": 1, "mode": 0})
}

func closeFD(at uint64, tid, fd int64) *scap.Event {
	return scaptest.Named(scap.EvCloseX, base+at*ms, tid, scaptest.P{"res": 0, "fd": fd})
}

// files ends the captures and returns their names, in order.
func (h *host) files() []string {
	h.t.Helper()
	h.c.Close()
	list, err := filepath.Glob(filepath.Join(h.dir, "*.scap"))
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// play replays a capture and returns a line for each event: its time after
// base in ms, the process, the type and the descriptor's name.
func play(t *testing.T, path string) []string {
	t.Helper()
	p, err := replay.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !p.Info().Compressed {
		t.Errorf("%s is not compressed", path)
	}
	e := replay.NewEngine(1000)
	var out []string
	var batch scap.Batch
	for {
		err := p.Next(&batch, 0)
		p.Sync(e)
		for i := range batch.Events {
			ev := e.Process(&batch.Events[i])
			line := fmt.Sprint((ev.Timestamp() - base) / ms)
			if ev.Thread != nil {
				line += " " + ev.Thread.Comm
			}
			line += " " + ev.Type().Info().Name
			if ev.FD != nil {
				line += " " + ev.FD.Name
			}
			out = append(out, line)
		}
		p.Release(&batch)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

var (
	wants  = &rules.Rule{Name: "wants", Capture: true}
	wants2 = &rules.Rule{Name: "wants more", Capture: true, CaptureDuration: 300 * time.Millisecond}
	plainR = &rules.Rule{Name: "plain", CaptureDuration: 500 * time.Millisecond}
)

func TestACaptureHoldsTheAlertWhatFollowsAndTheNamesOfBefore(t *testing.T) {
	h := newHost(t, Options{Duration: 100 * time.Millisecond})
	h.see(exec(0, 100, "cat"))
	h.see(openAt(1, 100, 5, "/etc/passwd"))
	h.see(openAt(10, 100, 6, "/etc/shadow"), wants)
	h.see(closeFD(20, 100, 5)) // opened before the capture, but its name is known
	h.see(exec(110, 200, "ls"))
	h.see(exec(111, 300, "late"))
	list := h.files()
	if len(list) != 1 {
		t.Fatalf("files: %q", list)
	}
	if want := FileName(filepath.Join(h.dir, "cap"), base+10*ms, 3); list[0] != want {
		t.Errorf("name %s, want %s", list[0], want)
	}
	got := play(t, list[0])
	want := []string{"10 cat openat /etc/shadow", "20 cat close /etc/passwd", "110 ls execve"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if info, err := os.Stat(list[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if n := h.logs.FilterMessage("Capture is enabled in mode 'rules'. Capturing events to " + filepath.Join(h.dir, "cap")).Len(); n != 1 {
		t.Errorf("log: %v", h.logs.All())
	}
}

func TestWhichMatchesBeginAndExtendACapture(t *testing.T) {
	for _, c := range []struct {
		name string
		all  bool
		run  func(h *host)
		want []string // of each file: the times of its events
	}{
		{"a rule without capture begins none", false, func(h *host) { h.see(exec(0, 1, "a"), plainR) }, nil},
		{"in mode all_rules it does", true, func(h *host) {
			h.see(exec(0, 1, "a"), plainR)
			h.see(exec(499, 1, "a"))
			h.see(exec(500, 1, "a"))
			h.see(exec(501, 1, "a"))
		}, []string{"0 499 500"}},
		{"any match makes it longer", false, func(h *host) {
			h.see(exec(0, 1, "a"), wants)
			h.see(exec(50, 1, "a"), plainR)
			h.see(exec(550, 1, "a"))
			h.see(exec(551, 1, "a"))
		}, []string{"0 50 550"}},
		{"a shorter one does not make it shorter", false, func(h *host) {
			h.see(exec(0, 1, "a"), wants2)
			h.see(exec(1, 1, "a"), wants)
			h.see(exec(300, 1, "a"))
		}, []string{"0 1 300"}},
		{"all rules that match the first event count", false, func(h *host) {
			h.see(exec(0, 1, "a"), plainR, wants)
			h.see(exec(500, 1, "a"))
		}, []string{"0 500"}},
		{"one after the other", false, func(h *host) {
			h.see(exec(0, 1, "a"), wants)
			h.see(exec(200, 1, "a"))
			h.see(exec(300, 1, "a"))
			h.see(exec(400, 1, "a"), wants)
			h.see(exec(401, 1, "a"))
		}, []string{"0 200", "400 401"}},
		{"a match on the event that ends it extends it", false, func(h *host) {
			h.see(exec(0, 1, "a"), wants)
			h.see(exec(100, 1, "a"), wants)
			h.see(exec(200, 1, "a"))
		}, []string{"0 100 200"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, Options{Duration: 100 * time.Millisecond, AllRules: c.all})
			c.run(h)
			var got []string
			for _, path := range h.files() {
				var times []string
				for _, line := range play(t, path) {
					at, _, _ := strings.Cut(line, " ")
					times = append(times, at)
				}
				got = append(got, strings.Join(times, " "))
			}
			if strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTheRecentPastComesFirst(t *testing.T) {
	h := newHost(t, Options{Duration: 50 * time.Millisecond, Past: 100 * time.Millisecond})
	for at := uint64(0); at < 200; at += 10 {
		h.see(exec(at, 1, "a"))
	}
	h.see(exec(200, 2, "b"), wants)
	h.see(exec(250, 2, "b"))
	h.see(exec(260, 2, "c"))
	h.see(exec(270, 2, "d"), wants) // its past begins behind the first capture's alert
	list := h.files()
	if len(list) != 2 {
		t.Fatalf("files: %q", list)
	}
	got := play(t, list[0])
	if len(got) != 12 || got[0] != "100 a execve" || got[9] != "190 a execve" || got[10] != "200 b execve" || got[11] != "250 b execve" {
		t.Errorf("got %q", got)
	}
	if got := play(t, list[1]); strings.Join(got, "|") != "200 b execve|250 b execve|260 c execve|270 d execve" {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(list[0], fmt.Sprintf("_%020d_%020d.scap", base+200*ms, 21)) {
		t.Errorf("the name is that of the alert: %s", list[0])
	}
}

func TestThePastIsBounded(t *testing.T) {
	h := newHost(t, Options{Duration: time.Millisecond, Past: time.Hour, PastBytes: 64 << 10})
	const n = 5000
	for at := range uint64(n) {
		h.see(exec(at, 1, "a"))
	}
	h.see(exec(n, 1, "b"), wants)
	got := play(t, h.files()[0])
	if len(got) < 50 || len(got) > 1000 || got[len(got)-1] != fmt.Sprintf("%d b execve", n) || got[len(got)-2] != fmt.Sprintf("%d a execve", n-1) {
		t.Errorf("%d events, the last ones %q", len(got), got[max(0, len(got)-2):])
	}
}

func TestALargeCaptureEndsAndIsToldOf(t *testing.T) {
	for _, replayed := range []bool{true, false} {
		t.Run(fmt.Sprintf("replay %v", replayed), func(t *testing.T) {
			h := newHost(t, Options{Duration: time.Hour, MaxMB: 1, Replay: replayed})
			h.see(exec(0, 1, "a"), wants)
			noise := make([]byte, 2000)
			state := uint32(1)
			for at := uint64(1); at < 100000 && len(h.emitted) == 0; at++ {
				for i := range noise {
					state = state*1664525 + 1013904223
					noise[i] = 'a' + byte(state>>24)%26
				}
				h.see(openAt(at, 1, 5, "/"+string(noise)))
				for h.c.w.made == chunks && len(h.c.w.free) == 0 && !replayed {
					time.Sleep(time.Millisecond) // this test is not about slow disks
				}
			}
			list := h.files()
			if len(h.emitted) != 1 || len(list) != 1 {
				t.Fatalf("%d messages, files %q", len(h.emitted), list)
			}
			info, err := os.Stat(list[0])
			if err != nil || info.Size() < 1<<20 || info.Size() > 12<<20 {
				t.Errorf("size %d, %v", info.Size(), err)
			}
			a := h.emitted[0]
			var size int
			if _, err := fmt.Sscanf(string(a.Fields), `{"max_file_size_mb":1,"written_bytes":%d}`, &size); err != nil || size < 1<<20 {
				t.Errorf("fields %s: %v", a.Fields, err)
			}
			if string(a.Message) != "Falco internal: capture size limit reached. Configured limit: 1 MB." || a.Rule != sizeRule || a.Priority != "Informational" || !a.Internal {
				t.Errorf("%+v", a)
			}
			if want := fmt.Sprintf("max_file_size_mb=1 written_bytes=%d", size); string(a.Detail) != want {
				t.Errorf("detail %s, want %s", a.Detail, want)
			}
			if len(play(t, list[0])) < 100 {
				t.Error("it does not hold what it should")
			}
		})
	}
}

func TestContainersAreInTheCapture(t *testing.T) {
	h := newHost(t, Options{Duration: time.Second})
	h.see(exec(0, 1, "a"), wants)
	h.c.OnContainer(&container.Info{ID: "0123456789ab", FullID: strings.Repeat("0123456789ab", 5) + "0123", Name: "web", Image: "nginx"}, false)
	h.see(exec(1, 1, "a"))
	p, err := replay.Open(h.files()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	e := replay.NewEngine(100)
	var batch scap.Batch
	for err == nil {
		err = p.Next(&batch, 0)
		p.Sync(e)
		for i := range batch.Events {
			e.Process(&batch.Events[i])
		}
		p.Release(&batch)
	}
	if c := e.Containers().Get("0123456789ab"); c == nil || c.Info() == nil || c.Info().Name != "web" {
		t.Errorf("the container is not known: %v", c)
	}
}

func TestWithoutEventsACaptureEndsByTheClock(t *testing.T) {
	h := newHost(t, Options{Duration: time.Second})
	h.see(exec(0, 1, "a"), wants)
	h.c.Tick(time.Unix(0, int64(base)).Add(1900 * time.Millisecond))
	if h.c.cur == nil {
		t.Error("it ended too early")
	}
	h.c.Tick(time.Unix(0, int64(base)).Add(2 * time.Second))
	if h.c.cur != nil {
		t.Error("it goes on")
	}
	h.c.Close()
}

func TestACaptureThatCannotBeWrittenIsToldOfAndTheLoopGoesOn(t *testing.T) {
	for _, c := range []struct {
		name, prefix string
		free         uint64
		want         string
	}{
		{"no such folder", "/nonexistent/folder/x", 0, "/nonexistent/folder: no such file or directory"},
		{"too little room", "", 1 << 60, "too little room is left on its file system (capture.min_free_mb)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, Options{Duration: time.Second, Prefix: c.prefix, MinFree: c.free})
			h.see(exec(0, 1, "a"), wants)
			for at := uint64(1); at < 100; at++ {
				h.see(exec(at, 1, "a"))
			}
			if list := h.files(); len(list) != 0 {
				t.Errorf("files: %q", list)
			}
			if h.logs.FilterMessageSnippet(c.want).Len() != 1 || h.c.Stats().Failed != 1 {
				t.Errorf("log: %v, %+v", h.logs.All(), h.c.Stats())
			}
		})
	}
}

func TestAFileThatIsThereIsNotOverwritten(t *testing.T) {
	h := newHost(t, Options{Duration: time.Second})
	path := FileName(filepath.Join(h.dir, "cap"), base, 1)
	victim := filepath.Join(h.dir, "victim")
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	h.see(exec(0, 1, "a"), wants)
	h.files()
	if _, err := os.Stat(victim); err == nil {
		t.Error("a link was followed")
	}
	if h.logs.FilterMessageSnippet("file exists").Len() != 1 {
		t.Errorf("log: %v", h.logs.All())
	}
}

func TestAFullDiskEndsACaptureThatStaysReadable(t *testing.T) {
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("this needs root, to mount a small file system: %v", err)
	}
	defer func() { _ = unix.Unmount(folder, unix.MNT_DETACH) }()
	h := newHost(t, Options{Duration: time.Hour, Prefix: filepath.Join(folder, "x"), Replay: true})
	h.see(exec(0, 1, "a"), wants)
	state := uint32(1)
	noise := make([]byte, 4000)
	for at := uint64(1); at < 3000; at++ {
		for i := range noise {
			state = state*1664525 + 1013904223
			noise[i] = 'a' + byte(state>>24)%26
		}
		h.see(openAt(at, 1, 5, "/"+string(noise)))
	}
	h.c.Close()
	list, _ := filepath.Glob(filepath.Join(folder, "*.scap"))
	if len(list) != 1 {
		t.Fatalf("files: %q", list)
	}
	if got := play(t, list[0]); len(got) < 100 || got[0] != "0 a execve" {
		t.Errorf("%d events", len(got))
	}
	if h.logs.FilterMessageSnippet("too little room").Len() != 1 {
		t.Errorf("log: %v", h.logs.All())
	}
}

func TestASlowDiskLosesEventsOfTheCaptureAndHoldsUpNobody(t *testing.T) {
	h := newHost(t, Options{Duration: time.Hour})
	close(h.c.w.jobs)
	h.c.w = newWriter(true, h.c.log)
	h.c.w.inline = false // nobody does the work
	h.see(exec(0, 1, "a"), wants)
	large := strings.Repeat("x", 4000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for at := uint64(1); at < 5000; at++ {
			h.see(openAt(at, 1, 5, "/"+large))
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the loop waits for the disk")
	}
	if s := h.c.Stats(); s.Lost == 0 {
		t.Errorf("%+v", s)
	}
	for range maxFiles + 1 { // further captures are not begun
		h.c.finish()
		h.see(exec(1, 1, "a"), wants)
		if h.c.cur == nil {
			break
		}
	}
	if s := h.c.Stats(); s.Skipped != 1 || h.logs.FilterMessageSnippet("captures were not begun").Len() != 1 {
		t.Errorf("%+v, log %v", s, h.logs.All())
	}
}

func TestNoCapturerDoesNothing(t *testing.T) {
	var c *Capturer
	c.OnMatch(wants)
	c.OnEvent(nil)
	c.OnContainer(nil, false)
	c.Tick(time.Now())
	c.Close()
	if c.Stats() != (Stats{}) {
		t.Error("it counts")
	}
}

func TestEventsThatAreNotCapturedAllocateNothing(t *testing.T) {
	for _, past := range []time.Duration{0, time.Second} {
		h := newHost(t, Options{Duration: time.Second, Past: past})
		ev := h.engine.Process(exec(0, 1, "a"))
		if n := testing.AllocsPerRun(1000, func() { h.c.OnEvent(ev) }); n > 0 {
			t.Errorf("past %v: %v allocations an event", past, n)
		}
		h.c.Close()
	}
}

func BenchmarkOnEvent(b *testing.B) {
	for _, past := range []time.Duration{0, time.Second} {
		b.Run(fmt.Sprintf("past=%v", past), func(b *testing.B) {
			e := state.New(state.Options{})
			c := New(Options{Duration: time.Second, Past: past, PastBytes: 8 << 20}, e, nil)
			defer c.Close()
			ev := e.Process(openAt(0, 1, 5, "/etc/passwd"))
			b.ReportAllocs()
			for b.Loop() {
				c.OnEvent(ev)
			}
		})
	}
}

func FuzzCopies(f *testing.F) {
	f.Add(appendCopy(appendCopy(nil, exec(0, 1, "a")), openAt(1, 1, 5, "/x")))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var ev scap.Event
		for len(b) > 0 {
			rest, err := nextCopy(b, &ev)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			b = rest
		}
	})
}
