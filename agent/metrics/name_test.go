// SPDX-License-Identifier: Apache-2.0

package metrics

import "testing"

func TestName(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"blanks", "Read sensitive file", "Read_sensitive_file"},
		{"a run becomes one, the last one goes", "Rule (CVE-2021)!", "Rule_CVE_2021"},
		{"underscores of the text too", "a__b_", "a_b"},
		{"one at the beginning stays", "é accent", "_accent"},
		{"colons stay", "a:b", "a:b"},
		{"nothing left", "!?", ""},
		{"nothing at all", "", ""},
	} {
		if got := Name(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
