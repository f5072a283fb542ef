// SPDX-License-Identifier: Apache-2.0

package state

import "encoding/binary"

// Control messages with descriptors: struct cmsghdr is a length (8 bytes), a
// level and a type (4 each), and the data; the next one is aligned to 8.
const (
	cmsgHeader = 16
	solSocket  = 1
	scmRights  = 1
	maxRights  = 253
)

// receiveFDs adds the descriptors that came through a unix socket. The kernel
// made them, so that only /proc can tell what they are.
func (e *Engine) receiveFDs(ev *Event, b []byte) {
	for len(b) >= cmsgHeader {
		size := binary.LittleEndian.Uint64(b)
		if size < cmsgHeader || size > uint64(len(b)) {
			return
		}
		if binary.LittleEndian.Uint32(b[8:]) == solSocket && binary.LittleEndian.Uint32(b[12:]) == scmRights {
			data := b[cmsgHeader:size]
			for i := 0; i < maxRights && len(data) >= 4; i++ {
				e.receiveFD(ev.Thread, int64(int32(binary.LittleEndian.Uint32(data))))
				data = data[4:]
			}
		}
		next := (size + 7) &^ 7
		if next >= uint64(len(b)) {
			return
		}
		b = b[next:]
	}
}

// receiveFD replaces the descriptor n by what /proc says of it, within the
// limit.
func (e *Engine) receiveFD(t *Thread, n int64) {
	if n < 0 || n > maxFDNum {
		return
	}
	e.removeFD(t.fds, n)
	if e.opts.Proc == nil || t.PID <= 0 {
		return
	}
	e.lookupFD(t, n)
}
