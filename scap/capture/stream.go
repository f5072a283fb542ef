// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// readBuffer is what is read at once, and the size of the buffer that
	// events borrow.
	readBuffer = 256 << 10
	// maxBlockSize bounds a single block, and all tables of a capture together.
	// The table of threads is one block: 60,000 threads with 8 KiB of texts
	// each fit.
	maxBlockSize = 512 << 20
)

// stream hands out a capture block by block from a buffer that it fills
// without moving what was handed out, until it is told that it may.
type stream struct {
	src  io.Reader
	buf  []byte
	pos  int   // first byte that is not consumed
	end  int   // behind the last byte that was read
	base int64 // offset of buf[0] in the capture
	err  error // of src, io.EOF included; what was read before it comes first
}

// newStream looks at the first bytes of src to see whether it is compressed.
func newStream(src io.Reader) (s *stream, compressed bool, err error) {
	br := bufio.NewReaderSize(src, 64<<10)
	head, err := br.Peek(2)
	if err != nil && err != io.EOF {
		return nil, false, &Error{Err: err}
	}
	s = &stream{src: br, buf: make([]byte, readBuffer)}
	if len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, true, &Error{Err: gzipError(err), Detail: err.Error()}
		}
		s.src, compressed = z, true
	}
	return s, compressed, nil
}

// gzipError tells whether a compressed stream is cut or damaged; nil for an
// error that is not about compression.
func gzipError(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ErrTruncated
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return ErrMalformed
	}
	return err
}

// offset is where the next byte stands in the capture.
func (s *stream) offset() int64 { return s.base + int64(s.pos) }

// buffered is how many bytes can be had without reading.
func (s *stream) buffered() int { return s.end - s.pos }

// fill reads until n bytes are buffered, and moves what is buffered if it must:
// what was handed out is void. It returns false when the source ends before;
// s.err says how.
func (s *stream) fill(n int) bool {
	if s.buffered() >= n {
		return true
	}
	if s.err != nil {
		// Nothing more comes, and what was handed out must stay in its place.
		return false
	}
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.base += int64(s.pos)
		s.end -= s.pos
		s.pos = 0
	}
	// A reader that gives nothing and no error, again and again, is broken.
	for idle := 0; s.end < n; {
		if s.err != nil {
			return false
		}
		if s.end == len(s.buf) {
			// The block may lie about its length: the memory follows what
			// really comes.
			s.grow(min(max(n, readBuffer), 2*len(s.buf)))
		}
		m, err := s.src.Read(s.buf[s.end:])
		s.end += m
		if idle++; m > 0 {
			idle = 0
		} else if err == nil && idle > 100 {
			err = io.ErrNoProgress
		}
		s.err = err
	}
	return true
}

func (s *stream) grow(n int) {
	b := make([]byte, n)
	copy(b, s.buf[:s.end])
	s.buf = b
}

// shrink gives back the memory of a large block.
func (s *stream) shrink() {
	if len(s.buf) <= 4*readBuffer || s.buffered() > readBuffer {
		return
	}
	b := make([]byte, readBuffer)
	n := copy(b, s.buf[s.pos:s.end])
	s.base += int64(s.pos)
	s.buf, s.pos, s.end = b, 0, n
}

// atEnd reports whether the capture ended, and well.
func (s *stream) atEnd() bool { return s.buffered() == 0 && s.err == io.EOF }

// fail makes an Error about the block that starts at the next byte.
func (s *stream) fail(err error, detail string) error {
	return &Error{Offset: s.offset(), Err: err, Detail: detail}
}

// cut tells why the block at the next byte is not whole.
func (s *stream) cut(n int) error {
	err := ErrTruncated
	detail := fmt.Sprintf("a block of %d bytes has only %d", n, s.buffered())
	if s.buffered() < n && n == blockHeader {
		detail = fmt.Sprintf("a block begins there, but only %d bytes are left", s.buffered())
	}
	if s.err != nil && s.err != io.EOF {
		if err = gzipError(s.err); err != ErrTruncated {
			detail = ""
		}
		if err != s.err {
			detail = joinDetail(detail, "the compressed data: "+s.err.Error())
		}
	}
	return s.fail(err, detail)
}

func joinDetail(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// head reads the type and length of the block at the next byte without
// consuming them; 8 bytes are buffered.
func (s *stream) head() (blockType, uint32) {
	b := s.buf[s.pos:]
	return blockType(binary.LittleEndian.Uint32(b)), binary.LittleEndian.Uint32(b[4:])
}

// skip consumes n bytes without keeping them. It returns false when the source
// ends before.
func (s *stream) skip(n int) bool {
	for n > 0 {
		if !s.fill(1) {
			return false
		}
		m := min(n, s.buffered())
		s.pos += m
		n -= m
	}
	return true
}
