// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/agent/output"
)

// Bounds of a segment, whatever the size of the spool, and of what is read at
// once.
const (
	minSegment = 64 << 10
	maxSegment = 8 << 20
	readBytes  = 1 << 20
)

// ErrFull says that an alert is larger than the whole spool.
var ErrFull = errors.New("the alert is larger than the spool (outputs_spool.max_mb)")

// Dir is a spool in a folder. It is an output.Spool.
type Dir struct {
	path    string
	max     int64
	segment int64 // size at which the next one is begun
	log     *zap.Logger

	entries, bytes atomic.Int64
	dropped        atomic.Uint64

	mu       sync.Mutex // of what follows
	lock     *os.File
	position *os.File
	segments []segment // oldest first; the last may be that of w
	next     uint64    // number of the next segment
	w        *os.File  // segment that is being written; nil: none
	wseq     uint64
	r        *os.File // segment that is being read; nil: none
	rseq     uint64
	peeked   []place // of the entries of the last Peek
	buf      []byte
}

// place is where an entry ends.
type place struct {
	seq uint64
	end int64
}

// New returns the spool in the folder at path, of at most maxBytes. Open makes
// the folder.
func New(path string, maxBytes int64, log *zap.Logger) *Dir {
	if log == nil {
		log = zap.NewNop()
	}
	return &Dir{path: path, max: maxBytes, segment: min(max(maxBytes/8, minSegment), maxSegment), log: log}
}

func (d *Dir) warn(format string, args ...any) { d.log.Warn("spool: " + fmt.Sprintf(format, args...)) }

// Open implements output.Spool. A spool belongs to one process.
func (d *Dir) Open() (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(d.path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%s is in use by another process: %w", d.path, err)
	}
	position, err := os.OpenFile(d.positionPath(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	d.position = position
	d.segments = nil
	d.entries.Store(0)
	d.bytes.Store(0)
	if err := d.load(); err != nil {
		_ = position.Close()
		return err
	}
	d.lock = lock
	if n := d.entries.Load(); n > 0 {
		d.log.Info(fmt.Sprintf("spool: %s holds %d alerts of an earlier run", d.path, n))
	}
	return nil
}

// Len implements output.Spool.
func (d *Dir) Len() (entries int, bytes int64, dropped uint64) {
	return int(d.entries.Load()), d.bytes.Load(), d.dropped.Load()
}

// Append implements output.Spool.
func (d *Dir) Append(entries []*output.Entry) (stored int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for stored < len(entries) {
		n, err := d.appendSome(entries[stored:])
		stored += n
		if err != nil {
			return stored, err
		}
	}
	return stored, nil
}

// appendSome stores as many entries as fit into the segment, with one write.
func (d *Dir) appendSome(entries []*output.Entry) (int, error) {
	if err := d.writable(); err != nil {
		return 0, err
	}
	g := &d.segments[len(d.segments)-1]
	d.buf = d.buf[:0]
	n := 0
	for n < len(entries) && (n == 0 || g.size+int64(len(d.buf)) < d.segment) {
		d.buf = appendRecord(d.buf, entries[n])
		n++
	}
	if int64(len(d.buf))+int64(len(segmentHead)) > d.max {
		if n == 1 {
			return 0, ErrFull
		}
		return d.appendSome(entries[:1])
	}
	for d.bytes.Load()+int64(len(d.buf)) > d.max && len(d.segments) > 1 {
		if err := d.dropOldest(); err != nil {
			return 0, err
		}
	}
	if d.bytes.Load()+int64(len(d.buf)) > d.max { // the one that is being written is in the way
		if err := d.dropOldest(); err != nil {
			return 0, err
		}
		return d.appendSome(entries[:n])
	}
	g = &d.segments[len(d.segments)-1]
	if _, err := d.w.WriteAt(d.buf, g.size); err != nil {
		_ = d.w.Truncate(g.size) // what is half written would be a damage
		return 0, err
	}
	g.size += int64(len(d.buf))
	g.records += n
	d.entries.Add(int64(n))
	d.bytes.Add(int64(len(d.buf)))
	return n, nil
}

// writable makes sure that there is a segment to write to.
func (d *Dir) writable() error {
	if d.w != nil && d.segments[len(d.segments)-1].size < d.segment {
		return nil
	}
	if d.w != nil {
		_ = d.w.Close()
		d.w = nil
	}
	f, err := os.OpenFile(d.segmentPath(d.next), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(segmentHead), 0); err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return err
	}
	head := int64(len(segmentHead))
	d.w, d.wseq = f, d.next
	d.segments = append(d.segments, segment{seq: d.next, size: head, offset: head})
	d.next++
	d.bytes.Add(head)
	return nil
}

// Peek implements output.Spool.
func (d *Dir) Peek(dst []*output.Entry, limit int) ([]*output.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.peeked = d.peeked[:0]
	for len(d.segments) > 0 && len(d.peeked) == 0 {
		g := &d.segments[0]
		if g.offset >= g.size {
			if d.w != nil && g.seq == d.wseq {
				return dst, nil
			}
			if err := d.removeOldest(); err != nil {
				return dst, err
			}
			continue
		}
		var err error
		if dst, err = d.peekSegment(dst, g, limit); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// peekSegment reads entries of the oldest segment. At a damage the rest of the
// segment is given up.
func (d *Dir) peekSegment(dst []*output.Entry, g *segment, limit int) ([]*output.Entry, error) {
	data, err := d.read(g)
	if err != nil {
		return dst, err
	}
	at := g.offset
	for len(d.peeked) < limit && at < g.size {
		payload, n, err := nextRecord(data[at-g.offset:])
		var e *output.Entry
		if err == nil {
			e, err = decode(payload)
		}
		if err != nil {
			if at > g.offset && len(data) < int(g.size-g.offset) {
				break // the end of what was read
			}
			d.giveUp(g, at)
			break
		}
		at += int64(n)
		dst = append(dst, e)
		d.peeked = append(d.peeked, place{g.seq, at})
	}
	return dst, nil
}

// read returns what the segment holds behind its offset, about readBytes of it
// and at least one whole record.
func (d *Dir) read(g *segment) ([]byte, error) {
	if d.r == nil || d.rseq != g.seq {
		d.closeReader()
		f, err := os.Open(d.segmentPath(g.seq))
		if err != nil {
			return nil, err
		}
		d.r, d.rseq = f, g.seq
	}
	n := min(g.size-g.offset, readBytes)
	for {
		b := make([]byte, n)
		if _, err := d.r.ReadAt(b, g.offset); err != nil {
			return nil, err
		}
		if _, _, err := nextRecord(b); err == nil || n == g.size-g.offset {
			return b, nil
		}
		n = g.size - g.offset // one large record, or a damage
	}
}

// giveUp forgets what is in a segment from a damage on.
func (d *Dir) giveUp(g *segment, at int64) {
	lost := g.records - len(d.peeked)
	d.warn("%s is damaged at byte %d: %d alerts are lost", d.segmentPath(g.seq), at, lost)
	d.dropped.Add(uint64(lost))
	d.entries.Add(-int64(lost))
	g.records -= lost
	d.bytes.Add(at - g.size)
	g.size = at
	if d.w != nil && d.wseq == g.seq { // what comes goes to another one
		_ = d.w.Close()
		d.w = nil
	}
}

// Done implements output.Spool.
func (d *Dir) Done(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n = min(n, len(d.peeked))
	if n == 0 {
		return nil
	}
	last := d.peeked[n-1]
	d.peeked = d.peeked[n:]
	// The segment may have been dropped meanwhile to make room.
	if len(d.segments) == 0 || d.segments[0].seq != last.seq {
		return nil
	}
	g := &d.segments[0]
	g.offset = last.end
	g.records -= n
	d.entries.Add(-int64(n))
	if err := d.savePosition(g.seq, g.offset); err != nil {
		return err
	}
	if g.offset >= g.size && g.size >= minSegment {
		return d.removeOldest()
	}
	return nil
}

func (d *Dir) closeReader() {
	if d.r != nil {
		_ = d.r.Close()
		d.r = nil
	}
}

// Close implements output.Spool. What is left waits for the next Open.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock == nil {
		return nil
	}
	d.closeReader()
	var errs []error
	if d.w != nil {
		errs = append(errs, d.w.Sync(), d.w.Close())
		d.w = nil
	}
	errs = append(errs, d.position.Close(), d.lock.Close())
	d.lock = nil
	return errors.Join(errs...)
}
