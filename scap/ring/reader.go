// SPDX-License-Identifier: Apache-2.0

package ring

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiercel/tiercel/scap"
)

// Config tunes a Reader. The zero value of everything but Clock is a default.
type Config struct {
	Clock Clock // required: tells the time as the producers do

	// Slack is how long an event may be on its way from taking its time to
	// being submitted without arriving late. Default 500 µs.
	Slack time.Duration
	// MaxEvents bounds a batch. Default 256.
	MaxEvents int
	// MinPause and MaxPause bound how long the reader lets little data gather
	// before it looks again: the latency that it adds. Default 1 ms and 40 ms.
	MinPause, MaxPause time.Duration
	// IdlePause bounds it while nothing comes at all. Default 160 ms. What
	// comes at once and in masses is not left waiting: producers ask for
	// attention when a ring fills.
	IdlePause time.Duration
}

// The defaults of Config.
const (
	DefaultSlack     = 500 * time.Microsecond
	DefaultMaxEvents = 256
	DefaultMinPause  = time.Millisecond
	DefaultMaxPause  = 40 * time.Millisecond
	DefaultIdlePause = 160 * time.Millisecond
)

// How full, in 1/256, the fullest ring must be for the reader to hurry.
const (
	fillBusy = 256 / 8  // no pause at all
	fillSome = 256 / 64 // the shortest pause
)

var errHeld = errors.New("read rings: the batch before was not released")

// Reader merges rings into one stream of events. It implements scap.Source.
// Next and Release belong to one goroutine; Close and Counters may be called
// from any.
type Reader struct {
	cfg   Config
	merge merger        // owned by the reading goroutine
	wait  *waiter       // until freed
	pause time.Duration // before the next round; owned by the reading goroutine

	stop   atomic.Bool // set by the first Close
	wakeMu sync.Mutex  // held while the first Close wakes, so that nothing frees the waiter under it

	mu    sync.Mutex // held by Next and Release: Close waits for them
	held  bool       // a batch is out that borrows the rings
	freed bool       // the memory is gone

	shared sharedCounters
}

// sharedCounters is the copy of the counters for other goroutines.
type sharedCounters struct {
	delivered, truncated, late, rounds, held atomic.Uint64
}

// Spec describes a BPF ring buffer map to read, or a perf event.
type Spec struct {
	FD   int    // the map; stays the caller's, open until the reader is closed
	Size int    // its max_entries, in bytes
	CPU  uint16 // what its events report as their CPU
	Perf bool   // FD is that of a perf event
}

// Open maps the rings and makes a Reader over them.
func Open(specs []Spec, cfg Config) (*Reader, error) {
	rings := make([]*Ring, 0, len(specs))
	for _, s := range specs {
		open := Map
		if s.Perf {
			open = MapPerf
		}
		r, err := open(s.FD, s.Size, s.CPU)
		if err != nil {
			unmapAll(rings)
			return nil, err
		}
		rings = append(rings, r)
	}
	return NewReader(rings, cfg)
}

// NewReader makes a Reader over mapped rings. They become the reader's own:
// Close unmaps them, and so does a failure.
func NewReader(rings []*Ring, cfg Config) (*Reader, error) {
	if cfg.Clock == nil || len(rings) == 0 {
		unmapAll(rings)
		return nil, errors.New("read rings: need a clock and at least one ring")
	}
	setDefault(&cfg.Slack, DefaultSlack)
	setDefault(&cfg.MaxEvents, DefaultMaxEvents)
	setDefault(&cfg.MinPause, DefaultMinPause)
	setDefault(&cfg.MaxPause, DefaultMaxPause)
	setDefault(&cfg.IdlePause, max(cfg.MaxPause, DefaultIdlePause))
	w, err := newWaiter(rings)
	if err != nil {
		unmapAll(rings)
		return nil, err
	}
	return &Reader{
		cfg:  cfg,
		wait: w,
		merge: merger{
			rings: rings,
			slack: uint64(cfg.Slack),
			heap:  make([]ringHead, 0, len(rings)),
		},
	}, nil
}

func setDefault[T ~int | ~int64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func unmapAll(rings []*Ring) {
	for _, r := range rings {
		_ = r.Unmap()
	}
}

// Next fills b with the next events in time order. It waits at most wait for
// the first of them; with 0 it looks once. After Close it returns io.EOF.
//
// It lets data gather: after a round that found little it pauses, longer and
// longer while little comes, up to Config.MaxPause, and up to Config.IdlePause
// while nothing comes, unless a producer asks for attention. A host that does
// nothing costs half a dozen short looks a second.
func (r *Reader) Next(b *scap.Batch, wait time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop.Load() {
		return io.EOF
	}
	if r.held {
		return errHeld
	}
	if cap(b.Events) < r.cfg.MaxEvents {
		b.Events = make([]scap.Event, 0, r.cfg.MaxEvents)
	}
	b.Events, b.Late = b.Events[:0:r.cfg.MaxEvents], 0
	for left := wait; ; {
		if !r.merge.pending() {
			if left > 0 && r.pause > 0 {
				slept, err := r.sleep(min(left, r.pause))
				if err != nil {
					return err
				}
				if r.stop.Load() {
					return io.EOF
				}
				left -= slept
			}
			r.round()
		}
		r.merge.fill(b)
		if len(b.Events) > 0 {
			r.held = true
			r.publish()
			return nil
		}
		// Nothing is older than the watermark, or nothing is there at all.
		r.merge.release()
		r.publish()
		r.pause = max(r.pause, r.cfg.MinPause)
		if left <= 0 {
			return nil
		}
	}
}

// round begins a merge round and adapts the pause before the next one.
func (r *Reader) round() {
	longer := max(2*r.pause, r.cfg.MinPause)
	switch fill := r.merge.begin(r.cfg.Clock()); {
	case fill >= fillBusy:
		r.pause = 0
	case fill >= fillSome:
		r.pause = r.cfg.MinPause
	case fill > 0:
		r.pause = min(longer, r.cfg.MaxPause)
	default:
		r.pause = min(longer, r.cfg.IdlePause)
	}
}

// sleep waits for at most d, and returns how long it took. A wake-up ends it,
// but when little has come yet, only after the shortest pause: a producer that
// asks for attention with each event must not cost a wake-up for each.
func (r *Reader) sleep(d time.Duration) (time.Duration, error) {
	start := time.Now()
	hurry, err := r.wait.sleep(d)
	if err == nil && hurry && !r.merge.filled(fillSome) {
		err = r.wait.nap(min(d, r.cfg.MinPause))
	}
	return time.Since(start), err
}

// Release gives the memory of the batch's events back to the producers.
func (r *Reader) Release(b *scap.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.held {
		return
	}
	r.held = false
	b.Events = b.Events[:0]
	if !r.freed {
		r.merge.release()
	}
	if r.stop.Load() {
		r.free()
	}
}

// Close ends reading. A Next that waits returns at once; the memory goes when
// the batch that is out, if any, is released.
func (r *Reader) Close() error {
	r.wakeMu.Lock()
	if !r.stop.Swap(true) {
		r.wait.wake() // not freed yet: that needs stop, and then wakeMu
	}
	r.wakeMu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held {
		return nil
	}
	return r.free()
}

// free must be called with mu held and no batch out.
func (r *Reader) free() error {
	if r.freed {
		return nil
	}
	r.freed = true
	r.wakeMu.Lock()
	r.wait.close()
	r.wakeMu.Unlock()
	var first error
	for _, ring := range r.merge.rings {
		if err := ring.Unmap(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Counters returns what was read until the last batch.
func (r *Reader) Counters() Counters {
	return Counters{
		Delivered: r.shared.delivered.Load(),
		Truncated: r.shared.truncated.Load(),
		Late:      r.shared.late.Load(),
		Rounds:    r.shared.rounds.Load(),
		Held:      r.shared.held.Load(),
	}
}

// RingBytes returns the size of all rings together.
func (r *Reader) RingBytes() uint64 {
	var n uint64
	for _, ring := range r.merge.rings {
		n += ring.mask + 1
	}
	return n
}

func (r *Reader) publish() {
	s := &r.merge.stats
	r.shared.delivered.Store(s.Delivered)
	r.shared.truncated.Store(s.Truncated)
	r.shared.late.Store(s.Late)
	r.shared.rounds.Store(s.Rounds)
	r.shared.held.Store(s.Held)
}
