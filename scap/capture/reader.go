// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/tiercel/tiercel/scap"
)

// Options are how a capture is read. The zero value is right for everybody but
// tools that look into files.
type Options struct {
	// Raw hands out events as they are in the file, old versions included.
	Raw bool
	// Strict stops at an exit event whose thread's last stored enter event is
	// of another call, as the reference does. Otherwise such an exit event
	// gets the values of one whose enter event was lost: that is what it is.
	Strict bool
}

// Info is what the header of a capture tells.
type Info struct {
	Compressed   bool
	Major, Minor uint16
	// EnterEvents: the capture holds enter events that were asked for. They
	// are handed out, while those of other captures are merged into the exit
	// events.
	EnterEvents bool
	// Application is what the file says of its writer, mostly nothing.
	Application string
}

// Stats count what a Reader did with the events of a capture.
type Stats struct {
	Events    uint64 // handed out
	Converted uint64 // of these, events that were brought to a newer form
	Stored    uint64 // enter events that were kept for their exit events
	Dropped   uint64 // events of codes or versions that nobody makes any more
	Unknown   uint64 // events of codes that are not known
	Blocks    uint64 // blocks of unknown types before the events, passed over
	Late      uint64 // events older than one before them
	Forgotten uint64 // stored enter events that had to make room
	Unmatched uint64 // exit events that found the enter event of another call
	OrphanFDs uint64 // descriptors in the tables whose thread is missing
}

// maxBatch is how many events Next hands out at once.
const maxBatch = 512

// Reader reads a capture. It is a scap.Source: all methods but Close belong to
// one goroutine.
type Reader struct {
	opts    Options
	s       *stream
	closer  io.Closer
	closed  atomic.Bool
	err     error // what Next returns from now on
	info    Info
	tables  *Tables
	section int
	stats   Stats
	conv    converter
	newest  uint64 // time of the newest event so far
	raised  bool   // the batch is full for other reasons than its number
}

var _ scap.Source = (*Reader)(nil)

// Open opens a capture file and reads its tables. "-" is standard input.
func Open(path string, o Options) (*Reader, error) {
	f := os.Stdin
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil {
			return nil, fmt.Errorf("open capture: %w", err)
		}
	}
	r, err := NewReader(f, o)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open capture %s: %w", path, err)
	}
	return r, nil
}

// NewReader reads the tables of a capture; the events follow by Next. Close
// closes src when it is an io.Closer. Errors about the capture are an *Error.
func NewReader(src io.Reader, o Options) (*Reader, error) {
	s, compressed, err := newStream(src)
	if err != nil {
		return nil, err
	}
	r := &Reader{opts: o, s: s}
	r.closer, _ = src.(io.Closer)
	r.info.Compressed = compressed
	r.conv.init(&r.stats, o.Strict)
	if err := r.readSection(); err != nil {
		return nil, err
	}
	return r, nil
}

// Tables returns the tables of the section that the last batch belongs to.
// They are not changed later: whoever takes them may keep them.
func (r *Reader) Tables() *Tables { return r.tables }

// Section counts the captures in the file, from 0: files may be appended to
// each other. A batch never holds events of two. When the number has changed
// after Next, the tables have too, and what was known of the host is void.
func (r *Reader) Section() int { return r.section }

// Info returns what the header of the current section tells.
func (r *Reader) Info() Info { return r.info }

// Stats returns the counters so far.
func (r *Reader) Stats() Stats { return r.stats }

// Next hands out the next events. A file does not wait: an empty batch comes
// only where the capture holds nothing but events that are not handed out. At
// the end of the capture it returns io.EOF, at a damage an *Error; the events
// before it were handed out by then.
//
// The number of an event, evt.num, is its place among all that are handed out,
// from 1.
func (r *Reader) Next(b *scap.Batch, _ time.Duration) error {
	b.Events, b.Late = b.Events[:0], 0
	if r.closed.Load() {
		return io.EOF
	}
	if r.err != nil {
		return r.err
	}
	r.conv.reset()
	r.raised = false
	if err := r.batch(b); err != nil {
		if errors.Is(err, os.ErrClosed) && r.closed.Load() {
			err = io.EOF
		}
		r.err = err
		if len(b.Events) == 0 {
			return err
		}
	}
	r.stats.Events += uint64(len(b.Events))
	r.stats.Late += b.Late
	return nil
}

// Release ends the loan of a batch.
func (r *Reader) Release(b *scap.Batch) {
	clear(b.Events)
	b.Events, b.Late = b.Events[:0], 0
}

// Close closes the capture.
func (r *Reader) Close() error {
	if r.closed.Swap(true) || r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

// batch fills b with events until it is full or would have to wait or to move
// what it holds.
func (r *Reader) batch(b *scap.Batch) error {
	s := r.s
	for len(b.Events) < maxBatch && !r.raised {
		if s.buffered() < blockHeader {
			if len(b.Events) > 0 && s.err == nil {
				return nil
			}
			if !s.fill(blockHeader) {
				if s.atEnd() {
					return io.EOF
				}
				return s.cut(blockHeader)
			}
		}
		t, n := s.head()
		layout := eventBlockOf(t)
		if !layout.known {
			// Another capture was appended to this one.
			if len(b.Events) > 0 {
				return nil
			}
			r.section++
			if err := r.readSection(); err != nil {
				return err
			}
			continue
		}
		if err := s.checkLength(n); err != nil {
			return err
		}
		if s.buffered() < int(n) {
			if len(b.Events) > 0 && s.err == nil {
				return nil
			}
			if !s.fill(int(n)) {
				return s.cut(int(n))
			}
		}
		block := s.buf[s.pos : s.pos+int(n)]
		if err := s.checkTrailer(block); err != nil {
			return err
		}
		if err := r.event(b, layout, block); err != nil {
			return err
		}
		s.pos += int(n)
	}
	return nil
}

func (s *stream) checkLength(n uint32) error {
	if n < minBlock || n%4 != 0 {
		return s.fail(ErrMalformed, fmt.Sprintf("a block of %d bytes", n))
	}
	if n > maxBlockSize {
		return s.fail(ErrMalformed, fmt.Sprintf("a block of %d bytes; the largest is %d", n, maxBlockSize))
	}
	return nil
}

func (s *stream) checkTrailer(block []byte) error {
	if head, tail := binary.LittleEndian.Uint32(block[4:]), binary.LittleEndian.Uint32(block[len(block)-4:]); head != tail {
		return s.fail(ErrMalformed, fmt.Sprintf("a block of %d bytes says %d at its end", head, tail))
	}
	return nil
}

// readSection reads a section header and the tables up to the first event.
func (r *Reader) readSection() error {
	s := r.s
	if err := r.readHeader(); err != nil {
		return err
	}
	tr := newTableReader()
	for {
		if !s.fill(blockHeader) {
			if s.atEnd() {
				break
			}
			return s.cut(blockHeader)
		}
		t, n := s.head()
		if eventBlockOf(t).known {
			break
		}
		if t == blockSection {
			// A capture without events, and another one behind it.
			if err := r.readHeader(); err != nil {
				return err
			}
			r.section++
			tr = newTableReader()
			continue
		}
		if err := r.readTable(tr, t, n); err != nil {
			return err
		}
	}
	r.conv.forget(r.info.EnterEvents)
	r.tables = tr.finish()
	r.stats.OrphanFDs += tr.orphans
	s.shrink()
	return nil
}

func (r *Reader) readTable(tr *tableReader, t blockType, n uint32) error {
	s := r.s
	if !isTable(t) && n >= minBlock {
		// What is not known need not fit into memory.
		whole := s.offset()
		if !s.skip(int(n)) {
			return &Error{Offset: whole, Err: ErrTruncated, Detail: fmt.Sprintf("a block of %d bytes is not whole", n)}
		}
		r.stats.Blocks++
		return nil
	}
	if err := s.checkLength(n); err != nil {
		return err
	}
	if tr.size += int64(n); tr.size > maxBlockSize {
		return s.fail(ErrMalformed, fmt.Sprintf("tables of more than %d bytes", maxBlockSize))
	}
	if !s.fill(int(n)) {
		return s.cut(int(n))
	}
	block := s.buf[s.pos : s.pos+int(n)]
	if err := s.checkTrailer(block); err != nil {
		return err
	}
	if _, detail := tr.block(t, block[blockHeader:len(block)-blockTrailer]); detail != "" {
		return s.fail(ErrMalformed, detail)
	}
	s.pos += int(n)
	return nil
}
