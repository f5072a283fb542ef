// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"encoding/binary"
	"fmt"

	"github.com/tiercel/tiercel/scap"
)

// Offsets in an event header, see scap.HeaderSize.
const (
	offLen     = 16
	offType    = 20
	offNParams = 22
	oldHeader  = offNParams // before the header told the number of parameters
)

// event decodes the event of a block into the next place of b, unless it is
// not to be handed out.
func (r *Reader) event(b *scap.Batch, layout eventBlock, block []byte) error {
	body := len(block) - blockTrailer
	at := blockHeader + 2
	var flags uint32
	if layout.flags {
		at += 4
	}
	least := scap.HeaderSize
	if layout.old {
		least = oldHeader
	}
	if at+least > body {
		return r.s.fail(ErrMalformed, fmt.Sprintf("an event block of %d bytes", len(block)))
	}
	cpu := binary.LittleEndian.Uint16(block[blockHeader:])
	if layout.flags {
		flags = binary.LittleEndian.Uint32(block[blockHeader+2:])
	}
	raw := block[at:body]
	t := scap.EventType(binary.LittleEndian.Uint16(raw[offType:]))
	info := t.Info()
	if info == nil {
		r.stats.Unknown++
		return nil
	}
	if layout.old {
		raw = block[at-4 : body]
		if err := widen(raw, t, len(info.Params)); err != nil {
			return r.s.fail(ErrMalformed, fmt.Sprintf("event %s: %v", info.Enum, err))
		}
	}
	n := len(b.Events)
	if n < cap(b.Events) {
		b.Events = b.Events[:n+1]
	} else {
		b.Events = append(b.Events, scap.Event{})
	}
	e := &b.Events[n]
	e.CPU, e.Flags = cpu, flags
	keep, err := r.decode(e, info, raw)
	if err != nil || !keep {
		b.Events = b.Events[:n]
		return err
	}
	if ts := e.Timestamp(); ts < r.newest {
		b.Late++
	} else {
		r.newest = ts
	}
	return nil
}

// decode makes e the newest form of the event that is in raw. keep is false
// for one that is not handed out.
func (r *Reader) decode(e *scap.Event, info *scap.EventInfo, raw []byte) (keep bool, err error) {
	if info.Flags&scap.EFLargePayload != 0 {
		err = e.DecodeLarge(raw)
	} else {
		err = e.Decode(raw)
	}
	if err != nil {
		return false, r.s.fail(ErrMalformed, fmt.Sprintf("event %s: %v", info.Enum, err))
	}
	if r.opts.Raw {
		return true, nil
	}
	if n := binary.LittleEndian.Uint32(raw[offNParams:]); n > uint32(len(info.Params)) {
		// A newer version appended parameters. They are left out, so that
		// nobody finds more than the tables describe.
		if info.Dir == scap.Exit && info.Flags&scap.EFConverterManaged != 0 {
			return false, r.s.fail(ErrMalformed, fmt.Sprintf("event %s has %d parameters, known are %d", info.Enum, n, len(info.Params)))
		}
		if err := r.conv.trim(e, len(info.Params)); err != nil {
			return false, r.s.fail(ErrMalformed, err.Error())
		}
	}
	keep, err = r.conv.convert(e)
	if err != nil {
		return false, r.s.fail(ErrMalformed, err.Error())
	}
	r.raised = r.conv.full()
	return keep, nil
}

// Codes whose length was three too large in the files of one old version.
const (
	longCode1 scap.EventType = 280
	longCode2 scap.EventType = 286
)

// widen makes a header with the number of parameters of one that lacks it. b
// begins 4 bytes before the event: the header moves there, over what was read
// already, and the number goes into the gap. The number is the largest, from
// what the tables know downwards, whose lengths and values end where the event
// does.
func widen(b []byte, t scap.EventType, known int) error {
	raw := b[4:]
	total := int64(binary.LittleEndian.Uint32(raw[offLen:]))
	if t == longCode1 || t == longCode2 {
		total -= 3
	}
	if total < oldHeader || total > int64(len(raw)) {
		return fmt.Errorf("%w: %d bytes in a block with %d", scap.ErrTruncated, total, len(raw))
	}
	width := 2
	if isLarge(t) {
		width = 4
	}
	for n := known; n >= 0; n-- {
		size := oldSize(raw[:total], n, width)
		if size > total {
			continue
		}
		if size < total {
			break
		}
		copy(b, raw[:oldHeader])
		binary.LittleEndian.PutUint32(b[offLen:], uint32(total)+4)
		binary.LittleEndian.PutUint32(b[offNParams:], uint32(n))
		return nil
	}
	return fmt.Errorf("%w: no number of parameters fits its length", scap.ErrBadEvent)
}

// oldSize is how long an event without a number of parameters is when it has
// n; more than it has bytes when already the lengths do not fit.
func oldSize(raw []byte, n, width int) int64 {
	size := int64(oldHeader + n*width)
	if size > int64(len(raw)) {
		return size
	}
	for i := range n {
		p := raw[oldHeader+i*width:]
		if width == 2 {
			size += int64(binary.LittleEndian.Uint16(p))
		} else {
			size += int64(binary.LittleEndian.Uint32(p))
		}
	}
	return size
}
