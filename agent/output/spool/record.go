// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/tiercel/tiercel/agent/output"
)

// A record is the length of its payload and a checksum of it (CRC-32C), each of
// 32 bits, little endian, and the payload: severity (8 bits), time (64 bits,
// ns), rule and source (a length of 16 bits and the text each), and the alert's
// text.
const (
	recordHead = 8
	maxPayload = 32 << 20
)

// segmentHead begins each segment.
const segmentHead = "tiercel spool 1\n"

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errDamaged = errors.New("damaged record")
)

func appendRecord(b []byte, e *output.Entry) []byte {
	start := len(b)
	b = append(b, make([]byte, recordHead)...)
	b = append(b, e.Severity)
	b = binary.LittleEndian.AppendUint64(b, e.TimeNS)
	b = appendShort(b, e.Rule)
	b = appendShort(b, e.Source)
	b = append(b, e.Text...)
	payload := b[start+recordHead:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli))
	return b
}

func appendShort(b []byte, s string) []byte {
	s = s[:min(len(s), 1<<16-1)]
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// nextRecord returns the payload of the record that b begins with, and how long
// the record is. A record that is not whole is damaged.
func nextRecord(b []byte) (payload []byte, size int, err error) {
	if len(b) < recordHead {
		return nil, 0, errDamaged
	}
	n := binary.LittleEndian.Uint32(b)
	if n > maxPayload || int(n) > len(b)-recordHead {
		return nil, 0, errDamaged
	}
	payload = b[recordHead : recordHead+int(n)]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, 0, errDamaged
	}
	return payload, recordHead + int(n), nil
}

// decode reads a payload. The entry does not refer to it.
func decode(p []byte) (*output.Entry, error) {
	if len(p) < 9 {
		return nil, errDamaged
	}
	e := &output.Entry{Severity: min(p[0], 7), TimeNS: binary.LittleEndian.Uint64(p[1:])}
	var ok bool
	if e.Rule, p, ok = cutShort(p[9:]); !ok {
		return nil, errDamaged
	}
	if e.Source, p, ok = cutShort(p); !ok {
		return nil, errDamaged
	}
	e.Text = append([]byte(nil), p...)
	return e, nil
}

func cutShort(p []byte) (s string, rest []byte, ok bool) {
	if len(p) < 2 {
		return "", nil, false
	}
	n := int(binary.LittleEndian.Uint16(p))
	if len(p)-2 < n {
		return "", nil, false
	}
	return string(p[2 : 2+n]), p[2+n:], true
}
