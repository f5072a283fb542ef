// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

func TestARecordingCanBeReadWhileItGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.scap")
	rec, err := Record(path, RecordOptions{MaxEvents: 100, MaxFiles: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if want := strings.Replace(path, "t.scap", "t.00001.scap", 1); rec.Path() != want {
		t.Errorf("path %s, want %s", rec.Path(), want)
	}
	for i, e := range sampleEvents(t) {
		if err := errors.Join(rec.Write(e), rec.Flush()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(rec.Path())
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := read(t, b, Options{}); err != nil || len(got) != i+1 {
			t.Errorf("%d events after %d, %v", len(got), i+1, err)
		}
	}
}

func TestVeryLargeEventsAreRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.scap")
	rec, err := Record(path, RecordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range uint64(40) {
		e := event(t, scap.EvPlugineventE, i, -1, p32(9), make([]byte, i*writeBuffer/8))
		want = append(want, describe(e))
		if err := rec.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	_ = readAll(r, func(_ int, e *scap.Event) {
		if describe(e) != want[n] {
			t.Errorf("event %d differs", n)
		}
		n++
	})
	if n != len(want) {
		t.Errorf("%d events, want %d", n, len(want))
	}
}

// TestARealDiskFills records to a small file system of its own.
func TestARealDiskFills(t *testing.T) {
	for _, compress := range []bool{false, true} {
		dir := t.TempDir()
		if err := unix.Mount("capture-test", dir, "tmpfs", 0, "size=4m"); err != nil {
			t.Skip("cannot mount a file system that fills up (root can):", err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		path := filepath.Join(dir, "t.scap")
		rec, err := Record(path, RecordOptions{WriterOptions: WriterOptions{Compress: compress}})
		if err != nil {
			t.Fatal(err)
		}
		failures := 0
		for i := range uint64(30000) {
			if err := rec.Write(noise(t, i)); err != nil {
				if failures++; !errors.Is(err, syscall.ENOSPC) {
					t.Error(err)
				}
			}
		}
		if err := rec.Close(); err != nil {
			failures++
		}
		r, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := uint64(0)
		if err := readAll(r, func(int, *scap.Event) { n++ }); err.Error() != "EOF" {
			t.Errorf("compress %v: the file that is left: %v", compress, err)
		}
		r.Close()
		if s := rec.Stats(); failures != 1 || n != s.Events-s.Lost || n < 1000 || s.Lost < 1000 {
			t.Errorf("compress %v: %d errors, %d events in the file, counters %+v", compress, failures, n, s)
		}
	}
}
