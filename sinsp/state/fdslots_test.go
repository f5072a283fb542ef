// SPDX-License-Identifier: Apache-2.0

package state

import (
	"math/rand/v2"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

// TestTablesOfAnyShape compares tables with maps while descriptors of any
// numbers come and go, tables are forked and some numbers are far apart.
func TestTablesOfAnyShape(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	shapes := []struct {
		name   string
		number func() int64
	}{
		{"close together", func() int64 { return r.Int64N(300) }},
		{"many", func() int64 { return r.Int64N(20_000) }},
		{"far apart", func() int64 { return r.Int64N(60) * 100_000 }},
		{"few low, few very high", func() int64 { return r.Int64N(2)*(maxFDNum-30) + r.Int64N(30) }},
	}
	for _, tt := range shapes {
		t.Run(tt.name, func(t *testing.T) {
			e := New(Options{MaxFDs: 50_000})
			table, want := e.newTable(), map[int64]bool{}
			for round := range 6 {
				// It fills up, and empties again.
				for range 20_000 {
					n := tt.number()
					if r.IntN(10) < 3+4*((round+1)%2) {
						e.addFD(table, e.newFD(n, FDFile))
						want[n] = true
					} else {
						e.removeFD(table, n)
						delete(want, n)
					}
					e.recycle()
				}
				if round%2 == 1 {
					former := table
					table = e.forkTable(former)
					e.releaseTable(former)
				}
				sameNumbers(t, e, table, want)
			}
			// Everything goes, by a range.
			e.rangeFDs(table, 0, maxFDNum, func(f *FD) { e.removeFD(table, f.Num) })
			sameNumbers(t, e, table, nil)
			if n := len(table.slots.dense); n > 4*fewSlots {
				t.Errorf("an empty table has %d slots", n)
			}
		})
	}
}

func sameNumbers(t *testing.T, e *Engine, table *FDTable, want map[int64]bool) {
	t.Helper()
	n := 0
	for f := range table.All() {
		n++
		if !want[f.Num] || table.Get(f.Num) != f {
			t.Fatalf("descriptor %d should not be there", f.Num)
		}
	}
	if n != len(want) || table.Len() != n {
		t.Fatalf("%d descriptors, counted %d, want %d", n, table.Len(), len(want))
	}
	if c := e.Counters(); c.FDs != uint64(n) || c.FDsHeld != uint64(n) {
		t.Fatalf("%d descriptors, %d and %d counted", n, c.FDs, c.FDsHeld)
	}
	if s := table.slots; s != nil && len(s.dense) > 4*fewSlots && len(s.dense) > emptySlots*(s.n+1) {
		t.Fatalf("%d slots for %d descriptors", len(s.dense), s.n)
	}
}

func TestOneHighNumberTakesLittleMemory(t *testing.T) {
	e := New(Options{})
	tables := make([]*FDTable, 1000)
	before := heap()
	for i := range tables {
		tables[i] = e.newTable()
		e.addFD(tables[i], e.newFD(4000, FDFile))
	}
	if used := (heap() - before) / uint64(len(tables)); used > 1500 {
		t.Errorf("a table takes %d bytes", used)
	}
	if tables[0].Get(4000) == nil {
		t.Error("it is not there")
	}
}

func TestReadersOfEmptyTables(t *testing.T) {
	for f := range noFDs.All() {
		t.Errorf("descriptor %d", f.Num)
	}
	if (&Thread{}).FDs().Len() != 0 || (&Thread{lastFD: 3}).LastFD() != nil {
		t.Error("there are descriptors")
	}
}

func TestCloseRangeBeyondWhatStandsTogether(t *testing.T) {
	h := newHost(t)
	for _, n := range []int64{3, 100_000, 200_000} {
		h.open(100, n, "/x", OpenRead)
	}
	h.play(scap.EvCloseRangeX, 100, p{"res": 0, "first": 100_001, "last": ^uint32(0), "flags": 0})
	h.fd(100, 3, "/x")
	h.fd(100, 100_000, "/x")
	h.fd(100, 200_000, "-")
	h.play(scap.EvCloseRangeX, 100, p{"res": 0, "first": 50, "last": ^uint32(0), "flags": closeRangeCloexec})
	equal(t, "marked", h.fd(100, 100_000, "/x").Flags&OpenCloexec, OpenCloexec)
	h.exec(100, "/bin/sh", p{"ptid": 1})
	h.fd(100, 100_000, "-")
	h.fd(100, 3, "/x")
}
