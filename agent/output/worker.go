// SPDX-License-Identifier: Apache-2.0

package output

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Bounds of one delivery. A buffered output gathers until it has bufferBytes or
// nothing has come for flushIdle.
const (
	maxBatch      = 512
	maxBatchBytes = 1 << 20
	bufferBytes   = 32 << 10
	flushIdle     = time.Second
)

// Back-off after a failure: the first pause, doubled each time up to the last.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// worker delivers the entries of one output. All but the atomics and the feed
// belongs to its own goroutine.
type worker struct {
	sink     Sink
	q        *ring // what the hub pushes to
	spool    Spool // nil: none
	report   *reporter
	buffered bool
	retries  int
	atOnce   int             // entries of one Deliver
	ctx      context.Context // cancelled when the rest is to be discarded
	farewell []byte          // set before closing
	done     chan struct{}

	feed    feed
	batch   []*Entry
	pause   time.Duration // after the next failure
	tries   int           // of the first entry that is not delivered
	idle    *time.Timer
	stopped bool // while closing, a delivery failed

	closing, reopen, gone, down atomic.Bool
	busySince                   atomic.Int64 // when the delivery under way began, ns; 0: none
	delivered, failed, dropped  atomic.Uint64
	refused                     atomic.Uint64 // of failed: came after the sink had gone
	// Of Check, which belongs to the one who calls it:
	told    uint64 // drops that were logged
	toldAt  time.Time
	blocked bool
}

// feed is where a worker takes entries from: the ring, or a spool behind it.
type feed interface {
	take(dst []*Entry) []*Entry
	// settle says that the first n of those taken are dealt with.
	settle(entries []*Entry)
	arm() bool
	wakeup() <-chan struct{}
	// ended reports whether nothing more can come, once the worker is closing.
	ended() bool
}

func (r *ring) settle(entries []*Entry) {
	for _, e := range entries {
		e.release()
	}
}
func (r *ring) wakeup() <-chan struct{} { return r.wake }
func (r *ring) ended() bool             { return r.len() == 0 }

func newWorker(ctx context.Context, s Sink, capacity int, buffered bool, report *reporter) *worker {
	w := &worker{
		sink: s, q: newRing(capacity), report: report, ctx: ctx, buffered: buffered, retries: retries, atOnce: maxBatch,
		done: make(chan struct{}), pause: firstPause, idle: time.NewTimer(time.Hour),
	}
	w.feed = w.q
	if r, ok := s.(Retrier); ok {
		w.retries = r.Retries()
	}
	if o, ok := s.(Single); ok && o.OneByOne() {
		w.atOnce = 1
	}
	if s, ok := s.(Spooled); ok {
		w.spool = s.Spool()
	}
	if w.spool != nil {
		w.feed = newSpoolFeed(w)
	}
	go w.run()
	return w
}

// kick makes the worker look at its flags.
func (w *worker) kick() {
	w.q.signal()
	if f, ok := w.feed.(*spoolFeed); ok {
		f.signal()
	}
}

func (w *worker) run() {
	defer close(w.done)
	defer w.idle.Stop()
	for !w.stopped {
		w.reopenIfAsked()
		w.batch = w.feed.take(w.batch[:0])
		if len(w.batch) > 0 {
			w.gather()
			w.deliver(w.batch)
			continue
		}
		if w.closing.Load() && w.feed.ended() || w.ctx.Err() != nil {
			break
		}
		if w.feed.arm() {
			select {
			case <-w.feed.wakeup():
			case <-w.ctx.Done():
			}
		}
	}
	if w.stopped && w.spool == nil {
		for rest := w.q.take(nil); len(rest) > 0; rest = w.q.take(rest[:0]) {
			w.abandon(rest)
		}
	}
	if f, ok := w.sink.(Farewell); ok && w.farewell != nil && !w.gone.Load() {
		w.busySince.Store(time.Now().UnixNano())
		if err := f.Farewell(w.farewell); err != nil {
			w.report.failed(err)
		}
		w.busySince.Store(0)
	}
	if err := w.sink.Close(); err != nil {
		w.report.failed(err)
	}
	if f, ok := w.feed.(*spoolFeed); ok {
		f.close()
	}
}

func (w *worker) reopenIfAsked() {
	if !w.reopen.Swap(false) {
		return
	}
	if err := w.sink.Reopen(); err != nil {
		w.report.failed(err)
	}
}

// gather waits for more entries where a delivery may be late for the sake of a
// larger one.
func (w *worker) gather() {
	for w.buffered && !w.closing.Load() && len(w.batch) < maxBatch {
		size := 0
		for _, e := range w.batch {
			size += len(e.Text)
		}
		if size >= bufferBytes {
			return
		}
		if w.feed.arm() {
			w.idle.Reset(flushIdle)
			select {
			case <-w.feed.wakeup():
			case <-w.idle.C:
				return
			case <-w.ctx.Done():
				return
			}
		}
		w.batch = w.feed.take(w.batch)
	}
}

// deliver hands the entries over, however often it takes.
func (w *worker) deliver(batch []*Entry) {
	for len(batch) > 0 && !w.stopped {
		w.busySince.Store(time.Now().UnixNano())
		n, err := w.sink.Deliver(w.ctx, batch[:min(len(batch), w.atOnce)])
		w.busySince.Store(0)
		w.delivered.Add(uint64(n))
		w.feed.settle(batch[:n])
		batch = batch[n:]
		if n > 0 {
			w.tries = 0
		}
		if err == nil {
			if w.down.Swap(false) || w.pause != firstPause {
				w.pause = firstPause
				w.report.recovered(w.failed.Load())
			}
			continue
		}
		w.report.failed(err)
		if len(batch) > 0 {
			batch = w.afterFailure(batch, err)
		}
	}
	w.abandon(batch)
}

// afterFailure decides what becomes of the entry that could not be delivered,
// and returns those that are to be tried next.
func (w *worker) afterFailure(batch []*Entry, err error) []*Entry {
	var f *Failure
	switch {
	case errors.Is(err, ErrGone):
		w.gone.Store(true)
		w.lose(batch)
		return nil
	case w.ctx.Err() != nil || w.closing.Load():
		w.stopped = true // one try at the end is all there is time for
		return batch
	case errors.As(err, &f) && f.Lost:
		w.lose(batch[:1])
		w.tries = 0
		return batch[1:]
	}
	if w.spool == nil || f != nil && f.Refused {
		w.tries++
	}
	if w.tries > w.retries {
		w.lose(batch[:1])
		w.tries = 0
		batch = batch[1:]
	}
	if len(batch) > 0 {
		w.down.Store(true)
		w.backOff()
	}
	return batch
}

func (w *worker) lose(entries []*Entry) {
	w.failed.Add(uint64(len(entries)))
	w.feed.settle(entries)
}

// abandon lets go of entries that are not dealt with when the worker ends. A
// spool keeps them for the next start. Without one they are lost: because they
// could not be delivered, or, when time was up, as the rest that is discarded.
func (w *worker) abandon(entries []*Entry) {
	if w.spool != nil {
		return
	}
	if w.ctx.Err() == nil {
		w.failed.Add(uint64(len(entries)))
	}
	w.q.settle(entries)
}

// backOff waits before the next try. Agents that lost the same server do not
// come back at the same moment: half of the pause is random.
func (w *worker) backOff() {
	t := time.NewTimer(w.pause/2 + rand.N(w.pause/2))
	defer t.Stop()
	w.pause = min(2*w.pause, lastPause)
	for {
		select {
		case <-t.C:
			return
		case <-w.ctx.Done():
			return
		case <-w.feed.wakeup(): // closing, or asked to open anew: try at once
			if w.closing.Load() {
				return
			}
			if w.reopen.Load() {
				w.reopenIfAsked()
				return
			}
		}
	}
}

// busyFor returns how long the delivery that is under way has taken.
func (w *worker) busyFor(now time.Time) time.Duration {
	if since := w.busySince.Load(); since != 0 {
		return max(0, time.Duration(now.UnixNano()-since))
	}
	return 0
}

// unsettled returns how many entries were taken from the hub and neither
// delivered, nor given up, nor stored.
func (w *worker) unsettled() int {
	if w.spool != nil {
		return w.q.len()
	}
	return int(w.q.tail.Load() - w.delivered.Load() - (w.failed.Load() - w.refused.Load()))
}
