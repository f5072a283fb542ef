// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/tiercel/tiercel/scap"
)

const (
	// writeBuffer is what is written at once.
	writeBuffer = 256 << 10
	// writeBuffers is how many of them may wait for a slow disk.
	writeBuffers = 16
)

// WriterOptions are how a capture is written.
type WriterOptions struct {
	// Compress writes gzip. About every megabyte one stream ends and another
	// begins, as gzip allows: what is before such a point can be read whatever
	// becomes of the rest.
	Compress bool
	// EnterEvents marks the capture: its enter events were asked for, and a
	// Reader hands them out. Tools that do not know the mark drop them.
	EnterEvents bool
	// Compatible leaves out the parameters at the end of events at which tools
	// of 2025 stop reading (sysdig 0.41 does), see compatible. A Reader gives
	// them zeros instead. Events that such tools do not know they pass over.
	Compatible bool
}

// compatible is how many parameters tools of 2025 know of the events that have
// got more since and that those tools do not take with more.
var compatible = map[scap.EventType]int{
	scap.EvSocketX: 4, // without flags; their bits are in type too
	scap.EvFcntlX:  3, // without arg
}

// WriteStats are the counters of a Writer or Recorder.
type WriteStats struct {
	Events uint64 // given to Write
	Lost   uint64 // of these, events that are in no file because writing failed
	Bytes  uint64 // of capture, before compression
	Files  uint64 // that were begun
}

// counters are WriteStats that may be read while they change.
type counters struct{ events, lost, bytes, files atomic.Uint64 }

func (c *counters) stats() WriteStats {
	return WriteStats{Events: c.events.Load(), Lost: c.lost.Load(), Bytes: c.bytes.Load(), Files: c.files.Load()}
}

// sink takes what a Writer has buffered.
type sink interface {
	// put takes a chunk of whole blocks with so many events and returns a
	// buffer for the next one. It counts as lost what it cannot write.
	put(chunk []byte, events int) (next []byte, err error)
	// flush makes what was put readable for others.
	flush() error
	close() error
}

// Writer writes one capture. The first error is returned once, by the call
// that finds it; from then on events are only counted as lost. What was written
// before stays a readable capture.
//
// All methods but Stats belong to one goroutine.
type Writer struct {
	sink   sink
	buf    []byte
	events int // in buf
	count  *counters
	limit  []uint8 // parameters by event type that may be written; nil without a limit
	failed bool
	closed bool
	entry  []byte // scratch
}

// NewWriter begins a capture with its tables, which may be nil. It does not
// close dst.
func NewWriter(dst io.Writer, t *Tables, o WriterOptions) (*Writer, error) {
	count := new(counters)
	w := &Writer{sink: newOutput(dst, o.Compress, count), buf: make([]byte, 0, writeBuffer), count: count}
	if err := w.begin(t, o); err != nil {
		return nil, err
	}
	return w, nil
}

// Stats returns the counters so far.
func (w *Writer) Stats() WriteStats { return w.count.stats() }

// Write appends an event as it is: the newest version of it, or one that was
// read with Options.Raw. Events must come in time order. The event's bytes are
// copied.
func (w *Writer) Write(e *scap.Event) error {
	w.count.events.Add(1)
	if w.failed || w.closed {
		w.count.lost.Add(1)
		return nil
	}
	raw := e.Raw()
	if len(raw) < scap.HeaderSize {
		w.count.lost.Add(1)
		return fmt.Errorf("write capture: %w", scap.ErrTruncated)
	}
	if t := int(e.Type()); t < len(w.limit) && e.NumParams() > int(w.limit[t]) {
		raw = w.shorten(e, int(w.limit[t]))
	}
	t, head := blockEvent, 2
	switch large := isLarge(e.Type()); {
	case large && e.Flags != 0:
		t, head = blockEventLargeFlags, 6
	case large:
		t = blockEventLarge
	case e.Flags != 0:
		t, head = blockEventFlags, 6
	}
	total := minBlock + padded(head+len(raw))
	if err := w.room(total); err != nil {
		w.count.lost.Add(1)
		return err
	}
	b := binary.LittleEndian.AppendUint32(w.buf, uint32(t))
	b = binary.LittleEndian.AppendUint32(b, uint32(total))
	b = binary.LittleEndian.AppendUint16(b, e.CPU)
	if head == 6 {
		b = binary.LittleEndian.AppendUint32(b, e.Flags)
	}
	b = append(b, raw...)
	b = append(b, "\x00\x00\x00"[:padded(head+len(raw))-head-len(raw)]...)
	w.buf = binary.LittleEndian.AppendUint32(b, uint32(total))
	w.events++
	w.count.bytes.Add(uint64(total))
	return nil
}

// shorten copies an event with its first n parameters.
func (w *Writer) shorten(e *scap.Event, n int) []byte {
	raw := e.Raw()
	b := append(w.entry[:0], raw[:scap.HeaderSize+2*n]...)
	for i := range n {
		b = append(b, e.Param(i)...)
	}
	binary.LittleEndian.PutUint32(b[offLen:], uint32(len(b)))
	binary.LittleEndian.PutUint32(b[offNParams:], uint32(n))
	w.entry = b
	return b
}

// Flush hands over what is buffered. A capture that is being written can be
// read as far as it was flushed.
func (w *Writer) Flush() error {
	if err := w.room(cap(w.buf)); err != nil || w.failed {
		return err
	}
	return w.failure(w.sink.flush())
}

// Close writes what is buffered and ends the capture.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	err := w.room(cap(w.buf))
	w.closed = true
	if e := w.sink.close(); err == nil && !w.failed {
		err = w.failure(e)
	}
	return err
}

// room makes room for n bytes: it hands the buffer over when they do not fit.
func (w *Writer) room(n int) error {
	if w.failed || len(w.buf) == 0 || len(w.buf)+n <= cap(w.buf) {
		return nil
	}
	next, err := w.sink.put(w.buf, w.events)
	w.buf, w.events = next[:0], 0
	return w.failure(err)
}

// failure notes the first error and passes it on.
func (w *Writer) failure(err error) error {
	if err == nil {
		return nil
	}
	w.failed = true
	return fmt.Errorf("write capture: %w", err)
}

// begin writes the section header and the tables.
func (w *Writer) begin(t *Tables, o WriterOptions) error {
	w.count.files.Add(1)
	w.limit = nil
	if o.Compatible {
		w.limit = bytes.Repeat([]byte{scap.MaxParams}, len(scap.Events))
		for t, n := range compatible {
			w.limit[t] = uint8(n)
		}
	}
	w.buf, w.events = appendSection(w.buf[:0], o.EnterEvents), 0
	w.count.bytes.Add(uint64(len(w.buf)))
	if t != nil {
		if err := w.tables(t); err != nil {
			return err
		}
	}
	// From here on every chunk begins with a block: an output that fails can
	// tell how many of its events are whole.
	return w.room(cap(w.buf))
}

func (w *Writer) tables(t *Tables) error {
	if t.Machine != nil {
		if err := w.table(blockMachine, 1, func(b []byte, _ int) []byte { return t.Machine.append(b) }); err != nil {
			return err
		}
	}
	if err := w.table(blockInterfaces, len(t.Interfaces), func(b []byte, i int) []byte { return t.Interfaces[i].append(b) }); err != nil {
		return err
	}
	users := len(t.Users)
	if err := w.table(blockUsers, users+len(t.Groups), func(b []byte, i int) []byte {
		if i < users {
			return appendUser(b, &t.Users[i])
		}
		return appendGroup(b, &t.Groups[i-users])
	}); err != nil {
		return err
	}
	if err := w.table(blockThreads, len(t.Threads), func(b []byte, i int) []byte { return t.Threads[i].append(b) }); err != nil {
		return err
	}
	for i := range t.Threads {
		th := &t.Threads[i]
		if err := w.table(blockFDs, 1+len(th.FDs), func(b []byte, i int) []byte {
			if i == 0 {
				return binary.LittleEndian.AppendUint64(b, uint64(th.TID))
			}
			return th.FDs[i-1].append(b)
		}); err != nil {
			return err
		}
	}
	return nil
}

// table writes a block of n entries, none when there are none. A block begins
// with its length, and a table may be much larger than the buffer: the entries
// are made twice, the first time to be counted.
func (w *Writer) table(t blockType, n int, entry func([]byte, int) []byte) error {
	if n == 0 {
		return nil
	}
	size := 0
	for i := range n {
		w.entry = entry(w.entry[:0], i)
		size += len(w.entry)
	}
	total := minBlock + padded(size)
	if total > maxBlockSize {
		return w.failure(fmt.Errorf("a table of %d bytes does not fit into a capture", size))
	}
	w.count.bytes.Add(uint64(total))
	if err := w.room(blockHeader); err != nil {
		return err
	}
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(t))
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(total))
	for i := range n {
		w.entry = entry(w.entry[:0], i)
		if err := w.room(len(w.entry)); err != nil {
			return err
		}
		w.buf = append(w.buf, w.entry...)
	}
	if err := w.room(4 + blockTrailer); err != nil {
		return err
	}
	w.buf = append(w.buf, "\x00\x00\x00"[:padded(size)-size]...)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(total))
	return nil
}
