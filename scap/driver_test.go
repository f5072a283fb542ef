// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"errors"
	"testing"
)

func TestDegradedSaysWhatIsLackingAndWhy(t *testing.T) {
	for _, c := range []struct {
		lack Lack
		want string
	}{
		{LackParams, "openat arrives without its parameters (too big)"},
		{LackEnterParams, "openat has an enter event without parameters (too big)"},
		{LackEvent, "openat is not reported (too big)"},
		{LackNameCheck, "openat is reported, but its name is not checked (too big)"},
	} {
		if got := (Degraded{SCOpenat, c.lack, errors.New("too big")}).String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
