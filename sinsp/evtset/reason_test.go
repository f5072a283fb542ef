// SPDX-License-Identifier: Apache-2.0

package evtset_test

import (
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/filter"
)

func TestReasonsNameThePartThatAsks(t *testing.T) {
	for _, c := range []struct{ cond, call, want string }{
		{"evt.type in (open, openat) and fd.name = a", "openat", "evt.type in (open, openat)"},
		{"evt.type in (open, openat) and fd.name = a", "close", ""},
		{"(evt.type = openat and fd.name = a) or evt.type = close", "close", "evt.type = close"},
		{"(evt.type = openat and fd.name = a) or (evt.type in (openat, close) and fd.name = b)", "openat",
			"evt.type = openat; evt.type in (openat, close)"},
		{"evt.type in (open, openat) and not evt.type = open", "openat", "evt.type in (open, openat)"},
		{"evt.type in (open, openat) and not evt.type = open", "open", ""},
		{"not (evt.type != execve or proc.name = a)", "execve", "not evt.type != execve"},
		{"evt.type = openat or proc.name = nginx", "close", "* proc.name = nginx"},
		{"evt.type != close and proc.name = nginx", "openat", "* (evt.type != close and proc.name = nginx)"},
		{"not (evt.type = close or proc.name = nginx)", "openat", "* not (evt.type = close or proc.name = nginx)"},
		{"not evt.type exists", "openat", ""},
		{"evt.num = 0 and evt.type = openat", "openat", ""},
	} {
		n, err := filter.Parse(c.cond)
		if err != nil {
			t.Fatal(err)
		}
		calls, ok := scap.SyscallsNamed(c.call)
		if !ok {
			t.Fatalf("no call %s", c.call)
		}
		var got []string
		for sc := range calls.All() {
			for _, r := range evtset.NewReasons(n).Of(sc) {
				text := r.Text
				if !r.Named {
					text = "* " + text
				}
				got = append(got, text)
			}
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s\nfor %s: got  %q\nwant %q", c.cond, c.call, s, c.want)
		}
	}
}
