// SPDX-License-Identifier: Apache-2.0

package ring

import "github.com/tiercel/tiercel/scap"

// Clock returns the time in ns since the epoch as the producer of a ring
// would stamp an event now.
type Clock func() uint64

// BootOffset returns what probes add to CLOCK_BOOTTIME to stamp events. A
// loader asks once and gives the answer to its programs and to BootClock, so
// that both tell the same time even when the time of day is set later.
func BootOffset() uint64 { return scap.BootTime() }

// BootClock returns the clock of probes that stamp events with CLOCK_BOOTTIME
// plus offset.
func BootClock(offset uint64) Clock {
	return func() uint64 { return scap.SinceBoot() + offset }
}
