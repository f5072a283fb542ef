// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"syscall"
	"time"

	"github.com/tiercel/tiercel/agent/output"
)

// lookEvery is how often a file that is kept open is compared with what its
// path leads to.
const lookEvery = time.Second

// File appends alerts to a file. One that was moved or removed, by logrotate
// for example, is made anew: at once when it is opened for each delivery, within
// a second when it is kept open, and on Reopen.
type File struct {
	Path      string
	KeepAlive bool
	// Mode is that of a file that is made: alerts tell secrets of the host.
	Mode fs.FileMode
	// Timeout is how long a write may take where the file is a FIFO.
	Timeout time.Duration

	f      *os.File
	lines  lines
	looked time.Time
	now    func() time.Time
}

// NewFile returns the sink that appends to the file at path. Mode 0 is 0600.
func NewFile(path string, keepAlive bool, mode fs.FileMode, timeout time.Duration) *File {
	if mode == 0 {
		mode = 0o600
	}
	return &File{Path: path, KeepAlive: keepAlive, Mode: mode, Timeout: timeout, now: time.Now}
}

// Name implements output.Sink.
func (s *File) Name() string { return "file" }

// MayGather implements output.Buffers.
func (s *File) MayGather() bool { return true }

// Retries implements output.Retrier: no alert is given up. What stops a file, a
// full disk for example, stops every alert alike, so it is the queue that decides
// what is lost.
func (s *File) Retries() int { return math.MaxInt }

// Deliver implements output.Sink.
func (s *File) Deliver(ctx context.Context, entries []*output.Entry) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	_ = s.f.SetWriteDeadline(time.Now().Add(s.Timeout)) // regular files have none, and need none
	stop := untilCancelled(ctx, s.f)
	n, err := s.lines.write(s.f, entries)
	stop()
	if err != nil {
		// The next try begins with a fresh file: the disk may have been replaced.
		_ = s.Reopen()
		return n, fmt.Errorf("write %s: %w", s.Path, plain(err))
	}
	if !s.KeepAlive {
		err = s.Reopen()
	}
	return n, err
}

// open makes sure that the file is open and is what the path leads to.
func (s *File) open() error {
	now := s.now()
	if s.f != nil && now.Sub(s.looked) >= lookEvery {
		s.looked = now
		if !s.current() {
			_ = s.Reopen()
		}
	}
	if s.f != nil {
		return nil
	}
	// Without O_NONBLOCK a FIFO that nobody reads would hold us for ever.
	f, err := os.OpenFile(s.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, s.Mode)
	if err != nil {
		if errors.Is(err, syscall.ENXIO) {
			err = errors.New("nobody reads this FIFO")
		}
		return fmt.Errorf("failed to open output file %s: %w", s.Path, plain(err))
	}
	s.f, s.looked = f, now
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		s.lines.torn = false // another file
	}
	return nil
}

// current reports whether the open file is the one that the path leads to.
func (s *File) current() bool {
	there, err := os.Stat(s.Path)
	if err != nil {
		return false
	}
	here, err := s.f.Stat()
	return err == nil && os.SameFile(there, here)
}

// Reopen implements output.Sink.
func (s *File) Reopen() error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	s.f = nil
	return err
}

// Close implements output.Sink.
func (s *File) Close() error { return s.Reopen() }

// plain takes the path out of an error whose message names it already.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
