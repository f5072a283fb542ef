// SPDX-License-Identifier: Apache-2.0

package scaptest

import (
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
)

// Account reads a driver's counters at a moment when no event is under way: then
// what was seen is what was delivered and lost, on every CPU that st asks for. A
// probe may be preempted between the two (Linux 6.13 and later), so a reader may
// find events that are seen only.
func Account(t testing.TB, d scap.Driver, st *scap.Stats) {
	t.Helper()
	if !Settle(t, d, st, func() bool { return true }) {
		t.Fatalf("seen %d, delivered and lost %d: %+v, by CPU %+v", st.Seen, st.Delivered+st.Drops(), st.Counters, st.PerCPU)
	}
}

// Settle reads a driver's counters until no event is under way and settled says so
// too, which may read what is left: to detach a program is not to wait for those
// that run, so a stopped driver may deliver a few events more. It gives up after a
// minute; st holds what was read last, for the caller's checks to tell what is
// wrong with it.
func Settle(t testing.TB, d scap.Driver, st *scap.Stats, settled func() bool) bool {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Microsecond) {
		if err := d.Stats(st); err != nil {
			t.Fatal(err)
		}
		if settled() && accounted(st) {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

func accounted(st *scap.Stats) bool {
	for _, c := range st.PerCPU {
		if c.Seen != c.Delivered+c.Drops() {
			return false
		}
	}
	return st.Seen == st.Delivered+st.Drops()
}
