// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"encoding/binary"
	"fmt"
	"math"
)

// AppendEvent appends the wire form of an event to dst: 16-bit lengths, the
// layout of a ring and of an ordinary capture block. The parameters are the
// already encoded values; a nil or empty one is a parameter without a value.
// It does not consult the tables: old versions have other counts.
func AppendEvent(dst []byte, t EventType, ts uint64, tid int64, params ...[]byte) ([]byte, error) {
	return appendEvent(dst, t, ts, tid, 2, math.MaxUint16, params)
}

// AppendLargeEvent is AppendEvent for the large layout with 32-bit lengths.
func AppendLargeEvent(dst []byte, t EventType, ts uint64, tid int64, params ...[]byte) ([]byte, error) {
	return appendEvent(dst, t, ts, tid, 4, math.MaxUint32, params)
}

func appendEvent(dst []byte, t EventType, ts uint64, tid int64, width int, limit uint64, params [][]byte) ([]byte, error) {
	if len(params) > MaxParams {
		return dst, fmt.Errorf("encode event %d: %d parameters, an event has at most %d", t, len(params), MaxParams)
	}
	total := uint64(HeaderSize + width*len(params))
	for i, p := range params {
		if uint64(len(p)) > limit {
			return dst, fmt.Errorf("encode event %d: parameter %d has %d bytes, at most %d fit", t, i, len(p), limit)
		}
		total += uint64(len(p))
	}
	if total > math.MaxUint32 {
		return dst, fmt.Errorf("encode event %d: %d bytes do not fit one event", t, total)
	}
	dst = binary.LittleEndian.AppendUint64(dst, ts)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(tid))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(total))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(t))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(params)))
	for _, p := range params {
		if width == 2 {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(len(p)))
		} else {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(p)))
		}
	}
	for _, p := range params {
		dst = append(dst, p...)
	}
	return dst, nil
}
