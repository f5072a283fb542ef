// SPDX-License-Identifier: Apache-2.0

package output

import (
	"context"
	"errors"
)

// Sink is a place that alerts go to. Its methods are called by one goroutine,
// its own; they may block.
type Sink interface {
	// Name is what the log and the metrics call it: file.
	Name() string
	// Deliver hands entries over, in order, and returns how many of them are
	// dealt with. An error is about the entry behind those: it is tried again
	// later, unless the error says that this is no use (see Lost and ErrGone).
	// Deliver ends soon after ctx is cancelled.
	Deliver(ctx context.Context, entries []*Entry) (done int, err error)
	// Reopen closes what is open, so that the next Deliver opens it anew.
	Reopen() error
	Close() error
}

// ErrGone is wrapped by the error of a sink that nobody will ever read again.
var ErrGone = errors.New("nobody reads it any more")

// Failure is an error of Deliver with more to say than a plain one.
type Failure struct {
	Err error
	// Lost: the entry cannot be delivered, however often it is tried.
	Lost bool
	// Refused: the sink's other end said no to this entry. Any other error may
	// be about the way there, and with a spool such entries are never given up.
	Refused bool
	// Bare: the log line is the error's text as it is, without the sink's name.
	Bare bool
}

// Error implements error.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// Retrier is a sink that says how often an entry is tried again before it
// counts as lost.
type Retrier interface{ Retries() int }

// Single is a sink that takes time for each entry: Deliver gets one at once, so
// that the watchdog sees how long each of them takes.
type Single interface{ OneByOne() bool }

// Farewell is the sink that the last words of a run go to: standard output.
type Farewell interface{ Farewell(text []byte) error }

// Spooled is a sink that has a queue on disk.
type Spooled interface{ Spool() Spool }

// Spool is a queue on disk. One goroutine appends while another one takes.
type Spool interface {
	// Open gets it ready; it is tried again later when it fails.
	Open() error
	// Append stores entries behind the others. What cannot be stored is
	// returned as an error; older entries that had to make room are counted.
	Append(entries []*Entry) (stored int, err error)
	// Peek appends the oldest entries to dst without taking them away.
	Peek(dst []*Entry, max int) ([]*Entry, error)
	// Done takes the n oldest entries away.
	Done(n int) error
	// Len returns how many entries wait, their bytes on disk, and how many
	// were dropped to make room or because of damage.
	Len() (entries int, bytes int64, dropped uint64)
	Close() error
}

// retries is how often an entry is tried again where the sink does not say.
const retries = 3
