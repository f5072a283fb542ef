// SPDX-License-Identifier: Apache-2.0

package ring_test

import (
	"os"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
	"github.com/tiercel/tiercel/scap/ring/ringtest"
)

// FuzzRing gives the reader a ring with any bytes and any positions. It must
// neither crash nor read outside, must end, and must not give back more than
// was produced.
func FuzzRing(f *testing.F) {
	page := os.Getpagesize()
	p, err := ringtest.New(page)
	if err != nil {
		f.Fatal(err)
	}
	defer p.Close()
	p.Write(event(10, 1, 1))
	r, _ := p.Reserve(50)
	p.Write(event(20, 1, 2))
	f.Add(append([]byte(nil), p.Data()[:200]...), uint64(0), uint64(160))
	r.Discard()
	f.Add(append([]byte(nil), p.Data()[:200]...), uint64(0), uint64(160))
	f.Add([]byte{0xff, 0xff, 0xff, 0x3f}, uint64(8), uint64(4096))
	f.Add([]byte{}, uint64(3), uint64(1<<63))
	f.Fuzz(func(t *testing.T, data []byte, cons, prod uint64) {
		copy(p.Data(), data)
		p.SetPositions(cons, prod)
		r, err := p.Ring(0)
		if err != nil {
			t.Fatal(err)
		}
		now := uint64(1 << 62)
		rd, err := ring.NewReader([]*ring.Ring{r}, ring.Config{Clock: func() uint64 { return now }, MaxEvents: 16})
		if err != nil {
			t.Fatal(err)
		}
		defer rd.Close()
		var b scap.Batch
		for range page / 8 / 16 * 2 {
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
			now++
			if n == 0 {
				break
			}
		}
		if c, pr := p.Positions(); c > pr && c != cons&^7 {
			t.Errorf("gave back up to %d of %d", c, pr)
		}
	})
}
