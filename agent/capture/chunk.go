// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"encoding/binary"

	"github.com/tiercel/tiercel/scap"
)

// Copies of events are kept one behind the other: for each the capture flags
// and the CPU (32 bits each), and the event as it is on the wire, which tells
// its own length.
const copyHead = 8

func appendCopy(b []byte, ev *scap.Event) []byte {
	b = binary.LittleEndian.AppendUint32(b, ev.Flags)
	b = binary.LittleEndian.AppendUint32(b, uint32(ev.CPU))
	return append(b, ev.Raw()...)
}

// nextCopy reads the event that b begins with, and returns what is behind it.
func nextCopy(b []byte, ev *scap.Event) (rest []byte, err error) {
	if len(b) < copyHead+scap.HeaderSize {
		return nil, scap.ErrTruncated
	}
	raw := b[copyHead:]
	// The type is behind the time, the thread and the length (scap.HeaderSize).
	info := scap.EventType(binary.LittleEndian.Uint16(raw[20:])).Info()
	if info != nil && info.Flags&scap.EFLargePayload != 0 {
		err = ev.DecodeLarge(raw)
	} else {
		err = ev.Decode(raw)
	}
	if err != nil {
		return nil, err
	}
	ev.Flags = binary.LittleEndian.Uint32(b)
	ev.CPU = uint16(binary.LittleEndian.Uint32(b[4:]))
	return raw[len(ev.Raw()):], nil
}

// past remembers the last events in two halves: when the newer one is full, the
// older one is forgotten and takes its place.
type past struct {
	older, newer []byte
}

func newPast(size int) *past {
	return &past{older: make([]byte, 0, size/2), newer: make([]byte, 0, size/2)}
}

// add remembers an event. It allocates nothing.
func (p *past) add(ev *scap.Event) {
	if len(p.newer)+copyHead+len(ev.Raw()) > cap(p.newer) {
		if copyHead+len(ev.Raw()) > cap(p.newer) {
			return
		}
		p.older, p.newer = p.newer, p.older[:0]
	}
	p.newer = appendCopy(p.newer, ev)
}

func (p *past) reset() { p.older, p.newer = p.older[:0], p.newer[:0] }

// since calls do with each event from the time ts on, in their order, until it
// returns false.
func (p *past) since(ts uint64, do func(*scap.Event) bool) {
	var ev scap.Event
	for _, b := range [][]byte{p.older, p.newer} {
		for len(b) > 0 {
			rest, err := nextCopy(b, &ev)
			if err != nil { // cannot be: it was decoded before
				break
			}
			if b = rest; ev.Timestamp() >= ts && !do(&ev) {
				return
			}
		}
	}
}
