// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"math"
	"testing"
)

func TestFileName(t *testing.T) {
	const want = "/tmp/x_00000000001234567890_00000000000000000042.scap"
	if got := FileName("/tmp/x", 1234567890, 42); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := FileName("", math.MaxUint64, 1); got != "_18446744073709551615_00000000000000000001.scap" {
		t.Error(got)
	}
}

func TestACaptureEndsAtItsDeadlineOrSize(t *testing.T) {
	for _, c := range []struct {
		name        string
		limit       Limit
		ts, written uint64
		want        string
	}{
		{"neither", Limit{200, 1}, 199, 1<<20 - 1, "none"},
		{"the deadline itself", Limit{200, 0}, 200, 0, "time"},
		{"the size itself", Limit{200, 5}, 100, 5 << 20, "size"},
		{"no limit of the size", Limit{200, 0}, 100, 1 << 50, "none"},
		{"a limit beyond what bytes can count", Limit{200, 1 << 50}, 100, math.MaxUint64, "none"},
		{"both: time comes first", Limit{200, 1}, 200, 1 << 30, "time"},
	} {
		if got := c.limit.Check(c.ts, c.written).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestMatchesOnlyPushTheDeadlineOut(t *testing.T) {
	l := Limit{Deadline: 5e6}
	if l.Extend(1e6, 2); l.Deadline != 5e6 {
		t.Errorf("an earlier end: %d", l.Deadline)
	}
	if l.Extend(4e6, 2); l.Deadline != 6e6 {
		t.Errorf("a later end: %d", l.Deadline)
	}
}
