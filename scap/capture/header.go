// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// readHeader reads the section header at the next byte.
func (r *Reader) readHeader() error {
	s := r.s
	const least = blockHeader + sectionBody + blockTrailer
	if !s.fill(blockHeader + 4) {
		begun := s.buffered() >= 4 && binary.LittleEndian.Uint32(s.buf[s.pos:]) == uint32(blockSection)
		if begun || s.offset() > 0 || s.err != io.EOF {
			return s.cut(least)
		}
		return s.fail(ErrNotCapture, fmt.Sprintf("only %d bytes", s.buffered()))
	}
	t, n := s.head()
	if t != blockSection {
		if s.offset() > 0 {
			return s.fail(ErrMalformed, fmt.Sprintf("neither an event nor an appended capture: block type %#x", uint32(t)))
		}
		return s.fail(ErrNotCapture, fmt.Sprintf("begins with % x", s.buf[s.pos:s.pos+4]))
	}
	switch m := binary.LittleEndian.Uint32(s.buf[s.pos+blockHeader:]); m {
	case magic:
	case bits.ReverseBytes32(magic):
		return s.fail(ErrByteOrder, "")
	default:
		return s.fail(ErrNotCapture, fmt.Sprintf("magic number %#x", m))
	}
	if err := s.checkLength(n); err != nil {
		return err
	}
	if n < least {
		return s.fail(ErrMalformed, fmt.Sprintf("a section header of %d bytes", n))
	}
	if !s.fill(int(n)) {
		return s.cut(int(n))
	}
	block := s.buf[s.pos : s.pos+int(n)]
	if err := s.checkTrailer(block); err != nil {
		return err
	}
	body := block[blockHeader : len(block)-blockTrailer]
	r.info = Info{
		Compressed: r.info.Compressed,
		Major:      binary.LittleEndian.Uint16(body[4:]),
		Minor:      binary.LittleEndian.Uint16(body[6:]),
	}
	if r.info.Major > majorVer {
		return s.fail(ErrVersion, fmt.Sprintf("version %d.%d, known is %d", r.info.Major, r.info.Minor, majorVer))
	}
	r.readOptions(body[sectionBody:])
	s.pos += int(n)
	return nil
}

// optApplication is the pcapng option with the name of the writer.
const optApplication = 4

// readOptions takes what is known of the options of a section. They are never
// an error: who wrote them knows what they mean.
func (r *Reader) readOptions(b []byte) {
	c := cursor{b: b}
	for c.left() >= 4 {
		code, n := c.u16(), int(c.u16())
		value := c.take(n)
		c.take(padded(n) - n)
		if c.bad || code == optEnd {
			return
		}
		switch {
		case code == optLocal && string(value) == optEnterEvents:
			r.info.EnterEvents = true
		case code == optApplication:
			r.info.Application = string(value)
		}
	}
}

// isTable reports whether blocks of type t are read into the tables.
func isTable(t blockType) bool {
	switch t {
	case blockMachine, blockMachineOld, blockInterfaces, blockInterfacesV1, blockInterfacesV1Old,
		blockUsers, blockUsersV1, blockUsersV1Old, blockFDs, blockFDsV1, blockFDsV1Old:
		return true
	}
	return threadsVersion(t) != 0
}
