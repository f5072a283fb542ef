// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"
	"errors"
	"math"
	"unsafe"
)

// HeaderSize is the size of the event header on the wire: timestamp u64
// (nanoseconds since the epoch), thread id u64, total length u32, type u16,
// parameter count u32; little-endian, packed. The array of parameter lengths
// follows (u16 each, u32 each for large events), then the payload.
const HeaderSize = 26

// MaxParams is how many parameters of an event can be asked for: as many as
// the largest event of the tables has, as a test holds. A capture of a newer
// version may carry more; they are passed over.
const MaxParams = 32

// Errors of the codec. A consumer counts them; none is fatal to a stream.
var (
	ErrTruncated = errors.New("event truncated") // fewer bytes than the header says
	ErrBadEvent  = errors.New("event malformed") // counts and lengths that contradict each other
)

// Event is a view over the bytes of one event. It borrows those bytes: an
// event from a ring dies when its batch is released. Clone makes a copy that
// lives on. The zero value is an empty event to Decode into.
type Event struct {
	raw     []byte
	off     [MaxParams + 1]uint32 // payload offsets into raw, filled by Decode
	nparams uint16
	typ     EventType
	CPU     uint16 // the ring it came from
	Flags   uint32 // capture flags of the block it came from
}

// Decode makes e a view over the event that starts at b[0]. The bytes behind
// the event's own length are ignored. A type that the tables lack is accepted
// (its parameters are counted from the header); Info is nil then. After an
// error (ErrTruncated, ErrBadEvent) e is empty.
func (e *Event) Decode(b []byte) error { return e.decode(b, 2) }

// DecodeLarge is Decode for the large event layout with 32-bit lengths.
func (e *Event) DecodeLarge(b []byte) error { return e.decode(b, 4) }

func (e *Event) decode(b []byte, width uint32) error {
	// An event that could not be decoded has no parameters: what is left of
	// the one before must not be mixed with the offsets of this one.
	e.raw, e.nparams, e.typ = nil, 0, 0
	if len(b) < HeaderSize {
		return ErrTruncated
	}
	total := binary.LittleEndian.Uint32(b[16:])
	n := binary.LittleEndian.Uint32(b[22:])
	if uint64(total) > uint64(len(b)) {
		return ErrTruncated
	}
	if uint64(total) < HeaderSize+uint64(n)*uint64(width) {
		return ErrBadEvent
	}
	b = b[:total:total] // an append to what is borrowed must not write behind it
	pos := HeaderSize + n*width
	n = min(n, MaxParams)
	if width == 2 {
		lens := b[HeaderSize : HeaderSize+2*n]
		for i := range n {
			e.off[i] = pos
			// In 32 bits 32 lengths of 16 bits cannot overflow, so one check
			// behind the loop does for all.
			pos += uint32(binary.LittleEndian.Uint16(lens[2*i:]))
		}
		if pos > total {
			return ErrBadEvent
		}
	} else {
		for i := range n {
			e.off[i] = pos
			l := binary.LittleEndian.Uint32(b[HeaderSize+4*i:])
			if l > total-pos {
				return ErrBadEvent
			}
			pos += l
		}
	}
	e.off[n] = pos
	e.nparams = uint16(n)
	e.typ = EventType(binary.LittleEndian.Uint16(b[20:]))
	e.raw = b
	return nil
}

// Raw returns the bytes of the event, header included. Borrowed.
func (e *Event) Raw() []byte { return e.raw }

// Timestamp returns the event's time in nanoseconds since the epoch.
func (e *Event) Timestamp() uint64 {
	if len(e.raw) < HeaderSize {
		return 0
	}
	return binary.LittleEndian.Uint64(e.raw)
}

// TID returns the id of the thread that made the event.
func (e *Event) TID() int64 {
	if len(e.raw) < HeaderSize {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(e.raw[8:]))
}

// Type returns the event's type.
func (e *Event) Type() EventType { return e.typ }

// Info returns the description of the event's type, or nil.
func (e *Event) Info() *EventInfo { return e.typ.Info() }

// NumParams returns how many parameters the event carries; a capture of an
// older or newer version may carry fewer or more than the table lists.
func (e *Event) NumParams() int { return int(e.nparams) }

// Param returns the bytes of parameter i, borrowed; nil when the event does
// not carry it. A parameter that is carried but empty is not nil.
func (e *Event) Param(i int) []byte {
	if uint(i) >= uint(e.nparams) {
		return nil
	}
	return e.raw[e.off[i]:e.off[i+1]:e.off[i+1]]
}

// Uint returns parameter i as an unsigned little-endian number of its own
// width (1, 2, 4 or 8 bytes); ok is false for any other length.
func (e *Event) Uint(i int) (v uint64, ok bool) {
	p := e.Param(i)
	switch len(p) {
	case 8:
		return binary.LittleEndian.Uint64(p), true
	case 4:
		return uint64(binary.LittleEndian.Uint32(p)), true
	case 2:
		return uint64(binary.LittleEndian.Uint16(p)), true
	case 1:
		return uint64(p[0]), true
	}
	return 0, false
}

// Int is Uint with the sign extended.
func (e *Event) Int(i int) (v int64, ok bool) {
	p := e.Param(i)
	switch len(p) {
	case 8:
		return int64(binary.LittleEndian.Uint64(p)), true
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(p))), true
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(p))), true
	case 1:
		return int64(int8(p[0])), true
	}
	return 0, false
}

// Str returns parameter i as text without its terminating NUL. The string is
// borrowed like the event: whoever keeps it must strings.Clone it. ok is false
// when the parameter is absent or empty (not even a NUL).
func (e *Event) Str(i int) (s string, ok bool) {
	p := e.Param(i)
	if len(p) == 0 {
		return "", false
	}
	if p[len(p)-1] == 0 {
		p = p[:len(p)-1]
	}
	return View(p), true
}

// View returns b as a string without copying. The string is valid only as
// long as b is neither changed nor reused.
func View(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}

// Clone returns a copy that owns its bytes.
func (e *Event) Clone() *Event {
	c := *e
	c.raw = append([]byte(nil), e.raw...)
	return &c
}

// NoValue64 is what the wire uses for an id or a time that is not known.
const NoValue64 = math.MaxUint64
