// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/agent/output"
)

// short is the time that a delivery may take in tests of what hangs.
const short = 30 * time.Millisecond

func entry(format string, args ...any) *output.Entry {
	return &output.Entry{TimeNS: 1e18, Severity: 4, Rule: "a rule", Source: "syscall", Tags: []string{"x", "y"}, Text: fmt.Appendf(nil, format, args...)}
}

func entries(n int) []*output.Entry {
	out := make([]*output.Entry, n)
	for i := range out {
		out[i] = entry("alert %d", i)
	}
	return out
}

// deliver delivers and fails the test on an error.
func deliver(t *testing.T, s output.Sink, list ...*output.Entry) {
	t.Helper()
	if n, err := s.Deliver(t.Context(), list); err != nil || n != len(list) {
		t.Fatalf("%d of %d delivered: %v", n, len(list), err)
	}
}

// refused delivers and expects an error that says so.
func refused(t *testing.T, s output.Sink, want string, list ...*output.Entry) error {
	t.Helper()
	n, err := s.Deliver(t.Context(), list)
	if err == nil || !strings.Contains(err.Error(), want) || n == len(list) {
		t.Fatalf("%d of %d delivered, error %v; want one with %q", n, len(list), err, want)
	}
	return err
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fds counts the open descriptors of this process.
func fds(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// writerFunc is a writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAWriteThatEndsWithinALineSpoilsOneAlertOnly(t *testing.T) {
	var got strings.Builder
	room := 12 // of "alert 0\nalert 1\nalert 2\n"
	w := writerFunc(func(p []byte) (int, error) {
		if room > 0 && len(p) > room {
			n, _ := got.Write(p[:room])
			room = 0
			return n, syscall.ENOSPC
		}
		return got.Write(p)
	})
	var l lines
	n, err := l.write(w, entries(3))
	if n != 1 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := l.write(w, entries(3)[1:]); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if want := "alert 0\naler\nalert 1\nalert 2\n"; got.String() != want {
		t.Errorf("got %q", &got)
	}
}

func TestManyLinesGoOutInOneWrite(t *testing.T) {
	writes := 0
	w := writerFunc(func(p []byte) (int, error) { writes++; return len(p), nil })
	var l lines
	if n, err := l.write(w, entries(500)); n != 500 || err != nil || writes != 1 {
		t.Errorf("%d in %d writes, %v", n, writes, err)
	}
}

func TestStandardOutputThatNobodyReadsIsGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	if err := refused(t, NewStdout(w), "broken pipe", entry("x")); !errors.Is(err, output.ErrGone) {
		t.Errorf("got %v", err)
	}
}

func TestFile(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep_alive %v", keep), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "alerts")
			if err := os.WriteFile(path, []byte("old\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			before := fds(t)
			s := NewFile(path, keep, 0, time.Second)
			clock := time.Unix(1000, 0)
			s.now = func() time.Time { return clock }
			deliver(t, s, entries(2)...)
			if got := read(t, path); got != "old\nalert 0\nalert 1\n" {
				t.Errorf("got %q", got)
			}
			// logrotate: moved away, later alerts go to a new file.
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
			clock = clock.Add(lookEvery)
			deliver(t, s, entry("after"))
			if got := read(t, path); got != "after\n" {
				t.Errorf("after it was moved: %q", got)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if err := os.Rename(path, path+".2"); err != nil {
				t.Fatal(err)
			}
			if err := s.Reopen(); err != nil {
				t.Error(err)
			}
			deliver(t, s, entry("reopened"))
			if got := read(t, path); got != "reopened\n" {
				t.Errorf("after Reopen: %q", got)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if n := fds(t); n != before {
				t.Errorf("%d descriptors, before %d", n, before)
			}
		})
	}
}

func TestAFileThatIsKeptOpenIsNotOpenedEachTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts")
	s := NewFile(path, true, 0o640, time.Second)
	defer s.Close()
	deliver(t, s, entry("1"))
	f := s.f
	deliver(t, s, entry("2"))
	if s.f != f {
		t.Error("it was opened again")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAFileThatCannotBeOpenedIsTriedAgain(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "logs")
	path := filepath.Join(folder, "alerts")
	s := NewFile(path, false, 0, time.Second)
	refused(t, s, "failed to open output file "+path+": no such file or directory", entry("x"))
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	deliver(t, s, entry("x"))
}

func TestAFullDisk(t *testing.T) {
	s := NewFile("/dev/full", true, 0, time.Second)
	defer s.Close()
	refused(t, s, "write /dev/full: no space left on device", entries(3)...)
}

func TestAFullFileSystemThatGetsRoomAgainLosesNothing(t *testing.T) {
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("this needs root, to mount a small file system: %v", err)
	}
	defer func() { _ = unix.Unmount(folder, unix.MNT_DETACH) }()
	filler, path := filepath.Join(folder, "filler"), filepath.Join(folder, "alerts")
	s := NewFile(path, true, 0, time.Second)
	defer s.Close()
	if err := os.WriteFile(filler, make([]byte, 60<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	list := make([]*output.Entry, 20)
	for i := range list {
		list[i] = entry("%02d %s", i, strings.Repeat("x", 997))
	}
	n, err := s.Deliver(t.Context(), list)
	if err == nil || !errors.Is(err, syscall.ENOSPC) || n == len(list) {
		t.Fatalf("%d delivered, %v", n, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	deliver(t, s, list[n:]...)
	whole := 0
	for _, line := range strings.Split(read(t, path), "\n") {
		if len(line) == 1000 && strings.HasPrefix(line, fmt.Sprintf("%02d ", whole)) {
			whole++
		}
	}
	if whole != len(list) {
		t.Errorf("%d whole alerts of %d", whole, len(list))
	}
}

func TestAFIFOWithoutReaderHoldsUpNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewFile(path, true, 0, short)
	defer s.Close()
	refused(t, s, "nobody reads this FIFO", entry("x"))

	r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	deliver(t, s, entry("hello"))
	b := make([]byte, 100)
	if n, err := r.Read(b); err != nil || string(b[:n]) != "hello\n" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	// A reader that does not read fills it: that ends too.
	large := entry("%s", strings.Repeat("x", 1<<20))
	refused(t, s, "i/o timeout", large)
}

func TestCancellingEndsAWriteToAFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := NewFile(path, true, 0, time.Hour)
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	if _, err := s.Deliver(ctx, []*output.Entry{entry("%s", strings.Repeat("x", 1<<20))}); err == nil {
		t.Error("a megabyte went into a FIFO that nobody reads")
	}
}

// hubOf runs a hub for the test with one sink.
func hubOf(t *testing.T, o output.HubOptions, s ...output.Sink) *output.Hub {
	t.Helper()
	h := output.NewHub(o, s...)
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { h.Close(nil, time.Second) }) })
	return h
}

func TestTenThousandAlertsASecondReachAFileWithoutLoss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts")
	h := hubOf(t, output.HubOptions{}, NewFile(path, false, 0, time.Second))
	const seconds, rate, burst = 1, 10000, 100
	message := strings.Repeat("m", 400)
	start := time.Now()
	ticker := time.NewTicker(time.Second * burst / rate)
	defer ticker.Stop()
	for i := range seconds * rate / burst {
		for j := range burst {
			h.Offer(&output.Alert{TimeNS: 1e18, Priority: "Error", Rule: "r", Source: "syscall", Message: fmt.Appendf(nil, "%06d %s", i*burst+j, message)})
		}
		<-ticker.C
	}
	h.Close(nil, time.Minute)
	took := time.Since(start)
	texts := strings.Split(strings.TrimSuffix(read(t, path), "\n"), "\n")
	if len(texts) != seconds*rate {
		t.Fatalf("%d alerts in the file, want %d", len(texts), seconds*rate)
	}
	for i, text := range texts {
		if !strings.Contains(text, fmt.Sprintf(": Error %06d mmm", i)) {
			t.Fatalf("line %d is %.60q", i, text)
		}
	}
	if s := h.Stats(nil)[0]; s.Dropped+s.Failed != 0 {
		t.Errorf("%+v", s)
	}
	t.Logf("%d alerts in %v", len(texts), took)
}

func BenchmarkAlertsToAFile(b *testing.B) {
	for _, keep := range []bool{false, true} {
		b.Run(fmt.Sprintf("keep_alive=%v", keep), func(b *testing.B) {
			h := output.NewHub(output.HubOptions{}, NewFile(filepath.Join(b.TempDir(), "alerts"), keep, 0, time.Second))
			a := &output.Alert{TimeNS: 1e18, Priority: "Error", Rule: "r", Source: "syscall", Message: []byte(strings.Repeat("m", 400))}
			b.ReportAllocs()
			for b.Loop() {
				if !h.OfferWithin(a, time.Minute) {
					b.Fatal("no room")
				}
			}
			h.Close(nil, time.Minute)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
			if s := h.Stats(nil)[0]; s.Delivered != uint64(b.N) {
				b.Fatalf("%+v", s)
			}
		})
	}
}
