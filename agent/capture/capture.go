// SPDX-License-Identifier: Apache-2.0

// Package capture writes a capture around each alert that asks for one: the
// host as it is, what came just before where that is remembered, the event that
// made the alert, and what follows until a limit is reached.
//
// What was remembered from before is older than the tables that begin the file:
// a process that has ended by the time of the alert has its name only if the
// past holds its beginning.
package capture

import "fmt"

// FileName returns the name of the capture that the event with the number num
// starts at ts (ns since the epoch). Names sort by time.
func FileName(prefix string, ts, num uint64) string {
	return fmt.Sprintf("%s_%020d_%020d.scap", prefix, ts, num)
}

// Reason says why a capture ends.
type Reason uint8

// Reasons. A capture that may go on has none.
const (
	GoesOn Reason = iota
	TimeIsUp
	SizeReached
)

// String returns the reason's name: none, time or size.
func (r Reason) String() string { return [...]string{"none", "time", "size"}[r] }

// Limit is what ends a capture.
type Limit struct {
	Deadline uint64 // event time, ns since the epoch
	MaxMB    uint64 // of 1 MiB; 0: no limit
}

// Check reports whether the capture ends with an event of the time ts, after
// which the file has the given number of bytes. Time comes before size.
func (l Limit) Check(ts, written uint64) Reason {
	switch {
	case ts >= l.Deadline:
		return TimeIsUp
	case l.MaxMB > 0 && written>>20 >= l.MaxMB:
		return SizeReached
	}
	return GoesOn
}

// Extend moves the deadline to duration ms behind ts, if that is later.
func (l *Limit) Extend(ts uint64, durationMS uint32) {
	l.Deadline = max(l.Deadline, ts+uint64(durationMS)*1e6)
}
