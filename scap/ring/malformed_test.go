// SPDX-License-Identifier: Apache-2.0

package ring_test

import (
	"os"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
)

func TestRecordsThatAreNoEventAreCountedNotDelivered(t *testing.T) {
	good := event(10, 1, 1)
	longer := event(20, 1, 2)
	longer[16]++ // claims one byte more than the record has
	unknown := event(30, 1, 3)
	unknown[20], unknown[21] = 0xff, 0xff
	lengths := event(40, 1, 4)
	lengths[scap.HeaderSize] = 0xff // first parameter beyond the end
	for _, c := range []struct {
		name   string
		record []byte
	}{
		{"shorter than a header", good[:scap.HeaderSize-1]},
		{"empty", nil},
		{"longer event than record", longer},
		{"unknown type", unknown},
		{"parameter beyond the end", lengths},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, 1, ring.Config{})
			h.cpus[0].Write(c.record)
			h.put(0, 50, 1, 5)
			h.expect(5)
			if n := h.rd.Counters().Truncated; n != 1 {
				t.Errorf("truncated: %d, want 1", n)
			}
			h.drained()
		})
	}
}

func TestABrokenChainOfLengthsLosesTheRoundNotTheReader(t *testing.T) {
	h := newHost(t, 1, ring.Config{})
	h.put(0, 10, 1, 1)
	_, at := h.cpus[0].Positions()
	h.put(0, 20, 1, 2)
	h.cpus[0].Data()[at+2] = 0x10 // a megabyte in a ring of a page
	h.put(0, 30, 1, 3)
	h.expect(1)
	h.put(0, 40, 1, 4)
	h.expect(4)
	if n := h.rd.Counters().Truncated; n != 1 {
		t.Errorf("truncated: %d, want 1", n)
	}
	h.drained()
}

func TestAProducerPositionThatCannotBeIsCounted(t *testing.T) {
	h := newHost(t, 1, ring.Config{})
	_, at := h.cpus[0].Positions()
	h.cpus[0].SetPositions(at, at+1<<40)
	h.expect()
	h.put(0, 40, 1, 4)
	h.expect(4)
	if n := h.rd.Counters().Truncated; n != 1 {
		t.Errorf("truncated: %d, want 1", n)
	}
}

func TestRingSizesAreChecked(t *testing.T) {
	page := os.Getpagesize()
	mem := make([]byte, 8*page)
	for _, size := range []int{0, -page, page / 2, 3 * page, page + 1, 1 << 40} {
		if _, err := ring.FromMemory(mem, mem, size, 0); err == nil {
			t.Errorf("a ring of %d bytes was accepted", size)
		}
	}
	if _, err := ring.FromMemory(mem[:page], mem[:2*page], page, 0); err == nil {
		t.Error("memory that holds the data only once was accepted")
	}
	if _, err := ring.Open([]ring.Spec{{FD: -1, Size: page}}, ring.Config{Clock: ring.BootClock(0)}); err == nil {
		t.Error("a bad descriptor was accepted")
	}
	if _, err := ring.NewReader(nil, ring.Config{}); err == nil {
		t.Error("a reader without rings was made")
	}
}
