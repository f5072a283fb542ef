// SPDX-License-Identifier: Apache-2.0

package ring_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
)

// perfBuffer writes a perf buffer as the kernel does (perf_event_open(2)).
type perfBuffer struct {
	mem        []byte
	data       []byte
	head, tail *uint64
}

const perfRoom = 1 << 16

func newPerfBuffer(size int) *perfBuffer {
	page := os.Getpagesize()
	words := make([]uint64, (page+size+perfRoom)/8) // aligned
	mem := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)
	return &perfBuffer{mem: mem, data: mem[page : page+size],
		head: (*uint64)(unsafe.Pointer(&mem[1024])), tail: (*uint64)(unsafe.Pointer(&mem[1032]))}
}

// record appends one of a type; false when there is no room.
func (p *perfBuffer) record(kind uint32, body []byte) bool {
	n := (8 + len(body) + 7) &^ 7
	head := *p.head
	if n > len(p.data)-int(head-atomic.LoadUint64(p.tail)) {
		return false
	}
	b := make([]byte, n)
	binary.NativeEndian.PutUint32(b, kind)
	binary.NativeEndian.PutUint16(b[6:], uint16(n))
	copy(b[8:], body)
	for i, c := range b {
		p.data[(head+uint64(i))%uint64(len(p.data))] = c
	}
	atomic.StoreUint64(p.head, head+uint64(n))
	return true
}

// sample appends an event; the kernel pads its size so that the record is
// aligned.
func (p *perfBuffer) sample(event []byte) bool {
	n := (4+len(event)+7)&^7 - 4
	body := binary.NativeEndian.AppendUint32(nil, uint32(n))
	return p.record(9, append(body, append(event, make([]byte, n-len(event))...)...))
}

func perfReader(t testing.TB, p *perfBuffer, batch int) *ring.Reader {
	t.Helper()
	r, err := ring.FromPerfMemory(p.mem, len(p.data), 3)
	if err != nil {
		t.Fatal(err)
	}
	rd, err := ring.NewReader([]*ring.Ring{r}, ring.Config{Clock: func() uint64 { return 1 << 62 }, MaxEvents: batch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rd.Close() })
	return rd
}

func TestPerfEventsComeWholeAndInOrder(t *testing.T) {
	p := newPerfBuffer(4096)
	rd := perfReader(t, p, 7)
	var want, got []int64
	var b scap.Batch
	ts := uint64(1000)
	// Many times around, with records of many lengths, so that each place is at the end once.
	for i := range int64(3000) {
		ts++
		ev := event(ts, 1, i)
		if i%3 == 0 && !p.record(2, make([]byte, 16)) { // PERF_RECORD_LOST tells nothing that is not counted
			t.Fatal("no room")
		}
		if !p.sample(ev) {
			t.Fatal("no room")
		}
		want = append(want, i)
		for i%5 == 4 {
			if err := rd.Next(&b, 0); err != nil {
				t.Fatal(err)
			}
			if len(b.Events) == 0 {
				break
			}
			for k := range b.Events {
				mark, _ := b.Events[k].Int(0)
				got = append(got, mark)
				if b.Events[k].CPU != 3 || len(b.Events[k].Raw()) != len(ev) {
					t.Fatalf("CPU %d, %d bytes of %d", b.Events[k].CPU, len(b.Events[k].Raw()), len(ev))
				}
			}
			rd.Release(&b)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d events, want %d", len(got), len(want))
	}
	if c := rd.Counters(); c.Truncated != 0 || c.Late != 0 {
		t.Errorf("%+v", c)
	}
	if *p.head != *p.tail {
		t.Errorf("%d bytes were not given back", *p.head-*p.tail)
	}
}

func TestASampleThatIsNoEventIsCounted(t *testing.T) {
	p := newPerfBuffer(4096)
	rd := perfReader(t, p, 16)
	p.sample(bytes.Repeat([]byte{1}, 10))
	p.sample(event(5, 1, 7))
	var b scap.Batch
	if err := rd.Next(&b, 0); err != nil || len(b.Events) != 1 {
		t.Fatalf("%d events, %v", len(b.Events), err)
	}
	if c := rd.Counters(); c.Truncated != 1 {
		t.Errorf("%+v", c)
	}
}

// FuzzPerfRing gives the reader a perf buffer with any bytes and any positions.
// It must neither crash nor read outside, and must end.
func FuzzPerfRing(f *testing.F) {
	p := newPerfBuffer(4096)
	p.sample(event(10, 1, 1))
	p.record(2, make([]byte, 16))
	p.sample(event(20, 1, 2))
	f.Add(append([]byte(nil), p.data[:200]...), uint64(0), *p.head)
	f.Add(append([]byte(nil), p.data[:200]...), uint64(4096-16), uint64(4096+64))
	f.Add([]byte{9, 0, 0, 0, 0, 0, 0xf8, 0xff}, uint64(8), uint64(4096))
	f.Add([]byte{}, uint64(3), uint64(1<<63))
	f.Fuzz(func(t *testing.T, data []byte, tail, head uint64) {
		copy(p.data, data)
		*p.tail, *p.head = tail, head
		rd := perfReader(t, p, 16)
		defer rd.Close()
		var b scap.Batch
		for range 4096 / 8 / 16 * 2 {
			if err := rd.Next(&b, 0); err != nil {
				t.Fatal(err)
			}
			n := len(b.Events)
			for i := range b.Events {
				for k := range b.Events[i].NumParams() {
					_ = b.Events[i].Param(k)
				}
			}
			rd.Release(&b)
			if n == 0 {
				return
			}
		}
	})
}
