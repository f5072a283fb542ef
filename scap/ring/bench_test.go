// SPDX-License-Identifier: Apache-2.0

package ring_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
	"github.com/tiercel/tiercel/scap/ring/ringtest"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// wire is an openat exit event as it comes from a ring.
var wire = scaptest.NamedBytes(scap.EvOpenatV2X, 0, 4711, scaptest.P{
	"fd": 3, "dirfd": -100, "name": "/usr/lib/x86_64-linux-gnu/libc.so.6",
	"flags": 4097, "mode": 0, "dev": 0x10, "ino": 123456,
})

func putTime(b []byte, ts uint64) { binary.LittleEndian.PutUint64(b, ts) }

// BenchmarkMerge measures a batch from the rings to released, per event: ring
// walk, merge, header and lengths. Filling the rings is not timed.
func BenchmarkMerge(b *testing.B) {
	for _, rings := range []int{1, 2, 8} {
		for _, params := range []bool{false, true} {
			b.Run(fmt.Sprintf("rings=%d/params=%v", rings, params), func(b *testing.B) {
				benchmarkMerge(b, rings, params)
			})
		}
	}
}

func benchmarkMerge(b *testing.B, rings int, params bool) {
	const size = 1 << 20
	now := uint64(1 << 40)
	var cpus []*ringtest.Producer
	var rs []*ring.Ring
	for i := range rings {
		p, err := ringtest.New(size)
		if err != nil {
			b.Fatal(err)
		}
		defer p.Close()
		r, err := p.Ring(uint16(i))
		if err != nil {
			b.Fatal(err)
		}
		cpus, rs = append(cpus, p), append(rs, r)
	}
	rd, err := ring.NewReader(rs, ring.Config{Clock: func() uint64 { return now }})
	if err != nil {
		b.Fatal(err)
	}
	defer rd.Close()
	var batch scap.Batch
	var sum uint64
	b.ReportAllocs()
	b.SetBytes(int64(len(wire)))
	b.StopTimer()
	for n := 0; n < b.N; {
		ts := now
		for full := false; !full; {
			for c := range cpus {
				ts += 100
				putTime(wire, ts)
				full = full || !cpus[c].Write(wire)
			}
		}
		now = ts + 1<<30
		b.StartTimer()
		for n < b.N {
			if err := rd.Next(&batch, 0); err != nil {
				b.Fatal(err)
			}
			if len(batch.Events) == 0 {
				break
			}
			n += len(batch.Events)
			sum += consume(&batch, params)
			rd.Release(&batch)
		}
		b.StopTimer()
	}
	if sum == 0 {
		b.Fatal("nothing read")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func consume(batch *scap.Batch, params bool) (sum uint64) {
	for i := range batch.Events {
		e := &batch.Events[i]
		sum += e.Timestamp() + uint64(e.Type())
		if params {
			for p := range e.NumParams() {
				v, _ := e.Uint(p)
				sum += v + uint64(len(e.Param(p)))
			}
		}
	}
	return sum
}
