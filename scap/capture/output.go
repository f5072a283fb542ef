// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"compress/gzip"
	"encoding/binary"
	"io"
	"sync/atomic"
)

// gzipMember is how much goes into one gzip stream of a compressed capture.
const gzipMember = 1 << 20

// output writes chunks of whole blocks to where a capture goes, and keeps what
// is there a readable capture when that fails. It is a sink.
type output struct {
	dst   io.Writer
	file  truncater    // dst, when it can be cut
	z     *gzip.Writer // nil without compression
	count *counters
	size  atomic.Int64 // bytes written

	// Of the gzip stream that is open:
	member int // bytes in it
	events int // events in it
	whole  int64
}

// truncater is what a file is.
type truncater interface{ Truncate(size int64) error }

func newOutput(dst io.Writer, compress bool, count *counters) *output {
	o := &output{dst: dst, count: count}
	o.file, _ = dst.(truncater)
	if compress {
		// The level never is an error.
		o.z, _ = gzip.NewWriterLevel(writerFunc(o.write), gzip.BestSpeed)
	}
	return o
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// write writes to dst and counts.
func (o *output) write(p []byte) (int, error) {
	n, err := o.dst.Write(p)
	o.size.Add(int64(n))
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

func (o *output) put(chunk []byte, events int) ([]byte, error) {
	if o.z == nil {
		n, err := o.write(chunk)
		if err != nil && events > 0 {
			keep, kept := wholeBlocks(chunk[:n])
			o.cut(o.size.Load() - int64(n-keep))
			o.count.lost.Add(uint64(events - min(kept, events)))
		}
		return chunk, err
	}
	o.member += len(chunk)
	o.events += events
	_, err := o.z.Write(chunk)
	if err == nil && o.member >= gzipMember {
		err = o.endMember()
	}
	return chunk, o.gzipFailure(err)
}

// endMember ends a gzip stream; the next chunk begins another one.
func (o *output) endMember() error {
	if o.member == 0 {
		return nil
	}
	if err := o.z.Close(); err != nil {
		return err
	}
	o.whole = o.size.Load()
	o.member, o.events = 0, 0
	o.z.Reset(writerFunc(o.write))
	return nil
}

func (o *output) gzipFailure(err error) error {
	if err != nil {
		o.count.lost.Add(uint64(o.events))
		o.cut(o.whole)
		o.member, o.events = 0, 0
	}
	return err
}

// cut takes away what is behind n bytes. Where that is not possible, in a pipe
// or on a file system that fails altogether, a reader still gets every whole
// event.
func (o *output) cut(n int64) {
	if o.file != nil && o.file.Truncate(n) == nil {
		o.size.Store(n)
	}
}

func (o *output) flush() error {
	if o.z == nil || o.member == 0 {
		return nil
	}
	return o.gzipFailure(o.z.Flush())
}

func (o *output) close() error {
	if o.z == nil {
		return nil
	}
	return o.gzipFailure(o.endMember())
}

// wholeBlocks tells how many bytes of b are whole blocks, and how many of
// these are events. b begins with a block.
func wholeBlocks(b []byte) (n, events int) {
	for len(b)-n >= minBlock {
		t := blockType(binary.LittleEndian.Uint32(b[n:]))
		size := int(binary.LittleEndian.Uint32(b[n+4:]))
		if size < minBlock || size > len(b)-n || binary.LittleEndian.Uint32(b[n+size-4:]) != uint32(size) {
			break
		}
		if eventBlockOf(t).known {
			events++
		}
		n += size
	}
	return n, events
}
