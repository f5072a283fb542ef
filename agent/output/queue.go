// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bufio"
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a queue: the default number of alerts, and the bytes that they may
// hold together whatever their number.
const (
	DefaultCapacity = 16384
	maxBytes        = 16 << 20
)

// flushIdle is how long a buffered line waits when nothing follows it.
const flushIdle = time.Second

// Queue stands between the event loop and a writer that may block. One
// goroutine offers lines, one of the queue's own writes them.
type Queue struct {
	out      io.Writer
	buffered bool
	lines    chan *[]byte
	pool     sync.Pool
	done     chan struct{}
	abandon  atomic.Bool

	bytes     atomic.Int64 // held by queued lines
	taken     atomic.Int64 // lines accepted
	written   atomic.Int64 // lines handed to out
	dropped   atomic.Uint64
	failed    atomic.Uint64
	writingNS atomic.Int64 // when the write that is under way began; 0: none
	err       atomic.Pointer[error]
}

// NewQueue starts a queue that writes lines to out. Capacity 0 takes the
// default. When buffered, lines are gathered instead of written one by one.
func NewQueue(out io.Writer, capacity uint64, buffered bool) *Queue {
	if capacity == 0 || capacity > 1<<20 {
		capacity = DefaultCapacity
	}
	q := &Queue{out: out, buffered: buffered, lines: make(chan *[]byte, capacity), done: make(chan struct{})}
	q.pool.New = func() any { b := make([]byte, 0, 512); return &b }
	go q.write()
	return q
}

// Offer queues a copy of line and a line end. It never blocks: when the queue
// is full the line is dropped, counted, and Offer returns false.
func (q *Queue) Offer(line []byte) bool {
	if q.offer(line) {
		return true
	}
	q.dropped.Add(1)
	return false
}

// OfferWithin is Offer for those who can wait for room, no longer than timeout.
// A line that found none is not counted: it may be offered again.
func (q *Queue) OfferWithin(line []byte, timeout time.Duration) bool {
	const pause = time.Millisecond
	for waited := time.Duration(0); !q.offer(line); waited += pause {
		if waited >= timeout {
			return false
		}
		time.Sleep(pause)
	}
	return true
}

func (q *Queue) offer(line []byte) bool {
	if q.bytes.Load()+int64(len(line)) > maxBytes {
		return false
	}
	b := q.pool.Get().(*[]byte)
	*b = append(append((*b)[:0], line...), '\n')
	q.bytes.Add(int64(len(*b)))
	select {
	case q.lines <- b:
		q.taken.Add(1)
		return true
	default:
		q.bytes.Add(-int64(len(*b)))
		q.pool.Put(b)
		return false
	}
}

// Dropped returns how many lines found the queue full.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// Failed returns how many lines could not be written, and the last reason.
func (q *Queue) Failed() (uint64, error) {
	if e := q.err.Load(); e != nil {
		return q.failed.Load(), *e
	}
	return q.failed.Load(), nil
}

// BlockedFor returns how long the write that is under way has taken.
func (q *Queue) BlockedFor(now time.Time) time.Duration {
	if since := q.writingNS.Load(); since != 0 {
		return time.Duration(now.UnixNano() - since)
	}
	return 0
}

// Close writes what is queued, and last the farewell, and ends the writer. It
// waits no longer than timeout; the lines that are left then are discarded and
// their number returned.
func (q *Queue) Close(farewell []byte, timeout time.Duration) int {
	if len(farewell) > 0 {
		farewell = append([]byte(nil), farewell...)
		q.bytes.Add(int64(len(farewell)))
		select {
		case q.lines <- &farewell:
		case <-time.After(timeout):
		}
	}
	close(q.lines)
	select {
	case <-q.done:
		return 0
	case <-time.After(timeout):
		q.abandon.Store(true) // the writer ends when its write returns, if ever
		return int(q.taken.Load() - q.written.Load())
	}
}

func (q *Queue) write() {
	defer close(q.done)
	w := bufio.NewWriterSize(timed{q}, 32<<10)
	idle := time.NewTimer(flushIdle)
	defer idle.Stop()
	for {
		select {
		case b, ok := <-q.lines:
			if !ok || q.abandon.Load() {
				_ = w.Flush() // counted by timed
				return
			}
			_, _ = w.Write(*b)
			q.bytes.Add(-int64(len(*b)))
			q.pool.Put(b)
			// Lines that are already waiting go out in the same write.
			if !q.buffered && len(q.lines) == 0 {
				_ = w.Flush()
			}
			if w.Buffered() > 0 {
				idle.Reset(flushIdle)
			}
		case <-idle.C:
			_ = w.Flush()
		}
	}
}

// timed writes to the queue's output, notes how long it takes, and counts
// failures instead of handing them on: bufio would refuse all later lines.
type timed struct{ q *Queue }

// Write implements io.Writer.
func (t timed) Write(p []byte) (int, error) {
	t.q.writingNS.Store(time.Now().UnixNano())
	_, err := t.q.out.Write(p)
	t.q.writingNS.Store(0)
	t.q.written.Add(int64(bytes.Count(p, []byte{'\n'}))) // an alert is one line
	if err != nil {
		t.q.failed.Add(1)
		t.q.err.Store(&err)
	}
	return len(p), nil
}
