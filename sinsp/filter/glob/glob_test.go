// SPDX-License-Identifier: Apache-2.0

package glob_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/filter/glob"
)

// texts are matched with every pattern below.
var texts = []string{"", "a", "A", "b", "c", "ab", "abc", "aXc", "ac", "]", "-", "\\", "*", "[", "a[", "a[b", "Z", "z", "5", "/", "/var/log/x", "/var/a/b/x", "x.log", ".log", "aabbcc", "{a,b}", "~", ".", "é"}

// matches lists for each pattern which of the texts fit it, and which do when
// case does not count (nil: the same). It was made with fnmatch(3) of the GNU C
// library 2.36 in the C locale.
var matches = []struct {
	pattern     string
	fits, folds []string
}{
	{"", []string{""}, nil},
	{"*", []string{"", "a", "A", "b", "c", "ab", "abc", "aXc", "ac", "]", "-", "\\", "*", "[", "a[", "a[b", "Z", "z", "5", "/", "/var/log/x", "/var/a/b/x", "x.log", ".log", "aabbcc", "{a,b}", "~", ".", "é"}, nil},
	{"?", []string{"a", "A", "b", "c", "]", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}, nil},
	{"a", []string{"a"}, []string{"a", "A"}},
	{"a*", []string{"a", "ab", "abc", "aXc", "ac", "a[", "a[b", "aabbcc"}, []string{"a", "A", "ab", "abc", "aXc", "ac", "a[", "a[b", "aabbcc"}},
	{"*a", []string{"a"}, []string{"a", "A"}},
	{"*a*", []string{"a", "ab", "abc", "aXc", "ac", "a[", "a[b", "/var/log/x", "/var/a/b/x", "aabbcc", "{a,b}"}, []string{"a", "A", "ab", "abc", "aXc", "ac", "a[", "a[b", "/var/log/x", "/var/a/b/x", "aabbcc", "{a,b}"}},
	{"a?c", []string{"abc", "aXc"}, nil},
	{"a**c", []string{"abc", "aXc", "ac", "aabbcc"}, nil},
	{"[abc]", []string{"a", "b", "c"}, []string{"a", "A", "b", "c"}},
	{"[!abc]", []string{"A", "]", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}, []string{"]", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}},
	{"[^abc]", []string{"A", "]", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}, []string{"]", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}},
	{"[]a]", []string{"a", "]"}, []string{"a", "A", "]"}},
	{"[!]a]", []string{"A", "b", "c", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}, []string{"b", "c", "-", "\\", "*", "[", "Z", "z", "5", "/", "~", "."}},
	{"[a-c]", []string{"a", "b", "c"}, []string{"a", "A", "b", "c"}},
	{"[c-a]", []string{}, nil},
	{"[a-]", []string{"a", "-"}, []string{"a", "A", "-"}},
	{"[-a]", []string{"a", "-"}, []string{"a", "A", "-"}},
	{"[a\\]b]", []string{"a", "b", "]"}, []string{"a", "A", "b", "]"}},
	{"[\\]]", []string{"]"}, nil},
	{"\\*", []string{"*"}, nil},
	{"\\a", []string{"a"}, []string{"a", "A"}},
	{"a\\", []string{}, nil},
	{"[", []string{"["}, nil},
	{"[a", []string{}, nil},
	{"[]", []string{}, nil},
	{"[!]", []string{}, nil},
	{"a[", []string{"a["}, nil},
	{"[[:alpha:]]", []string{"a", "A", "b", "c", "Z", "z"}, nil},
	{"[[:digit:]-]", []string{"-", "5"}, nil},
	{"[[:upper:]]", []string{"A", "Z"}, nil},
	{"[[:foo:]]", []string{}, nil},
	{"[![:foo:]]", []string{}, nil},
	{"[[=a=]]", []string{"a"}, nil},
	{"[[=a=]b]", []string{"a", "b"}, nil},
	{"[[.a.]]", []string{"a"}, nil},
	{"[[.-.]]", []string{"-"}, nil},
	{"[[.ab.]]", []string{}, nil},
	{"[[.a.]-c]", []string{"a", "b", "c"}, []string{"a", "A", "b", "c"}},
	{"[A-Z]", []string{"A", "Z"}, []string{"a", "A", "b", "c", "Z", "z"}},
	{"[a-z]", []string{"a", "b", "c", "z"}, []string{"a", "A", "b", "c", "Z", "z"}},
	{"[!a-z]", []string{"A", "]", "-", "\\", "*", "[", "Z", "5", "/", "~", "."}, []string{"]", "-", "\\", "*", "[", "5", "/", "~", "."}},
	{"*.log", []string{"x.log", ".log"}, nil},
	{"/var/*/x", []string{"/var/log/x", "/var/a/b/x"}, nil},
	{"/*", []string{"/", "/var/log/x", "/var/a/b/x"}, nil},
	{"*/", []string{"/"}, nil},
	{"?*", []string{"a", "A", "b", "c", "ab", "abc", "aXc", "ac", "]", "-", "\\", "*", "[", "a[", "a[b", "Z", "z", "5", "/", "/var/log/x", "/var/a/b/x", "x.log", ".log", "aabbcc", "{a,b}", "~", ".", "é"}, nil},
	{"*?", []string{"a", "A", "b", "c", "ab", "abc", "aXc", "ac", "]", "-", "\\", "*", "[", "a[", "a[b", "Z", "z", "5", "/", "/var/log/x", "/var/a/b/x", "x.log", ".log", "aabbcc", "{a,b}", "~", ".", "é"}, nil},
	{"a*b*c", []string{"abc", "aabbcc"}, nil},
	{"*[a-c]", []string{"a", "b", "c", "ab", "abc", "aXc", "ac", "a[b", "aabbcc"}, []string{"a", "A", "b", "c", "ab", "abc", "aXc", "ac", "a[b", "aabbcc"}},
	{"[/]", []string{"/"}, nil},
	{"a[b*", []string{"a[b"}, nil},
	{"[[:alpha:]-z]", []string{"a", "A", "b", "c", "-", "Z", "z"}, nil},
	{"[*?]", []string{"*"}, nil},
	{"[[]", []string{"["}, nil},
	{"{a,b}", []string{"{a,b}"}, nil},
	{"~", []string{"~"}, nil},
	{"[[.]", []string{}, nil},
}

func TestMatchesAsTheCLibraryDoes(t *testing.T) {
	for _, c := range matches {
		if c.folds == nil {
			c.folds = c.fits
		}
		for _, s := range texts {
			if got := glob.Match(c.pattern, s); got != slices.Contains(c.fits, s) {
				t.Errorf("Match(%q, %q) = %v", c.pattern, s, got)
			}
			if got := glob.MatchFold(c.pattern, s); got != slices.Contains(c.folds, s) {
				t.Errorf("MatchFold(%q, %q) = %v", c.pattern, s, got)
			}
		}
	}
}

// slowGlob is fnmatch for stars, question marks and plain bytes.
func slowGlob(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		for i := range len(s) + 1 {
			if slowGlob(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	case s == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == s[0]) && slowGlob(pattern[1:], s[1:])
}

// FuzzMatch: it ends and agrees with the slow one, a pattern without special characters is the text itself,
// and a star before and behind asks for a part of the text.
func FuzzMatch(f *testing.F) {
	for _, c := range matches {
		f.Add(c.pattern, "abc")
		f.Add(c.pattern, "zebra-]x[^")
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 200 || len(s) > 200 {
			return
		}
		got := glob.Match(pattern, s)
		if len(pattern) <= 12 && len(s) <= 24 && !strings.ContainsAny(pattern, `[\`) && got != slowGlob(pattern, s) {
			t.Errorf("Match(%q, %q) = %v", pattern, s, got)
		}
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
