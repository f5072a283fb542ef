// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"time"

	"golang.org/x/sys/unix"
)

// BootTime returns the time of the boot in ns since the epoch: what has to be
// added to CLOCK_BOOTTIME to get the time of day. It changes when the time of
// day is set, so whoever compares times asks once and keeps the answer.
func BootTime() uint64 {
	// The clocks are read one after the other; the tightest of a few tries
	// bounds the error by what one read takes.
	var best, offset uint64
	for i := range 5 {
		before := SinceBoot()
		wall := uint64(time.Now().UnixNano())
		after := SinceBoot()
		if took := after - before; i == 0 || took < best {
			best, offset = took, wall-(before+took/2)
		}
	}
	return offset
}

// SinceBoot returns CLOCK_BOOTTIME in ns: it goes on while the host sleeps.
func SinceBoot() uint64 {
	var ts unix.Timespec
	// It cannot fail: the clock exists since Linux 2.6.39.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return uint64(ts.Nano())
}
