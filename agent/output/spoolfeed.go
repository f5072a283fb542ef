// SPDX-License-Identifier: Apache-2.0

package output

import (
	"fmt"
	"sync/atomic"
	"time"
)

// spoolFeed stands between the ring and a worker with a spool: one more
// goroutine brings what is offered to disk at once, however long a delivery
// takes, and the worker takes from there.
type spoolFeed struct {
	w        *worker
	spool    Spool
	wake     chan struct{}
	sleeping atomic.Bool
	opened   atomic.Bool
	pumped   chan struct{} // closed when nothing more comes from the ring
}

func newSpoolFeed(w *worker) *spoolFeed {
	f := &spoolFeed{w: w, spool: w.spool, wake: make(chan struct{}, 1), pumped: make(chan struct{})}
	go f.pump()
	return f
}

// pump stores what comes until the worker closes.
func (f *spoolFeed) pump() {
	defer func() {
		close(f.pumped)
		f.signal()
	}()
	if !f.open() {
		return
	}
	f.signal()
	var batch []*Entry
	for {
		batch = f.w.q.take(batch[:0])
		if len(batch) == 0 {
			if f.w.closing.Load() && f.w.q.ended() || f.w.ctx.Err() != nil {
				return
			}
			if f.w.q.arm() {
				select {
				case <-f.w.q.wake:
				case <-f.w.ctx.Done():
				}
			}
			continue
		}
		n, err := f.spool.Append(batch)
		if err != nil {
			f.w.report.failed(fmt.Errorf("spool: %w", err))
			f.w.dropped.Add(uint64(len(batch) - n))
		}
		f.w.q.settle(batch)
		if f.sleeping.Swap(false) {
			f.signal()
		}
	}
}

// open opens the spool. Another process may still hold it, or its disk be away:
// then it is tried again.
func (f *spoolFeed) open() bool {
	const pause = time.Second
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-f.w.ctx.Done():
			return false
		case <-f.w.q.wake:
			if f.w.closing.Load() {
				return false
			}
			continue
		}
		err := f.spool.Open()
		if err == nil {
			f.opened.Store(true)
			return true
		}
		f.w.report.failed(fmt.Errorf("spool: %w", err))
		t.Reset(pause)
	}
}

func (f *spoolFeed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *spoolFeed) take(dst []*Entry) []*Entry {
	if !f.opened.Load() {
		return dst
	}
	dst, err := f.spool.Peek(dst, maxBatch)
	if err != nil {
		f.w.report.failed(fmt.Errorf("spool: %w", err))
	}
	return dst
}

func (f *spoolFeed) settle(entries []*Entry) {
	if len(entries) == 0 {
		return
	}
	if err := f.spool.Done(len(entries)); err != nil {
		f.w.report.failed(fmt.Errorf("spool: %w", err))
	}
}

func (f *spoolFeed) wakeup() <-chan struct{} { return f.wake }

func (f *spoolFeed) arm() bool {
	f.sleeping.Store(true)
	if n, _, _ := f.spool.Len(); f.opened.Load() && n > 0 {
		f.sleeping.Store(false)
		return false
	}
	return true
}

func (f *spoolFeed) ended() bool {
	select {
	case <-f.pumped:
	default:
		return false
	}
	n, _, _ := f.spool.Len()
	return n == 0 || !f.opened.Load()
}

// close waits until everything is stored, and closes the spool.
func (f *spoolFeed) close() {
	<-f.pumped
	if err := f.spool.Close(); err != nil {
		f.w.report.failed(fmt.Errorf("spool: %w", err))
	}
}
