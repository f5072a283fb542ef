// SPDX-License-Identifier: Apache-2.0

package scaptest

import (
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
)

// Account reads a driver's counters at a moment when no event is under way: then
// what was seen is what was delivered and lost. A probe may be preempted between
// the two (Linux 6.13 and later), so a reader may find a few events seen only;
// more delivered and lost than seen it never finds.
func Account(t testing.TB, d scap.Driver, st *scap.Stats) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Microsecond) {
		if err := d.Stats(st); err != nil {
			t.Fatal(err)
		}
		switch known := st.Delivered + st.Drops(); {
		case st.Seen == known:
			return
		case st.Seen < known || time.Now().After(end):
			t.Fatalf("seen %d, delivered and lost %d: %+v", st.Seen, known, st.Counters)
		}
	}
}
