// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/scap"
)

// small is a capture of a few hundred bytes, and where its blocks begin.
func small(t *testing.T, o WriterOptions) (file []byte, blocks []int, want []string) {
	t.Helper()
	events := sampleEvents(t)
	tables := &Tables{Users: sampleTables().Users, Threads: sampleTables().Threads[1:]}
	file = write(t, tables, o, events...)
	plain := write(t, tables, WriterOptions{}, events...)
	for s := (&stream{buf: plain, end: len(plain)}); s.buffered() > 0; {
		blocks = append(blocks, s.pos)
		_, n := s.head()
		s.pos += int(n)
	}
	return file, append(blocks, len(plain)), describeAll(events)
}

func TestACutCaptureYieldsEveryWholeEventAndOneError(t *testing.T) {
	file, blocks, want := small(t, WriterOptions{})
	first := len(blocks) - 1 - len(want) // block of the first event
	for n := range file {
		got, r, err := read(t, file[:n], Options{})
		i, between := slices.BinarySearch(blocks, n)
		if !between {
			i--
		}
		if whole := max(0, i-first); len(got) != whole || whole > 0 && got[whole-1] != want[whole-1] {
			t.Fatalf("cut at %d: %d events, want %d", n, len(got), whole)
		}
		var e *Error
		switch {
		case between && n > 0:
			if err != nil {
				t.Errorf("cut between blocks at %d: %v", n, err)
			}
		case n < 4:
			if !errors.Is(err, ErrNotCapture) {
				t.Errorf("cut at %d: %v, want not a capture", n, err)
			}
		case !errors.Is(err, ErrTruncated) || !errors.As(err, &e) || e.Offset != int64(blocks[i]):
			t.Errorf("cut at %d: %v, want a cut in the block at %d", n, err, blocks[i])
		case r != nil:
			// The error stays, and says where.
			var b scap.Batch
			if again := r.Next(&b, 0); again != err || !strings.Contains(err.Error(), fmt.Sprintf("at byte %d", e.Offset)) {
				t.Errorf("then %v, first %v", again, err)
			}
		}
	}
}

func TestACutCompressedCaptureYieldsWhatCanBeRead(t *testing.T) {
	file, _, want := small(t, WriterOptions{Compress: true})
	last := 0
	for n := range file {
		got, _, err := read(t, file[:n], Options{})
		if len(got) < last || len(got) > len(want) || len(got) > 0 && got[len(got)-1] != want[len(got)-1] {
			t.Fatalf("cut at %d: %d events after %d: %s", n, len(got), last, cmp.Diff(want[:len(got)], got))
		}
		last = len(got)
		if n >= 2 && !errors.Is(err, ErrTruncated) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	if last != len(want) {
		t.Errorf("without the last byte %d events, want %d", last, len(want))
	}
	file[len(file)-6] ^= 1
	if got, _, err := read(t, file, Options{}); !errors.Is(err, ErrMalformed) || len(got) != len(want) {
		t.Errorf("wrong checksum: %d events, %v", len(got), err)
	}
}

func TestWhatIsNoCaptureIsSaidToBeNone(t *testing.T) {
	section := appendSection(nil, false)
	edit := func(at int, b ...byte) []byte {
		f := slices.Clone(section)
		copy(f[at:], b)
		return f
	}
	big := slices.Clone(section)
	for _, at := range []int{4, 8, 24} {
		binary.BigEndian.PutUint32(big[at:], binary.LittleEndian.Uint32(big[at:]))
	}
	for _, tc := range []struct {
		name string
		file []byte
		is   error
		says string
	}{
		{"an empty file", nil, ErrNotCapture, "not a capture at byte 0: only 0 bytes"},
		{"a text", []byte("once upon a time"), ErrNotCapture, "begins with 6f 6e 63 65"},
		{"a pcap file", []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00........"), ErrNotCapture, "begins with d4 c3 b2 a1"},
		{"another byte order", big, ErrByteOrder, "capture of a machine with the other byte order"},
		{"another magic number", edit(8, 1, 2, 3, 4), ErrNotCapture, "magic number 0x4030201"},
		{"a newer version", edit(12, 2, 0, 5), ErrVersion, "capture of a newer version of the format at byte 0: version 2.5, known is 1"},
		{"a header that is too short", edit(4, 24), ErrMalformed, "a section header of 24 bytes"},
		{"a header that contradicts itself", edit(24, 32), ErrMalformed, "a block of 28 bytes says 32 at its end"},
		{"a compressed text", gzipped(t, []byte("once upon a time")), ErrNotCapture, "begins with 6f 6e 63 65"},
		{"compressed in an unknown way", []byte("\x1f\x8b\x07abcdefghi"), ErrMalformed, "gzip: invalid header"},
	} {
		_, err := NewReader(bytes.NewReader(tc.file), Options{})
		if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.says)
		}
	}
	if _, _, err := read(t, edit(14, 99), Options{}); err != nil {
		t.Errorf("a newer minor version: %v", err)
	}
}

// gzipped compresses b as a capture is compressed.
func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	o := newOutput(&out, true, new(counters))
	if _, err := o.put(b, 0); err != nil {
		t.Fatal(err)
	}
	if err := o.close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBlocksThatLieAboutTheirLengthTakeNoMemory(t *testing.T) {
	for _, block := range []blockType{blockEvent, blockThreads} {
		file := binary.LittleEndian.AppendUint32(appendSection(nil, false), uint32(block))
		file = binary.LittleEndian.AppendUint32(file, maxBlockSize)
		r, err := NewReader(bytes.NewReader(append(file, make([]byte, 5000)...)), Options{})
		if err == nil {
			err = r.Next(new(scap.Batch), 0)
			if len(r.s.buf) > 2*readBuffer {
				t.Errorf("%#x: %d bytes of buffer", block, len(r.s.buf))
			}
		}
		if !errors.Is(err, ErrTruncated) {
			t.Errorf("%#x: %v", block, err)
		}
	}
}

func TestTablesAreBounded(t *testing.T) {
	file := binary.LittleEndian.AppendUint32(nil, uint32(blockUsersV1))
	file = binary.LittleEndian.AppendUint32(file, 1<<20)
	tr := newTableReader()
	tr.size = maxBlockSize - 1<<20 + 1 // as if so much was read before
	r := &Reader{s: &stream{buf: file, end: len(file)}}
	if err := r.readTable(tr, blockUsersV1, 1<<20); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "tables of more than") {
		t.Errorf("error %v", err)
	}
}

func TestUnknownBlocksBeforeTheEventsArePassedOver(t *testing.T) {
	file := appendBlock(appendSection(nil, false), 0x7777, func(b []byte) []byte { return append(b, make([]byte, 3*readBuffer)...) })
	file = append(file, write(t, nil, WriterOptions{}, sampleEvents(t)...)[28:]...)
	got, r, err := read(t, file, Options{})
	if err != nil || len(got) != len(sampleEvents(t)) || r.Stats().Blocks != 1 {
		t.Errorf("%d events, %v, %+v", len(got), err, r.Stats())
	}
}

func TestAppendedCapturesHaveTablesOfTheirOwn(t *testing.T) {
	events := sampleEvents(t)
	one := sampleTables()
	two := &Tables{Users: sampleTables().Users}
	for _, compress := range []bool{false, true} {
		file := write(t, one, WriterOptions{Compress: compress}, events[:2]...)
		file = append(file, write(t, &Tables{}, WriterOptions{Compress: compress})...) // without events
		file = append(file, write(t, two, WriterOptions{Compress: compress, EnterEvents: true}, events[2:]...)...)
		r, err := NewReader(bytes.NewReader(file), Options{})
		if err != nil {
			t.Fatal(err)
		}
		sections := map[int][]string{}
		var b scap.Batch
		for {
			if err := r.Next(&b, 0); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			for i := range b.Events {
				sections[r.Section()] = append(sections[r.Section()], describe(&b.Events[i]))
			}
			want := one
			if r.Section() > 0 {
				want = two
			}
			sameTables(t, want, r.Tables())
			r.Release(&b)
		}
		if d := cmp.Diff(map[int][]string{0: describeAll(events[:2]), 2: describeAll(events[2:])}, sections); d != "" {
			t.Errorf("compress %v (-want +got):\n%s", compress, d)
		}
		if !r.Info().EnterEvents {
			t.Error("the header is not that of the last capture")
		}
	}
	// What was remembered of a thread is void: it is another host.
	file := write(t, nil, WriterOptions{}, event(t, scap.EvCloseE, 1, 7, p64(3)), events[0])
	file = append(file, write(t, nil, WriterOptions{}, event(t, scap.EvCloseX, 2, 7, p64(0)))...)
	got, _, err := read(t, file, Options{})
	if want := describe(event(t, scap.EvCloseX, 2, 7, p64(0), p64(0))); err != nil || len(got) != 2 || got[1] != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
	file = append(file, appendBlock(nil, blockMachine, func(b []byte) []byte { return make([]byte, machineBody) })...)
	if _, _, err := read(t, file, Options{}); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "neither an event nor an appended capture") {
		t.Errorf("a table behind the events: %v", err)
	}
}

func TestReadersOfAnySpeedGiveTheSame(t *testing.T) {
	var events []*scap.Event
	for range 500 {
		events = append(events, sampleEvents(t)...)
	}
	file := write(t, sampleTables(), WriterOptions{}, events...)
	want, _, err := read(t, file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]io.Reader{
		"byte by byte":        iotest.OneByteReader(bytes.NewReader(file)),
		"halves":              iotest.HalfReader(bytes.NewReader(file)),
		"the end with a read": iotest.DataErrReader(bytes.NewReader(file)),
	} {
		r, err := NewReader(src, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if err := readAll(r, func(_ int, e *scap.Event) { got = append(got, describe(e)) }); err != io.EOF {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(want, got) {
			t.Errorf("%s: other events", name)
		}
	}
	broken := errors.New("cable pulled")
	r, err := NewReader(io.MultiReader(bytes.NewReader(file[:len(file)-10]), iotest.ErrReader(broken)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := readAll(r, func(int, *scap.Event) { n++ }); !errors.Is(err, broken) || n != len(events)-1 {
		t.Errorf("%d events, then %v", n, err)
	}
}

// TestABatchStaysReadableUntilItsRelease: events must not be moved or
// overwritten while their batch is out, converted ones neither.
func TestABatchStaysReadableUntilItsRelease(t *testing.T) {
	var events []*scap.Event
	for i := range uint64(5000) {
		ts := i * 10
		events = append(events,
			event(t, scap.EvReadE, ts, int64(i%50), p64(int64(i)), p32(80)),
			event(t, scap.EvReadX, ts+1, int64(i%50), p64(3), bytes.Repeat([]byte{byte(i)}, int(i%900))))
	}
	src := iotest.HalfReader(bytes.NewReader(write(t, nil, WriterOptions{}, events...)))
	r, err := NewReader(src, Options{})
	if err != nil {
		t.Fatal(err)
	}
	num := 0
	var b scap.Batch
	for r.Next(&b, 0) == nil {
		for i := range b.Events {
			fd, _ := b.Events[i].Int(2)
			if data := b.Events[i].Param(1); fd != int64(num) || !bytes.Equal(data, bytes.Repeat([]byte{byte(num)}, num%900)) {
				t.Fatalf("event %d is another one", num)
			}
			num++
		}
		r.Release(&b)
		if len(b.Events) != 0 {
			t.Fatal("a released batch has events")
		}
	}
	if num != 5000 {
		t.Errorf("%d events, want 5000", num)
	}
}

func TestAClosedReaderIsAtItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.scap")
	if err := os.WriteFile(path, write(t, nil, WriterOptions{}, sampleEvents(t)...), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b scap.Batch
	if err := r.Next(&b, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if b.Events[0].Type() != scap.EvReadX {
		t.Error("the batch that is out cannot be read any more")
	}
	r.Release(&b)
	if err := r.Next(&b, 0); err != io.EOF {
		t.Errorf("after Close: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

func TestCloseEndsANextThatWaits(t *testing.T) {
	src, dst, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if _, err := dst.Write(write(t, nil, WriterOptions{}, sampleEvents(t)[0])); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(src, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b scap.Batch
	if err := r.Next(&b, 0); err != nil || len(b.Events) != 1 {
		t.Fatalf("%d events, %v: what came is handed out before waiting for more", len(b.Events), err)
	}
	r.Release(&b)
	done := make(chan error)
	go func() { done <- r.Next(&b, 0) }()
	time.Sleep(10 * time.Millisecond)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != io.EOF {
		t.Errorf("Next: %v", err)
	}
}

// endless repeats the event blocks of a capture.
type endless struct {
	head, body []byte
	pos        int
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.head) > 0 {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	n := copy(p, e.body[e.pos:])
	e.pos = (e.pos + n) % len(e.body)
	return n, nil
}

func TestReadingAllocatesNothing(t *testing.T) {
	for _, old := range []bool{false, true} {
		file := write(t, nil, WriterOptions{}, mixed(t, old)...)
		r, err := NewReader(&endless{head: file[:28], body: bytes.Repeat(file[28:], 1000)}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var b scap.Batch
		next := func() {
			if err := r.Next(&b, 0); err != nil {
				t.Fatal(err)
			}
			r.Release(&b)
		}
		for range 20 {
			next()
		}
		before := r.Stats().Events
		if n := testing.AllocsPerRun(100, next); n != 0 {
			t.Errorf("old %v: %v allocations a batch", old, n)
		}
		if n := r.Stats().Events - before; n < 100*100 {
			t.Errorf("old %v: only %d events in 100 batches", old, n)
		}
	}
}
