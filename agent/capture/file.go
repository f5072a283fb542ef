// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	format "github.com/tiercel/tiercel/scap/capture"
)

// file is one capture. The event loop makes it and tells what goes into it; the
// writer does the rest.
type file struct {
	path    string
	rule    string
	opts    *Options
	tables  *format.Tables
	extra   []byte // copies of events that tell of containers
	past    *past  // nil: none
	pastTS  uint64 // from when on
	written atomic.Int64
	over    atomic.Bool   // the writer takes nothing more
	lost    atomic.Uint64 // events that found no room on the way to the writer

	// Of the writer:
	f      *os.File
	w      *format.Writer
	events uint64
	look   int64 // size at which to look at the room on the file system again
	err    error
}

// lookEvery is how much is written between two looks at the room.
const lookEvery = 1 << 20

// errRoom says why a capture is not begun, or ends early.
var errRoom = errors.New("too little room is left on its file system (capture.min_free_mb)")

// begin makes the file and writes what comes first.
func (f *file) begin() error {
	if err := f.room(); err != nil {
		return err
	}
	// O_EXCL: where everybody may write, a link must not lead us elsewhere.
	out, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return plain(err)
	}
	f.f = out
	f.w, err = format.NewWriter(counted{f}, f.tables, format.WriterOptions{Compress: true, Compatible: true, EnterEvents: f.opts.EnterEvents})
	f.tables = nil
	if err != nil {
		return err
	}
	if err := f.put(f.extra); err != nil {
		return err
	}
	f.extra = nil
	if f.past != nil {
		f.past.since(f.pastTS, func(ev *scap.Event) bool {
			err = f.write(ev)
			return err == nil
		})
	}
	return err
}

// put writes copies of events.
func (f *file) put(copies []byte) error {
	var ev scap.Event
	for len(copies) > 0 {
		rest, err := nextCopy(copies, &ev)
		if err != nil {
			return err
		}
		copies = rest
		if err := f.write(&ev); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) write(ev *scap.Event) error {
	if err := f.w.Write(ev); err != nil {
		return plain(err)
	}
	f.events++
	if f.written.Load() >= f.look {
		return f.room()
	}
	return nil
}

// full reports whether the file has reached its largest size.
func (f *file) full() bool {
	return Limit{Deadline: 1, MaxMB: f.opts.MaxMB}.Check(0, uint64(f.written.Load())) == SizeReached
}

// room fails when the file system is nearly full.
func (f *file) room() error {
	f.look = f.written.Load() + lookEvery
	var s unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(f.path), &s); err != nil {
		return fmt.Errorf("%s: %w", filepath.Dir(f.path), err)
	}
	if s.Bavail*uint64(s.Bsize) < f.opts.MinFree+lookEvery {
		return errRoom
	}
	return nil
}

// end writes what is buffered and closes the file.
func (f *file) end() {
	f.over.Store(true)
	if f.w != nil {
		if err := f.w.Close(); f.err == nil && err != nil {
			f.err = plain(err)
		}
		f.w = nil
	}
	if f.f != nil {
		if err := f.f.Close(); f.err == nil && err != nil {
			f.err = plain(err)
		}
		f.f = nil
	}
}

// counted writes to the file and counts.
type counted struct{ f *file }

// Write implements io.Writer.
func (c counted) Write(p []byte) (int, error) {
	n, err := c.f.f.Write(p)
	c.f.written.Add(int64(n))
	return n, err
}

// Truncate lets the capture's writer cut what it wrote in part.
func (c counted) Truncate(size int64) error {
	err := c.f.f.Truncate(size)
	if err == nil {
		c.f.written.Store(size)
	}
	return err
}

// plain takes the path out of an error whose message names it already.
func plain(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
