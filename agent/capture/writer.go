// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"
)

const (
	// chunkSize is what goes to the writer at once, chunks how many of them
	// there may be: what a slow disk may be behind.
	chunkSize = 256 << 10
	chunks    = 32
	// maxFiles is how many captures the writer may not have ended yet when
	// another one is begun.
	maxFiles = 2
)

// job is work for the writer, for one file.
type job struct {
	file  *file
	begin bool
	chunk []byte // copies of events
	end   bool
}

// writer writes captures in the background. The event loop never waits for it:
// it hands out no more work than jobs has room for.
type writer struct {
	log   *zap.Logger
	jobs  chan job
	free  chan []byte // chunks that are not used
	made  int         // chunks; of the event loop
	spare chan *past  // comes back when it is written
	files atomic.Int32
	done  chan struct{}
	// inline does the work at once: the event loop waits.
	inline bool

	captures, failed, lost atomic.Uint64
}

func newWriter(inline bool, log *zap.Logger) *writer {
	w := &writer{
		log: log, inline: inline,
		// Each file has a begin and an end beside the chunks.
		jobs: make(chan job, chunks+2*maxFiles+2), free: make(chan []byte, chunks), spare: make(chan *past, maxFiles),
		done: make(chan struct{}),
	}
	if inline {
		close(w.done)
	} else {
		go w.run()
	}
	return w
}

// chunk returns an empty chunk, nil when all of them wait for the disk.
func (w *writer) chunk() []byte {
	select {
	case c := <-w.free:
		return c
	default:
	}
	if w.made == chunks {
		return nil
	}
	w.made++
	return make([]byte, 0, chunkSize)
}

// give hands out a job.
func (w *writer) give(j job) {
	if j.begin {
		w.files.Add(1)
	}
	if w.inline {
		w.do(j)
		return
	}
	w.jobs <- j // has room: see jobs
}

func (w *writer) run() {
	defer close(w.done)
	for j := range w.jobs {
		w.do(j)
	}
}

func (w *writer) do(j job) {
	f := j.file
	switch {
	case j.begin:
		err := f.begin()
		if f.past != nil {
			f.past.reset()
			w.spare <- f.past // has room: no more than maxFiles are on their way
			f.past = nil
		}
		w.captures.Add(1)
		w.stopOn(f, err)
	case j.end:
		f.end()
		w.report(f)
		w.files.Add(-1)
	default:
		if !f.over.Load() {
			w.stopOn(f, f.put(j.chunk))
		}
		if cap(j.chunk) > 4*chunkSize { // a very large event made it grow
			j.chunk = make([]byte, 0, chunkSize)
		}
		w.free <- j.chunk[:0]
	}
}

// stopOn ends a file that cannot go on.
func (w *writer) stopOn(f *file, err error) {
	if err != nil && f.err == nil {
		f.err = err
	}
	if err != nil || f.full() {
		f.end()
	}
}

// report tells what became of a capture.
func (w *writer) report(f *file) {
	lost := f.lost.Load()
	if f.err != nil {
		w.failed.Add(1)
		w.log.Error(fmt.Sprintf("capture %s of rule %q: %v (%d events are in it)", f.path, f.rule, f.err, f.events))
	} else {
		w.log.Info(fmt.Sprintf("Captured %d events, %d bytes, to %s (rule %q)", f.events, f.written.Load(), f.path, f.rule))
	}
	if lost > 0 {
		w.log.Warn(fmt.Sprintf("capture %s: %d events are missing, because the disk was too slow", f.path, lost))
	}
}
