// SPDX-License-Identifier: Apache-2.0

package ring_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
	"github.com/tiercel/tiercel/scap/ring/ringtest"
)

// play is a random interleaving of threads that wander over the rings of a
// host, and of its reader. A thread takes the time, reserves, and submits at
// once or later; only then does it go on to its next event.
type play struct {
	*host
	rnd        *rand.Rand
	next       map[int64]int64 // thread -> number of its next event
	seen       map[int64]int64 // thread -> number of the event that is due
	unfinished []reserved
	made, got  int
}

// reserved is an event that is not submitted yet.
type reserved struct {
	record ringtest.Record
	event  []byte
	tid    int64
}

func (r reserved) submit() {
	copy(r.record.Data, r.event)
	r.record.Submit()
}

func (p *play) step() {
	switch p.rnd.IntN(8) {
	case 0:
		p.readBatch()
	case 1:
		if n := len(p.unfinished); n > 0 {
			i := p.rnd.IntN(n)
			p.unfinished[i].submit()
			p.unfinished = slices.Delete(p.unfinished, i, i+1)
		}
	default:
		p.makeEvent()
	}
}

func (p *play) makeEvent() {
	p.now++
	tid := int64(p.rnd.IntN(5))
	if slices.ContainsFunc(p.unfinished, func(r reserved) bool { return r.tid == tid }) {
		return
	}
	b := event(p.now, tid, p.next[tid])
	record, ok := p.cpus[p.rnd.IntN(len(p.cpus))].Reserve(len(b))
	if !ok {
		return
	}
	p.next[tid]++
	p.made++
	r := reserved{record, b, tid}
	if p.rnd.IntN(4) > 0 {
		r.submit()
		return
	}
	p.unfinished = append(p.unfinished, r)
}

// readBatch checks that each thread's events come in the order it made them.
func (p *play) readBatch() int {
	p.t.Helper()
	if err := p.rd.Next(&p.batch, 0); err != nil {
		p.t.Fatal(err)
	}
	n := len(p.batch.Events)
	for i := range p.batch.Events {
		e := &p.batch.Events[i]
		if mark, _ := e.Int(0); mark != p.seen[e.TID()] {
			p.t.Fatalf("thread %d: event %d came when %d was due", e.TID(), mark, p.seen[e.TID()])
		}
		p.seen[e.TID()]++
	}
	p.got += n
	p.rd.Release(&p.batch)
	return n
}

// Whatever the interleaving, nothing is lost or doubled, each thread keeps its
// order, and the rings get everything back.
func TestEachThreadKeepsItsOrderWhateverTheInterleaving(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		p := &play{
			host: newHost(t, 1+rnd.IntN(4), ring.Config{MaxEvents: 1 + rnd.IntN(9), Slack: 5}),
			rnd:  rnd,
			next: make(map[int64]int64),
			seen: make(map[int64]int64),
		}
		for range 600 {
			p.step()
		}
		for _, r := range p.unfinished {
			r.submit()
		}
		p.now += 100
		for empty := 0; empty < 2; {
			if p.readBatch() == 0 {
				empty++
			}
		}
		if p.got != p.made {
			t.Fatalf("seed %d: %d of %d events came", seed, p.got, p.made)
		}
		p.drained()
	}
}

// A producer in another goroutine writes as fast as it can; run with -race.
func TestAConcurrentProducerLosesNothing(t *testing.T) {
	const n = 20000
	p, err := ringtest.New(4 * os.Getpagesize())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r, err := p.Ring(0)
	if err != nil {
		t.Fatal(err)
	}
	rd, err := ring.NewReader([]*ring.Ring{r}, ring.Config{
		Clock:    ring.BootClock(0),
		MaxPause: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	clock := ring.BootClock(0)
	go func() {
		for i := int64(0); i < n; {
			if p.Write(event(clock(), 1, i)) {
				i++
			} else {
				time.Sleep(100 * time.Microsecond)
			}
		}
	}()
	var b scap.Batch
	due := int64(0)
	for deadline := time.Now().Add(time.Minute); due < n && time.Now().Before(deadline); {
		if err := rd.Next(&b, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		for i := range b.Events {
			if m, _ := b.Events[i].Int(0); m != due {
				t.Fatalf("event %d came when %d was due", m, due)
			}
			due++
		}
		rd.Release(&b)
	}
	if due != n {
		t.Errorf("%d of %d events came: %+v", due, n, rd.Counters())
	}
}
