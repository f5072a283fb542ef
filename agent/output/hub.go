// SPDX-License-Identifier: Apache-2.0

package output

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/agent/log"
)

// HubOptions are what all outputs have in common.
type HubOptions struct {
	Log  *zap.Logger // nil: none
	Form Form
	// Timeout is when a delivery counts as blocked; 0: 2 s.
	Timeout time.Duration
	// Capacity is how many alerts may wait for each output; 0: DefaultCapacity.
	Capacity uint64
	// Buffered lets the outputs of lines gather alerts for a second.
	Buffered bool
	// Stdout gets the farewell when there is no output that is Farewell.
	Stdout io.Writer
	// Suppress keeps back what was said before.
	Suppress Suppression
	// Replay: the time of alerts is not that of the clock.
	Replay bool
}

// defaultTimeout is that of output_timeout.
const defaultTimeout = 2 * time.Second

// Buffers is a sink of lines, which HubOptions.Buffered is about.
type Buffers interface{ MayGather() bool }

// Hub brings each alert to every output. An alert is formatted once, into
// memory that all outputs share; each of them has a bounded queue and a
// goroutine of its own, so that a slow one holds up nobody else. Offering never
// waits for an output.
//
// Offer may be called by any goroutine; Check by one.
type Hub struct {
	opts    HubOptions
	workers []*worker
	cancel  context.CancelFunc
	pool    sync.Pool

	// mu orders those who offer. It is never held while anything is written.
	mu       sync.Mutex
	form     Form
	suppress *suppressor // nil: off
	closed   bool

	lossTold bool // of Check
}

// NewHub starts an output for each sink. Without sinks a hub takes everything
// and gives it to nobody.
func NewHub(o HubOptions, sinks ...Sink) *Hub {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Capacity == 0 || o.Capacity > 1<<20 {
		o.Capacity = DefaultCapacity
	}
	h := &Hub{opts: o, form: o.Form}
	h.pool.New = func() any { return &Entry{Text: make([]byte, 0, 512), pool: &h.pool} }
	if o.Suppress.Window > 0 {
		h.suppress = newSuppressor(o.Suppress)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	for _, s := range sinks {
		b, lines := s.(Buffers)
		report := &reporter{name: s.Name(), log: o.Log, now: time.Now}
		h.workers = append(h.workers, newWorker(ctx, s, int(o.Capacity), o.Buffered && lines && b.MayGather(), report))
	}
	return h
}

// SetForm changes how alerts look from the next one on.
func (h *Hub) SetForm(f Form) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.form = f
}

// Offer gives an alert to every output that has room for it. It never blocks.
// It reports false when an output had none; what was lost is counted, and told
// of by Check. The alert's memory is free when Offer returns.
func (h *Hub) Offer(a *Alert) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.offer(a)
}

// OfferWithin is Offer for those who can wait for room, no longer than timeout.
// It does not wait for outputs that are failing. An alert that found no room is
// not counted: it may be offered again.
func (h *Hub) OfferWithin(a *Alert, timeout time.Duration) bool {
	const pause = time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		h.mu.Lock()
		if h.hasRoom(len(a.Message) + len(a.Fields)) {
			h.offer(a)
			h.mu.Unlock()
			return true
		}
		h.mu.Unlock()
		if waited >= timeout {
			return false
		}
		time.Sleep(pause)
	}
}

// hasRoom reports whether every output that works has room for an alert.
func (h *Hub) hasRoom(n int) bool {
	for _, w := range h.workers {
		// What is down makes no room; a spool does all the same.
		if w.gone.Load() || w.down.Load() && w.spool == nil {
			continue
		}
		if !w.q.hasRoom(2*n + 1<<10) {
			return false
		}
	}
	return true
}

func (h *Hub) offer(a *Alert) bool {
	if h.closed {
		return false
	}
	if h.suppress != nil && !a.Internal {
		h.endWindows(a.TimeNS)
		if h.suppress.hides(a) {
			return true
		}
		for h.suppress.crowded() {
			h.endOldest()
		}
	}
	all := h.publish(a)
	if all && h.suppress != nil && !a.Internal {
		h.suppress.remember(a) // what an output did not get is not to be hidden when it comes again
	}
	return all
}

// publish formats the alert and gives it to the outputs.
func (h *Hub) publish(a *Alert) bool {
	e := h.pool.Get().(*Entry)
	e.TimeNS, e.Severity, e.Rule, e.Source, e.Tags = a.TimeNS, severity(a.Priority), a.Rule, a.Source, a.Tags
	e.Text = h.form.Append(e.Text[:0], a)
	e.refs.Store(1 + int32(len(h.workers)))
	all := true
	for _, w := range h.workers {
		switch {
		case w.gone.Load():
			w.refused.Add(1)
			w.failed.Add(1)
		case w.q.push(e):
			continue
		default:
			w.dropped.Add(1)
			all = false
		}
		e.release()
	}
	e.release()
	return all
}

// endWindows tells of what was suppressed in windows that ended by now.
func (h *Hub) endWindows(now uint64) {
	for h.suppress.oldestEnds(now) {
		h.endOldest()
	}
}

func (h *Hub) endOldest() {
	if a := h.suppress.pop(); a != nil {
		h.publish(a)
	}
}

// Reopen makes every output close and open what it writes to. It returns at
// once.
func (h *Hub) Reopen() {
	for _, w := range h.workers {
		w.reopen.Store(true)
		w.kick()
	}
}

// Check tells the log of outputs that are blocked and of alerts that are lost,
// and ends windows of suppression. It is to be called about every 100 ms. The
// error says that there is no output left that anybody reads.
func (h *Hub) Check(now time.Time) error {
	if h.suppress != nil && !h.opts.Replay {
		h.mu.Lock()
		h.endWindows(uint64(max(0, now.Add(-time.Second).UnixNano()))) // alerts may come late
		h.mu.Unlock()
	}
	gone := 0
	for _, w := range h.workers {
		late := w.busyFor(now) > h.opts.Timeout
		if late && !w.blocked {
			h.opts.Log.Log(log.Critical, fmt.Sprintf("%q output timeout, all output channels are blocked", w.sink.Name()))
		}
		w.blocked = late
		h.tellOfLoss(w, now, reportEvery)
		if w.gone.Load() {
			gone++
		}
	}
	if gone > 0 && gone == len(h.workers) {
		return fmt.Errorf("nobody reads the alerts on standard output any more: %w", ErrGone)
	}
	return nil
}

// tellOfLoss logs the alerts that found a queue full, at once or every so often.
func (h *Hub) tellOfLoss(w *worker, now time.Time, every time.Duration) {
	n := w.dropped.Load()
	if n == w.told || !w.toldAt.IsZero() && now.Sub(w.toldAt) < every {
		return
	}
	if !h.lossTold {
		h.lossTold = true
		h.opts.Log.Error("Outputs queue out of memory. Drop event and continue on ...")
	}
	h.opts.Log.Error(fmt.Sprintf("%s: %d alerts were lost because this output is too slow (outputs_queue.capacity)", w.sink.Name(), n-w.told))
	w.told, w.toldAt = n, now
}

// OutputStats are the counters of one output.
type OutputStats struct {
	Name      string
	Queued    int    // alerts that wait in memory
	Capacity  int    // that may
	Delivered uint64 // alerts
	Dropped   uint64 // because the queue was full, or the spool
	Failed    uint64 // because they could not be delivered
	Down      bool   // the last delivery failed
	Blocked   time.Duration
	Spooled   int   // alerts that wait on disk
	SpoolSize int64 // bytes
}

// Stats appends the counters of every output to dst.
func (h *Hub) Stats(dst []OutputStats) []OutputStats {
	now := time.Now()
	for _, w := range h.workers {
		s := OutputStats{
			Name: w.sink.Name(), Queued: w.q.len(), Capacity: len(w.q.slots), Delivered: w.delivered.Load(),
			Dropped: w.dropped.Load(), Failed: w.failed.Load(), Down: w.down.Load(), Blocked: w.busyFor(now),
		}
		if w.spool != nil {
			n, bytes, lost := w.spool.Len()
			s.Spooled, s.SpoolSize, s.Dropped = n, bytes, s.Dropped+lost
		}
		dst = append(dst, s)
	}
	return dst
}

// Dropped returns how many times an alert found the queue of an output full.
func (h *Hub) Dropped() uint64 {
	n := uint64(0)
	for _, w := range h.workers {
		n += w.dropped.Load()
	}
	return n
}

// Suppressed returns how many alerts were kept back as duplicates.
func (h *Hub) Suppressed() uint64 {
	if h.suppress == nil {
		return 0
	}
	return h.suppress.total.Load()
}

// Close delivers what waits, gives the farewell to standard output, and ends
// the outputs. It waits no longer than timeout; what is left then is discarded
// and its number returned. What is in a spool stays there.
func (h *Hub) Close(farewell []byte, timeout time.Duration) int {
	h.mu.Lock()
	if h.suppress != nil {
		for h.suppress.len() > 0 {
			h.endOldest()
		}
	}
	h.closed = true
	h.mu.Unlock()
	spoken := len(farewell) == 0 || h.opts.Stdout == nil
	for _, w := range h.workers {
		if _, ok := w.sink.(Farewell); ok && len(farewell) > 0 {
			w.farewell, spoken = farewell, true
		}
		w.closing.Store(true)
		w.kick()
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if !spoken {
		h.speak(ctx, farewell)
	}
	if !h.wait(ctx) {
		h.cancel()
		grace, cancel := context.WithTimeout(context.Background(), graceAtEnd)
		defer cancel()
		h.wait(grace)
	}
	h.cancel()
	return h.closingReport()
}

// graceAtEnd is what outputs get to notice that their time is up.
const graceAtEnd = 200 * time.Millisecond

// speak writes the farewell to standard output, which may be blocked.
func (h *Hub) speak(ctx context.Context, farewell []byte) {
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		_, _ = h.opts.Stdout.Write(farewell) // there is nobody left to tell
	}()
	select {
	case <-spoken:
	case <-ctx.Done():
	}
}

// wait waits for all outputs to end.
func (h *Hub) wait(ctx context.Context) bool {
	for _, w := range h.workers {
		select {
		case <-w.done:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// closingReport tells what became of the alerts.
func (h *Hub) closingReport() (left int) {
	for _, w := range h.workers {
		h.tellOfLoss(w, time.Now(), 0)
		left += w.unsettled()
		if w.spool != nil {
			if n, _, _ := w.spool.Len(); n > 0 {
				h.opts.Log.Info(fmt.Sprintf("%s: %d alerts wait on disk for the next start (outputs_spool.dir)", w.sink.Name(), n))
			}
		}
		if n := w.failed.Load(); n > 0 {
			h.opts.Log.Error(fmt.Sprintf("%s: %d alerts could not be delivered", w.sink.Name(), n))
		}
	}
	if left > 0 {
		h.opts.Log.Warn(fmt.Sprintf("output channels still blocked, discarding all remaining notifications (%d)", left))
	}
	return left
}
