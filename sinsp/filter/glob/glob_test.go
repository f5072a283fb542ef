// SPDX-License-Identifier: Apache-2.0

package glob_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/filter/glob"
)

// texts are matched with every pattern below.
var texts = []string{"", "a", "A", "b", "c", "ab", "abc", "aXc", "ac", "]", "-", "\\", "*", "[", "[a", "a[", "a[b", "Z", "z", "5", "/", "/var/log/x", "/var/a/b/x", "x.log", ".log", "aabbcc", "{a,b}", "~", ".", "é"}

// matches lists for each pattern which of the texts fit it, and which more do
// when case does not count. It was made with fnmatch(3) of the GNU C library
// 2.36 in the C locale.
var matches = []struct {
	pattern     string
	fits, folds []string
}{
	{"", []string{""}, []string{}},
	{"*", []string{"", "a", "A", "b", "c", "ab", "abc", "aXc", "ac", "]", "-", "\\", "*", "[", "[a", "a[", "a[b", "Z", "z", "5", "/", "/var/log/x", "/var/a/b/x", "x.log", ".log", "aabbcc", "{a,b}", "~", ".", "é"}, []string{}},
	{"?", []string{"a", "A", "b", "c", "]", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}, []string{}},
	{"a", []string{"a"}, []string{"A"}},
	{"a*", []string{"a", "ab", "abc", "aXc", "ac", "a[", "a[b", "aabbcc"}, []string{"A"}},
	{"*a", []string{"a", "[a"}, []string{"A"}},
	{"*a*", []string{"a", "ab", "abc", "aXc", "ac", "[a", "a[", "a[b", "/var/log/x", "/var/a/b/x", "aabbcc", "{a,b}"}, []string{"A"}},
	{"a?c", []string{"abc", "aXc"}, []string{}},
	{"a**c", []string{"abc", "aXc", "ac", "aabbcc"}, []string{}},
	{"[abc]", []string{"a", "b", "c"}, []string{"A"}},
	{"[!abc]", []string{"A", "]", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}, []string{}},
	{"[^abc]", []string{"A", "]", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}, []string{}},
	{"[]a]", []string{"a", "]"}, []string{"A"}},
	{"[!]a]", []string{"A", "b", "c", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}, []string{}},
	{"[a-c]", []string{"a", "b", "c"}, []string{"A"}},
	{"[c-a]", []string{}, []string{}},
	{"[a-]", []string{"a", "-"}, []string{"A"}},
	{"[-a]", []string{"a", "-"}, []string{"A"}},
	{"[a\\]b]", []string{"a", "b", "]"}, []string{"A"}},
	{"[\\]]", []string{"]"}, []string{}},
	{"\\*", []string{"*"}, []string{}},
	{"\\a", []string{"a"}, []string{"A"}},
	{"a\\", []string{}, []string{}},
	{"[", []string{"["}, []string{}},
	{"[a", []string{"[a"}, []string{}},
	{"[]", []string{}, []string{}},
	{"[!]", []string{}, []string{}},
	{"a[", []string{"a["}, []string{}},
	{"[[:alpha:]]", []string{"a", "A", "b", "c", "Z", "z"}, []string{}},
	{"[[:digit:]-]", []string{"-", "5"}, []string{}},
	{"[[:upper:]]", []string{"A", "Z"}, []string{}},
	{"[[:foo:]]", []string{}, []string{}},
	{"[![:foo:]]", []string{}, []string{}},
	{"[[=a=]]", []string{"a"}, []string{}},
	{"[[=a=]b]", []string{"a", "b"}, []string{}},
	{"[[.a.]]", []string{"a"}, []string{}},
	{"[[.-.]]", []string{"-"}, []string{}},
	{"[[.ab.]]", []string{}, []string{}},
	{"[[.a.]-c]", []string{"a", "b", "c"}, []string{"A"}},
	{"[A-Z]", []string{"A", "Z"}, []string{"a", "b", "c", "z"}},
	{"[a-z]", []string{"a", "b", "c", "z"}, []string{"A", "Z"}},
	{"[!a-z]", []string{"A", "]", "-", "\\", "*", "[", "Z", "5", "/", "~", "."}, []string{}},
	{"*.log", []string{"x.log", ".log"}, []string{}},
	{"/var/*/x", []string{"/var/log/x", "/var/a/b/x"}, []string{}},
	{"/*", []string{"/", "/var/log/x", "/var/a/b/x"}, []string{}},
	{"*/", []string{"/"}, []string{}},
	{"?*", []string{"a", "A", "b", "c", "ab", "abc", "aXc", "ac", "]", "-", "\\", "*", "[", "[a", "a[", "a[b", "Z", "z", "5", "/", "/var/log/x", "/var/a/b/x", "x.log", ".log", "aabbcc", "{a,b}", "~", ".", "é"}, []string{}},
	{"*?", []string{"a", "A", "b", "c", "ab", "abc", "aXc", "ac", "]", "-", "\\", "*", "[", "[a", "a[", "a[b", "Z", "z", "5", "/", "/var/log/x", "/var/a/b/x", "x.log", ".log", "aabbcc", "{a,b}", "~", ".", "é"}, []string{}},
	{"a*b*c", []string{"abc", "aabbcc"}, []string{}},
	{"*[a-c]", []string{"a", "b", "c", "ab", "abc", "aXc", "ac", "[a", "a[b", "aabbcc"}, []string{"A"}},
	{"[/]", []string{"/"}, []string{}},
	{"a[b*", []string{"a[b"}, []string{}},
	{"[[:alpha:]-z]", []string{"a", "A", "b", "c", "-", "Z", "z"}, []string{}},
	{"[*?]", []string{"*"}, []string{}},
	{"[[]", []string{"["}, []string{}},
	{"{a,b}", []string{"{a,b}"}, []string{}},
	{"~", []string{"~"}, []string{}},
	{"[[.]", []string{}, []string{}},
}

func TestMatchesAsTheCLibraryDoes(t *testing.T) {
	for _, c := range matches {
		for _, s := range texts {
			fits := slices.Contains(c.fits, s)
			if got := glob.Match(c.pattern, s); got != fits {
				t.Errorf("Match(%q, %q) = %v", c.pattern, s, got)
			}
			folds := fits || slices.Contains(c.folds, s)
			if got := glob.MatchFold(c.pattern, s); got != folds {
				t.Errorf("MatchFold(%q, %q) = %v", c.pattern, s, got)
			}
		}
	}
}

// FuzzMatch: it ends, a pattern without special characters is the text itself,
// and a star before and behind asks for a part of the text.
func FuzzMatch(f *testing.F) {
	for _, c := range matches {
		f.Add(c.pattern, "abc")
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 200 || len(s) > 200 {
			return
		}
		got := glob.Match(pattern, s)
		if !glob.HasMeta(pattern) {
			if got != (pattern == s) {
				t.Errorf("Match(%q, %q) = %v", pattern, s, got)
			}
			if part := glob.Match("*"+pattern+"*", s); part != strings.Contains(s, pattern) {
				t.Errorf("*%s* on %q is %v", pattern, s, part)
			}
		}
		if got && !strings.Contains(pattern, "[") && !glob.MatchFold(pattern, s) {
			t.Errorf("%q matches %q only when case counts", pattern, s)
		}
	})
}

func TestManyStarsTakeNoTimeBeyondReason(t *testing.T) {
	if glob.Match(strings.Repeat("*a", 60)+"b", strings.Repeat("a", 4096)) {
		t.Error("matched")
	}
}

func BenchmarkMatch(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		glob.Match("/var/log/*/[a-c]*.log", "/var/log/nginx/access.log")
	}
}
