// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tiercel/tiercel/agent/output"
)

func entry(format string, args ...any) *output.Entry {
	return &output.Entry{Severity: 3, TimeNS: 42, Rule: "a rule", Source: "syscall", Text: fmt.Appendf(nil, format, args...)}
}

func entries(from, to int) []*output.Entry {
	var out []*output.Entry
	for i := from; i < to; i++ {
		out = append(out, entry("%d", i))
	}
	return out
}

func open(t *testing.T, path string, size int64) (*Dir, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	d := New(path, size, zap.New(core))
	if err := d.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, logs
}

func store(t *testing.T, d *Dir, list []*output.Entry) {
	t.Helper()
	if n, err := d.Append(list); err != nil || n != len(list) {
		t.Fatalf("%d of %d stored, %v", n, len(list), err)
	}
}

// drain takes everything out and returns the texts.
func drain(t *testing.T, d *Dir, limit int) []string {
	t.Helper()
	var out []string
	for {
		list, err := d.Peek(nil, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return out
		}
		for _, e := range list {
			out = append(out, string(e.Text))
		}
		if err := d.Done(len(list)); err != nil {
			t.Fatal(err)
		}
	}
}

// row checks that the texts are the numbers from ... to-1.
func row(t *testing.T, got []string, from, to int) {
	t.Helper()
	if len(got) != to-from {
		t.Fatalf("%d entries, want those from %d to %d: %.200q", len(got), from, to-1, got)
	}
	for i, text := range got {
		if text != fmt.Sprint(from+i) {
			t.Fatalf("entry %d is %s, want %d", i, text, from+i)
		}
	}
}

func TestWhatIsStoredComesOutInOrderAndWhole(t *testing.T) {
	d, _ := open(t, t.TempDir(), 1<<20)
	store(t, d, entries(0, 1000))
	if n, size, dropped := d.Len(); n != 1000 || size < 1000*20 || dropped != 0 {
		t.Errorf("%d entries, %d bytes, %d dropped", n, size, dropped)
	}
	list, err := d.Peek(nil, 1)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if e := list[0]; e.Severity != 3 || e.TimeNS != 42 || e.Rule != "a rule" || e.Source != "syscall" || string(e.Text) != "0" {
		t.Errorf("%+v", e)
	}
	row(t, drain(t, d, 7), 0, 1000) // looking is not taking
	if n, _, _ := d.Len(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestASpoolSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d, _ := open(t, path, 10<<20)
	store(t, d, entries(0, 20000)) // several segments
	list, err := d.Peek(nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	taken := len(list)
	if err := d.Done(taken - 1); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d, logs := open(t, path, 10<<20)
	if logs.FilterMessageSnippet("alerts of an earlier run").Len() != 1 {
		t.Errorf("log: %v", logs.All())
	}
	store(t, d, entries(20000, 20010))
	row(t, drain(t, d, 1000), taken-1, 20010)
	d.Close()
	d, _ = open(t, path, 10<<20) // nothing comes twice
	row(t, drain(t, d, 10), 0, 0)
	store(t, d, entries(0, 5))
	d.Close()
	d, _ = open(t, path, 10<<20) // nor is anything new taken for old
	row(t, drain(t, d, 10), 0, 5)
}

func TestTheOldestMakeRoomAndAreCounted(t *testing.T) {
	path := t.TempDir()
	const size = 1 << 20
	d, _ := open(t, path, size)
	const n = 50000
	for i := 0; i < n; i += 100 {
		store(t, d, entries(i, i+100))
		if _, bytes, _ := d.Len(); bytes > size {
			t.Fatalf("%d bytes", bytes)
		}
	}
	left, _, dropped := d.Len()
	if left+int(dropped) != n || dropped == 0 || left < n/4 {
		t.Errorf("%d left, %d dropped of %d", left, dropped, n)
	}
	onDisk := int64(0)
	files, _ := filepath.Glob(filepath.Join(path, "*.seg"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			onDisk += info.Size()
		}
	}
	if onDisk > size {
		t.Errorf("%d bytes on disk, the bound is %d", onDisk, size)
	}
	row(t, drain(t, d, 500), int(dropped), n)
}

func TestADropWhileEntriesAreOnTheirWayLosesNoLaterOnes(t *testing.T) {
	d, _ := open(t, t.TempDir(), 2*minSegment)
	store(t, d, entries(0, 100))
	list, _ := d.Peek(nil, 10)
	for i := 100; ; i += 100 {
		store(t, d, entries(i, i+100))
		if _, _, dropped := d.Len(); dropped > 0 {
			if err := d.Done(len(list)); err != nil {
				t.Fatal(err)
			}
			row(t, drain(t, d, 100), int(dropped), i+100)
			return
		}
	}
}

func TestAnAlertLargerThanTheSpoolIsRefusedAloneAndOthersAreKept(t *testing.T) {
	d, _ := open(t, t.TempDir(), 1<<20)
	huge := entry("%s", strings.Repeat("x", 2<<20))
	n, err := d.Append([]*output.Entry{entry("0"), entry("1"), huge})
	if n != 2 || !errors.Is(err, ErrFull) {
		t.Errorf("%d stored, %v", n, err)
	}
	row(t, drain(t, d, 10), 0, 2)
}

func TestEntriesLargerThanOneReadComeOut(t *testing.T) {
	d, _ := open(t, t.TempDir(), 64<<20)
	large := strings.Repeat("y", 3<<20)
	store(t, d, []*output.Entry{entry("0"), entry("%s", large), entry("1")})
	if got := drain(t, d, 10); len(got) != 3 || got[1] != large || got[2] != "1" {
		t.Errorf("%d entries", len(got))
	}
}

func TestADamagedSegmentIsDeliveredUpToTheDamage(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(data []byte) []byte
		keep   int // entries before it
	}{
		{"a flipped byte in an entry", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, -1},
		{"cut in the last entry", func(b []byte) []byte { return b[:len(b)-1] }, 99},
		{"a length beyond everything", func(b []byte) []byte { copy(b[len(segmentHead):], "\xff\xff\xff\xff"); return b }, 0},
		{"no head", func(b []byte) []byte { b[0] = 'x'; return b }, 0},
		{"empty", func([]byte) []byte { return nil }, 0},
		{"garbage behind it", func(b []byte) []byte { return append(b, "garbage"...) }, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := t.TempDir()
			d, _ := open(t, path, 1<<20)
			store(t, d, entries(0, 100))
			d.Close()
			file := filepath.Join(path, "0000000000000001.seg")
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, c.damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			d, logs := open(t, path, 1<<20)
			store(t, d, []*output.Entry{entry("new")})
			got := drain(t, d, 1000)
			if got[len(got)-1] != "new" {
				t.Fatalf("got %q", got)
			}
			got = got[:len(got)-1]
			if c.keep < 0 {
				if len(got) == 0 || len(got) >= 100 {
					t.Fatalf("%d entries", len(got))
				}
				c.keep = len(got)
			}
			row(t, got, 0, c.keep)
			if logs.FilterMessageSnippet("is damaged").Len() != 1 {
				t.Errorf("log: %v", logs.All())
			}
		})
	}
}

func TestADamageOfTheDiskWhileRunningIsSkipped(t *testing.T) {
	path := t.TempDir()
	d, logs := open(t, path, 1<<20)
	store(t, d, entries(0, 100))
	f, err := os.OpenFile(filepath.Join(path, "0000000000000001.seg"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("XXXX"), 1000); err != nil {
		t.Fatal(err)
	}
	got := drain(t, d, 10)
	row(t, got, 0, len(got))
	n, _, dropped := d.Len()
	if n != 0 || int(dropped)+len(got) != 100 || dropped == 0 {
		t.Errorf("%d came, %d are dropped, %d left", len(got), dropped, n)
	}
	if logs.FilterMessageSnippet("alerts are lost").Len() != 1 {
		t.Errorf("log: %v", logs.All())
	}
	store(t, d, entries(0, 10))
	row(t, drain(t, d, 10), 0, 10)
}

func TestADamagedPositionMeansFromTheBeginning(t *testing.T) {
	path := t.TempDir()
	d, _ := open(t, path, 1<<20)
	store(t, d, entries(0, 10))
	list, _ := d.Peek(nil, 5)
	_ = d.Done(len(list))
	d.Close()
	if err := os.WriteFile(filepath.Join(path, "position"), []byte("garbage of 20 bytes."), 0o600); err != nil {
		t.Fatal(err)
	}
	d, _ = open(t, path, 1<<20)
	row(t, drain(t, d, 100), 0, 10)
}

func TestASpoolBelongsToOneProcess(t *testing.T) {
	path := t.TempDir()
	d, _ := open(t, path, 1<<20)
	other := New(path, 1<<20, nil)
	if err := other.Open(); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("got %v", err)
	}
	d.Close()
	if err := other.Open(); err != nil {
		t.Errorf("after the other has ended: %v", err)
	}
	other.Close()
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool")
	d, _ := open(t, path, 1<<20)
	store(t, d, entries(0, 1))
	files, _ := filepath.Glob(filepath.Join(path, "*"))
	for _, f := range append(files, path) {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", f, info.Mode())
		}
	}
}

func FuzzSegment(f *testing.F) {
	b := []byte(segmentHead)
	for _, e := range entries(0, 3) {
		b = appendRecord(b, e)
	}
	f.Add(b)
	f.Add(b[:len(b)-3])
	f.Add([]byte(segmentHead + "\xff\xff\xff\x7f0000"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		path := t.TempDir()
		if err := os.WriteFile(filepath.Join(path, "0000000000000007.seg"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		d, _ := open(t, path, 1<<20)
		n, _, _ := d.Len()
		got := drain(t, d, 10)
		_, _, dropped := d.Len()
		if len(got)+int(dropped) != n {
			t.Errorf("%d counted, %d came out, %d dropped", n, len(got), dropped)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	d := New(b.TempDir(), 64<<20, nil)
	if err := d.Open(); err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	batch := make([]*output.Entry, 64)
	for i := range batch {
		batch[i] = entry("%s", strings.Repeat("x", 500))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Append(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "alerts/s")
}
