// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bufio"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a queue: the default number of alerts or lines, and the bytes that
// they may hold together whatever their number.
const (
	DefaultCapacity = 16384
	maxBytes        = 16 << 20
)

// Queue stands between those who log and standard error, which may block. Any
// goroutine may offer lines at any time; one of the queue's own writes them.
type Queue struct {
	out   io.Writer
	lines chan *[]byte
	pool  sync.Pool
	stop  chan struct{} // closed: write what waits, then end
	done  chan struct{}
	last  []byte // written at the end; set before stop

	bytes   atomic.Int64 // held by queued lines
	waiting atomic.Int64 // lines
	closed  atomic.Bool
	abandon atomic.Bool
}

// NewQueue starts a queue of so many lines that writes to out. Capacity 0 takes
// the default.
func NewQueue(out io.Writer, capacity uint64) *Queue {
	if capacity == 0 || capacity > 1<<20 {
		capacity = DefaultCapacity
	}
	q := &Queue{out: out, lines: make(chan *[]byte, capacity), stop: make(chan struct{}), done: make(chan struct{})}
	q.pool.New = func() any { b := make([]byte, 0, 512); return &b }
	go q.run()
	return q
}

// Offer queues a copy of line and a line end. It never blocks: when the queue
// is full or closed the line is dropped, and Offer returns false.
func (q *Queue) Offer(line []byte) bool {
	if q.closed.Load() || q.bytes.Load()+int64(len(line)) > maxBytes {
		return false
	}
	b := q.pool.Get().(*[]byte)
	*b = append(append((*b)[:0], line...), '\n')
	size := int64(len(*b))
	q.bytes.Add(size)
	q.waiting.Add(1)
	select {
	case q.lines <- b:
		return true
	default:
		q.bytes.Add(-size)
		q.waiting.Add(-1)
		q.pool.Put(b)
		return false
	}
}

// Close writes what is queued, and last the farewell, and ends the writer. It
// waits no longer than timeout; the lines that are left then are discarded and
// their number returned. It is called once.
func (q *Queue) Close(farewell []byte, timeout time.Duration) int {
	q.last = farewell
	q.closed.Store(true)
	close(q.stop)
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-q.done:
		return 0
	case <-t.C:
		q.abandon.Store(true) // the writer ends when its write returns, if ever
		return max(1, int(q.waiting.Load()))
	}
}

func (q *Queue) run() {
	defer close(q.done)
	w := bufio.NewWriterSize(unfailing{q.out}, 32<<10)
	for {
		select {
		case b := <-q.lines:
			q.write(w, b)
		case <-q.stop:
			q.drain(w)
			return
		}
	}
}

// write writes a line. Lines that are already waiting go out together.
func (q *Queue) write(w *bufio.Writer, b *[]byte) {
	_, _ = w.Write(*b)
	if len(q.lines) == 0 {
		_ = w.Flush()
	}
	q.bytes.Add(-int64(len(*b)))
	q.waiting.Add(-1)
	q.pool.Put(b)
}

// drain writes what is left, unless nobody waits for it any more.
func (q *Queue) drain(w *bufio.Writer) {
	for !q.abandon.Load() {
		select {
		case b := <-q.lines:
			q.write(w, b)
			continue
		default:
		}
		_, _ = w.Write(q.last)
		break
	}
	_ = w.Flush()
}

// unfailing hides failures of a writer: bufio would refuse all later lines, and
// there is nowhere left to tell of it.
type unfailing struct{ out io.Writer }

// Write implements io.Writer.
func (u unfailing) Write(p []byte) (int, error) {
	_, _ = u.out.Write(p)
	return len(p), nil
}
