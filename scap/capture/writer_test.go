// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/scap"
)

// disk is a file on a disk that has room for so many bytes.
type disk struct {
	bytes.Buffer
	room  int
	calls int
}

func (d *disk) Write(p []byte) (int, error) {
	d.calls++
	n := min(len(p), d.room-d.Len())
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (d *disk) Truncate(size int64) error {
	d.Buffer.Truncate(int(size))
	return nil
}

// noise is an event that does not compress.
func noise(tb testing.TB, seed uint64) *scap.Event {
	tb.Helper()
	data := make([]byte, 400)
	for i := range data {
		seed = seed*6364136223846793005 + 1442695040888963407
		data[i] = byte(seed >> 33)
	}
	return event(tb, scap.EvWriteX, seed, 7, p64(80), data, p64(1), p32(80))
}

func TestAFullDiskLeavesAReadableCaptureAndOneError(t *testing.T) {
	for _, compress := range []bool{false, true} {
		for _, room := range []int{1 << 20, 3 << 20} {
			t.Run(fmt.Sprintf("compress %v, room %d", compress, room), func(t *testing.T) {
				d := &disk{room: room}
				w, err := NewWriter(d, sampleTables(), WriterOptions{Compress: compress})
				if err != nil {
					t.Fatal(err)
				}
				const count = 12000
				failures := 0
				for i := range uint64(count) {
					if err := w.Write(noise(t, i)); err != nil {
						if failures++; !errors.Is(err, syscall.ENOSPC) {
							t.Error(err)
						}
					}
				}
				calls := d.calls
				for _, f := range []func() error{w.Flush, w.Close, w.Close} {
					if err := f(); err != nil {
						failures++
					}
				}
				if failures != 1 || d.calls != calls {
					t.Errorf("%d errors, want 1; %d writes after it", failures, d.calls-calls)
				}
				// The file is whole: not even its last block is missing.
				got, r, err := read(t, d.Bytes(), Options{})
				if err != nil {
					t.Fatal(err)
				}
				s := w.Stats()
				if s.Events != count || uint64(len(got)) != s.Events-s.Lost || len(got) == 0 && room > 2*gzipMember {
					t.Errorf("%d events in the file, counters %+v", len(got), s)
				}
				if used := d.Len(); used < room-2*gzipMember {
					t.Errorf("only %d of %d bytes are used", used, room)
				}
				sameTables(t, sampleTables(), r.Tables())
			})
		}
	}
}

func TestNoRoomEvenForTheTables(t *testing.T) {
	if _, err := NewWriter(&disk{room: 100}, sampleTables(), WriterOptions{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsNoEventIsNotWritten(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, nil, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(new(scap.Event)); err == nil {
		t.Error("no error for an empty event")
	}
	if err := errors.Join(w.Write(sampleEvents(t)[0]), w.Close()); err != nil {
		t.Error(err)
	}
	if err := w.Write(sampleEvents(t)[0]); err != nil {
		t.Error("after Close:", err)
	}
	if s := w.Stats(); s.Events != 3 || s.Lost != 2 || s.Files != 1 || s.Bytes != uint64(out.Len()) {
		t.Errorf("counters %+v, %d bytes", s, out.Len())
	}
}

func TestCompatibleCapturesLackWhatOlderToolsDoNotTake(t *testing.T) {
	events := []*scap.Event{
		event(t, scap.EvSocketX, 1, 7, p64(3), p32(2), p32(1), p32(0), p32(4096)),
		event(t, scap.EvFcntlX, 2, 7, p64(0), p64(3), p8(4), p64(9)),
		event(t, scap.EvCloseX, 3, 7, p64(0), p64(3)),
	}
	got, r, err := read(t, write(t, nil, WriterOptions{Compatible: true}, events...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := describeAll([]*scap.Event{
		event(t, scap.EvSocketX, 1, 7, p64(3), p32(2), p32(1), p32(0), p32(0)),
		event(t, scap.EvFcntlX, 2, 7, p64(0), p64(3), p8(4), p64(0)),
		events[2],
	})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if n := r.Stats().Converted; n != 2 {
		t.Errorf("%d events were converted, want 2: the parameters are not in the file", n)
	}
}

func TestAFlushedCaptureCanBeRead(t *testing.T) {
	for _, compress := range []bool{false, true} {
		var out bytes.Buffer
		w, err := NewWriter(&out, sampleTables(), WriterOptions{Compress: compress})
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range sampleEvents(t) {
			if err := errors.Join(w.Write(e), w.Flush()); err != nil {
				t.Fatal(err)
			}
			got, _, err := read(t, out.Bytes(), Options{})
			if len(got) != i+1 || err != nil && !(compress && errors.Is(err, ErrTruncated)) {
				t.Errorf("compress %v: %d events after %d, %v", compress, len(got), i+1, err)
			}
		}
	}
}

func TestWritingAllocatesNothing(t *testing.T) {
	events := sampleEvents(t)
	w, err := NewWriter(new(devNull), nil, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := Record(filepath.Join(t.TempDir(), "x.scap"), RecordOptions{MaxSize: 1 << 30, MaxEvents: 1 << 40, MaxTime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	for name, write := range map[string]func(*scap.Event) error{"Writer": w.Write, "Recorder": rec.Write} {
		n := testing.AllocsPerRun(5000, func() {
			for _, e := range events {
				if err := write(e); err != nil {
					t.Fatal(err)
				}
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a run", name, n)
		}
	}
}

type devNull struct{}

func (devNull) Write(p []byte) (int, error) { return len(p), nil }

// record records count events, 1 ms after each other, and returns the names of
// the files and the events in each.
func record(t *testing.T, path string, o RecordOptions, count int) ([]string, []int) {
	t.Helper()
	rec, err := Record(path, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		e := event(t, scap.EvCloseX, uint64(i)*1e6, 7, p64(0), p64(int64(i)))
		if err := rec.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	if s := rec.Stats(); s.Events != uint64(count) || s.Lost != 0 {
		t.Errorf("counters %+v", s)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var events []int
	next := int64(-1)
	for _, e := range entries {
		r, err := Open(filepath.Join(filepath.Dir(path), e.Name()), Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := readAll(r, func(_ int, e *scap.Event) {
			n++
			fd, _ := e.Int(1)
			if next >= 0 && fd != next {
				t.Errorf("event %d after %d", fd, next-1)
			}
			next = fd + 1
		}); err.Error() != "EOF" {
			t.Errorf("%s: %v", e.Name(), err)
		}
		if len(r.Tables().Threads) != 2 {
			t.Errorf("%s has no tables", e.Name())
		}
		names, events = append(names, e.Name()), append(events, n)
		r.Close()
	}
	if next != int64(count) {
		t.Errorf("the last event is %d", next-1)
	}
	return names, events
}

func TestRotation(t *testing.T) {
	tables := func() (*Tables, error) { return sampleTables(), nil }
	for _, tc := range []struct {
		name   string
		path   string
		o      RecordOptions
		files  string
		events string
	}{
		{"none", "t.scap", RecordOptions{}, "t.scap", "[10]"},
		{"by events", "t.scap", RecordOptions{MaxEvents: 4}, "t.00001.scap t.00002.scap t.00003.scap", "[4 4 2]"},
		{"by time", "t.scap.gz", RecordOptions{WriterOptions: WriterOptions{Compress: true}, MaxTime: 5 * time.Millisecond}, "t.00001.scap.gz t.00002.scap.gz", "[5 5]"},
		{"by size", "t", RecordOptions{MaxSize: int64(len(write(t, sampleTables(), WriterOptions{}))) + 3*60}, "t.00001 t.00002 t.00003 t.00004", "[3 3 3 1]"},
		{"the last two are kept", "t.scap", RecordOptions{MaxEvents: 2, MaxFiles: 2}, "t.00004.scap t.00005.scap", "[2 2]"},
		{"no empty file at the end", "t.scap", RecordOptions{MaxEvents: 5}, "t.00001.scap t.00002.scap", "[5 5]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.o.Tables = tables
			names, events := record(t, filepath.Join(t.TempDir(), tc.path), tc.o, 10)
			if strings.Join(names, " ") != tc.files || fmt.Sprint(events) != tc.events {
				t.Errorf("files %v with %v events, want %s with %s", names, events, tc.files, tc.events)
			}
		})
	}
}

func TestACompressedRecordingRotatesBySizeOnDisk(t *testing.T) {
	dir := t.TempDir()
	rec, err := Record(filepath.Join(dir, "t.scap"), RecordOptions{WriterOptions: WriterOptions{Compress: true}, MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(12000) {
		if err := rec.Write(noise(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := os.ReadDir(dir)
	if len(files) < 2 {
		t.Errorf("%d files for %d bytes", len(files), rec.Stats().Bytes)
	}
	for _, f := range files {
		if i, err := f.Info(); err != nil || i.Size() > 1<<20+(writeBuffers+2)*writeBuffer || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, mode %v, %v", f.Name(), i.Size(), i.Mode(), err)
		}
	}
}

func TestARecordingThatFailsGoesOnAsACounter(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full:", err)
	}
	rec, err := Record("/dev/full", RecordOptions{MaxFiles: 1})
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	for i := range uint64(5000) {
		if err := rec.Write(noise(t, i)); err != nil {
			if failures++; !errors.Is(err, syscall.ENOSPC) {
				t.Error(err)
			}
		}
	}
	for _, f := range []func() error{rec.Flush, rec.Close, rec.Close} {
		if err := f(); err != nil {
			failures++
		}
	}
	if s := rec.Stats(); failures != 1 || s.Events != 5000 || s.Lost != 5000 {
		t.Errorf("%d errors, want 1; counters %+v", failures, s)
	}
}

func TestFailuresWhileAFileIsBegun(t *testing.T) {
	if _, err := Record(filepath.Join(t.TempDir(), "no", "such", "folder"), RecordOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if _, err := Record("-", RecordOptions{MaxEvents: 1}); err == nil {
		t.Error("standard output cannot rotate, but no error")
	}
	dir := t.TempDir()
	broken, calls := errors.New("no tables today"), 0
	rec, err := Record(filepath.Join(dir, "t"), RecordOptions{MaxEvents: 1, Tables: func() (*Tables, error) {
		if calls++; calls > 2 {
			return nil, broken
		}
		return nil, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	for i := range uint64(5) {
		errs = append(errs, rec.Write(noise(t, i)))
	}
	errs = append(errs, rec.Close())
	if s := rec.Stats(); !errors.Is(errs[2], broken) || errors.Join(errs[0], errs[1], errs[3], errs[4], errs[5]) != nil || s.Events != 5 || s.Lost != 3 {
		t.Errorf("errors %v, counters %+v", errs, s)
	}
	for _, name := range []string{"t.00001", "t.00002"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := read(t, b, Options{}); err != nil || len(got) != 1 {
			t.Errorf("%s: %d events, %v", name, len(got), err)
		}
	}
}
