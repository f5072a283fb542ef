// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

func TestSummaryTellsOfUnreadableMemoryAndSampling(t *testing.T) {
	w := newWorld(t, shadowRule)
	w.driver.Play(execCat()).Count(func(s *scap.Stats) { s.Faults, s.Sampled = 3, 40 }).End()
	w.run()
	if want := "   lost: 0\n   with unreadable memory: 3\n   left out by sampling: 40\n"; !strings.Contains(w.out.String(), want) {
		t.Errorf("no %q in %s", want, &w.out)
	}
}
