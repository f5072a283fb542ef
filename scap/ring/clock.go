// SPDX-License-Identifier: Apache-2.0

package ring

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock returns the time in ns since the epoch as the producer of a ring
// would stamp an event now.
type Clock func() uint64

// BootOffset returns the time of the boot in ns since the epoch: what has to
// be added to CLOCK_BOOTTIME to get the time of day. A loader asks once and
// gives the answer to its programs and to BootClock, so that both tell the
// same time even when the time of day is set later.
func BootOffset() uint64 {
	// The clocks are read one after the other; the tightest of a few tries
	// bounds the error by what one read takes.
	var best, offset uint64
	for i := range 5 {
		before := bootTime()
		wall := uint64(time.Now().UnixNano())
		after := bootTime()
		if took := after - before; i == 0 || took < best {
			best, offset = took, wall-(before+took/2)
		}
	}
	return offset
}

// BootClock returns the clock of probes that stamp events with CLOCK_BOOTTIME
// plus offset.
func BootClock(offset uint64) Clock {
	return func() uint64 { return bootTime() + offset }
}

func bootTime() uint64 {
	var ts unix.Timespec
	// It cannot fail: the clock exists since Linux 2.6.39.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return uint64(ts.Nano())
}
