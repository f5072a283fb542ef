// SPDX-License-Identifier: Apache-2.0

// Package hold keeps events that come before anybody can look at them: while
// /proc is scanned on a host with very many processes, more of them come than
// the kernel's rings have room for.
package hold

import (
	"time"

	"github.com/tiercel/tiercel/scap"
)

const (
	// gatherWait is how long one look at the source lasts, so how late Gather
	// ends at the most.
	gatherWait = 5 * time.Millisecond
	// batchEvents is how many held events are handed out at once.
	batchEvents = 256
)

// Source hands out what Gather has taken out of another source, then what the
// other source goes on to give. Its rules are those of scap.Source.
type Source struct {
	src   scap.Source
	limit int

	bytes []byte // held events, one behind the other
	cpus  []uint16
	given int   // of cpus: already handed out
	err   error // that ended Gather
	out   bool  // the batch that is out is made of held events
}

// New makes a Source in front of src that holds up to limit bytes of events.
// What comes beyond that waits where src has it.
func New(src scap.Source, limit int) *Source {
	return &Source{src: src, limit: limit}
}

// Gather takes events out of the source until stop is closed, the room is used
// up, or the source ends or fails; Next tells of that behind the last event.
// Nothing else may use the source meanwhile.
func (s *Source) Gather(stop <-chan struct{}) {
	var b scap.Batch
	for s.err == nil && len(s.bytes) < s.limit {
		select {
		case <-stop:
			return
		default:
		}
		s.err = s.src.Next(&b, gatherWait)
		for i := range b.Events {
			s.bytes = append(s.bytes, b.Events[i].Raw()...)
			s.cpus = append(s.cpus, b.Events[i].CPU)
		}
		s.src.Release(&b)
		b.Events = b.Events[:0]
	}
}

// While gathers for as long as do takes, and returns what it returns.
func (s *Source) While(do func() error) error {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.Gather(stop)
	}()
	err := do()
	close(stop)
	<-done
	return err
}

// Held returns how many events wait to be handed out.
func (s *Source) Held() int { return len(s.cpus) - s.given }

// Next implements scap.Source.
func (s *Source) Next(b *scap.Batch, wait time.Duration) error {
	if s.Held() == 0 {
		s.bytes, s.cpus, s.given = nil, nil, 0
		if s.err != nil {
			b.Events = b.Events[:0]
			return s.err
		}
		return s.src.Next(b, wait)
	}
	s.out = true
	b.Events, b.Late = b.Events[:0], 0
	for len(b.Events) < batchEvents && s.Held() > 0 {
		var ev scap.Event
		if err := ev.Decode(s.bytes); err != nil {
			return err // cannot be: it was decoded before
		}
		ev.CPU = s.cpus[s.given]
		s.given++
		s.bytes = s.bytes[len(ev.Raw()):]
		b.Events = append(b.Events, ev)
	}
	return nil
}

// Release implements scap.Source.
func (s *Source) Release(b *scap.Batch) {
	if s.out {
		s.out = false
		b.Events = b.Events[:0]
		return
	}
	s.src.Release(b)
}

// Close implements scap.Source.
func (s *Source) Close() error { return s.src.Close() }
