// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tiercel/tiercel/scap"
)

// RecordOptions are how a capture is recorded to disk. A limit of 0 is none.
type RecordOptions struct {
	WriterOptions
	// Tables is asked for the tables of each file when it is begun; nil for
	// none.
	Tables func() (*Tables, error)
	// A file that has reached one of these limits is ended before the next
	// event, and another one is begun.
	MaxSize   int64         // bytes on disk
	MaxTime   time.Duration // between the first event and the last
	MaxEvents uint64
	// MaxFiles is how many files are kept: with each new one the oldest of
	// this recording is removed.
	MaxFiles int
}

func (o *RecordOptions) rotates() bool { return o.MaxSize > 0 || o.MaxTime > 0 || o.MaxEvents > 0 }

// Recorder writes captures to disk in the background: Write only copies, and
// waits only when the disk is behind by some megabytes. Errors are treated as
// by a Writer. A recording that failed stays ended: a disk that filled up
// would fill up again.
//
// All methods but Stats belong to one goroutine.
type Recorder struct {
	path  string
	opts  RecordOptions
	count counters
	w     *Writer
	out   *output
	file  *os.File
	free  chan []byte
	jobs  chan job
	done  chan struct{}
	broke atomic.Pointer[error] // of the background, not yet reported

	number int // of the file
	names  []string
	first  uint64 // time of the first event in the file
	events uint64 // in the file
	start  uint64 // count.bytes when the file was begun
}

// job is work for the background.
type job struct {
	out    *output
	file   *os.File // to be closed at the end
	chunk  []byte
	events int
	flush  bool
	end    bool
	gone   chan<- struct{} // closed when the job is done
}

// Record begins a recording. Without rotation the file is path, with it
// path with a number before its extension: trace.scap becomes
// trace.00001.scap. What is there is overwritten. Captures hold secrets of the
// host: files are made for their owner alone. "-" is standard output, which
// cannot rotate.
func Record(path string, o RecordOptions) (*Recorder, error) {
	if path == "-" && o.rotates() {
		return nil, errors.New("record capture: standard output cannot rotate (give a file, or no limits)")
	}
	r := &Recorder{
		path: path, opts: o,
		free: make(chan []byte, writeBuffers),
		jobs: make(chan job, writeBuffers),
		done: make(chan struct{}),
	}
	for range writeBuffers {
		r.free <- make([]byte, 0, writeBuffer)
	}
	go r.background()
	r.w = &Writer{sink: r, buf: <-r.free, count: &r.count}
	if err := r.begin(); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// Stats returns the counters so far, of all files together.
func (r *Recorder) Stats() WriteStats { return r.count.stats() }

// Path returns the path of the file that is being written.
func (r *Recorder) Path() string { return r.names[len(r.names)-1] }

// Write appends an event, as Writer.Write does.
func (r *Recorder) Write(e *scap.Event) error {
	if r.events > 0 && r.opts.rotates() && !r.w.failed && !r.w.closed && r.due(e.Timestamp()) {
		if err := r.rotate(); err != nil {
			r.count.events.Add(1)
			r.count.lost.Add(1)
			return err
		}
	}
	if r.events == 0 {
		r.first = e.Timestamp()
	}
	r.events++
	return r.w.Write(e)
}

// Flush hands over what is buffered and waits until it is written.
func (r *Recorder) Flush() error { return r.w.Flush() }

// Close writes what is buffered and ends the last file.
func (r *Recorder) Close() error {
	if r.w.closed {
		return nil
	}
	err := r.w.Close()
	r.stop()
	if e := r.failureBehind(); err == nil && e != nil && !r.w.failed {
		err = r.w.failure(e)
	}
	return err
}

// stop ends the background once all its work is done.
func (r *Recorder) stop() {
	close(r.jobs)
	<-r.done
}

// due reports whether the file has reached a limit before an event of time ts.
func (r *Recorder) due(ts uint64) bool {
	o := &r.opts
	return o.MaxEvents > 0 && r.events >= o.MaxEvents ||
		o.MaxTime > 0 && ts > r.first && ts-r.first >= uint64(o.MaxTime) ||
		o.MaxSize > 0 && r.size() >= o.MaxSize
}

// size is how large the file is; with compression what is buffered does not
// count yet.
func (r *Recorder) size() int64 {
	if r.opts.Compress {
		return r.out.size.Load()
	}
	return int64(r.count.bytes.Load() - r.start)
}

// rotate ends the file and begins the next.
func (r *Recorder) rotate() error {
	if err := r.w.room(cap(r.w.buf)); err != nil {
		return err
	}
	r.jobs <- job{out: r.out, file: r.file, end: true}
	return r.begin()
}

// begin makes the next file and hands its tables over.
func (r *Recorder) begin() error {
	r.number++
	f, err := r.create()
	if err != nil {
		return r.w.failure(err)
	}
	var t *Tables
	if r.opts.Tables != nil {
		if t, err = r.opts.Tables(); err != nil {
			_ = f.Close()
			return r.w.failure(err)
		}
	}
	r.file, r.out = f, newOutput(f, r.opts.Compress, &r.count)
	r.events, r.start = 0, r.count.bytes.Load()
	return r.w.begin(t, r.opts.WriterOptions)
}

func (r *Recorder) create() (*os.File, error) {
	if r.path == "-" {
		r.names = append(r.names, r.path)
		return os.Stdout, nil
	}
	name := r.path
	if r.opts.rotates() {
		name = numbered(r.path, r.number)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	r.names = append(r.names, name)
	if n := len(r.names) - r.opts.MaxFiles; r.opts.MaxFiles > 0 && n > 0 {
		for _, old := range r.names[:n] {
			if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
				_ = f.Close()
				return nil, err
			}
		}
		r.names = append(r.names[:0], r.names[n:]...)
	}
	return f, nil
}

// numbered puts a number before the extension of a file name.
func numbered(path string, n int) string {
	base := filepath.Base(path)
	ext := ""
	if i := strings.IndexByte(base[1:], '.'); i >= 0 {
		ext = base[1+i:]
	}
	return fmt.Sprintf("%s.%05d%s", strings.TrimSuffix(path, ext), n, ext)
}

// put gives a chunk to the background and takes an empty buffer. It is how the
// Writer of the recorder writes.
func (r *Recorder) put(chunk []byte, events int) ([]byte, error) {
	r.jobs <- job{out: r.out, chunk: chunk, events: events}
	return <-r.free, r.failureBehind()
}

func (r *Recorder) flush() error {
	gone := make(chan struct{})
	r.jobs <- job{out: r.out, flush: true, gone: gone}
	<-gone
	return r.failureBehind()
}

func (r *Recorder) close() error {
	r.jobs <- job{out: r.out, file: r.file, end: true}
	return nil
}

// failureBehind takes the error of the background, if there is one.
func (r *Recorder) failureBehind() error {
	if err := r.broke.Swap(nil); err != nil {
		return *err
	}
	return nil
}

// background does the work of jobs until there are no more.
func (r *Recorder) background() {
	defer close(r.done)
	failed := false
	for j := range r.jobs {
		err := j.do(failed, &r.count)
		if err != nil && !failed {
			failed = true
			r.broke.Store(&err)
		}
		if j.chunk != nil {
			// A very large event made this one grow.
			if cap(j.chunk) > 4*writeBuffer {
				j.chunk = make([]byte, 0, writeBuffer)
			}
			r.free <- j.chunk[:0]
		}
		if j.gone != nil {
			close(j.gone)
		}
	}
}

func (j *job) do(failed bool, count *counters) (err error) {
	switch {
	case j.end:
		// A file that failed is closed too.
		err = j.out.close()
		if e := j.file.Close(); err == nil {
			err = e
		}
	case failed:
		count.lost.Add(uint64(j.events))
	case j.flush:
		err = j.out.flush()
	default:
		_, err = j.out.put(j.chunk, j.events)
	}
	return err
}
